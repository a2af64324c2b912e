/*
 * The watchdogs: see machine/lockup.h. A CPU's tick looks at its own passes and at its neighbour's beats: the next CPU
 * online, and if that one is known to be stuck, the one behind it too.
 *
 * Must not know: what CPUs do. Read next: machine/timer.h.
 */
#include "machine/lockup.h"

#include "arch/cpumask.h"
#include "arch/section.h"
#include "lib/log.h"
#include "machine/dump.h"
#include "machine/ipi.h"
#include "machine/ipi_ops.h"
#include "machine/percpu.h"
#include "machine/time.h"
#include "machine/traps.h"

#define ANSWER_NS  100000000UL
#define LATE_SHARE 4 /* a tick that is later than this part of the period does not count */

u64 lockup_count;

/* Written while no watchdog ticks. */
static u64 period_ns;
static u32 patience; /* ticks */
static bool paused;

u64 lockup_period_ns(void)
{
	return period_ns;
}

u32 lockup_ticks(void)
{
	return patience;
}

void lockup_touch(void)
{
	struct lockup *l = &this_cpu()->lockup;

	__atomic_store_n(&l->passes, l->passes + 1, __ATOMIC_RELAXED);
}

/* ---- reports ---- */

static u64 milliseconds(u32 ticks)
{
	return ticks * period_ns / 1000000;
}

static void say_where(const struct lockup *l)
{
	if ((u16)l->at.cs != pv_info.kernel_cs)
		printk("in user mode at %016lx\n", l->at.rip);
	else
		dump_interrupted(l->at.rip, l->at.rsp, l->at.rbp);
}

static void report_soft(struct percpu *cpu)
{
	const struct pt_regs *regs = timer_interrupted();
	struct lockup *l = &cpu->lockup;
	u64 ms = milliseconds(l->stuck);
	struct log_urgent urgent;

	l->at.rip = regs->rip;
	l->at.rsp = regs->rsp;
	l->at.rbp = regs->rbp;
	l->at.cs = regs->cs;
	log_urgent_begin(&urgent);
	log_fresh_line();
	printk("lockup: CPU %u has not come to its idle loop for %lu.%03lu s, interrupts on\n", cpu->id, ms / 1000,
	       ms % 1000);
	say_where(l);
	log_urgent_end(&urgent);
	__atomic_add_fetch(&lockup_count, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&l->soft_count, l->soft_count + 1, __ATOMIC_RELEASE);
}

/* Asks @cpu by NMI where it is; false: it does not answer. */
static bool ask(struct percpu *cpu)
{
	u64 deadline = time_ns() + ANSWER_NS;

	__atomic_store_n(&cpu->lockup.asked, 1, __ATOMIC_RELEASE);
	ipi_ops->send_nmi(cpu->id);
	while (__atomic_load_n(&cpu->lockup.asked, __ATOMIC_ACQUIRE)) {
		if (time_ns() > deadline)
			return false;
		asm volatile("pause");
	}
	return true;
}

static void report_hard(struct percpu *cpu)
{
	struct lockup *l = &cpu->lockup;
	u64 ms = milliseconds(l->missed);
	bool answered = ask(cpu);
	struct log_urgent urgent;

	log_urgent_begin(&urgent);
	log_fresh_line();
	printk("lockup: CPU %u has not taken its timer's interrupt for %lu.%03lu s, says CPU %u; %s\n", cpu->id,
	       ms / 1000, ms % 1000, this_cpu()->id, answered ? "by NMI" : "it does not answer an NMI");
	if (answered)
		say_where(l);
	log_urgent_end(&urgent);
	__atomic_add_fetch(&lockup_count, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&l->hard_count, l->hard_count + 1, __ATOMIC_RELEASE);
}

