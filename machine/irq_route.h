/*
 * From the MADT to routes: which pin of which IOAPIC an ISA line leads to, and how it signals. Pure.
 *
 * Must not know: registers. Facts: ACPI 6.5 5.2.12.5 (overrides), table 5.26 (flags). Read next: machine/ioapic.c.
 */
#ifndef MACHINE_IRQ_ROUTE_H
#define MACHINE_IRQ_ROUTE_H

#include "machine/acpi.h"

#define IRQ_ROUTE_LINES       16
#define IRQ_ROUTE_PROBLEM_MAX 8
#define IRQ_ROUTE_TEXT        80

struct irq_route {
	bool valid;
	bool level; /* else edge */
	bool low;   /* active low, else high */
	bool by_override;
	u8 ioapic; /* index into acpi_info.ioapic */
	u8 pin;
	u32 gsi;
};

struct irq_routes {
	struct irq_route line[IRQ_ROUTE_LINES];
	u32 problem_count; /* may exceed IRQ_ROUTE_PROBLEM_MAX: the rest is only counted */
	char problem[IRQ_ROUTE_PROBLEM_MAX][IRQ_ROUTE_TEXT];
};

/*
 * Fills @routes from the MADT's overrides; IOAPIC number i has @pin_count[i] pins, 0: it cannot be used. A line without
 * an override is the GSI of its number, if no override sends another line there. What contradicts itself is a problem
 * line: of two overrides for a line the first counts; a GSI that no IOAPIC has leaves the line without a route; a GSI
 * belongs to the first line that is sent there, and to the first IOAPIC that has it; reserved flags are the bus's own.
 * Line 2, the PICs' cascade, has none of its own.
 */
void irq_routes_read(struct irq_routes *routes, const struct acpi_info *acpi, const u8 *pin_count);

/*
 * For when no tick arrives: line 0 is GSI 2 on all chipsets, even where the MADT (Bochs') does not say so. False: the
 * MADT names another GSI for line 0, or GSI 2 for another line.
 */
bool irq_routes_guess_timer(struct irq_routes *routes, const struct acpi_info *acpi, const u8 *pin_count);

#endif
