/*
 * Native as a backend: what the words PV_NOP, PV_IDENT and PV_CALLEE_SAVE() of the op table stand for, and the two
 * functions that are an op without doing anything. A slot that holds them is patched to no call at all.
 */
#ifndef PVOPS_NATIVE_H
#define PVOPS_NATIVE_H

#include "lib/types.h"

/* NASM, pvops/pv_asm.asm. Both keep all registers (ident: but rax). */
void paravirt_nop(void);
ulong paravirt_ident_64(ulong value);

#define PV_NOP            ((void *)paravirt_nop)
#define PV_IDENT          ((void *)paravirt_ident_64)
#define PV_CALLEE_SAVE(f) ((void *)pv_thunk_##f)

/*
 * Makes the callee-save thunk pv_thunk_F of a C function with at most one argument: saves all caller-saved registers
 * but rax around the call. In the section of the natives: nothing in it is a site.
 */
#define PV_THUNK(f)                                                                                                    \
	void pv_thunk_##f(void);                                                                                       \
	asm(".pushsection .text.native, \"ax\"\n"                                                                      \
	    ".globl pv_thunk_" #f "\n"                                                                                 \
	    ".type pv_thunk_" #f ", @function\n"                                                                       \
	    "pv_thunk_" #f ":\n\t"                                                                                     \
	    "push %rcx\n\tpush %rdx\n\tpush %rsi\n\tpush %rdi\n\t"                                                     \
	    "push %r8\n\tpush %r9\n\tpush %r10\n\tpush %r11\n\t"                                                       \
	    "call " #f "\n\t"                                                                                          \
	    "pop %r11\n\tpop %r10\n\tpop %r9\n\tpop %r8\n\t"                                                           \
	    "pop %rdi\n\tpop %rsi\n\tpop %rdx\n\tpop %rcx\n\t"                                                         \
	    "ret\n"                                                                                                    \
	    ".size pv_thunk_" #f ", . - pv_thunk_" #f "\n"                                                             \
	    ".popsection")

#endif
