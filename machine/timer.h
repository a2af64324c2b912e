/*
 * Timers: a function that is called at a time of sched_clock, in an interrupt of the CPU that started it. Each CPU
 * keeps its own in a sorted list: there are a handful, starting one is mostly at the head or the end, taking one out is
 * two stores, and nothing is allocated. A heap would pay from some hundred on.
 *
 * Must not know: what chip interrupts (machine/clockevent.h). Read next: machine/timer.c.
 */
#ifndef MACHINE_TIMER_H
#define MACHINE_TIMER_H

#include "arch/pt_regs.h"
#include "lib/types.h"
#include "pvops/qspinlock.h"

struct clock_event;

/* All zero but for the first two: a timer that is not started. */
struct timer {
	void (*fn)(void *arg); /* interrupts off; may start and cancel timers, this one too */
	void *arg;
	u64 expires;         /* time of sched_clock */
	struct timer *next;  /* in the list; written under its lock, as are: */
	struct timer **link; /* what points to it; NULL: not pending */
	unsigned cpu;        /* whose list it is in, or was last in; written under that one's lock */
};

/* One CPU's, in struct percpu. */
struct timer_queue {
	struct qspinlock lock;
	struct timer *first;               /* the next one to expire */
	struct timer *running;             /* whose fn is being called */
	const struct clock_event *event;   /* NULL: this CPU has none, and no timers */
	u64 seen;                          /* the latest time that was read here */
	const struct pt_regs *interrupted; /* while functions are called: what the interrupt found */
	bool suspended;
};

/*
 * Chooses the clock event, by name or (@name empty, unknown, or not to be had here) the best there is, has it on all
 * CPUs, and logs which. Boot CPU, after smp_init() and time_init().
 */
void timer_init(const char *name);
/* Its line of the log. */
void timer_report(void);

/*
 * @timer's function is called on this CPU, not before @ns from now have passed. One that is pending is moved; one whose
 * function another CPU is running just now is waited for, so not while holding what its function waits for. False: this
 * CPU has no clock event, and nothing was done. Any context but NMI; not while another CPU starts the same, but for its
 * own function.
 */
bool timer_start(struct timer *timer, u64 ns);

/*
 * True: it was pending, and will not be called. When this returns its function is not running on another CPU either,
 * so @timer may be thrown away; therefore not while holding what its function waits for. From any CPU; in its own
 * function it returns at once.
 */
bool timer_cancel(struct timer *timer);

/* Whether timers can be started on this CPU, on CPU @cpu. */
bool timer_usable(void);
bool timer_usable_on(unsigned cpu);

/* What the timer's interrupt found, while functions are called on this CPU; else NULL. */
const struct pt_regs *timer_interrupted(void);

/* Nothing expires on this CPU between the two, for who measures: timers can be started, and wait. */
void timer_suspend(void);
void timer_resume(void);

/* The vector that this CPU's clock event interrupts by. For measuring. */
unsigned timer_vector(void);

/* For drivers: this is their interrupt's handler. Always true. */
bool timer_interrupt(struct pt_regs *regs);

/* This CPU's timers go on with @event, or NULL, by itself: for boot and tests. Returns the former one. */
const struct clock_event *timer_use(const struct clock_event *event);

#endif
