/*
 * Time: sched_clock by the TSC, through pv_time. Where its rate comes from: machine/tsc.h; whether the TSCs of all CPUs
 * agree: machine/tsc_sync.h.
 */
#ifndef MACHINE_TIME_H
#define MACHINE_TIME_H

#include "lib/types.h"
#include "machine/tsc.h"

/*
 * Finds the TSC's rate, says so in the log, and starts sched_clock at 0. Where no source is left the TSC is taken to be
 * 1 GHz. Boot only, after acpi_init().
 */
void time_init(void);
/* kHz, as found. */
u64 tsc_khz(void);
/* By whom, how well, and who said otherwise. */
const struct tsc_calibration *tsc_calibration(void);
/* Nanoseconds since boot, as pv_sched_clock(): for loops that wait; one site for all of them. */
u64 time_ns(void);
/* Ticks of the TSC in nanoseconds. */
u64 tsc_to_ns(u64 ticks);

#endif
