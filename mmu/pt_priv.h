/*
 * The page-table formats as data, and the one descent that all operations share. A format is a constant; what is here
 * is inlined into functions that name one, so that its bits and functions become immediate. Another format is another
 * constant and another set of instances.
 *
 * Private to mmu/. Read next: mmu/pt.c.
 */
#ifndef MMU_PT_PRIV_H
#define MMU_PT_PRIV_H

#include "arch/layout.h"
#include "arch/pte.h"
#include "mmu/pt.h"
#include "pvops/pvops.h"

#define PT_BIT_PAT       PTE_PAT       /* in a pte; in a large leaf bit 7 is PS */
#define PT_BIT_PAT_LARGE PTE_PAT_LARGE /* in a large leaf */

struct mmu_gather;

/* An entry in a tree: where it stands, what it holds. */
struct pt_pos {
	ulong *entry;
	ulong value;
	enum pt_level level;
	bool hung;  /* it stands in a hung table or below one: not the root's */
	bool fresh; /* by grow: its table was made for it just now, and is empty */
};

/*
 * A leaf is a present entry of level PT_PTE, or one with bit 7 (PTE_PS) at PT_PMD and PT_PUD: all formats agree there,
 * and on the address bits and the split of the address (SDM 3A tables 4-15..20, 3C 28.3.2; APM 2 15.25).
 */
struct pt_format {
	enum pt_kind kind;
	bool by_ops;      /* entries are read, written and announced by the ops; else plainly */
	ulong present;    /* an entry without any of these is a hole */
	ulong table_bits; /* of an entry that leads to a table: it restricts nothing */
	ulong table_user; /* this too, where a leaf below has it */
	ulong prot_bits;  /* what rights take in a leaf: pt_encode() */
	ulong seen_bits;  /* of these: accessed and dirty, set by the CPU */

	/* Instances of the parts that run once per table: out of line, once per format and not once per use. */
	struct pt_pos (*find)(const struct pt_root *root, ulong va, enum pt_level stop);
	int (*grow)(struct pt_root *root, ulong va, enum pt_level level, ulong user, struct pt_pos *p);
	void (*prune)(struct pt_root *root, ulong va, struct mmu_gather *tlb, bool empty);
	int (*split_at)(struct pt_root *root, ulong va, struct mmu_gather *tlb);
};

ulong pt_long_load(enum pt_level level, const ulong *entry);
void pt_long_store(enum pt_level level, ulong *entry, ulong value); /* above ptes */
void pt_long_table_added(struct mm_struct *mm, enum pt_level level, u64 pfn);
void pt_long_table_removed(enum pt_level level, u64 pfn);

/* What mmu/pt_table.c makes of each format. */
#define PT_INSTANCES(name)                                                                                             \
	struct pt_pos name##_find(const struct pt_root *root, ulong va, enum pt_level stop);                           \
	int name##_grow(struct pt_root *root, ulong va, enum pt_level level, ulong user, struct pt_pos *p);            \
	void name##_prune(struct pt_root *root, ulong va, struct mmu_gather *tlb, bool empty);                         \
	int name##_split_at(struct pt_root *root, ulong va, struct mmu_gather *tlb)
#define PT_USE_INSTANCES(name)                                                                                         \
	.find = name##_find, .grow = name##_grow, .prune = name##_prune, .split_at = name##_split_at
PT_INSTANCES(pt_long);
PT_INSTANCES(pt_npt);
PT_INSTANCES(pt_ept);

/* Long mode: upper levels say U where a leaf below does (SDM 3A 4.6). */
static const struct pt_format pt_long = {
	.kind = PT_LONG,
	.by_ops = true,
	.present = PTE_P,
	.table_bits = PTE_P | PTE_W | PTE_A,
	.table_user = PTE_U,
	.prot_bits = PT_PROT_MASK,
	.seen_bits = PTE_A | PTE_D,
	PT_USE_INSTANCES(pt_long),
};

/* AMD's nested tables: the same entries, each access a user's (APM 2 15.25.5). */
static const struct pt_format pt_npt = {
	.kind = PT_NPT,
	.present = PTE_P,
	.table_bits = PTE_P | PTE_W | PTE_U | PTE_A,
	.prot_bits = PT_PROT_MASK,
	.seen_bits = PTE_A | PTE_D,
	PT_USE_INSTANCES(pt_npt),
};

/* Intel's (SDM 3C 28.3.2): read, write and execute by a bit each, no present bit. */
static const struct pt_format pt_ept = {
	.kind = PT_EPT,
	.present = EPT_R | EPT_W | EPT_X,
	.table_bits = EPT_R | EPT_W | EPT_X,
	.prot_bits = EPT_R | EPT_W | EPT_X | EPT_MEMTYPE | EPT_A | EPT_D,
	.seen_bits = EPT_A | EPT_D,
	PT_USE_INSTANCES(pt_ept),
};

