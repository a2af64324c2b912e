/*
 * The MADT: CPUs, IOAPICs, and how ISA interrupts and NMIs are wired. A list of entries of any length; each is copied
 * out before it is looked at, unknown ones are passed over, and a length that leads nowhere ends the list.
 *
 * Must not know: an APIC's registers. Facts: ACPI 6.5 5.2.12. Read next: machine/acpi_fadt.c.
 */
#include "abi/acpi.h"
#include "lib/string.h"
#include "machine/acpi_priv.h"

#define LAPIC_ID_NONE  0xff /* broadcast: how firmware marks a slot without a CPU */
#define X2APIC_ID_NONE 0xffffffff

/* Firmware may name a CPU twice, by a LAPIC and an x2APIC entry: it is one CPU, enabled if either says so. */
static void add_cpu(struct acpi_info *info, u32 apic_id, u32 uid, u32 flags, bool x2apic)
{
	struct acpi_cpu *cpu;

	for (u32 i = 0; i < info->cpu_count; i++) {
		cpu = &info->cpu[i];
		if (cpu->apic_id != apic_id)
			continue;
		cpu->enabled |= flags & ACPI_MADT_ENABLED;
		return;
	}
	if (info->cpu_count == ACPI_CPU_MAX) {
		acpi_problem(info, "APIC: more than %d CPUs: APIC ID %u left out", ACPI_CPU_MAX, apic_id);
		return;
	}
	cpu = &info->cpu[info->cpu_count++];
	cpu->apic_id = apic_id;
	cpu->uid = uid;
	cpu->enabled = flags & ACPI_MADT_ENABLED;
	cpu->online_capable = !cpu->enabled && (flags & ACPI_MADT_ONLINE_CAPABLE);
	cpu->x2apic = x2apic;
}

static void read_lapic(struct acpi_info *info, const void *entry)
{
	const struct acpi_madt_lapic *e = entry;

	if (e->apic_id != LAPIC_ID_NONE)
		add_cpu(info, e->apic_id, e->uid, e->flags, false);
}

static void read_x2apic(struct acpi_info *info, const void *entry)
{
	const struct acpi_madt_x2apic *e = entry;

	if (e->apic_id != X2APIC_ID_NONE)
		add_cpu(info, e->apic_id, e->uid, e->flags, true);
}

static void read_ioapic(struct acpi_info *info, const void *entry)
{
	const struct acpi_madt_ioapic *e = entry;

	if (info->ioapic_count == ACPI_IOAPIC_MAX)
		acpi_problem(info, "APIC: more than %d IOAPICs: %u left out", ACPI_IOAPIC_MAX, e->id);
	else
		info->ioapic[info->ioapic_count++] = (struct acpi_ioapic){e->id, e->gsi_base, e->pa};
}

static void read_override(struct acpi_info *info, const void *entry)
{
	const struct acpi_madt_override *e = entry;

	if (e->bus != 0 || e->irq > 15)
		acpi_problem(info, "APIC: override of IRQ %u of bus %u: no ISA interrupt: left out", e->irq, e->bus);
	else if (info->override_count == ACPI_OVERRIDE_MAX)
		acpi_problem(info, "APIC: more than %d overrides: IRQ %u left out", ACPI_OVERRIDE_MAX, e->irq);
	else
		info->override[info->override_count++] = (struct acpi_override){e->irq, e->flags, e->gsi};
}

static void read_nmi_source(struct acpi_info *info, const void *entry)
{
	const struct acpi_madt_nmi_source *e = entry;

	if (info->nmi_source_count == ACPI_NMI_SOURCE_MAX)
		acpi_problem(info, "APIC: more than %d NMI sources: GSI %u left out", ACPI_NMI_SOURCE_MAX, e->gsi);
	else
		info->nmi_source[info->nmi_source_count++] = (struct acpi_nmi_source){e->gsi, e->flags};
}

static void add_nmi(struct acpi_info *info, u32 uid, u16 flags, u8 lint)
{
	if (lint > 1)
		acpi_problem(info, "APIC: NMI at LINT%u: there are two: left out", lint);
	else if (info->nmi_count == ACPI_NMI_MAX)
		acpi_problem(info, "APIC: more than %d NMI entries: UID %u left out", ACPI_NMI_MAX, uid);
	else
		info->nmi[info->nmi_count++] = (struct acpi_nmi){uid, flags, lint};
}

static void read_lapic_nmi(struct acpi_info *info, const void *entry)
{
	const struct acpi_madt_lapic_nmi *e = entry;

	add_nmi(info, e->uid == 0xff ? ACPI_UID_ALL : e->uid, e->flags, e->lint);
}

static void read_x2apic_nmi(struct acpi_info *info, const void *entry)
{
	const struct acpi_madt_x2apic_nmi *e = entry;

	add_nmi(info, e->uid, e->flags, e->lint);
}

static void read_lapic_address(struct acpi_info *info, const void *entry)
{
	const struct acpi_madt_lapic_address *e = entry;

	info->lapic_pa = e->pa;
}

static const struct entry_kind {
	u8 type, size; /* least length */
	void (*read)(struct acpi_info *info, const void *entry);
} kinds[] = {
	{ACPI_MADT_LAPIC, sizeof(struct acpi_madt_lapic), read_lapic},
	{ACPI_MADT_IOAPIC, sizeof(struct acpi_madt_ioapic), read_ioapic},
	{ACPI_MADT_OVERRIDE, sizeof(struct acpi_madt_override), read_override},
	{ACPI_MADT_NMI_SOURCE, sizeof(struct acpi_madt_nmi_source), read_nmi_source},
	{ACPI_MADT_LAPIC_NMI, sizeof(struct acpi_madt_lapic_nmi), read_lapic_nmi},
	{ACPI_MADT_LAPIC_ADDRESS, sizeof(struct acpi_madt_lapic_address), read_lapic_address},
	{ACPI_MADT_X2APIC, sizeof(struct acpi_madt_x2apic), read_x2apic},
	{ACPI_MADT_X2APIC_NMI, sizeof(struct acpi_madt_x2apic_nmi), read_x2apic_nmi},
};

static void read_entry(struct acpi_info *info, const u8 *at, u8 type, u8 len, u32 offset)
{
	u8 copy[16];

	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (kinds[i].type != type)
			continue;
		if (len < kinds[i].size) {
			acpi_problem(info, "APIC: entry of type %u at %#x: %u bytes, not %u: left out", type, offset,
				     len, kinds[i].size);
			return;
		}
		memcpy(copy, at, kinds[i].size);
		kinds[i].read(info, copy);
		return;
	}
}

void acpi_read_madt(struct acpi_info *info, const u8 *table, u32 len)
{
	struct acpi_madt madt;
	u32 at = sizeof(madt);

	if (len < sizeof(madt)) {
		acpi_problem(info, "APIC: %u bytes, at least %u: left out", len, at);
		return;
	}
	memcpy(&madt, table, sizeof(madt));
	info->has_madt = true;
	info->lapic_pa = madt.lapic_pa;
	info->pc_at_pics = madt.flags & ACPI_MADT_PCAT_COMPAT;
	while (len - at >= sizeof(struct acpi_madt_entry)) {
		u8 type = table[at], size = table[at + 1];

		if (size < sizeof(struct acpi_madt_entry) || size > len - at) {
			acpi_problem(info, "APIC: entry of type %u at %#x: %u bytes: the rest is left out", type, at,
				     size);
			return;
		}
		read_entry(info, table + at, type, size, at);
		at += size;
	}
}
