/*
 * The wrappers: pv_NAME(arguments) for every op of pv_ops.def that C may call, each an indirect call through its slot,
 * padded to the op's site length and recorded in .parainstructions, so that the patcher can turn it into the
 * instruction itself. This is the header the kernel includes to do anything sensitive.
 *
 * In the image a site is `call *slot(%rip)` (ff 15, 6 bytes) and NOPs. On the host (unit tests) the same table makes
 * plain C declarations, pv_NAME() being whatever fake the test defines.
 */
#ifndef PVOPS_PVOPS_H
#define PVOPS_PVOPS_H

#include "pvops/pv_types.h"

#ifdef PARAVANE_HOST

#define PV_DECL_HOOK(name, ...)
#define PV_DECL_ASM(name, ...)
#define PV_DECL_JUMP(name, ...)
#define PV_DECL_CALL(name, ret, ...)                     ret pv_##name(__VA_ARGS__);
#define PV_DECL_CALLEE(name, ret, ...)                   ret pv_##name(__VA_ARGS__);
#define PV_OP(group, pos, name, class, len, native, ...) PV_FAMILY(PV_DECL_, class)(name, __VA_ARGS__)
#include "pvops/pv_ops.def"

#else

register ulong pv_stack_pointer asm("rsp");

/* Operands: [slot] the memory word, [type] [clbr] [pad] constants. */
#define PV_SITE_ASM                                                                                                    \
	"771:\tcall *%[slot]\n\t"                                                                                      \
	".if %c[pad]\n\t.skip %c[pad], 0x90\n\t.endif\n"                                                               \
	"772:\n\t"                                                                                                     \
	".pushsection .parainstructions, \"a\"\n\t"                                                                    \
	".balign 8\n\t"                                                                                                \
	".quad 771b\n\t"                                                                                               \
	".byte %c[type]\n\t"                                                                                           \
	".byte 772b - 771b\n\t"                                                                                        \
	".short %c[clbr]\n\t"                                                                                          \
	".popsection"

#define PV_SITE_INPUTS(group, name, len, clobbers)                                                                     \
	[slot] "m"(pv_ops.group.name), [type] "i"(PV_TYPE(group, name)), [pad] "i"((len)-6), [clbr] "i"(clobbers)

/* Any argument or result of at most eight bytes, pte_t and its like among them, as one register. */
#define PV_TO_REG(x)                                                                                                   \
	({                                                                                                             \
		union {                                                                                                \
			ulong reg;                                                                                     \
			__typeof__(x) value;                                                                           \
		} pv_u_ = {.reg = 0};                                                                                  \
		_Static_assert(sizeof(x) <= 8, "argument does not fit a register");                                    \
		pv_u_.value = (x);                                                                                     \
		pv_u_.reg;                                                                                             \
	})
#define PV_FROM_REG(ret, r)                                                                                            \
	({                                                                                                             \
		union {                                                                                                \
			ulong reg;                                                                                     \
			ret value;                                                                                     \
		} pv_u_ = {.reg = (r)};                                                                                \
		pv_u_.value;                                                                                           \
	})

/*
 * The ABI call: arguments in rdi rsi rdx rcx (r8), result in rax, every caller-saved register dead. Argument registers
 * are outputs, whether an argument was put there (PV_ARGSn) or not, so that the compiler knows that they die.
 */
#define PV_ARGS0 "=D"(rdi_), "=S"(rsi_), "=d"(rdx_), "=c"(rcx_), "=r"(r8_)
#define PV_ARGS1 "+D"(rdi_), "=S"(rsi_), "=d"(rdx_), "=c"(rcx_), "=r"(r8_)
#define PV_ARGS2 "+D"(rdi_), "+S"(rsi_), "=d"(rdx_), "=c"(rcx_), "=r"(r8_)
#define PV_ARGS3 "+D"(rdi_), "+S"(rsi_), "+d"(rdx_), "=c"(rcx_), "=r"(r8_)
#define PV_ARGS4 "+D"(rdi_), "+S"(rsi_), "+d"(rdx_), "+c"(rcx_), "=r"(r8_)
#define PV_ARGS5 "+D"(rdi_), "+S"(rsi_), "+d"(rdx_), "+c"(rcx_), "+r"(r8_)

#define PV_REGS                                                                                                        \
	ulong rdi_, rsi_, rdx_, rcx_, rax_;                                                                            \
	register ulong r8_ asm("r8")
#define PV_CALL_ASM(g, n, l, args)                                                                                     \
	asm volatile(PV_SITE_ASM                                                                                       \
		     : args, "=a"(rax_), "+r"(pv_stack_pointer)                                                        \
		     : PV_SITE_INPUTS(g, n, l, CLBR_ANY)                                                               \
		     : "memory", "cc", "r9", "r10", "r11")

/* Callee-save: at most one argument, only rax dies. */
#define PV_CALLEE_ASM(g, n, l, ...)                                                                                    \
	ulong rax_;                                                                                                    \
	asm volatile(PV_SITE_ASM                                                                                       \
		     : "=a"(rax_), "+r"(pv_stack_pointer)                                                              \
		     : PV_SITE_INPUTS(g, n, l, CLBR_RAX) __VA_ARGS__                                                   \
		     : "memory", "cc")

#define PV_FN(ret, n, ...)                               static __always_inline ret pv_##n(__VA_ARGS__)

