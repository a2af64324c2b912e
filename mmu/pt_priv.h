/*
 * A page-table format as data, and the one descent that all operations share. A format is a constant; what is here is
 * inlined into functions that name one, so that its functions and shifts become immediate. A second format is a second
 * constant and a second set of instances.
 *
 * Private to mmu/. Read next: mmu/pt.c.
 */
#ifndef MMU_PT_PRIV_H
#define MMU_PT_PRIV_H

#include "arch/layout.h"
#include "arch/pte.h"
#include "mmu/pt.h"
#include "pvops/pvops.h"

#define PT_BIT_PAT       BIT(7)  /* in a pte; in a large leaf bit 7 is PS */
#define PT_BIT_PAT_LARGE BIT(12) /* in a large leaf */

struct mmu_gather;

/* An entry in a tree: where it stands, what it holds. */
struct pt_pos {
	ulong *entry;
	ulong value;
	enum pt_level level;
	bool hung; /* it stands in a hung table or below one: not the root's */
};

struct pt_level_desc {
	const char *name;
	u8 shift;  /* va bits below the index */
	bool leaf; /* PTE_PS, or being the lowest, makes an entry a leaf here */
};

struct pt_format {
	enum pt_level top;
	struct pt_level_desc level[PT_LEVELS];

	/* Entries at any level, and table pages as they come and go: for what runs once per table. */
	ulong (*load)(enum pt_level level, const ulong *entry);
	void (*store)(struct mm_struct *mm, enum pt_level level, ulong va, ulong *entry, ulong value);
	void (*table_added)(struct mm_struct *mm, enum pt_level level, u64 pfn);
	void (*table_removed)(enum pt_level level, u64 pfn);

	/* Instances of the parts that run once per table: out of line, once per format and not once per use. */
	struct pt_pos (*find)(u64 top, ulong va, enum pt_level stop);
	int (*grow)(struct pt_root *root, ulong va, enum pt_level level, ulong user, struct pt_pos *p);
	void (*prune)(struct pt_root *root, ulong va, struct mmu_gather *tlb);
	int (*split_at)(struct pt_root *root, ulong va, struct mmu_gather *tlb);
};

ulong pt_long_load(enum pt_level level, const ulong *entry);
void pt_long_store(struct mm_struct *mm, enum pt_level level, ulong va, ulong *entry, ulong value);
void pt_long_table_added(struct mm_struct *mm, enum pt_level level, u64 pfn);
void pt_long_table_removed(enum pt_level level, u64 pfn);

struct pt_pos pt_long4_find(u64 top, ulong va, enum pt_level stop);
int pt_long4_grow(struct pt_root *root, ulong va, enum pt_level level, ulong user, struct pt_pos *p);
void pt_long4_prune(struct pt_root *root, ulong va, struct mmu_gather *tlb);
int pt_long4_split_at(struct pt_root *root, ulong va, struct mmu_gather *tlb);

/* SDM 3A table 4-15 and following; 1 GiB leaves only where the caller's capabilities say so. */
static const struct pt_format pt_long4 = {
	.top = PT_P4D,
	.level = {{"pte", 12, true}, {"pmd", 21, true}, {"pud", 30, true}, {"p4d", 39, false}},
	.load = pt_long_load,
	.store = pt_long_store,
	.table_added = pt_long_table_added,
	.table_removed = pt_long_table_removed,
	.find = pt_long4_find,
	.grow = pt_long4_grow,
	.prune = pt_long4_prune,
	.split_at = pt_long4_split_at,
};

/* ---- ptes, in the innermost loops ---- */

static __always_inline ulong ops_load_pte(const ulong *entry)
{
	return pv_pte_val((pte_t){*(const volatile ulong *)entry});
}

static __always_inline void ops_store_pte(struct mm_struct *mm, ulong va, ulong *entry, ulong value)
{
	pte_t pte = pv_make_pte(value);

	if (mm)
		pv_set_pte_at(mm, va, (pte_t *)entry, pte);
	else
		pv_set_pte((pte_t *)entry, pte);
}

/* @low is a constant: true where the entry is known to be a pte. */
static __always_inline ulong pt_load(const struct pt_format *f, bool low, enum pt_level level, const ulong *entry)
{
	if (low)
		return ops_load_pte(entry);
	return f->load(level, entry);
}

static __always_inline void pt_store(const struct pt_format *f, bool low, struct mm_struct *mm, enum pt_level level,
				     ulong va, ulong *entry, ulong value)
{
	if (low)
		ops_store_pte(mm, va, entry, value);
	else
		f->store(mm, level, va, entry, value);
}

/* ---- the descent ---- */

static __always_inline unsigned pt_index(const struct pt_format *f, enum pt_level level, ulong va)
{
	return (va >> f->level[level].shift) & (PTE_ENTRIES - 1);
}

static __always_inline u64 pt_span(const struct pt_format *f, enum pt_level level)
{
	return 1UL << f->level[level].shift;
}

/* True if a present entry of @level maps memory; false if it leads to a table. */
static __always_inline bool pt_is_leaf(const struct pt_format *f, enum pt_level level, ulong value)
{
	return level == PT_PTE || (f->level[level].leaf && (value & PTE_PS));
}

/* The address a leaf of @level holds: without PAT, which is bit 12 of a large leaf. */
static __always_inline u64 pt_leaf_pa(const struct pt_format *f, enum pt_level level, ulong value)
{
	return value & PTE_ADDR & ~(pt_span(f, level) - 1);
}

/* From the top down to the entry of @va at level @stop, or to the hole or leaf above it. */
static __always_inline struct pt_pos pt_find(const struct pt_format *f, u64 top, ulong va, enum pt_level stop)
{
	struct pt_pos p = {.level = f->top};
	u64 table = top;

	for (;; p.level--) {
		p.entry = (ulong *)pa_va(table) + pt_index(f, p.level, va);
		p.value = f->load(p.level, p.entry);
		if (p.level == stop || !(p.value & PTE_P) || pt_is_leaf(f, p.level, p.value))
			return p;
		if (p.value & PT_HUNG)
			p.hung = true;
		table = p.value & PTE_ADDR;
	}
}

#endif
