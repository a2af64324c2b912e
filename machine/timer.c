/*
 * The timers' queues: see machine/timer.h. What expires is found by comparing with the clock, never by counting
 * interrupts: one that is late, early, doubled or meant for another makes no difference.
 *
 * Must not know: any chip. Read next: machine/clockevent.h, machine/lockup.c.
 */
#include "machine/timer.h"

#include "lib/log.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "machine/clockevent.h"
#include "machine/ipi.h"
#include "machine/percpu.h"
#include "machine/time.h"

#define SAME_CPU NR_CPUS

static const struct clock_event *chosen; /* written at boot */

/* ---- one queue, its lock held ---- */

static void unlink_timer(struct timer *t)
{
	*t->link = t->next;
	if (t->next)
		t->next->link = t->link;
	t->link = NULL;
}

/* Behind those that expire at the same time: first come, first called. */
static void link_timer(struct timer_queue *q, struct timer *t)
{
	struct timer **at = &q->first;

	while (*at && (*at)->expires <= t->expires)
		at = &(*at)->next;
	t->next = *at;
	t->link = at;
	if (t->next)
		t->next->link = &t->next;
	*at = t;
}

/*
 * The clock, for this CPU's queue. It can be set back, by a calibration anew: then all that is pending moves with it,
 * and comes later by what has passed since the clock was last read here, at most.
 */
static u64 queue_now(struct timer_queue *q)
{
	u64 now = time_ns();

	if (now < q->seen)
		for (struct timer *t = q->first; t; t = t->next)
			t->expires -= min(t->expires, q->seen - now);
	q->seen = now;
	return now;
}

/* Too far away is cut, and armed again then. While functions are called, it is done once they are through. */
static void arm(struct timer_queue *q, u64 now)
{
	u64 ns;

	if (!q->first || !q->event || q->running || q->suspended)
		return;
	ns = q->first->expires > now ? q->first->expires - now : 0;
	q->event->set_next(max(q->event->min_ns, min(ns, q->event->max_ns)));
}

/* ---- starting and cancelling ---- */

static bool take_out(struct timer *t)
{
	if (!t->link)
		return false;
	unlink_timer(t);
	return true;
}

/*
 * Takes @t out of whatever queue it is in, and waits until no other CPU runs its function; then it is CPU @to's. Its
 * cpu changes only under the lock of the queue that it names, so who has that lock and finds it unchanged has @t.
 */
static bool take_from_any(struct timer *t, unsigned to)
{
	bool pending = false, through;

	for (;;) {
		unsigned cpu = __atomic_load_n(&t->cpu, __ATOMIC_RELAXED);
		struct timer_queue *q = &percpu_of(cpu)->timers;
		ulong flags = spin_lock_irq_save(&q->lock);

		through = t->cpu == cpu;
		if (through) {
			pending |= take_out(t); /* also if its function has started it again meanwhile */
			through = q->running != t || cpu == this_cpu()->id;
		}
		if (through && to != SAME_CPU)
			__atomic_store_n(&t->cpu, to, __ATOMIC_RELAXED);
		spin_unlock_irq_restore(&q->lock, flags);
		if (through)
			return pending;
		asm volatile("pause");
	}
}

bool timer_start(struct timer *t, u64 ns)
{
	struct percpu *cpu = this_cpu();
	struct timer_queue *q = &cpu->timers;
	ulong flags;
	u64 now;

	if (!q->event)
		return false;
	if (t->cpu != cpu->id)
		take_from_any(t, cpu->id);
	flags = spin_lock_irq_save(&q->lock);
	take_out(t);
	now = queue_now(q);
	t->expires = now + min(ns, ~now);
	link_timer(q, t);
	if (q->first == t)
		arm(q, now);
	spin_unlock_irq_restore(&q->lock, flags);
	return true;
}

