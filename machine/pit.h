/*
 * The PIT (Intel 8254): channel 0's tick, by interrupt, and what its ports are. Channel 2, which nothing interrupts,
 * serves calibration (machine/time.c).
 */
#ifndef MACHINE_PIT_H
#define MACHINE_PIT_H

#include "lib/types.h"

#define PIT_HZ  1193182
#define PIT_CH0 0x40
#define PIT_CH2 0x42
#define PIT_CMD 0x43

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
