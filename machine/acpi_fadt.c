/*
 * The tables of fixed layout: FADT (power registers, legacy flags), HPET, MCFG; and the one thing that is read of AML,
 * the \_S5_ package. AML is not run: a name is searched for, byte by byte and bounded by the table, and taken only if
 * what stands around it is a NameOp and a package of small integers.
 *
 * Must not know: ports. Facts: ACPI 6.5 5.2.9, 7.4.2, 20.2. Read next: machine/power.c.
 */
#include "abi/acpi.h"
#include "lib/string.h"
#include "machine/acpi_priv.h"

/* ---- FADT ---- */

/* A register by its generic address; what cannot be reached is none, and a problem. */
static struct acpi_register from_gas(struct acpi_info *info, const char *name, const struct acpi_gas *gas)
{
	struct acpi_register none = {0};

	if (!gas->address)
		return none;
	if (gas->space > ACPI_SPACE_PCI || (gas->space == ACPI_SPACE_PORT && gas->address > 0xffff)) {
		acpi_problem(info, "FACP: %s at %#lx in space %u: left out", name, gas->address, gas->space);
		return none;
	}
	return (struct acpi_register){gas->space, gas->bit_width, gas->address};
}

/* The extended field where it is set, else the old one, a port. */
static struct acpi_register choose(struct acpi_info *info, const char *name, const struct acpi_gas *gas, u32 port,
				   u8 bits)
{
	struct acpi_register r = from_gas(info, name, gas);
	struct acpi_gas old = {ACPI_SPACE_PORT, bits, 0, 0, port};

	return r.address ? r : from_gas(info, name, &old);
}

void acpi_read_fadt(struct acpi_info *info, const u8 *table, u32 len)
{
	struct acpi_fadt_table t = {0};
	struct acpi_fadt *f = &info->fadt;

	if (len < ACPI_FADT_V1_SIZE) {
		acpi_problem(info, "FACP: %u bytes, at least %u: left out", len, ACPI_FADT_V1_SIZE);
		return;
	}
	memcpy(&t, table, min(len, (u32)sizeof(t))); /* fields that an older one lacks are 0: not there */
	f->revision = max(t.header.revision, (u8)1);
	f->sci_irq = t.sci_irq;
	f->smi_port = t.smi_command;
	f->acpi_enable = t.acpi_enable;
	f->boot_arch = t.boot_arch;
	f->flags = t.flags;
	f->dsdt_pa = t.x_dsdt ? t.x_dsdt : t.dsdt;
	f->pm_timer_32 = t.flags & ACPI_FADT_TIMER_32;
	f->pm_timer = choose(info, "PM timer", &t.x_pm_timer, t.pm_timer, 32);
	if (t.flags & ACPI_FADT_RESET_REG) {
		f->reset = from_gas(info, "reset register", &t.reset_register);
		f->reset_value = t.reset_value;
	}
	if (f->smi_port > 0xffff) {
		acpi_problem(info, "FACP: SMI command port %#x: left out", f->smi_port);
		f->smi_port = 0;
	}
	if (t.flags & ACPI_FADT_HW_REDUCED) /* then there are no PM1 registers, whatever stands there */
		return;
	f->pm1a_control = choose(info, "PM1a control", &t.x_pm1a_control, t.pm1a_control, 16);
	f->pm1b_control = choose(info, "PM1b control", &t.x_pm1b_control, t.pm1b_control, 16);
}

/* ---- HPET, MCFG ---- */

void acpi_read_hpet(struct acpi_info *info, const u8 *table, u32 len)
{
	struct acpi_hpet_table t;

	if (info->hpet.pa) /* one table per block: the first is enough */
		return;
	if (len < sizeof(t)) {
		acpi_problem(info, "HPET: %u bytes, at least %lu: left out", len, sizeof(t));
		return;
	}
	memcpy(&t, table, sizeof(t));
	if (t.address.space != ACPI_SPACE_MEMORY || !t.address.address) {
		acpi_problem(info, "HPET: at %#lx in space %u: left out", t.address.address, t.address.space);
		return;
	}
	info->hpet = (struct acpi_hpet){t.address.address, t.id, t.number, t.min_tick};
}

