/*
 * What interrupts a CPU at a time to come: the contract between the timers (machine/timer.h) and whatever chip or
 * hypervisor keeps the time. One driver is one CLOCK_EVENT() in any file; the linker sorts them by @order, two digits,
 * best first, and nothing lists them. A hypervisor's call will be one more.
 *
 * Must not know: what is waited for. Read next: machine/lapic_timer.c, machine/pit.c, machine/timer.c.
 */
#ifndef MACHINE_CLOCKEVENT_H
#define MACHINE_CLOCKEVENT_H

#include "lib/types.h"

struct clock_event {
	const char *name;   /* for timer=NAME */
	bool per_cpu;       /* each CPU has one; else the boot CPU alone */
	u64 min_ns, max_ns; /* what set_next() can be asked for */
	/* Whether this machine has it; may measure it, may take a millisecond. On the boot CPU, before it is used. */
	bool (*available)(void);
	/* Its interrupt's, as things are now. */
	unsigned (*vector)(void);
	/* Prepares this CPU's, nothing armed: its interrupt calls timer_interrupt(). Interrupts off. */
	void (*init_cpu)(void);
	/*
	 * One interrupt of this CPU's in @ns from now, in place of the one asked for before. It may come early, and one
	 * that was replaced may still come. Interrupts off.
	 */
	void (*set_next)(u64 ns);
	/* No interrupt from here on, but for one that is on its way. Interrupts off. */
	void (*stop)(void);
	/* For the log: "LAPIC one-shot, 1000.012 MHz / 16". */
	void (*describe)(char *buf, size_t size);
};

#define CLOCK_EVENT(order, id)                                                                                         \
	static const struct clock_event clock_event_##id __used __section(".clock_events." #order) __aligned(8)

extern const struct clock_event __clock_events_start[], __clock_events_end[];

#endif
