/*
 * What a change of live tables owes the TLB: addresses whose entries changed and table pages that
 * fell empty are gathered, then flushed once, and only then are the pages given back: until the
 * flush a CPU may walk through them (SDM 3A 4.10.4).
 *
 * Must not know: levels, formats. Read next: mmu/pt.c.
 */
#ifndef MMU_GATHER_H
#define MMU_GATHER_H

#include "lib/addr.h"
#include "lib/types.h"
#include "mmu/tlb.h"

struct pt_root;

#define GATHER_VA_MAX    TLB_FLUSH_MAX
#define GATHER_TABLE_MAX 32

struct mmu_gather {
	struct pt_root *root;
	u32 va_count; /* may exceed GATHER_VA_MAX: then only counted */
	u32 table_count;
	ulong va[GATHER_VA_MAX];
	pa_t table[GATHER_TABLE_MAX];
};

static inline void gather_init(struct mmu_gather *tlb, struct pt_root *root)
{
	tlb->root = root;
	tlb->va_count = 0;
	tlb->table_count = 0;
}

/* The entry of @va was present and changed. */
static inline void gather_va(struct mmu_gather *tlb, ulong va)
{
	if (tlb->va_count < GATHER_VA_MAX)
		tlb->va[tlb->va_count] = va;
	tlb->va_count++;
}

/* The same for @count entries, @step bytes apart; some of them may have been holes. */
static inline void gather_run(struct mmu_gather *tlb, ulong va, u64 count, u64 step)
{
	for (; count && tlb->va_count < GATHER_VA_MAX; count--, va += step)
		tlb->va[tlb->va_count++] = va;
	tlb->va_count += (u32)count;
}

/* So many entries changed, or nobody knows which, that the whole TLB is to be flushed. */
static inline void gather_all(struct mmu_gather *tlb)
{
	tlb->va_count = GATHER_VA_MAX + 1;
}

/* The table page at @pa is out of the tree; the entry that led to it spanned @va. Flushes when
 * there is no more room. */
void gather_table(struct mmu_gather *tlb, ulong va, pa_t pa);

/* Flushes if the root is live, then frees the tables. The gather is empty again. */
void gather_flush(struct mmu_gather *tlb);

#endif
