/*
 * What a pte may hold that is not present and not empty: an entry of ours, which the CPU does not look at (SDM 3A
 * 4.5.4, table 4-20: bit 0 clear, all others free). It stands at level PT_PTE only; the page-table functions take it
 * away like a leaf and do not count it, the walker hands it to pte_entry like any value that is not 0.
 *
 *	63 62..52	51        12	11..9	8..1	0
 *	 0	0	~frame number	kind	 0	not present
 *
 * The frame is stored inverted: a CPU that speculates on the address bits of an entry that is not present (L1TF) then
 * looks where there is no memory. A migration entry says: the page is on its way from this frame to another one; who
 * faults on it waits.
 *
 * Must not know: who migrates. Read next: mmu/walk.h.
 */
#ifndef MMU_SOFT_PTE_H
#define MMU_SOFT_PTE_H

#include "arch/pte.h"

enum soft_pte_kind {
	SOFT_PTE_NONE, /* no entry of ours */
	SOFT_PTE_MIGRATION,
	SOFT_PTE_KINDS
};

#define SOFT_PTE_KIND_SHIFT 9
#define SOFT_PTE_KIND_MASK  (7UL << SOFT_PTE_KIND_SHIFT)

static inline ulong soft_pte(enum soft_pte_kind kind, u64 pfn)
{
	return (~(pfn << PAGE_SHIFT) & PTE_ADDR) | (ulong)kind << SOFT_PTE_KIND_SHIFT;
}

static inline enum soft_pte_kind soft_pte_kind(ulong value)
{
	ulong kind = (value & SOFT_PTE_KIND_MASK) >> SOFT_PTE_KIND_SHIFT;

	if (value & ~(PTE_ADDR | SOFT_PTE_KIND_MASK) || kind >= SOFT_PTE_KINDS)
		return SOFT_PTE_NONE;
	return (enum soft_pte_kind)kind;
}

static inline u64 soft_pte_pfn(ulong value)
{
	return (~value & PTE_ADDR) >> PAGE_SHIFT;
}

#endif