void acpi_read_mcfg(struct acpi_info *info, const u8 *table, u32 len)
{
	struct acpi_mcfg_entry e;
	u32 at;

	for (at = ACPI_MCFG_ENTRIES; at <= len && len - at >= sizeof(e); at += sizeof(e)) {
		memcpy(&e, table + at, sizeof(e));
		if (e.bus_first > e.bus_last || !e.pa)
			acpi_problem(info, "MCFG: buses %u-%u at %#lx: left out", e.bus_first, e.bus_last, e.pa);
		else if (info->mcfg_count == ACPI_MCFG_MAX)
			acpi_problem(info, "MCFG: more than %d ranges: %#lx left out", ACPI_MCFG_MAX, e.pa);
		else
			info->mcfg[info->mcfg_count++] = (struct acpi_mcfg){e.pa, e.segment, e.bus_first, e.bus_last};
	}
}

/* ---- \_S5_ ---- */

struct cursor {
	const u8 *at, *end;
};

static bool take(struct cursor *c, u8 *byte)
{
	if (c->at == c->end)
		return false;
	*byte = *c->at++;
	return true;
}

/* PkgLength counts itself; one byte up to 63, else the low 4 bits and 1 to 3 bytes more. */
static bool take_package(struct cursor *c)
{
	const u8 *start;
	u32 length, more;
	u8 byte;

	if (!take(c, &byte) || byte != AML_PACKAGE)
		return false;
	start = c->at;
	if (!take(c, &byte))
		return false;
	more = byte >> 6;
	length = more ? byte & 0x0f : byte & 0x3f;
	for (u32 i = 0; i < more; i++) {
		if (!take(c, &byte))
			return false;
		length |= (u32)byte << (4 + 8 * i);
	}
	if (length > (size_t)(c->end - start) || start + length < c->at)
		return false;
	c->end = start + length;
	return true;
}

static bool take_integer(struct cursor *c, u32 *value)
{
	u8 op, byte;

	if (!take(c, &op))
		return false;
	*value = op;
	if (op == AML_ZERO || op == AML_ONE)
		return true;
	if (op != AML_BYTE && op != AML_WORD && op != AML_DWORD)
		return false;
	*value = 0;
	for (unsigned i = 0; i < (op == AML_BYTE ? 1U : op == AML_WORD ? 2U : 4U); i++) {
		if (!take(c, &byte))
			return false;
		*value |= (u32)byte << (8 * i);
	}
	return true;
}

/* What stands behind the name. Of two elements each is a type; a single one holds both, the second in its high byte. */
static bool parse_s5(struct cursor c, struct acpi_s5 *s5)
{
	u32 a, b;
	u8 count;

	if (!take_package(&c) || !take(&c, &count) || !count || !take_integer(&c, &a))
		return false;
	if (count == 1)
		b = a >> 8, a &= 0xff;
	else if (!take_integer(&c, &b))
		return false;
	if (a > 7 || b > 7) /* SLP_TYP has three bits */
		return false;
	*s5 = (struct acpi_s5){true, (u8)a, (u8)b};
	return true;
}

void acpi_read_aml(struct acpi_info *info, const u8 *table, u32 len)
{
	for (u32 at = sizeof(struct acpi_header) + 1; len >= 4 && at <= len - 4 && !info->s5.found; at++) {
		u32 before = at - 1;

		if (memcmp(table + at, "_S5_", 4) != 0)
			continue;
		if (table[before] == AML_ROOT)
			before--;
		if (table[before] == AML_NAME)
			parse_s5((struct cursor){table + at + 4, table + len}, &info->s5);
	}
}
