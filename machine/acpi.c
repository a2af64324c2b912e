/*
 * From the RSDP to the tables: each is mapped, its length and checksum are verified, and it is given to the parser of
 * its kind. Pure: memory is seen through struct acpi_memory only, and never more than one table's length of it.
 *
 * Must not know: how memory is mapped, what the tables are for. Read next: machine/acpi_madt.c, machine/acpi_fadt.c,
 * machine/acpi_boot.c.
 */
#include "machine/acpi.h"

#include "abi/acpi.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "machine/acpi_priv.h"

/* More than any machine's DSDT; so a wrong length costs neither minutes nor address space. */
#define TABLE_MOST (4 * MIB)

#define BDA_EBDA   0x40e /* segment of the extended BIOS data area; its first KiB is searched */
#define EBDA_MOST  0x9fc00
#define BIOS_BASE  0xe0000
#define BIOS_END   0x100000
#define RSDP_ALIGN 16

static const struct table_kind {
	const char *signature;
	void (*read)(struct acpi_info *info, const u8 *table, u32 len);
	bool many; /* there may be more than one */
} kinds[] = {
	{"APIC", acpi_read_madt, false}, {"FACP", acpi_read_fadt, false}, {"HPET", acpi_read_hpet, true},
	{"MCFG", acpi_read_mcfg, false}, {"SSDT", acpi_read_aml, true},
};

void acpi_problem(struct acpi_info *info, const char *fmt, ...)
{
	va_list ap;

	if (info->problem_count++ >= ACPI_PROBLEM_MAX)
		return;
	va_start(ap, fmt);
	kvsnprintf(info->problem[info->problem_count - 1], ACPI_PROBLEM_TEXT, fmt, ap);
	va_end(ap);
}

/* @len bytes as text: what is not printable becomes '?', trailing blanks go. */
static void copy_name(char *dst, const char *src, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		dst[i] = src[i] >= ' ' && src[i] <= '~' ? src[i] : '?';
	while (len && (dst[len - 1] == ' ' || !src[len - 1]))
		len--;
	dst[len] = '\0';
}

static u8 sum(const u8 *bytes, u64 len)
{
	u8 total = 0;

	while (len--)
		total = (u8)(total + *bytes++);
	return total;
}

/* Copies @size bytes at @pa; false: out of reach. */
static bool copy_from(const struct acpi_memory *mem, u64 pa, void *dst, size_t size)
{
	const void *src = mem->map(pa, size);

	if (!src)
		return false;
	memcpy(dst, src, size);
	mem->unmap(src, size);
	return true;
}

/* ---- one table ---- */

/* A whole, sound table, mapped; NULL, and a problem, if it is none. */
static const u8 *open_table(struct acpi_info *info, const struct acpi_memory *mem, u64 pa, struct acpi_table *t)
{
	struct acpi_header h;
	const u8 *bytes;
	u8 off;

	if (!copy_from(mem, pa, &h, sizeof(h))) {
		acpi_problem(info, "table at %#lx: out of reach: skipped", pa);
		return NULL;
	}
	copy_name(t->signature, h.signature, sizeof(h.signature));
	copy_name(t->oem, h.oem, sizeof(h.oem));
	t->pa = pa;
	t->length = h.length;
	t->revision = h.revision;
	if (h.length < sizeof(h) || h.length > TABLE_MOST) {
		acpi_problem(info, "%s at %#lx: a length of %u bytes: skipped", t->signature, pa, h.length);
		return NULL;
	}
	bytes = mem->map(pa, h.length);
	if (!bytes) {
		acpi_problem(info, "%s at %#lx: %u bytes, out of reach: skipped", t->signature, pa, h.length);
		return NULL;
	}
	off = sum(bytes, h.length);
	if (off) {
		acpi_problem(info, "%s at %#lx: checksum is off by %#x: skipped", t->signature, pa, off);
		mem->unmap(bytes, h.length);
		return NULL;
	}
	return bytes;
}

static bool known_before(const struct acpi_info *info, const char *signature)
{
	for (u32 i = 0; i < info->table_count; i++)
		if (strcmp(info->table[i].signature, signature) == 0)
			return true;
	return false;
}

