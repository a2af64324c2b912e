/*
 * Measuring: how long something takes, in ticks of the TSC, and how a figure is written down. Under QEMU's icount and
 * in Bochs a tick is one executed instruction and figures are exact; elsewhere it is a cycle and a figure is a
 * distribution.
 *
 * Who measures what: bench/ops.c the ops, bench/system.c the kernel's own work. Started by the command line (`bench`)
 * and the monitor. Must not know how ops are called: that is bench/op_loops.c. Read next: bench/measure.c.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include "lib/types.h"

/* What is timed: run(count) between the other two, which are not timed and may be NULL. */
struct bench_work {
	void (*prepare)(void);
	void (*run)(ulong count);
	void (*cleanup)(void);
};

/* Ticks of one run(count), over BENCH_RUNS of them. */
struct bench_ticks {
	u64 min, median, max;
};
#define BENCH_RUNS 11

/* A result in hundredths of the unit. n/a where there is a reason. */
struct bench_figure {
	const char *reason; /* why there is no figure; NULL: there is one */
	s64 value;          /* the minimum */
	s64 median;
	u64 spread;  /* largest minus smallest */
	bool single; /* measured once: there is no median nor spread */
};

#define BENCH_VALUE_TEXT 24 /* bytes that hold a figure as text */

/* One CPU, interrupts off from begin to end, the PICs' lines masked: an op under measurement may enable interrupts. */
void bench_begin(void);
void bench_end(void);

/* Whether ticks are instructions; found out by bench_begin(). */
bool bench_counts_insns(void);

/* Between bench_begin() and bench_end(). run() may leave interrupts on. */
void bench_time(const struct bench_work *work, ulong count, struct bench_ticks *ticks);

/* How often to run() in a loop whose one turn took @ticks for two: even, at least 2, so that bench_time() ends soon. */
ulong bench_turns(u64 ticks);

/* (@ticks - @less) / @parts: one turn of a loop, one site of a pass. */
struct bench_figure bench_figure(const struct bench_ticks *ticks, const struct bench_ticks *less, ulong parts);

/* "12", "12.50", or "-" if there is none. Returns @buf. */
const char *bench_value_text(const struct bench_figure *figure, char buf[BENCH_VALUE_TEXT]);

/* BENCH name=@name value=... unit=..., or value=n/a reason="...": one line, for programs. */
void bench_line(const char *name, const struct bench_figure *figure);

/* True if @name is asked for. */
bool bench_wanted(const char *glob, const char *name);

/* What was done, and what went wrong (each was printed). */
struct bench_outcome {
	unsigned figures;
	unsigned failed;
};

/* Every op of pv_ops.def that @glob names, raw, inlined, direct, indirect: a table, then BENCH lines. */
struct bench_outcome bench_ops(const char *glob);

/* Patching, booting, page tables, traps, frames, locks: likewise. */
struct bench_outcome bench_system(const char *glob);

#endif
