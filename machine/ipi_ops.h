/*
 * How CPUs reach each other: the contract of interrupts between CPUs, of ending what arrives at one, and of starting
 * one. CPUs are named by their numbers. One driver per kind: the local APIC by memory or by MSRs (machine/lapic.c).
 *
 * Must not know: what is sent, and why. Read next: machine/ipi.h, machine/smp.c.
 */
#ifndef MACHINE_IPI_OPS_H
#define MACHINE_IPI_OPS_H

#include "lib/types.h"

struct ipi_ops {
	const char *name;
	/* This CPU's ID, as ACPI and the interrupt controllers name it. */
	u32 (*own_id)(void);
	/* Interrupts CPU number @cpu, this one included. Any context; returns when it is on its way. */
	void (*send)(unsigned cpu, unsigned vector);
	void (*send_nmi)(unsigned cpu);
	/* Ends the interrupt of @vector here. One that did not come this way is left alone. */
	void (*end)(unsigned vector);
	/* Whether the PICs' interrupts come through to this CPU. */
	void (*let_pic_through)(bool through);
	/* Sets up this CPU, one that was started, for all this. */
	void (*init_cpu)(void);
	/* Why a CPU of this ID cannot be started; NULL: it can. */
	const char *(*refuses)(u32 id);
	/*
	 * Brackets the starting of CPUs, once, on the boot CPU: between the two, CPUs that were started come to
	 * smp_ap_start(), on the stack of their area, in the kernel's address space, interrupts off. @start_begin
	 * returns why that cannot be, or NULL.
	 */
	const char *(*start_begin)(void);
	void (*start_end)(void);
	/*
	 * Takes step @step, from 0 on, of starting @cpu. Returns nanoseconds to wait before the next, which is taken
	 * unless the CPU has come; 0: there is no further one.
	 */
	u64 (*start_step)(unsigned cpu, unsigned step);
	/* Stops @cpu, which was started in vain, wherever it is: it executes nothing more, in so many nanoseconds. */
	u64 (*put_back)(unsigned cpu);
};

/* The driver chosen by ipi_init(). NULL: this CPU is alone, and is interrupted by the PICs at most. */
extern const struct ipi_ops *ipi_ops;

#endif
