/*
 * The IOAPICs: drivers of machine/irq.h's contract for the pins that ACPI's MADT names. Interrupts go to the boot CPU,
 * by its APIC ID; each is ended at that CPU's local APIC, which tells the IOAPIC of level-triggered ones. Intel
 * 82093AA data sheet; SDM 3A 10.8.
 */
#ifndef MACHINE_IOAPIC_H
#define MACHINE_IOAPIC_H

#include "machine/irq.h"
#include "machine/irq_route.h"

extern const struct irq_chip ioapic_chip;

#define IOAPIC_VECTOR     0x30

#define IOAPIC_LOW        BIT(13)
#define IOAPIC_REMOTE_IRR BIT(14) /* level-triggered, accepted, not yet ended */
#define IOAPIC_LEVEL      BIT(15)
#define IOAPIC_MASKED     BIT(16)

/*
 * Finds them, masks all their pins, and logs what is there and what is wrong with it. NULL: ready to be used; else why
 * not. After ipi_init(), on the boot CPU.
 */
const char *ioapic_init(const struct acpi_info *acpi);
/* For when no tick arrives: sends line 0, masked, where most chipsets have it. False: the MADT knows better. */
bool ioapic_guess_timer(void);

/* Where @line leads, if its route is valid. */
const struct irq_route *ioapic_route(unsigned line);
/* The redirection entry of @line's pin. Interrupts off; the line has a route. */
u64 ioapic_entry(unsigned line);
void ioapic_set_entry(unsigned line, u64 entry);

#endif
