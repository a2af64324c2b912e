/*
 * The op table as it stands when the kernel is entered: every slot holds its native function, so ops work from the first
 * C instruction on, before any backend is chosen and before anything is patched. Also the generated thunks of the
 * callee-save natives. What these functions do: arch/native.h. Read next: pvops/patch.c.
 */
#include "pvops/native.h"

#include "arch/layout.h"
#include "arch/native.h"
#include "pvops/patch.h"
#include "pvops/pv_types.h"

/* Pass 1: a thunk for every row whose native is PV_CALLEE_SAVE(f). */
#undef PV_NOP
#undef PV_IDENT
#undef PV_CALLEE_SAVE
#define PV_NOP
#define PV_IDENT
#define PV_CALLEE_SAVE(f) PV_THUNK(f);
#define PV_THUNK_IF_0(native)
#define PV_THUNK_IF_CALLEE0(native)  native
#define PV_THUNK_IF_CALLEE1(native)  native
#define PV_THUNK_IF_VCALLEE0(native) native
#define PV_THUNK_IF_VCALLEE1(native) native
#define PV_THUNK_IF_HOOK(native)
#define PV_THUNK_IF_ASM(native)
#define PV_THUNK_IF_JUMP(native)
#define PV_THUNK_IF_CALL0(native)
#define PV_THUNK_IF_CALL1(native)
#define PV_THUNK_IF_CALL2(native)
#define PV_THUNK_IF_CALL3(native)
#define PV_THUNK_IF_CALL5(native)
#define PV_THUNK_IF_VCALL0(native)
#define PV_THUNK_IF_VCALL1(native)
#define PV_THUNK_IF_VCALL2(native)
#define PV_THUNK_IF_VCALL3(native)
#define PV_THUNK_IF_VCALL4(native)
#define PV_GROUP(group)
#define PV_OP(group, pos, name, class, len, native, ...) CONCAT(PV_THUNK_IF_, class)(native)
#define PV_RESERVE(group, pos)
#define PV_NEST(group, type, member)
#define PV_NEST_END
#define PV_GROUP_END(group, words)
#include "pvops/pv_ops.def"
#undef PV_GROUP
#undef PV_OP
#undef PV_RESERVE
#undef PV_NEST
#undef PV_NEST_END
#undef PV_GROUP_END

/* Pass 2: the table. */
#undef PV_NOP
#undef PV_IDENT
#undef PV_CALLEE_SAVE
#define PV_NOP		  ((void *)paravirt_nop)
#define PV_IDENT	  ((void *)paravirt_ident_64)
#define PV_CALLEE_SAVE(f) ((void *)pv_thunk_##f)
#define PV_SLOT_FN(native) native
#define PV_SLOT_CS(native) {native}
#define PV_SLOT_HOOK(native)	 PV_SLOT_FN(native)
#define PV_SLOT_ASM(native)	 PV_SLOT_FN(native)
#define PV_SLOT_JUMP(native)	 PV_SLOT_FN(native)
#define PV_SLOT_CALL0(native)	 PV_SLOT_FN(native)
#define PV_SLOT_CALL1(native)	 PV_SLOT_FN(native)
#define PV_SLOT_CALL2(native)	 PV_SLOT_FN(native)
#define PV_SLOT_CALL3(native)	 PV_SLOT_FN(native)
#define PV_SLOT_CALL5(native)	 PV_SLOT_FN(native)
#define PV_SLOT_VCALL0(native)	 PV_SLOT_FN(native)
#define PV_SLOT_VCALL1(native)	 PV_SLOT_FN(native)
#define PV_SLOT_VCALL2(native)	 PV_SLOT_FN(native)
#define PV_SLOT_VCALL3(native)	 PV_SLOT_FN(native)
#define PV_SLOT_VCALL4(native)	 PV_SLOT_FN(native)
#define PV_SLOT_CALLEE0(native)	 PV_SLOT_CS(native)
#define PV_SLOT_CALLEE1(native)	 PV_SLOT_CS(native)
#define PV_SLOT_VCALLEE0(native) PV_SLOT_CS(native)
#define PV_SLOT_VCALLEE1(native) PV_SLOT_CS(native)

struct paravirt_patch_template pv_ops = {
#define PV_GROUP(group) .group = {
#define PV_OP(group, pos, name, class, len, native, ...)                                           \
	.name = CONCAT(PV_SLOT_, class)(native),
#define PV_RESERVE(group, pos) .CONCAT(reserved, pos) = NULL,
#define PV_NEST(group, type, member)
#define PV_NEST_END
#define PV_GROUP_END(group, words) },
#include "pvops/pv_ops.def"
};

struct pv_info pv_info = {
	.name = "native",
	.kernel_cs = SEL_KERNEL_CS,
	.kernel_ss = SEL_KERNEL_DS,
	.user_cs = SEL_USER_CS,
	.user_ss = SEL_USER_DS,
	.kernel_rpl = 0,
};
