/*
 * The PVH parser. Every physical address goes through view(), the one place that decides what can
 * be read; each structure is copied out before it is looked at.
 *
 * Must not know: how physical memory is mapped, what is done with the result. Read next: abi/pvh.h,
 * boot/multiboot2.c.
 */
#include "boot/pvh.h"

#include "abi/pvh.h"
#include "lib/string.h"

/* More entries than any machine has; so a wrong count costs neither minutes nor the log. */
#define PVH_MEMMAP_MOST 4096

/* Bytes that can be read from @pa on. */
static u64 readable(const struct phys_view *mem, u64 pa)
{
	return pa < mem->size ? mem->size - pa : 0;
}

/* @len bytes at @pa, or NULL. */
static const void *view(const struct phys_view *mem, u64 pa, u64 len)
{
	return len <= readable(mem, pa) ? mem->base + pa : NULL;
}

/* Copies element @i of the array at @pa; false: not readable. */
static bool read_element(const struct phys_view *mem, u64 pa, u64 i, void *dst, size_t size)
{
	const void *src = view(mem, pa + i * size, size);

	if (src)
		memcpy(dst, src, size);
	return src;
}

static void read_cmdline(struct boot_info *bi, const struct phys_view *mem, u64 pa)
{
	if (!pa)
		return;
	if (!readable(mem, pa)) {
		boot_problem(bi, "PVH command line at %#lx: out of reach", pa);
		return;
	}
	bi->cmdline_cut = boot_copy_text(bi, "command line", bi->cmdline, sizeof(bi->cmdline), view(mem, pa, 0),
					 readable(mem, pa));
}

static void read_modules(struct boot_info *bi, const struct phys_view *mem, u64 pa, u32 count)
{
	struct pvh_module m;

	/* One more than is kept, for boot_add_module() to say so. */
	count = min(count, BOOT_MODULE_MAX + 1U);
	for (u32 i = 0; i < count; i++) {
		const void *name = NULL;

		if (!read_element(mem, pa, i, &m, sizeof(m))) {
			boot_problem(bi, "PVH module list at %#lx: entry %u out of reach", pa, i);
			return;
		}
		if (m.cmdline_pa && readable(mem, m.cmdline_pa))
			name = view(mem, m.cmdline_pa, 0);
		else if (m.cmdline_pa)
			boot_problem(bi, "PVH module %u: name at %#lx out of reach", i, m.cmdline_pa);
		boot_add_module(bi, m.pa, m.pa + m.size, name, readable(mem, m.cmdline_pa));
	}
}

static void read_memmap(struct boot_info *bi, const struct phys_view *mem, u64 pa, u32 count)
{
	struct pvh_memmap_entry e;

	if (count > PVH_MEMMAP_MOST) {
		boot_problem(bi, "PVH memory map: %u entries, the first %d are read", count, PVH_MEMMAP_MOST);
		count = PVH_MEMMAP_MOST;
	}
	for (u32 i = 0; i < count; i++) {
		if (!read_element(mem, pa, i, &e, sizeof(e))) {
			boot_problem(bi, "PVH memory map at %#lx: entry %u out of reach", pa, i);
			return;
		}
		memmap_add(&bi->memmap, e.base, e.size, mem_type_from_acpi(e.type));
	}
}

int pvh_parse(const struct phys_view *mem, u64 info_pa, struct boot_info *bi)
{
	struct pvh_start_info si = {0};
	bool has_memmap;

	boot_info_init(bi, "PVH");
	if (!read_element(mem, info_pa, 0, &si, PVH_START_INFO_V0_SIZE)) {
		boot_problem(bi, "PVH start info at %#lx: out of reach", info_pa);
		return -1;
	}
	if (si.magic != PVH_START_MAGIC) {
		boot_problem(bi, "PVH start info at %#lx: magic %#x, not %#x", info_pa, si.magic, PVH_START_MAGIC);
		return -1;
	}
	has_memmap = si.version >= 1 && read_element(mem, info_pa, 0, &si, sizeof(si));
	if (si.version >= 1 && !has_memmap)
		boot_problem(bi, "PVH start info at %#lx: version %u, but cut short", info_pa, si.version);
	bi->rsdp_pa = si.rsdp_pa;
	read_cmdline(bi, mem, si.cmdline_pa);
	if (si.modlist_pa)
		read_modules(bi, mem, si.modlist_pa, si.module_count);
	else if (si.module_count)
		boot_problem(bi, "PVH modules: %u, but no list", si.module_count);
	if (has_memmap && si.memmap_pa)
		read_memmap(bi, mem, si.memmap_pa, si.memmap_count);
	boot_check_memmap(bi);
	return 0;
}
