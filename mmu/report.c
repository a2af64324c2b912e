/*
 * What mmu/ shows a person: the memory map with the frames in it, and the ranges of kernel space. Reads what others
 * built.
 *
 * Must not know: the monitor, who calls. Read next: mmu/kspace.h.
 */
#include "mmu/report.h"

#include "arch/layout.h"
#include "mmu/frame.h"
#include "mmu/kspace.h"
#include "mmu/pat.h"
#include "mmu/region.h"

void mmu_print_mem(print_fn print)
{
	const struct memmap *map = frame_memmap();
	struct frame_stats s = frame_stats();
	const struct frame_reservation *r;

	if (!map) {
		print("no memory map yet\n");
		return;
	}
	for (u32 i = 0; i < map->count; i++) {
		const struct mem_range *m = &map->range[i];

		print("%016lx-%016lx %9lu KiB  %s\n", m->base, m->end - 1, (m->end - m->base) / KIB,
		      mem_type_name(m->type));
	}
	print("reserved by the kernel:\n");
	for (u32 i = 0; (r = frame_reservation_at(i)); i++)
		print("%016lx-%016lx %9lu KiB  %s\n", pa_num(r->base), pa_num(r->end) - 1,
		      pa_diff(r->end, r->base) / KIB, r->name);
	print("frames of 4 KiB: %lu usable = %lu reserved + %lu out of reach + %lu used + %lu free\n", s.usable_count,
	      s.reserved_count, s.ignored_count, s.used_count, s.free_count);
	print("kernel tables:   %lu pages\n", kspace_root.table_count);
}

/* Leaves joined into what a person calls a range. */
struct maps_run {
	ulong va;
	pa_t pa;
	u64 size, rights, count[PT_LEVELS];
	const char *type; /* of memory */
	struct region region;
	bool known;
	print_fn print;
};

static void print_run(const struct maps_run *run)
{
	static const char *const size_names[PT_LEVELS] = {"4K", "2M", "1G", "512G"};

	if (!run->size)
		return;
	run->print("%016lx-%016lx pa %012lx %10lu KiB  %s  %-3s ", run->va, run->va + run->size - 1, pa_num(run->pa),
		   run->size / KIB, region_rights_text(run->rights), run->type);
	for (int l = PT_LEVELS - 1; l >= 0; l--) {
		if (run->count[l])
			run->print("%lux%s ", run->count[l], size_names[l]);
	}
	run->print(" %s\n", run->known ? run->region.name : "NO REGION");
}

static int join(const struct pt_leaf *leaf, void *private)
{
	struct maps_run *run = private;
	struct region region;
	bool known = region_find(leaf->va, &region);
	const char *type = pat_name(pat_type(leaf->entry, leaf->level));

	if (leaf->broken) {
		run->print("%016lx corrupt %s-level entry %016lx\n", leaf->va, pt_level_name(leaf->level), leaf->entry);
		return 0;
	}
	if (!run->size || leaf->va != run->va + run->size || !pa_eq(leaf->pa, pa_add(run->pa, run->size)) ||
	    leaf->rights != run->rights || type != run->type || known != run->known ||
	    (known && region.start != run->region.start)) {
		print_run(run);
		*run = (struct maps_run){.va = leaf->va,
					 .pa = leaf->pa,
					 .rights = leaf->rights,
					 .type = type,
					 .known = known,
					 .print = run->print};
		if (known)
			run->region = region;
	}
	run->size += leaf->size;
	run->count[leaf->level]++;
	return 0;
}

void mmu_print_maps(print_fn print)
{
	struct pt_root live = pt_live_root();
	struct maps_run run = {.print = print};

	pt_for_each_leaf(&live, 0, ~0UL, join, &run);
	print_run(&run);
}
