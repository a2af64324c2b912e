/*
 * CPUs that are stuck, and where: one that goes on taking interrupts but does not come back to its idle loop (soft),
 * told by its own watchdog timer; and one that takes none (hard), told by its neighbour, which asks it by NMI. Each is
 * reported once, with a backtrace, and again when it has moved and is stuck anew.
 *
 * A tick of the watchdog that comes late counts for nothing: then the machine below did not run us either.
 * Read next: machine/lockup.c.
 */
#ifndef MACHINE_LOCKUP_H
#define MACHINE_LOCKUP_H

#include "arch/pt_regs.h"
#include "lib/types.h"
#include "machine/timer.h"

struct percpu;

/* One CPU's, in struct percpu. */
struct lockup {
	struct timer timer;
	u64 due;           /* when its next tick is to come */
	u64 passes, beats; /* times it came by lockup_touch(); ticks: written by its own CPU */
	u64 passes_seen;   /* by its last tick */
	u32 stuck;         /* its ticks in which passes has not moved */
	u64 beats_seen;    /* by the neighbour, which alone writes this and: */
	u32 missed;        /* the neighbour's ticks in which beats has not moved */
	u32 asked;         /* its next NMI says where it is; cleared by the answer */
	struct {
		ulong rip, rsp, rbp, cs;
	} at;                       /* where it was, at the last report */
	u64 soft_count, hard_count; /* reports */
};

#define LOCKUP_PERIOD_NS 1000000000UL /* of a watchdog */

/* Reports on all CPUs together. Tests that provoke some put it back. */
extern u64 lockup_count;

/* Watches, after @seconds; 0: not at all. After timer_init(); says in the log if it cannot. */
void lockup_init(u64 seconds);

/*
 * A watchdog ticks each @period_ns, and what has not moved for @ticks of them is reported. On all CPUs that have
 * timers; not from an interrupt. @ticks 0: nobody watches.
 */
void lockup_watch(u64 period_ns, u32 ticks);
u64 lockup_period_ns(void);
u32 lockup_ticks(void);

/* This CPU is not stuck: for its idle loop, and for what takes long on purpose. Any context. */
void lockup_touch(void);

/* In between this CPU has no watchdog, and none is reported: for who measures. Pairs, on one CPU at a time. */
void lockup_pause(void);
void lockup_resume(void);

/* The part of the NMI's handler that answers. Raw. */
void lockup_nmi(struct percpu *cpu, const struct pt_regs *regs);

#endif
