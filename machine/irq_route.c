/* The MADT's overrides as routes: see machine/irq_route.h. */
#include "machine/irq_route.h"

#include "lib/printf.h"
#include "lib/string.h"

#define TIMER     0
#define TIMER_GSI 2
#define CASCADE   2

#define problem(routes, ...)                                                                                           \
	do {                                                                                                           \
		u32 at_ = (routes)->problem_count++;                                                                   \
		if (at_ < IRQ_ROUTE_PROBLEM_MAX)                                                                       \
			ksnprintf((routes)->problem[at_], IRQ_ROUTE_TEXT, __VA_ARGS__);                                \
	} while (0)

/* Finds the IOAPIC that has @gsi. */
static bool find_pin(struct irq_route *r, const struct acpi_info *acpi, const u8 *pin_count, u32 gsi)
{
	for (u32 i = 0; i < acpi->ioapic_count; i++) {
		u32 base = acpi->ioapic[i].gsi_base;

		if (gsi < base || gsi - base >= pin_count[i])
			continue;
		r->ioapic = (u8)i;
		r->pin = (u8)(gsi - base);
		r->gsi = gsi;
		r->valid = true;
		return true;
	}
	return false;
}

static bool gsi_taken(const struct irq_routes *routes, u32 gsi)
{
	for (u32 line = 0; line < IRQ_ROUTE_LINES; line++)
		if (routes->line[line].valid && routes->line[line].gsi == gsi)
			return true;
	return false;
}

static void read_flags(struct irq_routes *routes, const struct acpi_override *o)
{
	struct irq_route *r = &routes->line[o->irq];
	u16 polarity = o->flags & ACPI_INTI_POLARITY, trigger = o->flags & ACPI_INTI_TRIGGER;

	if (polarity == ACPI_INTI_POLARITY_RESERVED || trigger == ACPI_INTI_TRIGGER_RESERVED)
		problem(routes, "line %u: reserved flags %#x: taken as ISA has it", o->irq, o->flags);
	r->low = polarity == ACPI_INTI_ACTIVE_LOW;
	r->level = trigger == ACPI_INTI_LEVEL;
}

static void read_override(struct irq_routes *routes, const struct acpi_info *acpi, const u8 *pin_count,
			  const struct acpi_override *o)
{
	struct irq_route *r = &routes->line[o->irq];

	if (r->by_override) {
		problem(routes, "line %u: a second override, to GSI %u: left out", o->irq, o->gsi);
		return;
	}
	r->by_override = true;
	if (gsi_taken(routes, o->gsi)) {
		problem(routes, "line %u: GSI %u is another line's: no route", o->irq, o->gsi);
		return;
	}
	read_flags(routes, o);
	if (!find_pin(r, acpi, pin_count, o->gsi))
		problem(routes, "line %u: no IOAPIC has GSI %u: no route", o->irq, o->gsi);
}

/* Two that claim the same GSIs: what the second has of them is never used. */
static void check_overlaps(struct irq_routes *routes, const struct acpi_info *acpi, const u8 *pin_count)
{
	for (u32 i = 0; i < acpi->ioapic_count; i++) {
		for (u32 k = 0; k < i; k++) {
			u64 base = acpi->ioapic[i].gsi_base, other = acpi->ioapic[k].gsi_base;

			if (base < other + pin_count[k] && other < base + pin_count[i])
				problem(routes, "IOAPIC %u has GSIs of IOAPIC %u: the latter's they are", i, k);
		}
	}
}

void irq_routes_read(struct irq_routes *routes, const struct acpi_info *acpi, const u8 *pin_count)
{
	memset(routes, 0, sizeof(*routes));
	check_overlaps(routes, acpi, pin_count);
	for (u32 i = 0; i < acpi->override_count; i++)
		read_override(routes, acpi, pin_count, &acpi->override[i]);
	for (u32 line = 0; line < IRQ_ROUTE_LINES; line++)
		if (line != CASCADE && !routes->line[line].by_override && !gsi_taken(routes, line))
			find_pin(&routes->line[line], acpi, pin_count, line);
}

bool irq_routes_guess_timer(struct irq_routes *routes, const struct acpi_info *acpi, const u8 *pin_count)
{
	struct irq_route r = {.valid = false};

	if (routes->line[TIMER].by_override || gsi_taken(routes, TIMER_GSI) ||
	    !find_pin(&r, acpi, pin_count, TIMER_GSI))
		return false;
	routes->line[TIMER] = r;
	return true;
}
