/* The IOAPICs: see machine/ioapic.h. */
#include "machine/ioapic.h"

#include "lib/log.h"
#include "lib/printf.h"
#include "machine/ipi_ops.h"
#include "machine/lapic.h"
#include "mmu/kspace.h"

#define SIZE        0x20 /* bytes: a register is selected at 0, and seen at 0x10 */
#define SELECT      0
#define WINDOW      4 /* words */

#define REG_VERSION 0x01
#define REG_ENTRY   0x10 /* of pin 0; two each */

#define ENTRY_SMI   0x200
#define ENTRY_KIND  0x700
#define ENTRY_ID    56
#define ID_MAX      254 /* eight bits, and 255 is all of them */

static volatile u32 *registers[ACPI_IOAPIC_MAX]; /* NULL: not used */
static u8 pin_count[ACPI_IOAPIC_MAX];
static struct irq_routes routes;
static u32 target; /* the boot CPU's APIC ID */

static u32 reg_read(unsigned which, unsigned reg)
{
	registers[which][SELECT] = reg;
	return registers[which][WINDOW];
}

static void reg_write(unsigned which, unsigned reg, u32 value)
{
	registers[which][SELECT] = reg;
	registers[which][WINDOW] = value;
}

static u64 entry_read(unsigned which, unsigned pin)
{
	return reg_read(which, REG_ENTRY + 2 * pin) | (u64)reg_read(which, REG_ENTRY + 2 * pin + 1) << 32;
}

/* Masked while the halves differ. */
static void entry_write(unsigned which, unsigned pin, u64 entry)
{
	reg_write(which, REG_ENTRY + 2 * pin, (u32)(reg_read(which, REG_ENTRY + 2 * pin) | IOAPIC_MASKED));
	reg_write(which, REG_ENTRY + 2 * pin + 1, (u32)(entry >> 32));
	reg_write(which, REG_ENTRY + 2 * pin, (u32)entry);
}

/* Every pin; system management interrupts are the firmware's. */
static void mask_pins(unsigned which)
{
	for (unsigned pin = 0; pin < pin_count[which]; pin++)
		if ((entry_read(which, pin) & ENTRY_KIND) != ENTRY_SMI)
			entry_write(which, pin, IOAPIC_MASKED);
}

/* ---- the contract ---- */

const struct irq_route *ioapic_route(unsigned line)
{
	return &routes.line[line];
}

u64 ioapic_entry(unsigned line)
{
	return entry_read(routes.line[line].ioapic, routes.line[line].pin);
}

void ioapic_set_entry(unsigned line, u64 entry)
{
	entry_write(routes.line[line].ioapic, routes.line[line].pin, entry);
}

static bool has(unsigned line)
{
	return routes.line[line].valid;
}

static u64 entry_of(unsigned line)
{
	const struct irq_route *r = &routes.line[line];

	return (IOAPIC_VECTOR + line) | (r->low ? IOAPIC_LOW : 0) | (r->level ? IOAPIC_LEVEL : 0) |
	       (u64)target << ENTRY_ID;
}

static void mask(unsigned line)
{
	ioapic_set_entry(line, entry_of(line) | IOAPIC_MASKED);
}

static void unmask(unsigned line)
{
	ioapic_set_entry(line, entry_of(line));
}

static void mask_all(void)
{
	for (unsigned i = 0; i < ACPI_IOAPIC_MAX; i++)
		mask_pins(i);
}

/* The local APIC tells the IOAPIC, if it was level-triggered. */
static void end(unsigned line)
{
	(void)line;
	lapic_eoi();
}

static void describe(unsigned line, char buf[IRQ_DESCRIBE_SIZE])
{
	const struct irq_route *r = &routes.line[line];

	if (r->valid)
		ksnprintf(buf, IRQ_DESCRIBE_SIZE, "IOAPIC %u pin %u, %s, %s", r->ioapic, r->pin,
			  r->level ? "level" : "edge", r->low ? "low" : "high");
	else
		ksnprintf(buf, IRQ_DESCRIBE_SIZE, "no route");
}

const struct irq_chip ioapic_chip = {
	.name = "IOAPIC",
	.vector = IOAPIC_VECTOR,
	.start = mask_all,
	.stop = mask_all,
	.has = has,
	.mask = mask,
	.unmask = unmask,
	.end = end,
	.describe = describe,
};

/* ---- finding them ---- */

/* NULL, or why it cannot be used. */
static const char *open(unsigned which, pa_t pa)
{
	u32 version;

	registers[which] = kspace_map_mmio(pa, SIZE);
	if (!registers[which])
		return "it cannot be mapped";
	version = reg_read(which, REG_VERSION);
	if (version == 0xffffffff || !(version & 0xff)) {
		kspace_unmap_mmio((void *)(ulong)registers[which], SIZE);
		registers[which] = NULL;
		return "it does not answer";
	}
	pin_count[which] = (u8)min((version >> 16 & 0xff) + 1, 240U); /* that many entries have a register */
	return NULL;
}

static void report(const struct acpi_info *acpi, unsigned which)
{
	char text[96] = "";
	int used = 0;

	for (unsigned line = 0; line < IRQ_LINES; line++) {
		const struct irq_route *r = &routes.line[line];

		if (r->valid && r->ioapic == which && r->gsi != line && used < (int)sizeof(text))
			used += ksnprintf(text + used, sizeof(text) - (size_t)used, ", line %u is GSI %u", line,
					  r->gsi);
	}
	log_line("irq", "IOAPIC %u: %u lines from GSI %u%s", which, pin_count[which], acpi->ioapic[which].gsi_base,
		 text);
}

static void report_problems(const struct acpi_info *acpi)
{
	for (u32 i = 0; i < min(routes.problem_count, (u32)IRQ_ROUTE_PROBLEM_MAX); i++)
		log_line("irq", "problem: %s", routes.problem[i]);
	if (routes.problem_count > IRQ_ROUTE_PROBLEM_MAX)
		log_line("irq", "problem: and %u more", routes.problem_count - IRQ_ROUTE_PROBLEM_MAX);
	for (u32 i = 0; i < acpi->nmi_source_count; i++)
		log_line("irq", "GSI %u is an NMI source: left masked", acpi->nmi_source[i].gsi);
}

const char *ioapic_init(const struct acpi_info *acpi)
{
	unsigned opened = 0;

	if (!acpi->ioapic_count)
		return "ACPI names no IOAPIC";
	target = ipi_ops->own_id();
	if (target > ID_MAX)
		return "the boot CPU's APIC ID has more than eight bits, and interrupts are not remapped";
	for (u32 i = 0; i < acpi->ioapic_count; i++) {
		const char *why = open(i, pa(acpi->ioapic[i].pa));

		if (why)
			log_line("irq", "IOAPIC %u at %#lx: %s: left out", i, acpi->ioapic[i].pa, why);
		else
			mask_pins(i);
		opened += !why;
	}
	irq_routes_read(&routes, acpi, pin_count);
	for (u32 i = 0; i < acpi->ioapic_count; i++)
		if (pin_count[i])
			report(acpi, i);
	report_problems(acpi);
	return opened ? NULL : "no IOAPIC can be used";
}

bool ioapic_guess_timer(void)
{
	if (!irq_routes_guess_timer(&routes, &acpi_info, pin_count))
		return false;
	log_line("irq", "no tick arrives at GSI %u, though the MADT has it so: line %u taken to be GSI %u", IRQ_PIT,
		 IRQ_PIT, routes.line[IRQ_PIT].gsi);
	return true;
}
