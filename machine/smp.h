/*
 * All CPUs: who there is, by ACPI's MADT, and starting them. Each gets its area (machine/percpu.h), its local APIC, and
 * idles until it is asked (machine/ipi.h).
 *
 * Must not know: what CPUs do. Read next: machine/smp.c, machine/trampoline.asm.
 */
#ifndef MACHINE_SMP_H
#define MACHINE_SMP_H

#include "lib/types.h"

#define SMP_NO_DEAD_CPU 0

/*
 * Starts every CPU that ACPI names, in parallel, and logs how it went. One that does not answer in time is named and
 * left out. CPU number @dead is kept from answering, for the test of that. Without ACPI or local APIC: one CPU, and
 * that is said. Boot only, after acpi_init() and time_init(), interrupts may be on.
 */
void smp_init(unsigned dead);

/* CPUs that ACPI names as usable, at most NR_CPUS; 1 without ACPI. How many run: cpu_online_count. */
unsigned smp_expected(void);

/* The line of the boot log, for the monitor too. */
void smp_report(void);

/* C side of machine/trampoline.asm. */
__noreturn void smp_ap_start(unsigned id);

#endif
