/*
 * Proof that patching is complete. Two tools, used together by the test run:
 *
 *  - poison: every slot of every group is replaced by a function that panics with the op's name. Whatever the kernel
 *    then does, it does without calling through a slot.
 *  - trace: the first byte of every site becomes int3. The first crossing traps, is noted, and puts the byte back:
 *    after a workload the sites never crossed are known by name.
 */
#ifndef PVOPS_TRACE_H
#define PVOPS_TRACE_H

#include "arch/pt_regs.h"
#include "pvops/pv_types.h"

/*
 * Swaps the live table for one of panicking functions, and back. Nests by count: a test that needs slots brackets
 * itself.
 */
void pv_poison(void);
void pv_unpoison(void);
bool pv_poisoned(void);

/* Arms all sites that are not yet crossed; disarms those still armed. IRQ-safe, one CPU. */
void pv_trace_arm(void);
void pv_trace_disarm(void);
/* Forgets which sites were crossed. */
void pv_trace_reset(void);

/*
 * From the raw #BP entry, kernel mode only: if the int3 behind which @regs stands is an armed site, restores it, notes
 * the crossing, moves rip back onto it and returns true. In .entry.raw: crosses no site itself.
 */
bool pv_trace_hit(struct pt_regs *regs);

#endif
