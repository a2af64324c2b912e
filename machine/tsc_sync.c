/*
 * Comparing TSCs: see machine/tsc_sync.h. The boot CPU asks through a cache line, the other answers with its TSC, and
 * the boot CPU reads its own before and after: the answer was given in between, so the offset is known to half of
 * that time. Of some exchanges the quickest counts. Work of the other's idle loop, so that no interrupt is waited in.
 *
 * IA32_TSC_ADJUST moves the TSC by exactly what is added to it (SDM 3B 18.17.3); IA32_TSC is written with a value that
 * is some ticks old by then.
 */
#include "machine/tsc_sync.h"

#include "arch/cpufeature.h"
#include "arch/cpumask.h"
#include "arch/regs.h"
#include "lib/log.h"
#include "machine/ipi.h"
#include "machine/patience.h"
#include "machine/percpu.h"
#include "machine/time.h"
#include "pvops/pvops.h"

#define ROUNDS_MAX  64
#define ROUNDS_MIN  2 /* for the first, the other may have to be woken */
#define CORRECTIONS 3
#define ALL_NS      4000000UL   /* for all CPUs together, as far as their fewest rounds allow */
#define GOOD_NS     10000UL     /* known to within this it is worth something; until then there are more rounds: */
#define TRY_NS      20000000UL  /* for so long */
#define ALL_TRY_NS  100000000UL /* and for all CPUs together */

/* One comparison at a time. turn: even, the other is asked; odd, it has answered; END: it is over. */
#define END 0xffffffff
static struct {
	u32 turn;
	u64 tsc;
} line __aligned(64);
static unsigned asked; /* the last one: should it wake up very late, it must not answer for another */

/* Not before what stands above it is done, nor after what stands below. */
static __always_inline u64 tsc_here(void)
{
	u64 tsc;

	asm volatile("mfence; lfence" ::: "memory");
	tsc = pv_read_tsc();
	asm volatile("lfence" ::: "memory");
	return tsc;
}

/*
 * A look at whose turn it is. An emulator takes PAUSE for a reason to look after other things, and is away for longer
 * than an exchange takes: only every so often, so that one with a single thread does go on to the other CPU.
 */
static u32 look(unsigned *looks)
{
	if (++*looks % 256 == 0)
		asm volatile("pause");
	return __atomic_load_n(&line.turn, __ATOMIC_ACQUIRE);
}

/* ---- the other side ---- */

