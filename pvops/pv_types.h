/*
 * The structs of slots, made from pv_ops.def: one per group, and paravirt_patch_template, which holds them all and
 * numbers the ops. Layout only: wrappers are in pvops/pvops.h, the patcher in pvops/patch.h.
 * The live table is one object, `pv_ops`; `pv_mmu_ops` and its like are its members.
 */
#ifndef PVOPS_PV_TYPES_H
#define PVOPS_PV_TYPES_H

#include "arch/cpumask.h"
#include "arch/desc.h"
#include "arch/pte.h"
#include "lib/types.h"

struct mm_struct;
struct vm_area_struct;
struct mmu_gather;
struct task_struct;
struct qspinlock;

/* A slot whose function keeps every register but rax (and arguments and flags): called without a C prototype. */
struct paravirt_callee_save {
	void *func;
};

struct pv_lazy_ops {
	void (*enter)(void);
	void (*leave)(void);
	void (*flush)(void);
};

/* What the classes of pv_ops.def have in common: how a slot is typed, initialised and called. */
#define PV_FAMILY_HOOK           HOOK
#define PV_FAMILY_ASM            ASM
#define PV_FAMILY_JUMP           JUMP
#define PV_FAMILY_CALL0          CALL
#define PV_FAMILY_CALL1          CALL
#define PV_FAMILY_CALL2          CALL
#define PV_FAMILY_CALL3          CALL
#define PV_FAMILY_CALL4          CALL
#define PV_FAMILY_CALL5          CALL
#define PV_FAMILY_VCALL0         CALL
#define PV_FAMILY_VCALL1         CALL
#define PV_FAMILY_VCALL2         CALL
#define PV_FAMILY_VCALL3         CALL
#define PV_FAMILY_VCALL4         CALL
#define PV_FAMILY_VCALL5         CALL
#define PV_FAMILY_CALLEE0        CALLEE
#define PV_FAMILY_CALLEE1        CALLEE
#define PV_FAMILY_VCALLEE0       CALLEE
#define PV_FAMILY_VCALLEE1       CALLEE
#define PV_FAMILY(prefix, class) CONCAT(prefix, CONCAT(PV_FAMILY_, class))

/* clang-format off */
#define PV_FIELD_HOOK(name, ret, ...)   ret (*name)(__VA_ARGS__);
#define PV_FIELD_ASM(name, ret, ...)    ret (*name)(__VA_ARGS__);
#define PV_FIELD_JUMP(name, ret, ...)   ret (*name)(__VA_ARGS__);
#define PV_FIELD_CALL(name, ret, ...)   ret (*name)(__VA_ARGS__);
#define PV_FIELD_CALLEE(name, ret, ...) struct paravirt_callee_save name;

#define PV_GROUP(group)                 struct CONCAT(CONCAT(pv_, group), _ops) {
#define PV_OP(group, pos, name, class, len, native, ...) PV_FAMILY(PV_FIELD_, class)(name, __VA_ARGS__)
#define PV_RESERVE(group, pos)          void *CONCAT(reserved, pos);
#define PV_NEST(group, type, member)    union { struct type member; struct {
#define PV_NEST_END                     }; };
#define PV_GROUP_END(group, words)      };
#include "pvops/pv_ops.def"
/* clang-format on */

/* All slots, in the order of the groups: an op's number is its word in here (Rusty Russell's numbering, 2007). */
struct paravirt_patch_template {
#define PV_GROUP(group) struct CONCAT(CONCAT(pv_, group), _ops) group;
#define PV_OP(...)
#include "pvops/pv_ops.def"
};

/* Number of an op, and how many numbers there are. Types 192..255 are for CPU-feature alternatives. */
#define PV_TYPE(group, name) (offsetof(struct paravirt_patch_template, group.name) / sizeof(void *))
#define PV_TYPES             (sizeof(struct paravirt_patch_template) / sizeof(void *))
_Static_assert(PV_TYPES < 192, "op numbers run into those of the alternatives");
_Static_assert(sizeof(struct pv_mmu_ops) == 384, "pv_mmu_ops is RHEL 8.7's 48 words");
_Static_assert(offsetof(struct pv_mmu_ops, lazy_mode) == 320, "lazy_mode is word 40");

#define PV_OP(group, pos, name, class, len, native, ...)                                                               \
	_Static_assert(offsetof(struct CONCAT(CONCAT(pv_, group), _ops), name) == (pos)*8,                             \
		       #group "." #name " is not at its position");
#define PV_GROUP_END(group, words)                                                                                     \
	_Static_assert(sizeof(struct CONCAT(CONCAT(pv_, group), _ops)) == (words)*8, #group " has another size");
#include "pvops/pv_ops.def"

/* The live table. Before patching every site calls through it; afterwards only unpatched sites do. */
extern struct paravirt_patch_template pv_ops;

/* What is not an op: facts about the machine that entry code and reports need. Set with the backend. */
struct pv_info {
	const char *name; /* the backend's, for reports */
	u16 kernel_cs;    /* code selector the kernel runs on; anything else is user mode */
	u16 kernel_ss;
	u16 user_cs; /* 64-bit user code */
	u16 user_ss;
	unsigned kernel_rpl; /* 0, or 3 for a kernel that runs in ring 3 */
};
extern struct pv_info pv_info;

/* Which registers may die: RAX RCX RDX RDI RSI R8..R11 are bits 0..8 (Linux's CLBR_*). */
#define CLBR_RAX  BIT(0)
#define CLBR_RCX  BIT(1)
#define CLBR_RDX  BIT(2)
#define CLBR_RDI  BIT(3)
#define CLBR_RSI  BIT(4)
#define CLBR_R8   BIT(5)
#define CLBR_R9   BIT(6)
#define CLBR_R10  BIT(7)
#define CLBR_R11  BIT(8)
#define CLBR_NONE 0
#define CLBR_ANY  0x1ff

/* One call site, as it lies in .parainstructions: 12 bytes, the next one 8-aligned. Iterate p < end. */
struct paravirt_patch_site {
	u8 *instr;
	u8 type;
	u8 len;
	u16 clobbers;
};
_Static_assert(sizeof(struct paravirt_patch_site) == 16, "record stride");

#endif