/* Rights (PT_PROT_MASK) as the bits of a leaf, and back. EPT has no user, no global; uncached is memory type 0. */
static __always_inline ulong pt_encode(const struct pt_format *f, ulong prot)
{
	if (f->kind == PT_LONG)
		return prot;
	if (f->kind == PT_NPT)
		return (prot | PTE_U) & ~PTE_G;
	return EPT_R | (prot & PTE_W) | (prot & PTE_NX ? 0 : EPT_X) |
	       (prot & PTE_PCD   ? EPT_UC
		: prot & PTE_PWT ? EPT_WC
				 : EPT_WB) |
	       (prot & PTE_A ? EPT_A : 0) | (prot & PTE_D ? EPT_D : 0);
}

static __always_inline ulong pt_decode(const struct pt_format *f, ulong entry)
{
	if (f->kind != PT_EPT)
		return entry;
	return (entry & f->present ? PTE_P | PTE_U : 0) | (entry & EPT_W) | (entry & EPT_X ? 0 : PTE_NX) |
	       ((entry & EPT_MEMTYPE) == EPT_UC   ? PTE_UC
		: (entry & EPT_MEMTYPE) == EPT_WC ? PTE_WC
						  : 0) |
	       (entry & EPT_A ? PTE_A : 0) | (entry & EPT_D ? PTE_D : 0);
}

static inline const struct pt_format *pt_format_of(const struct pt_root *root)
{
	static const struct pt_format *const formats[] = {
		[PT_LONG] = &pt_long,
		[PT_NPT] = &pt_npt,
		[PT_EPT] = &pt_ept,
	};

	return formats[root->kind];
}

/* ---- entries ---- */

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

/* @low is a constant: true where the entry is known to be a pte, in the innermost loops. */
static __always_inline ulong pt_load(const struct pt_format *f, bool low, enum pt_level level, const ulong *entry)
{
	if (!f->by_ops)
		return *(const volatile ulong *)entry;
	return low ? ops_load_pte(entry) : pt_long_load(level, entry);
}

static __always_inline void pt_store(const struct pt_format *f, bool low, struct mm_struct *mm, enum pt_level level,
				     ulong va, ulong *entry, ulong value)
{
	if (!f->by_ops)
		*(volatile ulong *)entry = value;
	else if (low)
		ops_store_pte(mm, va, entry, value);
	else
		pt_long_store(level, entry, value);
}

/* ---- the descent ---- */

static __always_inline unsigned pt_shift(enum pt_level level)
{
	return PAGE_SHIFT + 9 * level;
}

static __always_inline unsigned pt_index(enum pt_level level, ulong va)
{
	return (va >> pt_shift(level)) & (PTE_ENTRIES - 1);
}

static __always_inline u64 pt_span(enum pt_level level)
{
	return 1UL << pt_shift(level);
}

/* True if a present entry of @level maps memory; false if it leads to a table. */
static __always_inline bool pt_is_leaf(enum pt_level level, ulong value)
{
	return level == PT_PTE || (level <= PT_PUD && (value & PTE_PS));
}

/* The address a leaf of @level holds: without PAT, which is bit 12 of a large leaf. */
static __always_inline pa_t pt_leaf_pa(enum pt_level level, ulong value)
{
	return pa(value & PTE_ADDR & ~(pt_span(level) - 1));
}

/* The table that an entry above a leaf leads to; CR3 is like one. */
static __always_inline pa_t pt_table_pa(ulong value)
{
	return pa(value & PTE_ADDR);
}

/* From the top down to the entry of @va at level @stop, or to the hole or leaf above it. */
static __always_inline struct pt_pos pt_descend(const struct pt_format *f, const struct pt_root *root, ulong va,
						enum pt_level stop)
{
	struct pt_pos p = {.level = root->top_level};
	pa_t table = root->top;

	for (;; p.level--) {
		p.entry = (ulong *)pa_va(table) + pt_index(p.level, va);
		p.value = pt_load(f, false, p.level, p.entry);
		if (p.level == stop || !(p.value & f->present) || pt_is_leaf(p.level, p.value))
			return p;
		if (f->by_ops && (p.value & PT_HUNG))
			p.hung = true;
		table = pt_table_pa(p.value);
	}
}

/* Half of the addresses that a root has: of long mode the lower one, behind which the hole begins. */
static inline u64 pt_half(const struct pt_root *root)
{
	return 1UL << (pt_shift(root->top_level) + 8);
}

/* Whole pages, not empty, within one canonical half, or within the guest-physical addresses that there are. */
static inline bool pt_range_ok(const struct pt_root *root, ulong va, u64 size)
{
	u64 half = pt_half(root);
	ulong last = va + size - 1;

	if (!size || !IS_ALIGNED(va | size, PAGE_SIZE) || last < va)
		return false;
	if (root->kind == PT_LONG)
		return last < half || (va >= -half && !root->has_kernel);
	return last < 2 * half;
}

#endif
