/*
 * The op table as it stands when the kernel is entered: every slot holds its native function, so ops work from the
 * first C instruction on, before any backend is chosen and before anything is patched. Also the generated thunks of the
 * callee-save natives. What these functions do: arch/native.h. Read next: pvops/patch.c.
 */
#include "pvops/native.h"

#include "arch/layout.h"
#include "arch/native.h"
#include "pvops/patch.h"
#include "pvops/pv_types.h"

/* Pass 1: a thunk for every callee-save row whose native is PV_CALLEE_SAVE(f). */
#undef PV_IDENT
#undef PV_CALLEE_SAVE
#define PV_IDENT
#define PV_CALLEE_SAVE(f) PV_THUNK(f);
#define PV_THUNK_OF_HOOK(native)
#define PV_THUNK_OF_ASM(native)
#define PV_THUNK_OF_JUMP(native)
#define PV_THUNK_OF_CALL(native)
#define PV_THUNK_OF_CALLEE(native)                       native
#define PV_OP(group, pos, name, class, len, native, ...) PV_FAMILY(PV_THUNK_OF_, class)(native)
#include "pvops/pv_ops.def"

/* Pass 2: the table. */
#undef PV_IDENT
#undef PV_CALLEE_SAVE
#define PV_IDENT          ((void *)paravirt_ident_64)
#define PV_CALLEE_SAVE(f) ((void *)pv_thunk_##f)
/* clang-format off */
#define PV_SLOT_HOOK(native)    native
#define PV_SLOT_ASM(native)     native
#define PV_SLOT_JUMP(native)    native
#define PV_SLOT_CALL(native)    native
#define PV_SLOT_CALLEE(native)  {native}
struct paravirt_patch_template pv_ops = {
#define PV_GROUP(group)         .group = {
#define PV_OP(group, pos, name, class, len, native, ...) .name = PV_FAMILY(PV_SLOT_, class)(native),
#define PV_GROUP_END(group, words) },
#include "pvops/pv_ops.def"
};
/* clang-format on */

struct pv_info pv_info = {
	.name = "native",
	.kernel_cs = SEL_KERNEL_CS,
	.kernel_ss = SEL_KERNEL_DS,
	.user_cs = SEL_USER_CS,
	.user_ss = SEL_USER_DS,
	.kernel_rpl = 0,
};
