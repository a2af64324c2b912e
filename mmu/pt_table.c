/*
 * Tables of a tree: they are added on the way to an entry, pruned when empty, made from a large leaf (split) and back
 * into one (merge), and hung in. One copy of each for every format, called through the format's constant.
 *
 * Must not know: what is mapped and why. Read next: mmu/pt.c.
 */
#include "arch/layout.h"
#include "arch/native.h"
#include "lib/errno.h"
#include "lib/panic.h"
#include "mmu/frame.h"
#include "mmu/gather.h"
#include "mmu/pt_priv.h"

/* A zeroed table for entries of @level, announced; PA_NONE: no frame. */
static __always_inline pa_t table_new(const struct pt_format *f, struct pt_root *root, enum pt_level level)
{
	pa_t table = frame_alloc_zeroed();

	if (!pa_ok(table))
		return PA_NONE;
	root->table_count++;
	if (f->by_ops)
		pt_long_table_added(root->mm, level, pa_pfn(table));
	return table;
}

/* The entry @up, above @level, no longer leads to its table: that is owed to the TLB, and then freed. */
static __always_inline void table_gone(const struct pt_format *f, struct pt_root *root, ulong va, enum pt_level level,
				       ulong up, struct mmu_gather *tlb)
{
	if (f->by_ops)
		pt_long_table_removed(level, pa_pfn(pt_table_pa(up)));
	gather_table(tlb, va, pt_table_pa(up));
	root->table_count--;
}

/* Makes the entry of @va at @level reachable: adds the tables that are missing. Leaves in the way are left alone. */
static __always_inline int grow(const struct pt_format *f, struct pt_root *root, ulong va, enum pt_level level,
				ulong user, struct pt_pos *p)
{
	bool fresh = false;

	for (;;) {
		pa_t table;

		*p = f->find(root, va, level);
		p->fresh = fresh;
		if (p->hung)
			return -EBUSY;
		if (p->level == level)
			return 0;
		if (p->value)
			return -EEXIST;
		table = table_new(f, root, p->level - 1);
		if (!pa_ok(table))
			return -ENOMEM;
		fresh = true;
		pt_store(f, false, root->mm, p->level, va, p->entry, pa_num(table) | f->table_bits | user);
	}
}

static __always_inline bool entries_empty(const struct pt_format *f, bool low, enum pt_level level, const ulong *table)
{
	for (unsigned i = 0; i < PTE_ENTRIES; i++) {
		if (pt_load(f, low, level, &table[i]))
			return false;
	}
	return true;
}

static __always_inline bool table_is_empty(const struct pt_format *f, enum pt_level level, const ulong *table)
{
	return level == PT_PTE ? entries_empty(f, true, PT_PTE, table) : entries_empty(f, false, level, table);
}

/*
 * Takes the empty tables on the way to @va out of the tree, from the lowest up; the top table stays, and hung ones.
 * @empty: of the lowest it is known.
 */
static __always_inline void prune(const struct pt_format *f, struct pt_root *root, ulong va, struct mmu_gather *tlb,
				  bool empty)
{
	for (;; empty = false) {
		struct pt_pos low = f->find(root, va, PT_PTE), up;
		ulong *table = (ulong *)((ulong)low.entry & PAGE_MASK);

		if (low.level == root->top_level || low.hung || !(empty || table_is_empty(f, low.level, table)))
			return;
		up = f->find(root, va, low.level + 1);
		if (f->by_ops && (up.value & PT_KEPT))
			return;
		pt_store(f, false, root->mm, up.level, va, up.entry, 0);
		table_gone(f, root, va, low.level, up.value, tlb);
	}
}

/* ---- split and merge ---- */

/* What the first of the 512 leaves is that together say what the large leaf @value says. */
static __always_inline ulong split_value(const struct pt_format *f, enum pt_level level, ulong value)
{
	ulong bits = value & ~PTE_ADDR;

	if (f->kind != PT_EPT)
		bits |= value & PT_BIT_PAT_LARGE;
	if (level > PT_PMD)
		return pa_num(pt_leaf_pa(level, value)) | bits;
	bits &= ~(PTE_PS | PT_BIT_PAT_LARGE);
	if (f->kind != PT_EPT && (value & PT_BIT_PAT_LARGE))
		bits |= PT_BIT_PAT;
	return pa_num(pt_leaf_pa(level, value)) | bits;
}

