/*
 * The local APIC's timer as a clock event, two ways: armed with a time of the TSC, where the CPU can (SDM 3A 10.5.4.1),
 * and counting down once, at a rate that is measured against the TSC (10.5.4).
 *
 * Must not know: timers. Read next: machine/clockevent.h, machine/lapic.c.
 */
#include "arch/cpufeature.h"
#include "arch/regs.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "machine/clockevent.h"
#include "machine/ipi.h"
#include "machine/lapic_priv.h"
#include "machine/time.h"
#include "machine/timer.h"
#include "machine/traps.h"
#include "pvops/pvops.h"

#define REG_INITIAL   0x38
#define REG_CURRENT   0x39
#define REG_DIVIDE    0x3e

#define MODE_ONE_SHOT (0U << 17)
#define MODE_DEADLINE (2U << 17)
#define DIVIDE_BY_1   0xb
#define DIVIDE_BY_16  0x3
#define DIVISOR       16

#define MIN_NS        1000UL
#define MAX_NS        10000000000UL /* 16 times that is still a count of 32 bits at 6 GHz */
#define NS_PER_MS     1000000UL

/* A window to measure in is 1/10 ms; it is taken again where somebody takes the CPU away at one of its ends. */
#define WINDOWS_PER_MS 10
#define WINDOW_TRIES   16
#define WINDOW_PPM     2000

static bool have_lapic(void)
{
	return strcmp(lapic_name(), "nothing") != 0;
}

static unsigned local_vector(void)
{
	return VECTOR_TIMER;
}

/* Both may be chosen, one after the other: so the same interrupt, and each stops what the other armed. */
static void init_mode(u32 mode)
{
	trap_set_handler(VECTOR_TIMER, timer_interrupt);
	lapic_reg_write(LAPIC_REG_LVT_TIMER, mode | VECTOR_TIMER);
}

/* ---- by the TSC ---- */

static bool deadline_available(void)
{
	return have_lapic() && cpu_has(X86_FEATURE_TSC_DEADLINE);
}

/* The mode must be there before a deadline is: a write to memory may be overtaken by WRMSR (10.5.4.1). */
static void deadline_init_cpu(void)
{
	init_mode(MODE_DEADLINE);
	asm volatile("mfence; lfence" ::: "memory");
}

/* 0 would disarm. Written too late, it interrupts at once. One site, for arming and for stopping. */
static __noinline void write_deadline(u64 tsc)
{
	pv_write_msr64(MSR_TSC_DEADLINE, tsc);
}

static void deadline_set_next(u64 ns)
{
	write_deadline((pv_read_tsc() + ns * tsc_khz() / NS_PER_MS) | 1);
}

static void deadline_stop(void)
{
	write_deadline(0);
}

static void deadline_describe(char *buf, size_t size)
{
	ksnprintf(buf, size, "TSC-deadline");
}

CLOCK_EVENT(10, deadline) = {
	.name = "tsc-deadline",
	.per_cpu = true,
	.min_ns = MIN_NS,
	.max_ns = MAX_NS,
	.available = deadline_available,
	.vector = local_vector,
	.init_cpu = deadline_init_cpu,
	.set_next = deadline_set_next,
	.stop = deadline_stop,
	.describe = deadline_describe,
};

/* ---- by its own count ---- */

static u64 count_khz; /* before it is divided; 0: not measured */

/* Two readings of the count, each between two of the TSC. */
struct window {
	u64 least, most; /* ticks of the TSC that passed */
	u32 count;
};

/* How far apart the two are, in millionths. */
static u64 window_ppm(const struct window *w)
{
	return (w->most - w->least) * 1000000 / w->most;
}

static struct window measure(void)
{
	u64 start_least = pv_read_tsc(), start_most, end_least;
	u32 first = lapic_reg_read(REG_CURRENT);
	struct window w;

	start_most = end_least = pv_read_tsc();
	while (end_least - start_most < tsc_khz() / WINDOWS_PER_MS) {
		asm volatile("pause");
		end_least = pv_read_tsc();
	}
	w.count = first - lapic_reg_read(REG_CURRENT);
	w.most = pv_read_tsc() - start_least;
	w.least = end_least - start_most;
	return w;
}

/* The tightest of some windows, or the first that is tight enough. Undivided, for the sake of precision. */
static u64 measure_khz(void)
{
	struct window w, best = {0, 1, 0};

	lapic_reg_write(LAPIC_REG_LVT_TIMER, LVT_MASKED | MODE_ONE_SHOT | VECTOR_TIMER);
	lapic_reg_write(REG_DIVIDE, DIVIDE_BY_1);
	for (unsigned i = 0; i < WINDOW_TRIES && window_ppm(&best) > WINDOW_PPM; i++) {
		lapic_reg_write(REG_INITIAL, ~0U);
		w = measure();
		if (i == 0 || window_ppm(&w) < window_ppm(&best))
			best = w;
	}
	lapic_reg_write(REG_INITIAL, 0);
	return best.count * tsc_khz() / ((best.least + best.most) / 2);
}

static bool lapic_available(void)
{
	if (have_lapic() && !count_khz)
		count_khz = measure_khz();
	return count_khz >= DIVISOR;
}

static void lapic_timer_init_cpu(void)
{
	init_mode(MODE_ONE_SHOT);
	lapic_reg_write(REG_DIVIDE, DIVIDE_BY_16);
}

static void lapic_set_next(u64 ns)
{
	u64 count = ns * (count_khz / DIVISOR) / NS_PER_MS;

	lapic_reg_write(REG_INITIAL, (u32)max(1UL, min(count, 0xffffffffUL)));
}

static void lapic_stop(void)
{
	lapic_reg_write(REG_INITIAL, 0);
}

static void lapic_describe(char *buf, size_t size)
{
	ksnprintf(buf, size, "LAPIC one-shot, %lu.%03lu MHz / %u", count_khz / 1000, count_khz % 1000, DIVISOR);
}

CLOCK_EVENT(20, lapic) = {
	.name = "lapic",
	.per_cpu = true,
	.min_ns = MIN_NS,
	.max_ns = MAX_NS,
	.available = lapic_available,
	.vector = local_vector,
	.init_cpu = lapic_timer_init_cpu,
	.set_next = lapic_set_next,
	.stop = lapic_stop,
	.describe = lapic_describe,
};
