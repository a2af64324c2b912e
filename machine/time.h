/*
 * Time: the TSC, calibrated against the PIT, and the PIT's own tick for waking a halted CPU. sched_clock goes through
 * pv_time.
 */
#ifndef MACHINE_TIME_H
#define MACHINE_TIME_H

#include "lib/types.h"

/*
 * Measures the TSC (2 ms, 16 where the machine is busy) and starts sched_clock at 0. False: no PIT answers; the TSC is
 * then taken to be 1 GHz.
 */
bool time_init(void);
/* kHz, as measured. */
u64 tsc_khz(void);
/* How far off that may be, in millionths. */
u32 tsc_error_ppm(void);
/* Nanoseconds since boot, as pv_sched_clock(): for loops that wait; one site for all of them. */
u64 time_ns(void);
/* Ticks of the TSC in nanoseconds. */
u64 tsc_to_ns(u64 ticks);

/* Lets the PIT interrupt @hz times a second (19 or more), and no longer. Counts in pit_ticks(). */
void pit_start(unsigned hz);
void pit_stop(void);
u64 pit_ticks(void);
/*
 * Lets interrupts in until @count more ticks of a running PIT were counted: true; or until @ns nanoseconds are over:
 * false, if that is also many looks. Interrupts off, before and after.
 */
bool pit_wait(u64 count, u64 ns);

#endif