/* The reverse: the large leaf that says what 512 leaves of @level - 1 say, of which @value is the first. */
static __always_inline ulong merge_value(const struct pt_format *f, enum pt_level level, ulong value)
{
	if (level == PT_PMD && f->kind != PT_EPT && (value & PT_BIT_PAT))
		value |= PT_BIT_PAT_LARGE;
	return value | PTE_PS;
}

/* The new table of a split, the leaves in it following each other from @value on. @low as in pt_load(). */
static __always_inline void fill_table(const struct pt_format *f, bool low, struct mm_struct *mm, enum pt_level level,
				       ulong *table, ulong va, ulong value)
{
	for (unsigned i = 0; i < PTE_ENTRIES; i++, va += pt_span(level), value += pt_span(level))
		pt_store(f, low, mm, level, va, &table[i], value);
}

/* Splits until no leaf reaches across @va. */
static __always_inline int split_at(const struct pt_format *f, struct pt_root *root, ulong va, struct mmu_gather *tlb)
{
	for (;;) {
		struct pt_pos p = f->find(root, va, PT_PTE);
		ulong value, at = ALIGN_DOWN(va, pt_span(p.level));
		pa_t table;

		if (!(p.value & f->present) || at == va)
			return 0;
		table = table_new(f, root, p.level - 1);
		if (!pa_ok(table))
			return -ENOMEM;
		value = split_value(f, p.level, p.value);
		if (p.level == PT_PMD)
			fill_table(f, true, root->mm, PT_PTE, pa_va(table), at, value);
		else
			fill_table(f, false, root->mm, p.level - 1, pa_va(table), at, value);
		pt_store(f, false, root->mm, p.level, va, p.entry,
			 pa_num(table) | f->table_bits | (p.value & f->table_user));
		gather_va(tlb, va);
		root->leaf_count[p.level]--;
		root->leaf_count[p.level - 1] += PTE_ENTRIES;
	}
}

/*
 * True if the 512 entries of @level in @table are leaves whose frames follow each other from an aligned one on, alike
 * but for accessed and dirty; in *value the large leaf for them.
 */
static __always_inline bool mergeable(const struct pt_format *f, bool low, enum pt_level level, const ulong *table,
				      ulong *value)
{
	const ulong seen = f->seen_bits;
	ulong first = pt_load(f, low, level, table), marks = 0;
	ulong want = first & ~seen;

	if (!(first & f->present) || !pt_is_leaf(level, first) ||
	    !pa_aligned(pt_leaf_pa(level, first), pt_span(level + 1)))
		return false;
	for (unsigned i = 0; i < PTE_ENTRIES; i++, want += pt_span(level)) {
		ulong entry = pt_load(f, low, level, &table[i]);

		if ((entry & ~seen) != want)
			return false;
		marks |= entry & seen;
	}
	*value = merge_value(f, level + 1, first | marks);
	return true;
}

/* Merges the table below the entry of @level that spans @va, if it can be. True: done. */
static __always_inline bool merge_one(const struct pt_format *f, struct pt_root *root, ulong va, enum pt_level level,
				      struct mmu_gather *tlb)
{
	struct pt_pos p = f->find(root, va, level);
	const ulong *table;
	ulong value;

	if (p.level != level || p.hung || !(p.value & f->present) || pt_is_leaf(level, p.value) ||
	    (f->by_ops && (p.value & PT_HUNG)))
		return false;
	table = pa_va(pt_table_pa(p.value));
	if (level == PT_PMD ? !mergeable(f, true, PT_PTE, table, &value)
			    : !mergeable(f, false, level - 1, table, &value))
		return false;
	pt_store(f, false, root->mm, level, va, p.entry, value);
	table_gone(f, root, va, level - 1, p.value, tlb);
	gather_all(tlb); /* 512 translations at once */
	root->leaf_count[level - 1] -= PTE_ENTRIES;
	root->leaf_count[level]++;
	return true;
}

u64 pt_merge(struct pt_root *root, ulong va, u64 size)
{
	const struct pt_format *f = pt_format_of(root);
	struct mmu_gather tlb;
	u64 merged = 0;

	if (!pt_range_ok(root, va, size))
		return 0;
	gather_init(&tlb, root);
	for (enum pt_level level = PT_PMD; level <= root->max_leaf; level++) {
		ulong at = ALIGN_UP(va, pt_span(level));
		u64 skipped = at - va; /* an aligned address may be 0 again */

		if ((skipped && !at) || skipped >= size)
			continue;
		for (u64 left = size - skipped; left >= pt_span(level); left -= pt_span(level), at += pt_span(level))
			merged += merge_one(f, root, at, level, &tlb);
	}
	gather_flush(&tlb);
	return merged;
}

