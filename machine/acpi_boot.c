/*
 * ACPI on this machine: the parser's view of its memory, and the log lines. Tables lie in RAM, usable or the
 * firmware's, which the direct map has, or in ranges that are reserved or in no range at all: those are mapped for the
 * moment.
 *
 * Must not know: layouts of tables. Read next: machine/power.c, which uses what was found.
 */
#include "arch/cpufeature.h"
#include "arch/layout.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "machine/acpi.h"
#include "mmu/frame.h"
#include "mmu/kspace.h"
#include "mmu/region.h"

struct acpi_info acpi_info;

/* Each byte of it lies in RAM that the direct map has. */
static bool in_direct_map(u64 pa, u64 end)
{
	const struct memmap *map = frame_memmap();

	if (end > DIRECT_SIZE)
		return false;
	for (u32 i = 0; i < map->count && pa < end; i++) {
		const struct mem_range *r = &map->range[i];

		if (mem_type_is_ram(r->type) && pa >= r->base && pa < r->end)
			pa = r->end;
	}
	return pa >= end;
}

static const void *map(u64 first, u64 size)
{
	u64 end = first + size;

	if (!size || end < first || end > 1UL << cpu_info.phys_bits)
		return NULL;
	return in_direct_map(first, end) ? pa_va(pa(first)) : kspace_map_mmio(pa(first), size);
}

static void unmap(const void *at, u64 size)
{
	if ((ulong)at >= MMIO_BASE && (ulong)at < MMIO_BASE + MMIO_SIZE)
		kspace_unmap_mmio((void *)at, size);
}

const struct acpi_memory acpi_memory = {map, unmap};

/* ---- the log ---- */

/* A line that is put together piece by piece. */
struct line {
	char text[160];
	size_t used;
};

static void __printf(2, 3) add(struct line *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	l->used += (size_t)kvsnprintf(l->text + l->used, sizeof(l->text) - l->used, fmt, ap);
	va_end(ap);
	l->used = min(l->used, sizeof(l->text) - 1);
}

static void report_root(const struct acpi_info *info)
{
	struct line l = {.used = 0};

	add(&l, "RSDP by %s", info->found);
	if (info->rsdp_pa)
		add(&l, " at %#lx", info->rsdp_pa);
	log_line("acpi", "%s, revision %u, OEM '%s'", l.text, info->rsdp_revision, info->oem);
	l.used = 0;
	add(&l, "%s of", info->xsdt ? "XSDT" : "RSDT");
	for (u32 i = 0; i < info->table_count; i++)
		add(&l, " %s", info->table[i].signature);
	log_line("acpi", "%s", info->table_count ? l.text : "its root table lists none");
}

static const char *trigger_name(u16 flags)
{
	return (flags & ACPI_INTI_TRIGGER) == ACPI_INTI_LEVEL ? " level" : "";
}

static void report_madt(const struct acpi_info *info)
{
	struct line l = {.used = 0};

	if (!info->has_madt) {
		log_line("acpi", "no MADT: one CPU, and no IOAPIC is known");
		return;
	}
	log_line("acpi", "CPUs %u enabled of %u listed; local APICs at %#lx", acpi_enabled_cpus(info), info->cpu_count,
		 info->lapic_pa);
	if (!info->ioapic_count)
		log_line("acpi", "no IOAPIC");
	for (u32 i = 0; i < info->ioapic_count; i++)
		log_line("acpi", "IOAPIC %u at %#lx, GSIs from %u", info->ioapic[i].id, info->ioapic[i].pa,
			 info->ioapic[i].gsi_base);
	for (u32 i = 0; i < info->override_count; i++) {
		const struct acpi_override *o = &info->override[i];

		add(&l, "%s%u", l.used ? ", " : "", o->irq);
		if (o->gsi != o->irq)
			add(&l, " is GSI %u", o->gsi);
		add(&l, "%s%s", trigger_name(o->flags),
		    (o->flags & ACPI_INTI_POLARITY) == ACPI_INTI_ACTIVE_LOW ? " low" : "");
	}
	if (l.used)
		log_line("acpi", "overrides: IRQ %s", l.text);
}

static void add_register(struct line *l, const struct acpi_register *r)
{
	static const char *const space[] = {"memory", "port", "PCI register"};

	add(l, "%s %#lx", space[r->space], r->address);
}

static void report_rest(const struct acpi_info *info)
{
	struct line l = {.used = 0};

	if (info->fadt.pm_timer.address) {
		add(&l, ", PM timer at ");
		add_register(&l, &info->fadt.pm_timer);
	}
	if (info->hpet.pa)
		log_line("acpi", "HPET at %#lx%s", info->hpet.pa, l.text);
	else
		log_line("acpi", "no HPET%s", l.text);
	l = (struct line){.used = 0};
	if (info->fadt.reset.address) {
		add(&l, "reset by ");
		add_register(&l, &info->fadt.reset);
	} else {
		add(&l, "no reset register");
	}
	if (info->s5.found && info->fadt.pm1a_control.address) {
		add(&l, "; off by S5: %u to ", info->s5.type_a);
		add_register(&l, &info->fadt.pm1a_control);
	} else {
		add(&l, "; no S5");
	}
	log_line("acpi", "%s", l.text);
	if (!acpi_has_8042(info) || !acpi_has_vga(info))
		log_line("acpi", "this machine has no%s%s%s", acpi_has_8042(info) ? "" : " 8042",
			 !acpi_has_8042(info) && !acpi_has_vga(info) ? ", no" : "", acpi_has_vga(info) ? "" : " VGA");
}

void acpi_report(void)
{
	const struct acpi_info *info = &acpi_info;

	for (u32 i = 0; i < min(info->problem_count, (u32)ACPI_PROBLEM_MAX); i++)
		log_line("acpi", "problem: %s", info->problem[i]);
	if (info->problem_count > ACPI_PROBLEM_MAX)
		log_line("acpi", "problem: and %u more", info->problem_count - ACPI_PROBLEM_MAX);
	if (!info->present) {
		log_line("acpi", "none found: one CPU, no IOAPIC, no HPET; no reset register, no S5");
		return;
	}
	report_root(info);
	report_madt(info);
	report_rest(info);
}

void acpi_report_tables(void)
{
	const struct acpi_info *info = &acpi_info;

	if (!info->table_count)
		printk("no tables\n");
	for (u32 i = 0; i < info->table_count; i++) {
		const struct acpi_table *t = &info->table[i];

		printk("%-4s  revision %-3u at %016lx, %6u bytes, OEM '%s'\n", t->signature, t->revision, t->pa,
		       t->length, t->oem);
	}
}

void acpi_init(const struct boot_info *bi)
{
	acpi_read(&acpi_info, bi, &acpi_memory);
	acpi_report();
}
