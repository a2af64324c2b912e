/*
 * Asking other CPUs to do something: a call, which its interrupt runs and its sender waits for; and work, which its
 * idle loop runs, interrupts on. Calls serve the TLB's shootdowns.
 *
 * Must not know: how CPUs are started or stopped. Read next: machine/ipi.c, machine/park.h.
 */
#ifndef MACHINE_IPI_H
#define MACHINE_IPI_H

#include "arch/cpumask.h"
#include "lib/types.h"
#include "machine/vectors.h"

/* Once, on the boot CPU, before others run and before irq_choose(): chooses the driver, ipi_ops; @x2apic: that one. */
void ipi_init(bool x2apic);

/*
 * Runs @fn(@arg) on all online CPUs of @cpus but this one, in their interrupt, and waits until all are through. This
 * CPU answers calls meanwhile, whatever its interrupt flag. @fn must be short, and must not call or park others. Not
 * from an interrupt; not while this CPU has parked the others; not while a lock is held that another CPU may wait for
 * with interrupts off.
 */
void smp_call_mask(const struct cpumask *cpus, void (*fn)(void *arg), void *arg);
void smp_call_others(void (*fn)(void *arg), void *arg);
void smp_call_one(unsigned cpu, void (*fn)(void *arg), void *arg);

/* Runs the calls that wait for this CPU: for loops that wait with interrupts off. Interrupts off. */
void smp_serve(void);

/* Makes online CPU @cpu look for what it is to do next: ends its halt. Any context; does not wait. */
void smp_resched(unsigned cpu);

/*
 * Gives @fn(@arg) to the idle loop of online CPU @cpu. Any CPU may give, at any time. -EBUSY: it has not finished its
 * last, or somebody else has given it some; -EINVAL: no such CPU runs, or it is the boot CPU, which idles in the
 * monitor and takes no work.
 */
int smp_work(unsigned cpu, void (*fn)(void *arg), void *arg);
/* True if it has none. */
bool smp_work_done(unsigned cpu);
/* For the idle loop: whether there is something to run, for which smp_run_work() is to be called. */
bool smp_has_work(void);
/* Runs what is there. True if there was something. */
bool smp_run_work(void);

#endif
