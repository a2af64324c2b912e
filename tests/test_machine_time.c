/*
 * Clocks: the PIT ticks at about the rate asked for, sched_clock runs forward and with the TSC, and ticks become
 * nanoseconds without overflow. The PIT and the TSC are compared only with each other, roughly, and as often as it
 * takes: an emulator whose host is busy loses ticks, or delivers several at once.
 */
#include "arch/regs.h"
#include "machine/pit.h"
#include "machine/time.h"
#include "machine/traps.h"
#include "pvops/pvops.h"
#include "tests/ktest.h"

#define TRIES       60
#define PATIENCE_NS 500000000UL

/* Nanoseconds that @count ticks take once the first was seen; 0: they do not come. */
static u64 time_ticks(unsigned hz, u64 count)
{
	u64 start = 0, now = 0;
	bool came;

	pit_start(hz);
	came = pit_wait(1, PATIENCE_NS);
	if (came) {
		start = pv_read_tsc();
		came = pit_wait(count, PATIENCE_NS);
		now = pv_read_tsc();
	}
	pit_stop();
	return came ? tsc_to_ns(now - start) : 0;
}

static void expect_rate(unsigned hz, u64 count)
{
	u64 want = 1000000000UL / hz * count, got = 0;
	ulong flags = pv_irq_save();
	unsigned i;

	for (i = 0; i < TRIES; i++) {
		got = time_ticks(hz, count);
		if (got > want / 4 * 3 && got < want / 2 * 3)
			break;
	}
	pv_irq_restore(flags);
	if (i == TRIES)
		ktest_fail(__FILE__, __LINE__, "%lu ticks at %u Hz took %lu ns, not %lu", count, hz, got, want);
}

TEST(machine_time_pit_rate)
{
	expect_rate(1000, 10);
	expect_rate(100, 3);
	expect_rate(19, 1); /* the slowest: a divisor of nearly 65536 */
}

TEST(machine_time_sched_clock_never_goes_back)
{
	u64 last = pv_sched_clock(), first = last;
	unsigned i;

	for (i = 0; i < 20000; i++) {
		u64 now = pv_sched_clock();

		if (now < last) {
			ktest_fail(__FILE__, __LINE__, "sched_clock went from %lu to %lu", last, now);
			return;
		}
		last = now;
	}
	EXPECT(last > first);
}

/* Between two readings the clock advances by what the TSC says, give or take the rounding. */
TEST(machine_time_sched_clock_follows_the_tsc)
{
	u64 outer = pv_read_tsc(), first = pv_sched_clock(), inner = pv_read_tsc(), ns;
	unsigned i;

	for (i = 0; i < 100000; i++)
		asm volatile("");
	inner = pv_read_tsc() - inner;
	ns = pv_sched_clock() - first;
	outer = pv_read_tsc() - outer;
	EXPECT(ns + 1 >= tsc_to_ns(inner));
	EXPECT(ns <= tsc_to_ns(outer) + 1);
}

/* ticks / kHz * 10^6 in whole parts and rest: no step exceeds 64 bits. */
static u64 exact_ns(u64 ticks)
{
	u64 khz = tsc_khz();

	return ticks / khz * 1000000 + ticks % khz * 1000000 / khz;
}

TEST(machine_time_tsc_to_ns)
{
	static const u64 ticks[] = {0, 1, 1000, 123456789, 1UL << 32, 0xffffffffffUL, 1UL << 48, 1UL << 56, 1UL << 60};
	unsigned i;

	REQUIRE(tsc_khz());
	for (i = 0; i < ARRAY_SIZE(ticks); i++) {
		u64 got = tsc_to_ns(ticks[i]), want = exact_ns(ticks[i]);

		/* The factor is cut to 2^-32. */
		if (got > want || want - got > (ticks[i] >> 32) + 1)
			ktest_fail(__FILE__, __LINE__, "%#lx ticks are %lu ns, not %lu", ticks[i], got, want);
	}
	EXPECT(tsc_to_ns(tsc_khz() * 1000) >= 999999990);
	EXPECT(tsc_to_ns(tsc_khz() * 1000) <= 1000000000);
}

/* Measured anew, the TSC's rate is what it was; a busy host may need a few tries. The clock runs on. */
TEST(machine_time_calibration_repeats)
{
	const enum tsc_source source = tsc_calibration()->choice.source;
	u64 before = tsc_khz(), now = 0, clock = pv_sched_clock();
	ulong flags = pv_irq_save();
	struct tsc_calibration c;

	for (unsigned i = 0; i < 20; i++) {
		tsc_calibrate(&c);
		now = c.choice.source == source ? c.by[source].khz : 0;
		if (now > before - before / 20 && now < before + before / 20)
			break;
	}
	pv_irq_restore(flags);
	REQUIRE(source != TSC_BY_NONE);
	EXPECT_EQ(c.choice.source, source);
	EXPECT(now > before - before / 20 && now < before + before / 20);
	EXPECT_EQ(tsc_khz(), before);
	EXPECT(pv_sched_clock() >= clock);
}

/*
 * HPET and PIT are measured by code that shares nothing but the TSC; what CPUID claims is not judged here. A
 * measurement that a busy host made loose says nothing.
 */
TEST(machine_time_clocks_agree)
{
	const u32 clocks = (u32)(BIT(TSC_BY_HPET) | BIT(TSC_BY_PIT)), tight_ppm = 10000;
	struct tsc_calibration c;
	ulong flags = pv_irq_save();
	bool tight = false;

	for (unsigned i = 0; i < TRIES && !tight; i++) {
		tsc_calibrate(&c);
		if (!c.by[TSC_BY_HPET].khz || !c.by[TSC_BY_PIT].khz)
			break;
		tight = c.by[TSC_BY_HPET].error_ppm < tight_ppm && c.by[TSC_BY_PIT].error_ppm < tight_ppm;
	}
	pv_irq_restore(flags);
	if (tight)
		EXPECT_EQ(c.choice.against & clocks, 0);
	else
		ktest_not_here("no HPET, no PIT, or a host that is too busy");
}