/* ---- tables of others ---- */

int pt_hang(struct pt_root *root, ulong va, enum pt_level level, pa_t table)
{
	struct mmu_gather tlb;
	struct pt_pos p;
	int err;

	if (root->kind != PT_LONG || level == PT_PTE || level > PT_PUD || !IS_ALIGNED(va, pt_span(level)) ||
	    !pt_range_ok(root, va, PAGE_SIZE) || !pa_aligned(table, PAGE_SIZE))
		return -EINVAL;
	err = pt_long_grow(root, va, level, 0, &p);
	if (!err && p.value)
		err = -EEXIST;
	if (err) {
		gather_init(&tlb, root);
		pt_long_prune(root, va, &tlb, false);
		gather_flush(&tlb);
		return err;
	}
	pt_long_table_added(root->mm, level - 1, pa_pfn(table));
	pt_long_store(level, p.entry, pa_num(table) | pt_long.table_bits | PT_HUNG);
	return 0;
}

int pt_unhang(struct pt_root *root, ulong va, enum pt_level level)
{
	struct pt_pos p = pt_long_find(root, va, level);
	struct mmu_gather tlb;

	if (p.level != level || level == PT_PTE || !(p.value & PT_HUNG) || pt_is_leaf(level, p.value))
		return -EINVAL;
	gather_init(&tlb, root);
	pt_long_store(level, p.entry, 0);
	pt_long_table_removed(level - 1, pa_pfn(pt_table_pa(p.value)));
	gather_all(&tlb); /* whatever its owner mapped there */
	pt_long_prune(root, va, &tlb, false);
	gather_flush(&tlb);
	return 0;
}

/* ---- roots ---- */

int pt_root_init(struct pt_root *root, struct mm_struct *mm, const struct pt_caps *caps)
{
	int err = 0;

	*root = (struct pt_root){
		.mm = mm,
		.kind = caps->kind,
		.top_level = caps->five_levels ? PT_PGD : PT_P4D,
		.max_leaf = !caps->pages_2m  ? PT_PTE
			    : caps->pages_1g ? PT_PUD
					     : PT_PMD,
		.prot_allowed = PT_PROT_MASK & ~(caps->nx ? 0 : PTE_NX) & ~(caps->global && !mm ? 0 : PTE_G),
		.table_count = 1,
	};
	tlb_space_init(&root->tlb, !mm);
	root->top = frame_alloc_zeroed();
	if (!pa_ok(root->top))
		return -ENOMEM;
	if (root->kind == PT_LONG)
		err = pv_pgd_alloc(mm);
	if (err) {
		frame_free(root->top);
		root->top = PA_NONE;
	}
	return err;
}

void pt_root_destroy(struct pt_root *root)
{
	u64 half = pt_half(root);
	int err;

	ASSERT(!root->live && cpumask_empty(&root->tlb.cpus));
	err = pt_unmap(root, 0, half);
	ASSERT(!err);
	if (!root->has_kernel) {
		err = pt_unmap(root, root->kind == PT_LONG ? -half : half, half);
		ASSERT(!err);
	}
	if (root->kind == PT_LONG)
		pv_pgd_free(root->mm, pa_va(root->top));
	frame_free(root->top);
	root->top = PA_NONE;
	root->table_count = 0;
}

/* The op pgd_alloc on bare hardware: a top table needs nothing. */
int native_pgd_alloc(struct mm_struct *mm)
{
	(void)mm;
	return 0;
}

/* ---- the instances ---- */

#define INSTANCE(name)                                                                                                 \
	struct pt_pos name##_find(const struct pt_root *root, ulong va, enum pt_level stop)                            \
	{                                                                                                              \
		return pt_descend(&name, root, va, stop);                                                              \
	}                                                                                                              \
	int name##_grow(struct pt_root *root, ulong va, enum pt_level level, ulong user, struct pt_pos *p)             \
	{                                                                                                              \
		return grow(&name, root, va, level, user, p);                                                          \
	}                                                                                                              \
	void name##_prune(struct pt_root *root, ulong va, struct mmu_gather *tlb, bool empty)                          \
	{                                                                                                              \
		prune(&name, root, va, tlb, empty);                                                                    \
	}                                                                                                              \
	int name##_split_at(struct pt_root *root, ulong va, struct mmu_gather *tlb)                                    \
	{                                                                                                              \
		return split_at(&name, root, va, tlb);                                                                 \
	}

INSTANCE(pt_long)
INSTANCE(pt_npt)
INSTANCE(pt_ept)