static void note_table(struct acpi_info *info, const struct acpi_table *t)
{
	if (info->table_count == ACPI_TABLE_MAX)
		acpi_problem(info, "%s at %#lx: more than %d tables: not listed", t->signature, t->pa, ACPI_TABLE_MAX);
	else
		info->table[info->table_count++] = *t;
}

static void read_table(struct acpi_info *info, const struct acpi_memory *mem, u64 pa)
{
	struct acpi_table t;
	const u8 *bytes = open_table(info, mem, pa, &t);
	const struct table_kind *kind = NULL;

	if (!bytes)
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(kinds[i].signature, t.signature) == 0)
			kind = &kinds[i];
	if (kind && !kind->many && known_before(info, t.signature))
		acpi_problem(info, "%s at %#lx: the second of its kind: skipped", t.signature, pa);
	else if (kind)
		kind->read(info, bytes, t.length);
	mem->unmap(bytes, t.length);
	note_table(info, &t);
}

/* The DSDT hangs on the FADT, not on the root table. */
static void read_dsdt(struct acpi_info *info, const struct acpi_memory *mem)
{
	struct acpi_table t;
	const u8 *bytes;

	if (!info->fadt.dsdt_pa)
		return;
	bytes = open_table(info, mem, info->fadt.dsdt_pa, &t);
	if (!bytes)
		return;
	if (strcmp(t.signature, "DSDT") == 0)
		acpi_read_aml(info, bytes, t.length);
	else
		acpi_problem(info, "DSDT at %#lx: has the signature '%s': skipped", t.pa, t.signature);
	mem->unmap(bytes, t.length);
	note_table(info, &t);
}

/* ---- the root ---- */

static bool read_root(struct acpi_info *info, const struct acpi_memory *mem, u64 pa, const char *signature, u32 width)
{
	struct acpi_table t;
	const u8 *bytes = open_table(info, mem, pa, &t);
	u32 count, i;

	if (!bytes)
		return false;
	if (strcmp(t.signature, signature) != 0) {
		acpi_problem(info, "%s at %#lx: has the signature '%s': skipped", signature, pa, t.signature);
		mem->unmap(bytes, t.length);
		return false;
	}
	count = (t.length - (u32)sizeof(struct acpi_header)) / width;
	if (count > ACPI_TABLE_MAX) {
		acpi_problem(info, "%s at %#lx: %u tables, the first %d are read", signature, pa, count,
			     ACPI_TABLE_MAX);
		count = ACPI_TABLE_MAX;
	}
	for (i = 0; i < count; i++) {
		u64 entry = 0;

		memcpy(&entry, bytes + sizeof(struct acpi_header) + i * width, width);
		if (entry)
			read_table(info, mem, entry);
	}
	mem->unmap(bytes, t.length);
	read_dsdt(info, mem);
	return true;
}

/* Its length field may say more than the 36 bytes that are known. */
static bool rsdp_xsdt_usable(struct acpi_info *info, const struct acpi_rsdp *r, u32 avail)
{
	u8 off;

	if (r->revision < 2 || !r->xsdt_pa)
		return false;
	if (avail < sizeof(*r) || r->length < sizeof(*r)) {
		acpi_problem(info, "RSDP: revision %u, but cut short: its RSDT is taken", r->revision);
		return false;
	}
	off = r->length == sizeof(*r) ? sum((const u8 *)r, sizeof(*r)) : 0;
	if (off)
		acpi_problem(info, "RSDP: extended checksum is off by %#x: its RSDT is taken", off);
	return !off;
}

/* The tables that the RSDP @r leads to; of it, @avail bytes are there. False: it is none, or leads nowhere. */
static bool read_from_rsdp(struct acpi_info *info, const struct acpi_memory *mem, const struct acpi_rsdp *r, u32 avail,
			   const char *found, u64 pa)
{
	u8 off;

	if (avail < ACPI_RSDP_V1_SIZE || memcmp(r->signature, ACPI_RSDP_SIGNATURE, sizeof(r->signature)) != 0) {
		acpi_problem(info, "RSDP by %s at %#lx: has not its signature: skipped", found, pa);
		return false;
	}
	off = sum((const u8 *)r, ACPI_RSDP_V1_SIZE);
	if (off) {
		acpi_problem(info, "RSDP by %s at %#lx: checksum is off by %#x: skipped", found, pa, off);
		return false;
	}
	info->found = found;
	info->rsdp_pa = pa;
	info->rsdp_revision = r->revision;
	copy_name(info->oem, r->oem, sizeof(r->oem));
	info->xsdt = rsdp_xsdt_usable(info, r, avail) && read_root(info, mem, r->xsdt_pa, "XSDT", 8);
	info->present = info->xsdt || (r->rsdt_pa && read_root(info, mem, r->rsdt_pa, "RSDT", 4));
	return info->present;
}

