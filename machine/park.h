/*
 * Other CPUs standing still: parked for a moment, while text is rewritten (pvops/patch.h); or stopped for good, when
 * one of them panics.
 *
 * Must not know: what is done meanwhile. Read next: machine/park.c.
 */
#ifndef MACHINE_PARK_H
#define MACHINE_PARK_H

#include "arch/pt_regs.h"
#include "machine/percpu.h"

/* Once, before other CPUs run: makes the patcher park them. */
void park_init(void);

/*
 * All other CPUs stand, interrupts off, in a loop without sites, with no site under their feet, when this returns true;
 * they come there by interrupt. False: one did not within some tries; nobody is parked then.
 * Nobody may be called then, nor is a TLB flushed elsewhere: who is called leaves, and runs code that may be changing.
 * Pairs with smp_unpark() nest. Not from an interrupt; interrupts may be off.
 */
bool smp_park(void);
void smp_unpark(void);

/* The first thing a panic does: others stop, by NMI; a CPU that panics while another does stops itself, here. */
void smp_panic_enter(void);
/* Prints where each of the others stopped. */
void smp_panic_backtraces(void);

/* The part of the NMI's handler that is about stopping: does not return when this CPU is to stop. Raw. */
void park_nmi(struct percpu *cpu, const struct pt_regs *regs);

#endif
