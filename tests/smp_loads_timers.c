/*
 * Loads of time: the PIT's tick, and timers of every CPU, started to expire soon, moved, taken back; each expires once
 * or was taken back. See tests/smp_loads.h.
 */
#include "machine/irq.h"
#include "machine/pit.h"
#include "machine/timer.h"
#include "pvops/pvops.h"
#include "tests/smp_loads_priv.h"

/* ---- the tick: interrupts that came, by vector, and those that its handler saw ---- */

#define TICK_HZ 200

void load_ticks_begin(struct smp_load *load)
{
	ulong flags = pv_irq_save(); /* so that none falls between */

	pit_start(TICK_HZ);
	load->sent[0] = -irq_count(IRQ_PIT);
	load->received[0] = -pit_ticks();
	pv_irq_restore(flags);
}

void load_ticks_end(struct smp_load *load)
{
	ulong flags = pv_irq_save();

	load->sent[0] += irq_count(IRQ_PIT);
	load->received[0] += pit_ticks();
	pit_stop();
	pv_irq_restore(flags);
}

/* Time passes here, too. */
void load_pause_a_while(struct smp_load *load, u64 random)
{
	(void)load;
	for (u64 i = random % 256; i; i--)
		asm volatile("pause");
}

/* ---- timers ---- */

#define TIMERS  8      /* of each CPU */
#define LONGEST 500000 /* ns */

static struct smp_load *timer_load;
static struct timer timers[NR_CPUS][TIMERS];
static bool under_way[NR_CPUS][TIMERS]; /* started, and neither expired nor taken back; of its CPU alone */

static void expired(void *arg)
{
	bool *way = arg;

	LOOK(timer_load, *way);
	*way = false;
	load_received(timer_load);
}

void load_timers_begin(struct smp_load *load)
{
	timer_load = load;
	for (unsigned cpu = 0; cpu < NR_CPUS; cpu++) {
		for (unsigned i = 0; i < TIMERS; i++)
			timers[cpu][i] = (struct timer){.fn = expired, .arg = &under_way[cpu][i]};
	}
}

/* One of this CPU's: started, moved or taken back, as it happens to stand. */
void load_timers(struct smp_load *load, u64 random)
{
	ulong flags = pv_irq_save();
	unsigned me = this_cpu()->id, i = random % TIMERS;
	struct timer *timer = &timers[me][i];
	bool *way = &under_way[me][i];

	if (*way && (random & 0x100)) {
		LOOK(load, timer_cancel(timer));
		*way = false;
		load_received(load);
	} else if (timer_usable()) {
		LOOK(load, timer_start(timer, (random >> 16) % LONGEST));
		if (!*way)
			load_sent(load, me);
		*way = true;
	}
	pv_irq_restore(flags);
}

/* Those that are not due yet are taken back by this CPU, whosever they are. */
void load_timers_end(struct smp_load *load)
{
	for (unsigned cpu = 0; cpu < NR_CPUS; cpu++) {
		for (unsigned i = 0; i < TIMERS; i++) {
			if (!timer_cancel(&timers[cpu][i]))
				continue;
			LOOK(load, under_way[cpu][i]);
			under_way[cpu][i] = false;
			__atomic_add_fetch(&load->received[cpu], 1, __ATOMIC_RELAXED);
		}
	}
}
