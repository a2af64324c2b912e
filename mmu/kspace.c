/*
 * Building kernel space: see mmu/kspace.h. Each piece is one pt_map(); which leaves it gets follows
 * from its alignment. A frame that holds kernel text or read-only data is read-only wherever it is
 * mapped: the direct map is cut in pieces around those frames.
 *
 * Must not know: processes, consoles. Read next: mmu/audit.c, which proves what this builds.
 */
#include "mmu/kspace.h"

#include "arch/layout.h"
#include "arch/poke.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/panic.h"
#include "mmu/fixmap.h"
#include "mmu/frame.h"
#include "mmu/pt_priv.h"
#include "mmu/pat.h"
#include "mmu/region.h"
#include "mmu/tlb.h"
#include "pvops/pvops.h"

struct pt_root kspace_root;
static u64 mmio_used; /* bytes of the mmio region handed out, upward */

/* ---- the direct map ---- */

static int map_direct(pa_t base, pa_t end)
{
	int err = 0;

	end = pa_min(end, pa(DIRECT_SIZE));
	while (pa_below(base, end) && !err) {
		pa_t next = region_same_rights_end(base, end);

		err = pt_map(&kspace_root, (ulong)pa_va(base), base, pa_diff(next, base),
			     region_is_readonly_frame(base) ? PT_PROT_RO : PT_PROT_RW);
		base = next;
	}
	return err;
}

/* RAM ranges that touch are one: a border between two types must not cost a large page. */
static int map_all_ram(const struct memmap *map, pa_t *top)
{
	int err = 0;

	for (u32 i = 0; i < map->count && !err; i++) {
		u64 base = map->range[i].base;

		if (!mem_type_is_ram(map->range[i].type))
			continue;
		while (i + 1 < map->count && mem_type_is_ram(map->range[i + 1].type) &&
		       map->range[i + 1].base == map->range[i].end)
			i++;
		*top = pa(map->range[i].end);
		err = map_direct(pa(base), *top);
	}
	return err;
}

/* ---- the image ---- */

static int map_image(const char *start, const char *end, ulong prot)
{
	if (start == end)
		return 0;
	return pt_map(&kspace_root, (ulong)start, image_pa(start), (u64)(end - start), prot);
}

/* Data, but for the guard page below each stack; the image's stacks are the first that region_guard() names. */
static int map_data(void)
{
	const char *at = __data_start;
	ulong guard;
	int err = 0;

	for (unsigned i = 0; (guard = region_guard(i)) >= (ulong)__data_start && !err; i++) {
		err = map_image(at, (const char *)guard, PT_PROT_RW);
		at = (const char *)(guard + KSTACK_GUARD);
	}
	return err ? err : map_image(at, __data_end, PT_PROT_RW);
}

static int map_image_sections(void)
{
	int err = map_image(__image_start, __text_start, PT_PROT_RO);

	if (!err)
		err = map_image(__text_start, __text_end, PT_PROT_RX);
	if (!err)
		err = map_image(__rodata_start, __rodata_end, PT_PROT_RO);
	if (!err)
		err = map_data();
	return err ? err : map_image(__ksyms_start, __image_end, PT_PROT_RO);
}

/*
 * Every top entry that kernel space will ever use leads to a table from now on, which stays: so the upper half of a
 * process is a copy of these entries, made once (kspace_share).
 */
static int make_top_table(ulong va)
{
	const enum pt_level top = kspace_root.top_level;
	struct pt_pos p;
	int err = pt_long_grow(&kspace_root, va, top - 1, 0, &p);

	if (err)
		return err;
	p = pt_long_find(&kspace_root, va, top);
	pt_long_store(top, p.entry, p.value | PT_KEPT);
	return 0;
}

static int make_top_tables(void)
{
	const u64 span = pt_span(kspace_root.top_level);
	int err = make_top_table(SCRATCH_BASE);

	for (unsigned i = 0; i < REGION_COUNT && !err; i++) {
		struct region r = region_at(i);
		ulong first = ALIGN_DOWN((ulong)r.start, span), size = (ulong)r.end - first;

		/* What there is of the direct map and the image never goes. */
		for (u64 at = 0; at < size && !r.linear && !err; at += span)
			err = make_top_table(first + at);
	}
	return err;
}

void kspace_share(struct pt_root *root)
{
	ulong *mine = pa_va(root->top), *kernel = pa_va(kspace_root.top);

	ASSERT(root->top_level == kspace_root.top_level && root->kind == PT_LONG && root->mm);
	for (unsigned i = PTE_ENTRIES / 2; i < PTE_ENTRIES; i++)
		pt_long_store(root->top_level, &mine[i], pt_long_load(root->top_level, &kernel[i]));
	root->has_kernel = true;
}

