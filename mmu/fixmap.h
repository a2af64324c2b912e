/*
 * Fixmap: addresses known at compile time, mapped to whatever frame at run time, by the op
 * set_fixmap. For what must be reached before or beside any allocation of address space.
 *
 * Read next: mmu/kspace.h.
 */
#ifndef MMU_FIXMAP_H
#define MMU_FIXMAP_H

#include "arch/layout.h"
#include "arch/pte.h"
#include "lib/types.h"

enum fixmap_index {
	FIX_HOLE, /* never mapped: a guard against an index of 0 */
	FIX_TEST, /* tests/; not mapped when none runs */
	FIX_COUNT,
	FIX_MAX = PTE_ENTRIES
};

static inline void *fixmap_va(unsigned idx)
{
	return (void *)(FIXMAP_BASE + idx * PAGE_SIZE);
}

/* The page table of the fixmap: static, hung in every kernel root. */
extern u64 fixmap_page_table[PTE_ENTRIES];

/*
 * pv_set_fixmap(idx, pa, flags): maps the page of @idx to @pa with the entry bits @flags; flags
 * without PTE_P unmap it. This CPU's TLB entry is flushed. Any context; an index out of range is a
 * bug. The native form: mmu/fixmap.c.
 */

#endif