/* What is armed stays so: an interrupt that finds nothing to do is cheaper than arming anew each time. */
bool timer_cancel(struct timer *t)
{
	return take_from_any(t, SAME_CPU);
}

/* ---- expiring ---- */

/*
 * One that starts itself again is not due before the clock is read again, in the next interrupt: no timer keeps the
 * CPU here.
 */
bool timer_interrupt(struct pt_regs *regs)
{
	struct timer_queue *q = &this_cpu()->timers;
	struct timer *t;
	u64 now;

	spin_lock(&q->lock);
	now = queue_now(q);
	q->interrupted = regs;
	while (!q->suspended && (t = q->first) != NULL && t->expires <= now) {
		unlink_timer(t);
		q->running = t;
		spin_unlock(&q->lock);
		t->fn(t->arg);
		spin_lock(&q->lock);
		q->running = NULL;
	}
	q->interrupted = NULL;
	arm(q, queue_now(q));
	spin_unlock(&q->lock);
	return true;
}

const struct pt_regs *timer_interrupted(void)
{
	return this_cpu()->timers.interrupted;
}

/* Another CPU may be taking a timer out meanwhile, or looking. */
void timer_suspend(void)
{
	struct timer_queue *q = &this_cpu()->timers;
	ulong flags = spin_lock_irq_save(&q->lock);

	q->suspended = true;
	if (q->event)
		q->event->stop();
	spin_unlock_irq_restore(&q->lock, flags);
}

void timer_resume(void)
{
	struct timer_queue *q = &this_cpu()->timers;
	ulong flags = spin_lock_irq_save(&q->lock);

	q->suspended = false;
	arm(q, queue_now(q));
	spin_unlock_irq_restore(&q->lock, flags);
}

/* ---- choosing ---- */

bool timer_usable_on(unsigned cpu)
{
	return percpu_of(cpu)->timers.event != NULL;
}

bool timer_usable(void)
{
	return timer_usable_on(this_cpu()->id);
}

unsigned timer_vector(void)
{
	return this_cpu()->timers.event->vector();
}

const struct clock_event *timer_use(const struct clock_event *event)
{
	struct timer_queue *q = &this_cpu()->timers;
	const struct clock_event *former;
	ulong flags = spin_lock_irq_save(&q->lock);

	former = q->event;
	if (former)
		former->stop();
	q->event = event;
	if (event)
		event->init_cpu();
	arm(q, queue_now(q));
	spin_unlock_irq_restore(&q->lock, flags);
	return former;
}

static void use_chosen(void *unused)
{
	(void)unused;
	timer_use(chosen);
}

#define for_each_clock_event(e) for (const struct clock_event *e = __clock_events_start; e < __clock_events_end; e++)

/* NULL: there is none of that name here, and that was said. */
static const struct clock_event *find(const char *name)
{
	char known[64];
	size_t used = 0;

	for_each_clock_event(e)
	{
		if (strcmp(e->name, name) != 0) {
			used += (size_t)ksnprintf(known + used, sizeof(known) - used, " %s", e->name);
			continue;
		}
		if (e->available())
			return e;
		log_line("timer", "timer=%s: this machine has none", name);
		return NULL;
	}
	log_line("timer", "timer=%s: known are%s", name, known);
	return NULL;
}

static const struct clock_event *best(void)
{
	for_each_clock_event(e) if (e->available()) return e;
	return NULL;
}

void timer_report(void)
{
	char text[64];

	if (!chosen) {
		log_line("timer", "none: nothing interrupts at a time to come");
		return;
	}
	chosen->describe(text, sizeof(text));
	log_line("timer", "%s%s", text, chosen->per_cpu ? "" : ", on the boot CPU only");
}

void timer_init(const char *name)
{
	chosen = name[0] ? find(name) : NULL;
	if (!chosen)
		chosen = best();
	if (chosen) {
		use_chosen(NULL);
		if (chosen->per_cpu)
			smp_call_others(use_chosen, NULL);
	}
	timer_report();
}