__entry_raw void lockup_nmi(struct percpu *cpu, const struct pt_regs *regs)
{
	struct lockup *l = &cpu->lockup;

	if (!__atomic_load_n(&l->asked, __ATOMIC_ACQUIRE))
		return;
	l->at.rip = regs->rip;
	l->at.rsp = regs->rsp;
	l->at.rbp = regs->rbp;
	l->at.cs = regs->cs;
	__atomic_store_n(&l->asked, 0, __ATOMIC_RELEASE);
}

/* ---- watching ---- */

/* Counts @ticks while @value is as it was @seen. True: this is the tick that makes it a lockup. */
static bool stood_still(u64 value, u64 *seen, u32 *ticks)
{
	if (value != *seen) {
		*seen = value;
		*ticks = 0;
		return false;
	}
	return ++*ticks == patience;
}

static void look_at_self(struct percpu *me)
{
	struct lockup *l = &me->lockup;

	if (stood_still(l->passes, &l->passes_seen, &l->stuck))
		report_soft(me);
}

/* Goes on behind who is stuck, since that one does not look. */
static void look_at_neighbours(const struct percpu *me)
{
	for (unsigned id = cpu_next_online(me->id); id != me->id; id = cpu_next_online(id)) {
		struct lockup *l = &percpu_of(id)->lockup;
		u64 beats = __atomic_load_n(&l->beats, __ATOMIC_ACQUIRE);

		if (!timer_usable_on(id))
			continue;
		if (stood_still(beats, &l->beats_seen, &l->missed))
			report_hard(percpu_of(id));
		if (l->missed < patience)
			return;
	}
}

static void tick(void *unused)
{
	struct percpu *me = this_cpu();
	struct lockup *l = &me->lockup;
	u64 now = time_ns();
	bool late = now - l->due > period_ns / LATE_SHARE && now > l->due;

	(void)unused;
	__atomic_store_n(&l->beats, l->beats + 1, __ATOMIC_RELEASE);
	if (!late && !__atomic_load_n(&paused, __ATOMIC_ACQUIRE)) {
		look_at_self(me);
		look_at_neighbours(me);
	}
	l->due = time_ns() + period_ns;
	timer_start(&l->timer, period_ns);
}

/* ---- starting and stopping ---- */

static void begin_here(void *unused)
{
	struct lockup *l = &this_cpu()->lockup;

	(void)unused;
	l->stuck = 0;
	__atomic_store_n(&l->beats, l->beats + 1, __ATOMIC_RELEASE); /* so the neighbour counts what it misses anew */
	l->timer.fn = tick;
	l->due = time_ns() + period_ns;
	timer_start(&l->timer, period_ns);
}

static void end_here(void *unused)
{
	(void)unused;
	timer_cancel(&this_cpu()->lockup.timer);
}

void lockup_watch(u64 ns, u32 ticks)
{
	end_here(NULL);
	smp_call_others(end_here, NULL);
	period_ns = ns;
	patience = ticks;
	if (!ticks)
		return;
	begin_here(NULL);
	smp_call_others(begin_here, NULL);
}

void lockup_pause(void)
{
	__atomic_store_n(&paused, true, __ATOMIC_RELEASE);
	end_here(NULL);
}

void lockup_resume(void)
{
	__atomic_store_n(&paused, false, __ATOMIC_RELEASE);
	if (patience)
		begin_here(NULL);
}

void lockup_init(u64 seconds)
{
	unsigned watched = 0;

	if (!seconds)
		return;
	for (unsigned id = 0; id < NR_CPUS; id++)
		watched += cpumask_has(&cpu_online, id) && timer_usable_on(id);
	if (!watched)
		log_line("lockup", "a CPU that is stuck is not noticed: there is no timer");
	else if (watched < cpu_online_count)
		log_line("lockup",
			 "%u of %u CPUs watched: the others have no timer, if they are stuck it is not noticed",
			 watched, cpu_online_count);
	if (watched)
		lockup_watch(LOCKUP_PERIOD_NS, (u32)min(seconds, 0xffffffffUL));
}
