/*
 * The table of regions: see mmu/region.h. The image's rows take their borders from the linker script.
 *
 * Must not know: how tables are built, or how they are judged.
 */
#include "mmu/region.h"

#include "arch/pte.h"

#define ADDR(x) ((const char *)(x))

/* Where a region's frames follow from its addresses. */
enum linear { LINEAR_NOT, LINEAR_DIRECT, LINEAR_IMAGE };

static const struct {
	const char *name, *start, *end;
	u8 rights;
	enum linear linear;
} regions[REGION_COUNT] = {
	{"direct map", ADDR(DIRECT_BASE), ADDR(DIRECT_BASE + DIRECT_SIZE), REGION_W, LINEAR_DIRECT},
	{"mmio", ADDR(MMIO_BASE), ADDR(MMIO_BASE + MMIO_SIZE), REGION_W, LINEAR_NOT},
	{"cpu areas", ADDR(CPU_AREAS_BASE), ADDR(CPU_AREAS_BASE + CPU_AREAS_SIZE), REGION_W, LINEAR_NOT},
	{"headers", __image_start, __text_start, REGION_R, LINEAR_IMAGE},
	{"text", __text_start, __text_end, REGION_X, LINEAR_IMAGE},
	{"rodata", __rodata_start, __rodata_end, REGION_R, LINEAR_IMAGE},
	{"data", __data_start, __data_end, REGION_W, LINEAR_IMAGE},
	{"symbols", __ksyms_start, __image_end, REGION_R, LINEAR_IMAGE},
	{"poke window", ADDR(POKE_BASE), ADDR(POKE_BASE + 2 * MIB), REGION_W | REGION_SHUT, LINEAR_NOT},
	{"fixmap", ADDR(FIXMAP_BASE), ADDR(FIXMAP_BASE + 2 * MIB), REGION_W, LINEAR_NOT},
};

struct region region_at(unsigned i)
{
	i = min(i, REGION_COUNT - 1U);
	return (struct region){
		.name = regions[i].name,
		.start = regions[i].start,
		.end = regions[i].end,
		.rights = regions[i].rights,
		.linear = regions[i].linear != LINEAR_NOT,
		.offset = regions[i].linear == LINEAR_DIRECT ? DIRECT_BASE : KBASE - phys_base,
	};
}

bool region_find(ulong va, struct region *found)
{
	for (unsigned i = 0; i < REGION_COUNT; i++) {
		struct region r = region_at(i);

		if (va >= (ulong)r.start && va - (ulong)r.start < (ulong)(r.end - r.start)) {
			*found = r;
			return true;
		}
	}
	return false;
}

ulong region_next(ulong va)
{
	ulong next = 0;

	for (unsigned i = 0; i < REGION_COUNT; i++) {
		ulong start = (ulong)regions[i].start;

		/* next - 1: that there is none is the greatest. */
		if (start > va && regions[i].end != regions[i].start && start - 1 < next - 1)
			next = start;
	}
	return next;
}

/* ---- stacks ---- */

static bool in_stacks(ulong va)
{
	return va >= (ulong)__kstacks_start && va < (ulong)__kstacks_end;
}

/* Where in the stacks of its CPU's area @va lies; behind them all if it lies elsewhere. */
static ulong area_offset(ulong va)
{
	return va - CPU_AREAS_BASE < CPU_AREAS_SIZE ? (va - CPU_AREAS_BASE) % CPU_AREA_SIZE : CPU_AREA_SIZE;
}

static bool in_area_stacks(ulong va)
{
	return area_offset(va) < CPU_AREA_STACKS * KSTACK_SLOT;
}

ulong region_guard(unsigned i)
{
	ulong guard = (ulong)__kstacks_start + (ulong)i * KSTACK_SLOT;
	unsigned area;

	if (in_stacks(guard))
		return guard;
	i -= (unsigned)((ulong)(__kstacks_end - __kstacks_start) / KSTACK_SLOT);
	area = i / CPU_AREA_STACKS;
	return area < NR_CPUS ? CPU_AREAS_BASE + area * CPU_AREA_SIZE + i % CPU_AREA_STACKS * KSTACK_SLOT : 0;
}

bool region_is_guard(ulong va)
{
	return (in_stacks(va) && (va - (ulong)__kstacks_start) % KSTACK_SLOT < KSTACK_GUARD) ||
	       (in_area_stacks(va) && area_offset(va) % KSTACK_SLOT < KSTACK_GUARD);
}

bool region_is_stack(ulong va)
{
	return (in_stacks(va) || in_area_stacks(va)) && !region_is_guard(va);
}

/* ---- rights ---- */

const char *region_rights_text(ulong bits)
{
	static const char *const text[] = {"r-x", "rwx", "r--", "rw-"};

	return text[(bits & PTE_W ? 1 : 0) | (bits & PTE_NX ? 2 : 0)];
}

/* The parts of the image whose frames are read-only everywhere. */
static const struct {
	const char *start, *end;
} readonly[] = {
	{__image_start, __rodata_end},
	{__ksyms_start, __image_end},
};

bool region_is_readonly_frame(pa_t pa)
{
	for (unsigned i = 0; i < ARRAY_SIZE(readonly); i++) {
		if (pa_in(pa, image_pa(readonly[i].start), (u64)(readonly[i].end - readonly[i].start)))
			return true;
	}
	return false;
}

pa_t region_same_rights_end(pa_t pa, pa_t end)
{
	for (unsigned i = 0; i < ARRAY_SIZE(readonly); i++) {
		pa_t first = image_pa(readonly[i].start), behind = image_pa(readonly[i].end);

		if (pa_below(pa, first))
			end = pa_min(end, first);
		if (pa_below(pa, behind))
			end = pa_min(end, behind);
	}
	return end;
}
