/*
 * Whether the TSCs of all CPUs agree, as sched_clock takes for granted: each is compared with the boot CPU's, and set
 * right where it can be.
 *
 * Must not know: the TSC's rate, but to print. Read next: machine/tsc_sync.c.
 */
#ifndef MACHINE_TSC_SYNC_H
#define MACHINE_TSC_SYNC_H

#include "lib/types.h"

/* Another CPU's TSC less this one's: @ticks, which is off by at most @within. */
struct tsc_offset {
	s64 ticks;
	u64 within;
};

/* True if the offset is more than the way there and back explains. */
static inline bool tsc_is_off(const struct tsc_offset *o)
{
	return (u64)(o->ticks < 0 ? -o->ticks : o->ticks) > o->within;
}

/*
 * Compares CPU @cpu's TSC with this CPU's; @cpu is online, idle and another. Takes some microseconds; where an emulator
 * or a busy host makes each exchange slow, 20 ms at most, and 100 ms for all CPUs together. False: it did not take
 * part, *@o is unknown. One at a time; interrupts on.
 */
bool tsc_compare(unsigned cpu, struct tsc_offset *o);

/*
 * Takes @ticks from CPU @cpu's TSC, by IA32_TSC_ADJUST where CPUID has it, else by IA32_TSC. Whether it did anything is
 * for tsc_compare() to say: there are emulators that take the write and do nothing.
 */
void tsc_correct(unsigned cpu, s64 ticks);
/* The MSR that tsc_correct() writes, by name. */
const char *tsc_correct_name(void);

/* Compares all, corrects those that are off, and logs what came of it. After smp_init(); one CPU: nothing. */
void tsc_check_cpus(void);

#endif
