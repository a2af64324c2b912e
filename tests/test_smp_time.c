/*
 * The TSCs of several CPUs: they agree, sched_clock never goes back from one CPU to another, and one that is skewed on
 * purpose is noticed, by the right amount, and set right. What needs a TSC that can be written says so where it cannot.
 */
#include "arch/cpufeature.h"
#include "arch/regs.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "machine/time.h"
#include "machine/tsc_sync.h"
#include "pvops/qspinlock.h"
#include "tests/ktest.h"
#include "tests/smp.h"

#define TRIES 10 /* a busy host may make an exchange slow */

static u64 magnitude(s64 ticks)
{
	return (u64)(ticks < 0 ? -ticks : ticks);
}

/*
 * KVM keeps the TSCs of its CPUs together only where its own host's is invariant, and says so then: else each is
 * reckoned anew, some microseconds off, whenever its thread comes to run.
 */
static bool nobody_promises(void)
{
	if (alone())
		return true;
	if (strcmp(cpu_info.hypervisor, "KVMKVMKVM") != 0 || cpu_has(X86_FEATURE_INVARIANT_TSC))
		return false;
	ktest_not_here("a KVM that does not promise an invariant TSC");
	return true;
}

/* The tightest of a few comparisons. */
static bool compare(unsigned cpu, struct tsc_offset *best)
{
	struct tsc_offset o;

	*best = (struct tsc_offset){0, ~0UL};
	for (unsigned i = 0; i < TRIES; i++) {
		if (!tsc_compare(cpu, &o))
			return false;
		if (o.within < best->within)
			*best = o;
	}
	return true;
}

/* Compared on every machine, judged where somebody promises. */
TEST(machine_smp_tsc_is_the_same)
{
	struct tsc_offset offset[NR_CPUS];

	if (alone())
		return;
	for_each_other(id)
	{
		REQUIRE(compare(id, &offset[id]));
		EXPECT(offset[id].within < tsc_khz() * 1000); /* 1 s: else nothing was learnt */
	}
	if (nobody_promises())
		return;
	for_each_other(id)
	{
		EXPECT(!tsc_is_off(&offset[id]));
	}
}

/* ---- one clock for all ---- */

#define STEPS (1000 / cpu_online_count) /* each hand-over may wait for the host's scheduler */

static struct qspinlock clock_lock;
static u64 last_clock;
static u32 steps, backward;

static void step_clock(void *unused)
{
	(void)unused;
	for (unsigned i = 0; i < STEPS; i++) {
		ulong flags = spin_lock_irq_save(&clock_lock);
		u64 now;

		asm volatile("lfence" ::: "memory"); /* RDTSC waits for nobody by itself */
		now = pv_sched_clock();
		asm volatile("lfence" ::: "memory");
		backward += now < last_clock;
		last_clock = now;
		steps++;
		spin_unlock_irq_restore(&clock_lock, flags);
	}
}

TEST(machine_smp_sched_clock_never_goes_back)
{
	if (nobody_promises())
		return;
	last_clock = steps = backward = 0;
	give_all(step_clock, NULL);
	step_clock(NULL);
	EXPECT(all_done());
	EXPECT_EQ(steps, STEPS * cpu_online_count);
	EXPECT_EQ(backward, 0);
}

/* ---- corrections ---- */

static char said[1024];

/* Compares all CPUs as at boot; what is logged goes to said[]. */
static void check_cpus(void)
{
	log_capture(said, sizeof(said));
	tsc_check_cpus();
	log_capture_end();
}

/* IA32_TSC_ADJUST takes nothing off; IA32_TSC becomes late by what writing takes, which the check then finds. */
TEST(machine_smp_tsc_correction_by_nothing)
{
	struct tsc_offset o;

	if (nobody_promises())
		return;
	for_each_other(id)
	{
		tsc_correct(id, 0);
		if (cpu_has(X86_FEATURE_TSC_ADJUST)) {
			REQUIRE(compare(id, &o));
			EXPECT(!tsc_is_off(&o));
		}
	}
	check_cpus();
	EXPECT(ktest_has(said, "time        TSC the same on all "));
}

static s64 skewed_by; /* what the last skew() really did */

/* By IA32_TSC, whatever tsc_correct() writes. */
static void skew_here(void *ticks)
{
	u64 before = pv_read_tsc(), by = *(u64 *)ticks;

	pv_write_msr64(MSR_TSC, before + by);
	skewed_by = (s64)(pv_read_tsc() - before);
}

/* Many times what a comparison can see: 5 ms, more where the host is busy. */
static s64 skew(unsigned cpu)
{
	struct tsc_offset o;

	if (!compare(cpu, &o))
		return 0;
	return (s64)max(tsc_khz() * 5, 16 * o.within);
}

/* Forth and back, so far that nobody could have been stopped for so long. */
static void skew_and_back(void *ticks)
{
	s64 forth = *(s64 *)ticks, back = -forth, moved;

	skew_here(&forth);
	moved = skewed_by;
	if (moved >= forth)
		skew_here(&back);
	skewed_by = moved;
}

/* True where writing IA32_TSC moves the TSC. Leaves it as it was, but for the ticks that writing takes. */
static bool can_skew(unsigned cpu)
{
	s64 far = (s64)tsc_khz() * 5000;

	smp_call_one(cpu, skew_and_back, &far);
	if (skewed_by >= far)
		return true;
	ktest_not_here("writing IA32_TSC does not move the TSC");
	return false;
}

static void expect_noticed_and_corrected(unsigned cpu, s64 by)
{
	const bool has_adjust = cpu_has(X86_FEATURE_TSC_ADJUST);
	struct tsc_offset o;

	smp_call_one(cpu, skew_here, &by);
	REQUIRE(compare(cpu, &o));
	EXPECT(tsc_is_off(&o));
	EXPECT((o.ticks < 0) == (by < 0));
	EXPECT(magnitude(o.ticks - by) < magnitude(by) / 4);
	tsc_correct(cpu, o.ticks);
	REQUIRE(compare(cpu, &o));
	EXPECT(magnitude(o.ticks) < magnitude(by) / 4);
	EXPECT(!tsc_is_off(&o) || !has_adjust); /* IA32_TSC is some ticks late */
}

TEST(machine_smp_tsc_skew_is_corrected)
{
	unsigned cpu = 0;

	if (nobody_promises())
		return;
	for_each_other(id)
	{
		cpu = id;
	}
	if (!can_skew(cpu))
		return;
	expect_noticed_and_corrected(cpu, skew(cpu));
	expect_noticed_and_corrected(cpu, -skew(cpu));
	check_cpus(); /* what is left of it */
	EXPECT(ktest_has(said, "time        TSC the same on all "));
}

/* The check itself, with its words. */
TEST(machine_smp_tsc_check_says_who_is_off)
{
	struct tsc_offset o;
	unsigned cpu = 0;
	char want[32];
	s64 by;

	if (nobody_promises())
		return;
	for_each_other(id)
	{
		cpu = id;
	}
	if (!can_skew(cpu))
		return;
	by = skew(cpu);
	smp_call_one(cpu, skew_here, &by);
	check_cpus();
	ksnprintf(want, sizeof(want), "time        CPU %u's TSC is ", cpu);
	EXPECT(ktest_has(said, want));
	EXPECT(ktest_has(said, " ns ahead, known to "));
	EXPECT(ktest_has(said, "corrected by IA32_TSC"));
	EXPECT(ktest_has(said, "time        TSC the same on all "));
	REQUIRE(compare(cpu, &o));
	EXPECT(!tsc_is_off(&o));
}