/* clang-format off */
/* Arguments a1.. into their registers, and what a wrapper does with rax. */
#define PV_PUT0
#define PV_PUT1 rdi_ = PV_TO_REG(a1);
#define PV_PUT2 PV_PUT1 rsi_ = PV_TO_REG(a2);
#define PV_PUT3 PV_PUT2 rdx_ = PV_TO_REG(a3);
#define PV_PUT4 PV_PUT3 rcx_ = PV_TO_REG(a4);
#define PV_PUT5 PV_PUT4 r8_ = PV_TO_REG(a5);

#define PV_BODY(g, n, l, args)  { PV_REGS; PV_PUT##args PV_CALL_ASM(g, n, l, PV_ARGS##args); (void)rax_; }
#define PV_BODY_RETURN(g, n, l, ret, args) \
	{ PV_REGS; PV_PUT##args PV_CALL_ASM(g, n, l, PV_ARGS##args); return PV_FROM_REG(ret, rax_); }

#define PV_WRAP_HOOK(...)
#define PV_WRAP_ASM(...)
#define PV_WRAP_JUMP(...)
#define PV_WRAP_CALL0(g, n, l, ret, none) PV_FN(ret, n, void) PV_BODY_RETURN(g, n, l, ret, 0)
#define PV_WRAP_CALL1(g, n, l, ret, T1) PV_FN(ret, n, T1 a1) PV_BODY_RETURN(g, n, l, ret, 1)
#define PV_WRAP_CALL2(g, n, l, ret, T1, T2) PV_FN(ret, n, T1 a1, T2 a2) PV_BODY_RETURN(g, n, l, ret, 2)
#define PV_WRAP_CALL3(g, n, l, ret, T1, T2, T3) PV_FN(ret, n, T1 a1, T2 a2, T3 a3) PV_BODY_RETURN(g, n, l, ret, 3)
#define PV_WRAP_CALL4(g, n, l, ret, T1, T2, T3, T4) PV_FN(ret, n, T1 a1, T2 a2, T3 a3, T4 a4) \
	PV_BODY_RETURN(g, n, l, ret, 4)
#define PV_WRAP_CALL5(g, n, l, ret, T1, T2, T3, T4, T5) PV_FN(ret, n, T1 a1, T2 a2, T3 a3, T4 a4, T5 a5) \
	PV_BODY_RETURN(g, n, l, ret, 5)
#define PV_WRAP_VCALL0(g, n, l, ret, none) PV_FN(void, n, void) PV_BODY(g, n, l, 0)
#define PV_WRAP_VCALL1(g, n, l, ret, T1) PV_FN(void, n, T1 a1) PV_BODY(g, n, l, 1)
#define PV_WRAP_VCALL2(g, n, l, ret, T1, T2) PV_FN(void, n, T1 a1, T2 a2) PV_BODY(g, n, l, 2)
#define PV_WRAP_VCALL3(g, n, l, ret, T1, T2, T3) PV_FN(void, n, T1 a1, T2 a2, T3 a3) PV_BODY(g, n, l, 3)
#define PV_WRAP_VCALL4(g, n, l, ret, T1, T2, T3, T4) PV_FN(void, n, T1 a1, T2 a2, T3 a3, T4 a4) PV_BODY(g, n, l, 4)
#define PV_WRAP_VCALL5(g, n, l, ret, T1, T2, T3, T4, T5) PV_FN(void, n, T1 a1, T2 a2, T3 a3, T4 a4, T5 a5) \
	PV_BODY(g, n, l, 5)

#define PV_CALLEE_ARG , "D"(PV_TO_REG(a1))
#define PV_CALLEE(g, n, l, ...)             { PV_CALLEE_ASM(g, n, l, __VA_ARGS__); (void)rax_; }
#define PV_CALLEE_RETURN(g, n, l, ret, ...) { PV_CALLEE_ASM(g, n, l, __VA_ARGS__); return PV_FROM_REG(ret, rax_); }
#define PV_WRAP_CALLEE0(g, n, l, ret, none) PV_FN(ret, n, void) PV_CALLEE_RETURN(g, n, l, ret)
#define PV_WRAP_CALLEE1(g, n, l, ret, T1)   PV_FN(ret, n, T1 a1) PV_CALLEE_RETURN(g, n, l, ret, PV_CALLEE_ARG)
#define PV_WRAP_VCALLEE0(g, n, l, ret, none) PV_FN(void, n, void) PV_CALLEE(g, n, l)
#define PV_WRAP_VCALLEE1(g, n, l, ret, T1)  PV_FN(void, n, T1 a1) PV_CALLEE(g, n, l, PV_CALLEE_ARG)
/* clang-format on */

#define PV_OP(group, pos, name, class, len, native, ...) CONCAT(PV_WRAP_, class)(group, name, len, __VA_ARGS__)
#include "pvops/pv_ops.def"

#endif /* PARAVANE_HOST */

/* write_msr with its value in one piece. */
static inline void pv_write_msr64(unsigned msr, u64 value)
{
	pv_write_msr(msr, (u32)value, (u32)(value >> 32));
}

/* Saves the interrupt flag and disables interrupts; give the result to pv_irq_restore(). Nests. */
static inline ulong pv_irq_save(void)
{
	ulong flags = pv_save_fl();

	pv_irq_disable();
	return flags;
}

static inline void pv_irq_restore(ulong flags)
{
	pv_restore_fl(flags);
}

#endif
