/*
 * machine/acpi*.c over a machine of the fuzzer's making: segments of physical memory, the first with the RSDP. Once as
 * they are, once with the checksums made right, so that inputs get as far as the tables.
 */
#include "abi/acpi.h"
#include "machine/acpi.h"
#include "machine/irq_route.h"
#include "tests/fuzz/fuzz.h"
#include "tests/host/acpi_segments.h"

static struct acpi_info info;
static struct boot_info bi;

static bool is_text(const char *text, size_t size)
{
	size_t len = strnlen(text, size);

	for (size_t i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return len < size;
}

static const char *list_fault(void)
{
	if (info.table_count > ACPI_TABLE_MAX || info.cpu_count > ACPI_CPU_MAX || info.ioapic_count > ACPI_IOAPIC_MAX ||
	    info.override_count > ACPI_OVERRIDE_MAX || info.nmi_count > ACPI_NMI_MAX ||
	    info.nmi_source_count > ACPI_NMI_SOURCE_MAX || info.mcfg_count > ACPI_MCFG_MAX)
		return "a list is longer than its array";
	for (u32 i = 0; i < info.cpu_count; i++)
		for (u32 k = 0; k < i; k++)
			if (info.cpu[i].apic_id == info.cpu[k].apic_id)
				return "an APIC ID twice";
	for (u32 i = 0; i < info.table_count; i++)
		if (!is_text(info.table[i].signature, 5) || !is_text(info.table[i].oem, 7))
			return "a table's name is no text";
	for (u32 i = 0; i < info.problem_count && i < ACPI_PROBLEM_MAX; i++)
		if (!is_text(info.problem[i], ACPI_PROBLEM_TEXT) || !info.problem[i][0])
			return "a problem is no text";
	return NULL;
}

static const char *register_fault(const struct acpi_register *r)
{
	if (r->address && (r->space > ACPI_SPACE_PCI || (r->space == ACPI_SPACE_PORT && r->address > 0xffff)))
		return "a register that nobody can reach";
	return NULL;
}

/* What routing makes of it: a route leads to a pin that is there, and no two lead to the same. */
static const char *route_fault(void)
{
	static struct irq_routes routes;
	u8 pins[ACPI_IOAPIC_MAX];

	for (u32 i = 0; i < ACPI_IOAPIC_MAX; i++)
		pins[i] = i % 3 ? 24 : 240;
	irq_routes_read(&routes, &info, pins);
	for (u32 i = 0; i < IRQ_ROUTE_LINES; i++) {
		const struct irq_route *r = &routes.line[i];

		if (!r->valid)
			continue;
		if (r->ioapic >= info.ioapic_count || r->pin >= pins[r->ioapic] ||
		    r->gsi - info.ioapic[r->ioapic].gsi_base != r->pin)
			return "a route to no pin";
		for (u32 k = 0; k < i; k++)
			if (routes.line[k].valid && routes.line[k].gsi == r->gsi)
				return "two routes to a pin";
	}
	for (u32 i = 0; i < routes.problem_count && i < IRQ_ROUTE_PROBLEM_MAX; i++)
		if (!is_text(routes.problem[i], IRQ_ROUTE_TEXT))
			return "a route's problem is no text";
	return NULL;
}

static void read_and_check(void)
{
	acpi_read(&info, &bi, &segments_memory);
	must_hold(segments_mapped ? "something stays mapped" : NULL);
	must_hold(list_fault());
	must_hold(info.s5.found && (info.s5.type_a > 7 || info.s5.type_b > 7) ? "a sleep type of more than 3 bits"
									      : NULL);
	must_hold(route_fault());
	must_hold(register_fault(&info.fadt.reset));
	must_hold(register_fault(&info.fadt.pm1a_control));
	must_hold(register_fault(&info.fadt.pm1b_control));
	must_hold(!info.present && (info.table_count || info.cpu_count) ? "tables without a root" : NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	segments_load(data, size);
	boot_info_init(&bi, "fuzz");
	if (segment_count)
		bi.rsdp_pa = segments[0].pa;
	read_and_check();
	if (segment_count && segments[0].len <= sizeof(bi.rsdp)) { /* by copy, as multiboot2 has it */
		bi.rsdp_pa = 0;
		bi.rsdp_len = segments[0].len;
		memcpy(bi.rsdp, segments[0].bytes, bi.rsdp_len);
		read_and_check();
	}
	boot_info_init(&bi, "fuzz");
	segments_seal();
	if (segment_count)
		bi.rsdp_pa = segments[0].pa;
	read_and_check();
	segments_clear();
	return 0;
}
