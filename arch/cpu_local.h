/*
 * What rooms below machine/ need of each CPU: its number, and state that cannot be shared (lazy mode, places in lock
 * queues). It is the beginning of machine/'s struct percpu, which GS points to in the kernel.
 *
 * Must not know: what else a CPU has. Read next: machine/percpu.h.
 */
#ifndef ARCH_CPU_LOCAL_H
#define ARCH_CPU_LOCAL_H

#include "arch/cpumask.h"
#include "lib/types.h"

/* One waiter in a lock's queue: see pvops/qspinlock.c. */
struct mcs_node {
	struct mcs_node *next;
	u32 ready;
};

/* A CPU waits for one lock in each context at most: the kernel, an interrupt, a fault in either. */
#define MCS_NODES 4

struct cpu_local {
	struct cpu_local *self; /* gs:0 */
	unsigned id;
	unsigned lazy_depth, irq_depth; /* pvops/lazy.c */
	unsigned mcs_depth;
	struct mcs_node mcs[MCS_NODES];
};

/* By number; NULL: never started. Written by machine/ before the CPU runs. */
extern struct cpu_local *cpu_locals[NR_CPUS];

/* This CPU's. Not before machine/cpu.c has set GS, nor where GS may be the user's. */
static inline struct cpu_local *cpu_local(void)
{
	struct cpu_local *cpu;

	asm("mov %%gs:0, %0" : "=r"(cpu));
	return cpu;
}

#endif
