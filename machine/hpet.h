/*
 * The HPET's main counter, as a clock to measure others by: where ACPI says it is, if it is one that can be believed.
 * Its comparators and interrupts are left alone. Facts: IA-PC HPET 1.0a 2.3.
 *
 * Must not know: what is measured. Read next: machine/tsc_calibrate.c.
 */
#ifndef MACHINE_HPET_H
#define MACHINE_HPET_H

#include "lib/addr.h"
#include "lib/types.h"

#define HPET_PERIOD_MAX 100000000U /* fs: 100 ns, by the specification */

struct hpet {
	volatile u32 *regs;
	u32 period_fs; /* of one tick */
	bool wide;     /* the counter has 64 bits, not 32 */
	bool ran;      /* before hpet_start() */
};

/* One look at the counter, between two at the TSC. */
struct hpet_look {
	u64 count, before, after;
};

/* What is wrong with these capabilities (General Capabilities register); NULL: nothing. */
const char *hpet_refusal(u64 capabilities);

/*
 * Maps the HPET at @pa (once per boot), checks it, lets its counter run. NULL, or why it cannot be used; then @h is
 * not to be. hpet_stop() puts back whether the counter ran.
 */
const char *hpet_start(struct hpet *h, pa_t pa);
void hpet_stop(const struct hpet *h);

void hpet_look(const struct hpet *h, struct hpet_look *look);
/* Ticks from @first to @last: a counter of 32 bits may have wrapped once. */
u64 hpet_ticks(const struct hpet *h, const struct hpet_look *first, const struct hpet_look *last);

#endif
