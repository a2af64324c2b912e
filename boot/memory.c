/*
 * Memory at boot: the map is made whole pages, the image and the modules are reserved, frames are handed to mmu/, which
 * builds the final tables; the audit then looks at them by frame. See boot/memory.h.
 */
#include "boot/memory.h"

#include "arch/cpufeature.h"
#include "arch/layout.h"
#include "arch/regs.h"
#include "boot/main.h"
#include "boot/report.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "mmu/frame.h"
#include "mmu/kspace.h"
#include "pvops/pvops.h"

static void report_map(const struct memmap *map)
{
	unsigned i;

	log_line("memory", "%lu MiB usable; the map, %u ranges:", memmap_bytes(map, MEM_USABLE) / MIB, map->count);
	for (i = 0; i < map->count; i++)
		log_line("memory", "%016lx-%016lx %s", map->range[i].base, map->range[i].end - 1,
			 mem_type_name(map->range[i].type));
}

/* The image, and the modules: those on top of it are no longer in the list (boot_drop_modules). */
static u32 reservations(const struct boot_info *bi, struct frame_reservation *r)
{
	u32 count = 1, i;

	r[0] = (struct frame_reservation){image_pa(__image_start), image_pa(__image_end), "image"};
	for (i = 0; i < bi->module_count; i++) {
		const struct boot_module *m = &bi->module[i];

		log_line("boot", "module %u '%s' %#lx-%#lx", i, m->name, m->base, m->end - 1);
		r[count++] = (struct frame_reservation){pa(m->base), pa(m->end), "module"};
	}
	return count;
}

static bool want_five_levels(void)
{
	if (boot_options.la57 && !cpu_has(X86_FEATURE_LA57))
		log_line("paging", "la57: this CPU has no five levels of page tables: four it is");
	return boot_options.la57 && cpu_has(X86_FEATURE_LA57);
}

extern u8 la57_switch_end[];
void la57_switch(pa_t top);

/* The code that turns paging off and on again is mapped where it is, meanwhile. */
static void enter_five_levels(pa_t top)
{
	pa_t page = pa_down(image_pa(la57_switch), PAGE_SIZE);
	u64 size = pa_diff(pa_up(image_pa(la57_switch_end), PAGE_SIZE), page);

	if (pa_num(top) >= 4 * GIB || pt_map(&kspace_root, pa_num(page), page, size, PT_PROT_RX & ~PTE_G))
		boot_refuse("no memory below 4 GiB for page tables of five levels");
	pv_write_cr4(pv_read_cr4() & ~X86_CR4_PCIDE); /* with it on, paging cannot be turned off (SDM 2B MOV CR) */
	la57_switch(top);
	if (cpu_has(X86_FEATURE_PCID))
		pv_write_cr4(pv_read_cr4() | X86_CR4_PCIDE);
	pt_unmap(&kspace_root, pa_num(page), size);
}

void memory_init(struct boot_info *bi)
{
	struct frame_reservation resv[BOOT_MODULE_MAX + 1];
	struct pt_caps caps = {
		.five_levels = want_five_levels(),
		.pages_2m = true,
		.pages_1g = cpu_has(X86_FEATURE_PDPE1GB),
		.nx = cpu_has(X86_FEATURE_NX),
		.global = cpu_has(X86_FEATURE_PGE),
	};
	char why[96];
	u32 count;
	int err;

	memmap_page_align(&bi->memmap);
	report_map(&bi->memmap);
	if (!memmap_bytes(&bi->memmap, MEM_USABLE))
		boot_refuse("the boot loader named no usable memory");
	count = reservations(bi, resv);
	err = frame_init(&bi->memmap, resv, count);
	if (err == -ENOMEM) {
		ksnprintf(why, sizeof(why), "too little memory: %lu KiB usable, %lu KiB must be free behind the image",
			  memmap_bytes(&bi->memmap, MEM_USABLE) / KIB, (u64)FRAME_MINIMUM / KIB);
		boot_refuse(why);
	}
	if (err)
		boot_refuse("the memory map and the modules do not fit the frame allocator's tables");
	if (kspace_init(&caps, caps.five_levels ? enter_five_levels : NULL))
		boot_refuse("too little memory for the kernel's page tables");
	if (report_audit())
		boot_refuse("its own page tables fail the audit");
}
