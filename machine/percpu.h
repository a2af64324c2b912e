/*
 * What each CPU has of its own, reached through GS in the kernel; where GS may be the user's (NMI, panic), by the stack
 * it is on. The boot CPU's is in the image, with its stacks; the others' lie in the region "cpu areas" (mmu/region.h):
 *
 *	area of CPU n	| guard | stack | guard | NMI | guard | #DF | guard | #MC | struct percpu |
 *
 * Offsets are known to machine/entry.asm through asm_offsets.c. Read next: machine/cpu.c, machine/smp.c.
 */
#ifndef MACHINE_PERCPU_H
#define MACHINE_PERCPU_H

#include "arch/cpu_local.h"
#include "arch/cpumask.h"
#include "arch/desc.h"
#include "arch/layout.h"
#include "arch/pt_regs.h"
#include "lib/types.h"
#include "machine/lockup.h"
#include "machine/timer.h"
#include "mmu/region.h"

#define FAULT_NONE 0xffff

/* A fault that a fixup caught: what the CPU said. vector FAULT_NONE: none since fault_clear(). */
struct fault_record {
	u64 vector, error, address, rip;
};

struct percpu {
	union {
		struct percpu *self; /* gs:0 */
		struct cpu_local local;
	};
	u64 user_rsp;   /* SYSCALL leaves the user's stack pointer here for a moment */
	u64 kernel_rsp; /* top of the stack for entries from user mode; also TSS.rsp0 */
	unsigned id;
	u32 apic_id;
	u64 stack_top; /* of the stack it started on */
	struct fault_record fault;
	ulong exec_target; /* machine/fault.c */
	u64 nmi_count, unexpected_count;
	u64 ghost_count;       /* PICs' interrupts that were none */
	u64 spurious_count;    /* the local APIC's, likewise */
	u64 local_error_count; /* it complained; the last time of this: */
	u32 local_error;
	u32 state;        /* enum cpu_state, machine/smp.c */
	struct smp_call { /* what this CPU asks of others: machine/ipi.c */
		void (*fn)(void *arg);
		void *arg;
		u32 pending; /* CPUs that have not answered */
	} call;
	struct cpumask inbox;    /* whose call is to be run here */
	bool has_parked;         /* the others stand, and must not be called: machine/park.c */
	u32 work_taken;          /* by who gives it work, until that is done */
	void (*work)(void *arg); /* what its idle loop is to run next; NULL: nothing yet */
	void *work_arg;
	const struct pt_regs *stopped_at; /* by a stop NMI: there for good */
	struct timer_queue timers;        /* machine/timer.c */
	struct lockup lockup;             /* machine/lockup.c */
	u64 irq_count[256];
	struct desc_struct gdt[GDT_ENTRIES] __aligned(16);
	struct tss tss __aligned(16);
};

_Static_assert(sizeof(struct percpu) <= CPU_AREA_SIZE - CPU_AREA_STACKS * KSTACK_SLOT, "a CPU's area is too small");

/* The boot CPU's stack, guard page first; and its data. */
extern u8 boot_stack_slot[KSTACK_SLOT];
extern struct percpu boot_cpu;

/* CPU number @id's, which must be one that was started. */
static __always_inline struct percpu *percpu_of(unsigned id)
{
	return id ? (struct percpu *)(CPU_AREAS_BASE + id * CPU_AREA_SIZE + CPU_AREA_STACKS * KSTACK_SLOT) : &boot_cpu;
}

/* Whose stack @sp is on: for code that has no GS to ask. */
static __always_inline struct percpu *percpu_by_stack(ulong sp)
{
	return percpu_of(sp - CPU_AREAS_BASE < CPU_AREAS_SIZE ? (unsigned)((sp - CPU_AREAS_BASE) / CPU_AREA_SIZE) : 0);
}

static inline struct percpu *this_cpu(void)
{
	struct percpu *cpu;

	asm("mov %%gs:0, %0" : "=r"(cpu));
	return cpu;
}

/* GDT, TSS, IST stacks, GS and system-call MSRs of the boot CPU, through ops. Before it no trap can be taken. */
void cpu_init_boot(void);

/*
 * The same for another CPU, by itself, on its first stack; @cpu->local.id, stack_top and the TSS's stacks are set.
 */
void cpu_init(struct percpu *cpu);

/* Fills in @cpu, number @id, whose stacks begin @stacks (guard first; CPU_AREA_STACKS of them). */
void percpu_prepare(struct percpu *cpu, unsigned id, ulong stacks);

/* Features the kernel turns on (DE, MCE, PGE, SMEP, UMIP where present); after the feature words are read. */
void cpu_enable_features(void);

#endif
