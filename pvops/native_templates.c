/* Native's templates: the rows of native_templates.def, and the two functions that are nothing or a mov. */
#include "pvops/native.h"
#include "pvops/patch.h"

#undef PV_CALLEE_SAVE
#define PV_CALLEE_SAVE(f)                          pv_thunk_##f
#define PV_NATIVE(group, op, func, clobbers, text) PV_TEMPLATE(STRINGIFY(func), clobbers, text);
#include "pvops/native_templates.def"

PV_TEMPLATE("paravirt_nop", 0, "");
PV_TEMPLATE("paravirt_ident_64", 1, "mov %rdi, %rax");
