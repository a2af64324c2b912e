/*
 * What each CPU has of its own, reached through GS in the kernel. One CPU until machine/ starts others; everybody
 * already asks this_cpu(). Offsets are known to machine/entry.asm through asm_offsets.c.
 */
#ifndef MACHINE_PERCPU_H
#define MACHINE_PERCPU_H

#include "arch/desc.h"
#include "arch/layout.h"
#include "arch/pt_regs.h"
#include "lib/types.h"

#define FAULT_NONE 0xffff

/* A fault that a fixup caught: what the CPU said. vector FAULT_NONE: none since fault_clear(). */
struct fault_record {
	u64 vector, error, address, rip;
};

struct percpu {
	struct percpu *self; /* gs:0 */
	u64 user_rsp;        /* SYSCALL leaves the user's stack pointer here for a moment */
	u64 kernel_rsp;      /* top of the stack for entries from user mode; also TSS.rsp0 */
	unsigned id;
	struct fault_record fault;
	u64 irq_count[256];
	struct desc_struct gdt[GDT_ENTRIES] __aligned(16);
	struct tss tss __aligned(16);
};

/* The boot CPU's stack, guard page first. */
extern u8 boot_stack_slot[KSTACK_SLOT];

static inline struct percpu *this_cpu(void)
{
	struct percpu *cpu;

	asm("mov %%gs:0, %0" : "=r"(cpu));
	return cpu;
}

/* GDT, TSS, IST stacks, GS and system-call MSRs of the boot CPU, through ops. Before it no trap can be taken. */
void cpu_init_boot(void);

/* Features the kernel turns on (DE, MCE, PGE, SMEP, UMIP where present); after the feature words are read. */
void cpu_enable_features(void);

#endif