static void answer(void *unused)
{
	u32 turn, done = 1;
	unsigned looks = 0;

	(void)unused;
	while ((turn = look(&looks)) != END) {
		if (turn <= done)
			continue;
		line.tsc = tsc_here();
		done = turn + 1;
		/* It may have been ended meanwhile: then the end stands. */
		__atomic_compare_exchange_n(&line.turn, &turn, done, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
	}
}

/* ---- this side ---- */

static bool wait_turn(u32 turn)
{
	struct patience patience = patience_begin(COMPARE_PATIENCE_NS);
	unsigned looks = 0;

	while (look(&looks) != turn)
		if (patience_ends(&patience))
			return false;
	return true;
}

static bool exchange(u32 turn, struct tsc_offset *o)
{
	u64 before = tsc_here(), after, there;

	__atomic_store_n(&line.turn, turn, __ATOMIC_RELEASE);
	if (!wait_turn(turn + 1))
		return false;
	after = tsc_here();
	there = line.tsc;
	o->within = (after - before + 1) / 2;
	o->ticks = (s64)(there - (before + (after - before) / 2));
	return true;
}

static bool wait_until_done(unsigned cpu)
{
	struct patience patience = patience_begin(COMPARE_PATIENCE_NS);

	while (!smp_work_done(cpu)) {
		asm volatile("pause");
		if (patience_ends(&patience))
			return false;
	}
	return true;
}

/* Whether there is to be a further round, the first being 1, of a comparison that began at @start. */
static bool go_on(u32 round, u64 start, const struct tsc_offset *o)
{
	u64 passed = time_ns() - start;

	if (round <= ROUNDS_MIN)
		return true;
	if (tsc_to_ns(o->within) > GOOD_NS)
		return passed < min(TRY_NS, ALL_TRY_NS / cpu_online_count);
	return round <= ROUNDS_MAX && passed < ALL_NS / cpu_online_count;
}

bool tsc_compare(unsigned cpu, struct tsc_offset *o)
{
	struct tsc_offset now;
	u64 start = time_ns();
	u32 round;

	if (!smp_work_done(asked) || !smp_work_done(cpu))
		return false;
	asked = cpu;
	line.turn = 0;
	if (smp_work(cpu, answer, NULL))
		return false;
	o->within = ~0UL;
	for (round = 1; go_on(round, start, o); round++) {
		if (!exchange(2 * round, &now))
			break;
		if (now.within < o->within)
			*o = now;
	}
	__atomic_store_n(&line.turn, END, __ATOMIC_RELEASE);
	return wait_until_done(cpu) && o->within != ~0UL;
}

/* ---- setting it right ---- */

static void correct_here(void *ticks)
{
	u64 by = *(u64 *)ticks;

	if (cpu_has(X86_FEATURE_TSC_ADJUST))
		pv_write_msr64(MSR_TSC_ADJUST, pv_read_msr(MSR_TSC_ADJUST) - by);
	else
		pv_write_msr64(MSR_TSC, pv_read_tsc() - by);
}

void tsc_correct(unsigned cpu, s64 ticks)
{
	smp_call_one(cpu, correct_here, &ticks);
}

const char *tsc_correct_name(void)
{
	return cpu_has(X86_FEATURE_TSC_ADJUST) ? "IA32_TSC_ADJUST" : "IA32_TSC";
}

/* ---- all of them ---- */

static u64 magnitude_ns(s64 ticks)
{
	return tsc_to_ns((u64)(ticks < 0 ? -ticks : ticks));
}

/*
 * Corrects until it is right, three times at most: IA32_TSC is late by what writing it takes, which shows in what is
 * left, and is allowed for the next time. (The first time may have been longer: a site that is traced traps once.)
 */
static bool correct(unsigned cpu, struct tsc_offset *o)
{
	s64 late = 0, want;

	for (unsigned tries = 0; tries < CORRECTIONS; tries++) {
		want = late; /* what it is to be before it is late by that */
		tsc_correct(cpu, o->ticks - want);
		if (!tsc_compare(cpu, o))
			return false;
		if (!tsc_is_off(o))
			return true;
		if (!cpu_has(X86_FEATURE_TSC_ADJUST))
			late = want - o->ticks;
	}
	return false;
}

/* One that is off: named, corrected. True: it is right now; *@o is the new offset. */
static bool put_right(unsigned cpu, struct tsc_offset *o)
{
	bool right;

	log_line("time", "CPU %u's TSC is %lu ns %s, known to %lu ns", cpu, magnitude_ns(o->ticks),
		 o->ticks < 0 ? "behind" : "ahead", tsc_to_ns(o->within));
	right = correct(cpu, o);
	if (right)
		log_line("time", "CPU %u's TSC corrected by %s", cpu, tsc_correct_name());
	else
		log_line("time", "CPU %u's TSC cannot be corrected by %s: sched_clock is not comparable across CPUs",
			 cpu, tsc_correct_name());
	return right;
}

void tsc_check_cpus(void)
{
	u64 worst = 0;
	unsigned same = 1;

	for_each_online_cpu(id) {
		struct tsc_offset o;

		if (!id)
			continue;
		if (!tsc_compare(id, &o)) {
			log_line("time",
				 "CPU %u does not take part in comparing TSCs: it and those behind it are not checked",
				 id);
			break;
		}
		if (tsc_is_off(&o) && !put_right(id, &o))
			continue;
		worst = max(worst, magnitude_ns(o.ticks) + tsc_to_ns(o.within));
		same++;
	}
	if (cpu_online_count == 1)
		return;
	if (same == cpu_online_count && worst <= GOOD_NS)
		log_line("time", "TSC the same on all %u CPUs, to within %lu ns", same, worst);
	else if (same == cpu_online_count)
		log_line("time", "TSC the same on all %u CPUs as far as can be seen: not known better than %lu ns",
			 same, worst);
	else
		log_line("time", "TSC the same on %u of %u CPUs only", same, cpu_online_count);
}
