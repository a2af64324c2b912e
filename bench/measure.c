/*
 * The stopwatch: see bench/bench.h. Reads the TSC by the bare instruction, since the op for it is itself a thing to be
 * measured and is repatched while this runs. LFENCE keeps RDTSC from being executed early (SDM 2B RDTSC, AMD with
 * LFENCE serialising).
 */
#include "bench/bench.h"

#include "arch/regs.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "machine/irq.h"
#include "machine/lockup.h"
#include "machine/timer.h"
#include "pvops/pvops.h"

/* Where ticks are cycles a timed run shall take about this many: short enough for 11 runs of 5 loops of 100 ops. */
#define RUN_CYCLES 400000
#define TURNS_MAX  1000

#define NOPS       1000
#define NOPS_SLACK 8 /* lfence, rdtsc and the moves around them */

static struct {
	ulong flags;
	u16 lines;
	bool insns;
} state;

static __always_inline u64 tick(void)
{
	u32 low, high;

	asm volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high)::"memory");
	return (u64)high << 32 | low;
}

static u64 time_nops(void)
{
	u64 start = tick();

	asm volatile(".rept " STRINGIFY(NOPS) "\n\tnop\n\t.endr");
	return tick() - start;
}

/* No CPU needs as long for a CPUID as for a NOP: told apart from one that happens to do a NOP a cycle. */
static u64 time_cpuids(void)
{
	u64 start = tick();
	u32 eax, i;

	for (i = 0; i < NOPS / 10; i++) {
		eax = 0;
		asm volatile("cpuid" : "+a"(eax)::"ebx", "ecx", "edx");
	}
	return tick() - start;
}

static bool ticks_are_insns(void)
{
	unsigned i;

	for (i = 0; i < 3; i++) {
		u64 nops = time_nops();

		if (nops < NOPS || nops > NOPS + NOPS_SLACK || time_cpuids() > NOPS)
			return false;
	}
	return true;
}

void bench_begin(void)
{
	state.flags = pv_irq_save();
	state.lines = irq_disable_all();
	lockup_pause();
	timer_suspend();
	state.insns = ticks_are_insns();
}

void bench_end(void)
{
	irq_enable_lines(state.lines);
	timer_resume();
	lockup_resume();
	pv_irq_restore(state.flags);
}

bool bench_counts_insns(void)
{
	return state.insns;
}

static u64 run_once(const struct bench_work *work, ulong count)
{
	u64 start, end;

	if (work->prepare)
		work->prepare();
	start = tick();
	work->run(count);
	end = tick();
	asm volatile("cli");
	if (work->cleanup)
		work->cleanup();
	return end - start;
}

/* The first run warms caches and TLB, and is not counted. */
void bench_time(const struct bench_work *work, ulong count, struct bench_ticks *ticks)
{
	u64 sorted[BENCH_RUNS];
	unsigned i, j;

	run_once(work, count);
	for (i = 0; i < BENCH_RUNS; i++) {
		u64 t = run_once(work, count);

		for (j = i; j > 0 && sorted[j - 1] > t; j--)
			sorted[j] = sorted[j - 1];
		sorted[j] = t;
	}
	ticks->min = sorted[0];
	ticks->median = sorted[BENCH_RUNS / 2];
	ticks->max = sorted[BENCH_RUNS - 1];
}

ulong bench_turns(u64 ticks)
{
	ulong turns;

	if (state.insns)
		return TURNS_MAX;
	turns = RUN_CYCLES * 2 / (ticks + 1);
	return max(2UL, min(turns, (ulong)TURNS_MAX) & ~1UL);
}

struct bench_figure bench_figure(const struct bench_ticks *ticks, const struct bench_ticks *less, ulong parts)
{
	return (struct bench_figure){
		.value = (s64)(ticks->min - less->min) * 100 / (s64)parts,
		.median = (s64)(ticks->median - less->median) * 100 / (s64)parts,
		.spread = (ticks->max - ticks->min) * 100 / parts,
	};
}

static const char *hundredths(s64 value, char buf[BENCH_VALUE_TEXT])
{
	u64 size = value < 0 ? -(u64)value : (u64)value;

	if (size % 100)
		ksnprintf(buf, BENCH_VALUE_TEXT, "%s%lu.%02lu", value < 0 ? "-" : "", size / 100, size % 100);
	else
		ksnprintf(buf, BENCH_VALUE_TEXT, "%s%lu", value < 0 ? "-" : "", size / 100);
	return buf;
}

const char *bench_value_text(const struct bench_figure *figure, char buf[BENCH_VALUE_TEXT])
{
	return figure->reason ? "-" : hundredths(figure->value, buf);
}

void bench_line(const char *name, const struct bench_figure *figure)
{
	char value[BENCH_VALUE_TEXT], median[BENCH_VALUE_TEXT], spread[BENCH_VALUE_TEXT];

	if (figure->reason) {
		printk("BENCH name=%s value=n/a reason=\"%s\"\n", name, figure->reason);
		return;
	}
	printk("BENCH name=%s value=%s unit=%s", name, hundredths(figure->value, value),
	       state.insns ? "insn" : "cycles");
	/* Instruction counts repeat; where they do not, the spread is said. */
	if (!figure->single && (!state.insns || figure->spread))
		printk(" median=%s spread=%s", hundredths(figure->median, median),
		       hundredths((s64)figure->spread, spread));
	printk("\n");
}

bool bench_wanted(const char *glob, const char *name)
{
	return strcmp(glob, "all") == 0 || glob_match(glob, name);
}