static bool read_from_rsdp_at(struct acpi_info *info, const struct acpi_memory *mem, u64 pa, const char *found)
{
	struct acpi_rsdp r = {0};
	u32 avail = sizeof(r);

	if (!copy_from(mem, pa, &r, sizeof(r))) {
		avail = ACPI_RSDP_V1_SIZE;
		if (!copy_from(mem, pa, &r, ACPI_RSDP_V1_SIZE)) {
			acpi_problem(info, "RSDP by %s at %#lx: out of reach: skipped", found, pa);
			return false;
		}
	}
	return read_from_rsdp(info, mem, &r, avail, found, pa);
}

/* ---- the BIOS scan, ACPI 6.5 5.2.5.1 ---- */

/* Page by page: what one of them holds, or whether it is there, is no matter of the next. */
static bool scan(struct acpi_info *info, const struct acpi_memory *mem, u64 base, u64 end)
{
	for (u64 page = base; page < end; page = ALIGN_DOWN(page, PAGE_SIZE) + PAGE_SIZE) {
		u64 size = min(end, ALIGN_DOWN(page, PAGE_SIZE) + PAGE_SIZE) - page;
		const u8 *bytes = mem->map(page, size);
		bool done = false;

		if (!bytes)
			continue;
		for (u64 at = 0; at + 8 <= size && !done; at += RSDP_ALIGN)
			if (memcmp(bytes + at, ACPI_RSDP_SIGNATURE, 8) == 0)
				done = read_from_rsdp_at(info, mem, page + at, "BIOS");
		mem->unmap(bytes, size);
		if (done)
			return true;
	}
	return false;
}

static bool scan_bios(struct acpi_info *info, const struct acpi_memory *mem)
{
	u16 segment = 0;
	u64 ebda;

	copy_from(mem, BDA_EBDA, &segment, sizeof(segment));
	ebda = (u64)segment << 4;
	if (ebda >= 0x80000 && ebda <= EBDA_MOST && scan(info, mem, ebda, ebda + KIB))
		return true;
	return scan(info, mem, BIOS_BASE, BIOS_END);
}

void acpi_read(struct acpi_info *info, const struct boot_info *bi, const struct acpi_memory *mem)
{
	struct acpi_rsdp r = {0};
	u32 len = min(bi->rsdp_len, (u32)sizeof(r));

	memset(info, 0, sizeof(*info));
	memcpy(&r, bi->rsdp, len);
	if (len && read_from_rsdp(info, mem, &r, len, bi->protocol, 0))
		return;
	if (bi->rsdp_pa && read_from_rsdp_at(info, mem, bi->rsdp_pa, bi->protocol))
		return;
	scan_bios(info, mem);
}

/* ---- what is asked of the result ---- */

u32 acpi_enabled_cpus(const struct acpi_info *info)
{
	u32 count = 0;

	for (u32 i = 0; i < info->cpu_count; i++)
		count += info->cpu[i].enabled;
	return count;
}

static bool boot_arch_known(const struct acpi_info *info)
{
	return info->fadt.revision >= ACPI_BOOT_ARCH_REVISION;
}

bool acpi_has_8042(const struct acpi_info *info)
{
	return !boot_arch_known(info) || (info->fadt.boot_arch & ACPI_BOOT_8042);
}

bool acpi_has_vga(const struct acpi_info *info)
{
	return !boot_arch_known(info) || !(info->fadt.boot_arch & ACPI_BOOT_NO_VGA);
}

bool acpi_has_rtc(const struct acpi_info *info)
{
	return !boot_arch_known(info) || !(info->fadt.boot_arch & ACPI_BOOT_NO_RTC);
}

u32 acpi_isa_gsi(const struct acpi_info *info, u8 irq, u16 *flags)
{
	for (u32 i = 0; i < info->override_count; i++) {
		if (info->override[i].irq != irq)
			continue;
		*flags = info->override[i].flags;
		return info->override[i].gsi;
	}
	*flags = 0;
	return irq;
}