/* ---- the whole ---- */

static int map_everything(pa_t *top)
{
	int err = map_all_ram(frame_memmap(), top);
	u64 direct[PT_LEVELS];

	for (unsigned i = 0; i < PT_LEVELS; i++)
		direct[i] = kspace_root.leaf_count[i];
	if (!err)
		err = map_image_sections();
	if (!err)
		err = pt_hang(&kspace_root, POKE_BASE, PT_PMD, image_pa(poke_page_table));
	if (!err)
		err = pt_hang(&kspace_root, FIXMAP_BASE, PT_PMD, image_pa(fixmap_page_table));
	if (!err)
		err = make_top_tables();
	if (err)
		return err;
	log_line("paging", "direct map %lu x 1G, %lu x 2M, %lu x 4K; image %lu x 2M, %lu x 4K", direct[PT_PUD],
		 direct[PT_PMD], direct[PT_PTE], kspace_root.leaf_count[PT_PMD] - direct[PT_PMD],
		 kspace_root.leaf_count[PT_PTE] - direct[PT_PTE]);
	return 0;
}

/* Out of line: the call that boot makes is then the one that tests make. */
__noinline void kspace_activate(void)
{
	tlb_switch(&kspace_root);
}

int kspace_init(const struct pt_caps *caps, void (*enter)(pa_t top))
{
	pa_t top = PA_NONE;
	int err = pt_root_init(&kspace_root, NULL, caps);

	if (err)
		return err;
	mmio_used = 0;
	err = map_everything(&top);
	if (err) {
		pt_unhang(&kspace_root, POKE_BASE, PT_PMD);
		pt_unhang(&kspace_root, FIXMAP_BASE, PT_PMD);
		pt_root_destroy(&kspace_root);
		return err;
	}
	kspace_root.live = true;
	if (enter)
		enter(kspace_root.top);
	else
		kspace_activate();
	frame_set_reach(pa_min(top, pa(DIRECT_SIZE)));
	log_line("paging", "%u levels, %lu table pages, %s%s%s, W^X by frame, page zero unmapped",
		 kspace_root.top_level + 1, kspace_root.table_count, caps->nx ? "NX, " : "",
		 caps->global ? "global, " : "", pat_has_wc() ? "WC by PAT" : "no PAT: framebuffers uncached");
	return 0;
}

/* ---- devices ---- */

static bool touches_ram(pa_t base, pa_t end)
{
	const struct memmap *map = frame_memmap();

	for (u32 i = 0; i < map->count; i++) {
		const struct mem_range *r = &map->range[i];

		if (mem_type_is_ram(r->type) && pa_below(base, pa(r->end)) && pa_below(pa(r->base), end))
			return true;
	}
	return false;
}

static void *map_device(pa_t pa, u64 size, ulong prot)
{
	pa_t base = pa_down(pa, PAGE_SIZE), end = pa_up(pa_add(pa, size), PAGE_SIZE);
	u64 mapped = pa_diff(end, base), align, at;

	if (!size || !pa_below(base, end) || touches_ram(base, end) || mapped > MMIO_SIZE)
		return NULL;
	/* Large pages need address and device alike in their low bits. */
	align = mapped >= PMD_SIZE ? PMD_SIZE : PAGE_SIZE;
	at = ALIGN_UP(mmio_used, align) + pa_offset(base, align);
	if (at + mapped + PAGE_SIZE > MMIO_SIZE)
		return NULL;
	if (pt_map(&kspace_root, MMIO_BASE + at, base, mapped, prot))
		return NULL;
	mmio_used = at + mapped + PAGE_SIZE; /* a hole behind each */
	return (void *)(MMIO_BASE + at + pa_diff(pa, base));
}

void *kspace_map_mmio(pa_t pa, u64 size)
{
	return map_device(pa, size, PT_PROT_IO);
}

void *kspace_map_wc(pa_t pa, u64 size)
{
	return map_device(pa, size, pat_has_wc() ? PT_PROT_WC : PT_PROT_IO);
}

void kspace_unmap_mmio(void *va, u64 size)
{
	ulong base = ALIGN_DOWN((ulong)va, PAGE_SIZE), end = ALIGN_UP((ulong)va + size, PAGE_SIZE);

	pt_unmap(&kspace_root, base, end - base);
}
