/*
 * Interrupts of devices: the contract of their routing. A device is asked for by the ISA line that it has on a PC;
 * which controller serves the line, by which pin and vector, is the business of one struct irq_chip, chosen at boot:
 * the IOAPICs (machine/ioapic.c) or the two PICs (machine/pic.c).
 *
 * Vectors, by owner: 0x20-0x2f lines by PIC, 0x30-0x3f lines by IOAPIC, 0xf0-0xfe this CPU's own (IPIs, timer, error:
 * machine/vectors.h), 0xff its spurious one, which nobody ends.
 *
 * Must not know: what devices do. Read next: machine/irq.c, machine/irq_route.h.
 */
#ifndef MACHINE_IRQ_H
#define MACHINE_IRQ_H

#include "machine/traps.h"
#include "machine/vectors.h"

/* Lines, as IBM wired them. */
#define IRQ_PIT           0
#define IRQ_KEYBOARD      1
#define IRQ_CASCADE       2 /* the second PIC's; no device */
#define IRQ_COM1          4
#define IRQ_RTC           8
#define IRQ_LINES         16

#define IRQ_DESCRIBE_SIZE 48

/* A kind of interrupt controller, for all 16 lines. Called with interrupts off, by one CPU at a time. */
struct irq_chip {
	const char *name;
	u8 vector; /* where line 0 arrives; the others behind it */
	/* Its interrupts arrive at this CPU, the boot CPU, from now on, or no more; all lines masked either way. */
	void (*start)(void);
	void (*stop)(void);
	/* False: no device's interrupt comes this way. */
	bool (*has)(unsigned line);
	void (*mask)(unsigned line);
	void (*unmask)(unsigned line);
	/* The interrupt of @line that has arrived is none: the line went away. NULL: that never happens. */
	bool (*ghost)(unsigned line);
	/* Ends the interrupt of @line that arrived, even if it was a ghost. */
	void (*end)(unsigned line);
	/* "IOAPIC 0 pin 2, edge, high" */
	void (*describe)(unsigned line, char buf[IRQ_DESCRIBE_SIZE]);
};

/* Before traps may come: the PICs serve, all lines masked. Interrupts off. */
void irq_init(void);
/*
 * Chooses: the IOAPICs if ACPI names some, they can be used, @allowed, and a tick of the PIT is seen to arrive; else
 * the PICs. Says what was found, which it is, and why. After acpi_init(), ipi_init() and time; interrupts off.
 */
void irq_choose(bool allowed);
/* Whether irq_choose() saw an interrupt arrive: then halting is safe. */
bool irq_arrive(void);

/* The one that serves. */
const struct irq_chip *irq_chip(void);
/*
 * Changes it; lines that are let through stay so. Boot CPU. An edge that comes in this moment may be lost.
 */
void irq_use(const struct irq_chip *chip);

/* Sends @line's interrupts to @handler and lets them through. -ENODEV: the line leads nowhere. */
int irq_request(unsigned line, trap_handler handler);
/* The handler alone; returns the former one. NULL: interrupts of the line are unexpected. */
trap_handler irq_set_handler(unsigned line, trap_handler handler);
trap_handler irq_handler(unsigned line);
/* Stops @line and forgets its handler: what still arrives is unexpected. */
void irq_free(unsigned line);
/*
 * Lets @line through, or stops it. An edge on a line that is stopped may be lost (IOAPIC) or wait (PIC): look at the
 * device once it is let through. One that has left the IOAPIC still arrives, once interrupts are on, after the line was
 * stopped: stop the device first. Any context but NMI.
 */
void irq_enable(unsigned line);
void irq_disable(unsigned line);
bool irq_enabled(unsigned line);
/* Stops all lines; returns those that were let through, a bit each, for irq_enable_lines(). */
u16 irq_disable_all(void);
void irq_enable_lines(u16 lines);

/* Where it arrives now; and how many arrived, by whichever chip, on all CPUs. */
unsigned irq_vector(unsigned line);
/* Whose @vector, below 256, is: "timer", of the CPU's own; "PIC", of the lines'. NULL: nobody's. */
const char *irq_vector_name(unsigned vector);
u64 irq_count(unsigned line);

/* Ends the interrupt of @vector, whoever owns that: the one place. For traps.c alone, behind the handler. */
void irq_end(unsigned vector);

#endif
