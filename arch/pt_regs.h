/*
 * The registers of whatever was interrupted, however the kernel was entered: exception, interrupt, SYSCALL,
 * and (later) a hypervisor's event. Pushed by machine/entry.asm in this order, lowest address first:
 *
 *	r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi | vector error | rip cs rflags rsp ss
 *	pushed by the entry code                                   pushed by stub   pushed by the CPU
 */
#ifndef ARCH_PT_REGS_H
#define ARCH_PT_REGS_H

#include "lib/types.h"

struct pt_regs {
	u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	u64 vector; /* 0..255 the IDT's; VECTOR_SYSCALL */
	u64 error;  /* error code, 0 where the vector has none */
	u64 rip, cs, rflags, rsp, ss;
};

#define VECTOR_SYSCALL 0x100

#endif
