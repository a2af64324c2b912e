/*
 * Time: the TSC, calibrated against the PIT; sched_clock goes through pv_time. Read next: machine/pit.h.
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

#endif
