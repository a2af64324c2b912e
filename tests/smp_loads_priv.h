/* Between tests/smp_loads.c, the table, and the files that hold its rows' functions. */
#ifndef TESTS_SMP_LOADS_PRIV_H
#define TESTS_SMP_LOADS_PRIV_H

#include "machine/percpu.h"
#include "tests/smp_loads.h"

static inline void load_sent(struct smp_load *load, unsigned cpu)
{
	__atomic_add_fetch(&load->sent[cpu], 1, __ATOMIC_RELAXED);
}

static inline void load_received(struct smp_load *load)
{
	__atomic_add_fetch(&load->received[this_cpu()->id], 1, __ATOMIC_RELAXED);
}

#define LOOK(load, cond)                                                                                               \
	do {                                                                                                           \
		if (!(cond))                                                                                           \
			smp_load_wrong(load, #cond);                                                                   \
	} while (0)

extern u64 load_beats[NR_CPUS];         /* each CPU's turns */
extern u32 load_text_busy;              /* somebody writes sites: one row at a time */
extern struct smp_load *load_of_faults; /* its row, for other rows that fault */

void load_call_one(struct smp_load *load, u64 random);
void load_call_mask(struct smp_load *load, u64 random);
void load_call_all(struct smp_load *load, u64 random);
void load_send_nmi(struct smp_load *load, u64 random);
void load_nmi_begin(struct smp_load *load);
void load_nmi_end(struct smp_load *load);
void load_page_fault(struct smp_load *load, u64 random);
void load_fault_begin(struct smp_load *load);
void load_fault_end(struct smp_load *load);
void load_int3(struct smp_load *load, u64 random);
void load_int3_begin(struct smp_load *load);
void load_int3_end(struct smp_load *load);
void load_cross_ground(struct smp_load *load, u64 random);
void load_trace_hits(struct smp_load *load, u64 random);
void load_user_mode_and_back(struct smp_load *load, u64 random);
void load_load_tables(struct smp_load *load, u64 random);
void load_contend(struct smp_load *load, u64 random);
void load_shootdown(struct smp_load *load, u64 random);
void load_shootdown_begin(struct smp_load *load);
void load_shootdown_end(struct smp_load *load);
void load_park(struct smp_load *load, u64 random);
void load_patch(struct smp_load *load, u64 random);
void load_give_work(struct smp_load *load, u64 random);
void load_timers(struct smp_load *load, u64 random);
void load_timers_begin(struct smp_load *load);
void load_timers_end(struct smp_load *load);
void load_ticks_begin(struct smp_load *load);
void load_ticks_end(struct smp_load *load);
void load_pause_a_while(struct smp_load *load, u64 random);

#endif
