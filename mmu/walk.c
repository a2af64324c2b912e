/*
 * The walker: see mmu/walk.h, which is its contract. One recursive descent, as deep as the tables, and a loop of its
 * own for ptes. Each step returns true to unwind: because the walk is over (result says how), or because a callback
 * left WALK_AGAIN; then the descent starts anew at its address, silently down to its level. So nothing is held across
 * a callback that may have freed tables.
 *
 * Must not know: why somebody walks. Read next: mmu/walk_lookup.c, mmu/pt_priv.h.
 */
#include "mmu/walk.h"

#include "arch/layout.h"
#include "lib/errno.h"
#include "mmu/frame.h"
#include "mmu/gather.h"
#include "mmu/kspace.h"
#include "mmu/mm.h"
#include "mmu/pt_priv.h"

struct walker {
	struct mm_walk pub;
	const struct pt_format *f;
	bool hugetlb, installing; /* in this VMA */
	int result;

	bool again;                 /* unwinding, to come back */
	bool resuming;              /* coming back: entries above resume_level have been called */
	enum pt_level resume_level; /* whose callback left WALK_AGAIN, and where */
	ulong resume_va;
	ulong again_va; /* since when again_count counts */
	unsigned again_count;
};

static int depth_of(enum pt_level level)
{
	return PT_PGD - level;
}

static ulong load(const struct walker *w, enum pt_level level, const ulong *entry)
{
	return pt_load(w->f, false, level, entry);
}

static bool is_leaf(const struct walker *w, enum pt_level level, ulong value)
{
	return (value & w->f->present) && pt_is_leaf(level, value);
}

/* What it leads to may be read. */
static bool is_table(const struct walker *w, enum pt_level level, ulong value)
{
	return (value & w->f->present) && level > PT_PTE && !(value & PTE_PS) && frame_is_ram(pt_table_pa(value));
}

/* ---- callbacks ---- */

/* A callback for the entry or hole at @va has returned @r. True: unwind. */
static bool ends(struct walker *w, int r, enum pt_level level, ulong va)
{
	w->result = r;
	if (r || w->pub.action != WALK_AGAIN)
		return r != 0;
	if (va != w->again_va)
		w->again_count = 0;
	w->again_va = va;
	if (++w->again_count > WALK_AGAIN_MAX) {
		w->result = -ELOOP;
		return true;
	}
	w->again = true;
	w->resume_va = va;
	w->resume_level = level;
	return true;
}

static void prepare(struct walker *w, enum pt_level level)
{
	w->pub.level = level;
	w->pub.action = WALK_SUBTREE;
}

static bool call_hole(struct walker *w, enum pt_level level, ulong va, ulong last)
{
	prepare(w, level);
	if (!w->pub.ops->pte_hole)
		return false;
	return ends(w, w->pub.ops->pte_hole(va, last, depth_of(level), &w->pub), level, va);
}

static bool call_bad(struct walker *w, enum pt_level level, ulong value, ulong va, ulong last)
{
	prepare(w, level);
	if (!w->pub.ops->bad_entry)
		return ends(w, -EIO, level, va);
	return ends(w, w->pub.ops->bad_entry(value, va, last, depth_of(level), &w->pub), level, va);
}

static bool call_entry(struct walker *w, enum pt_level level, ulong *entry, ulong value, ulong va, ulong last)
{
	const struct mm_walk_ops *ops = w->pub.ops;
	struct mm_walk *walk = &w->pub;
	int r = 0;

	prepare(w, level);
	if (w->hugetlb)
		r = is_leaf(w, level, value) ? ops->hugetlb_entry(entry, value, va, last, walk) : 0;
	else if (level == PT_PMD)
		r = ops->pmd_entry ? ops->pmd_entry((pmd_t *)entry, value, va, last, walk) : 0;
	else if (level == PT_PUD)
		r = ops->pud_entry ? ops->pud_entry((pud_t *)entry, value, va, last, walk) : 0;
	else if (level == PT_P4D)
		r = ops->p4d_entry ? ops->p4d_entry((p4d_t *)entry, value, va, last, walk) : 0;
	else
		r = ops->pgd_entry ? ops->pgd_entry((pgd_t *)entry, value, va, last, walk) : 0;
	return ends(w, r, level, va);
}

/* Whether there is a callback for entries below @level. */
static bool wants_entries_below(const struct walker *w, enum pt_level level)
{
	const struct mm_walk_ops *ops = w->pub.ops;

	return ops->pte_entry || (level > PT_PMD && ops->pmd_entry) || (level > PT_PUD && ops->pud_entry) ||
	       (level > PT_P4D && ops->p4d_entry);
}

static bool wants_below(const struct walker *w, enum pt_level level)
{
	if (w->hugetlb || (level > PT_PMD && w->pub.ops->pte_hole))
		return true;
	return w->installing || wants_entries_below(w, level);
}

/* ---- changes of the tables that the walk itself makes ---- */

/* The entry of @va at @level is empty: a table is put there. */
static int add_table(struct walker *w, enum pt_level level, ulong va)
{
	struct pt_pos p;

	return w->f->grow(w->pub.root, va, level - 1, 0, &p);
}

/*
 * A table below the entry that got nothing goes again, by whatever way the walk came back from it. Not by prune(),
 * which believes what stands in tables.
 */
static void drop_empty_table(struct walker *w, enum pt_level level, ulong va)
{
	struct pt_root *root = w->pub.root;
	struct pt_pos p = w->f->find(root, va, level);
	const ulong *table;
	struct mmu_gather tlb;

	if (p.level != level || p.hung || (p.value & PT_HUNG) || !is_table(w, level, p.value))
		return;
	table = pa_va(pt_table_pa(p.value));
	for (unsigned i = 0; i < PTE_ENTRIES; i++) {
		if (load(w, level - 1, &table[i]))
			return;
	}
	gather_init(&tlb, root);
	pt_store(w->f, false, root->mm, level, va, p.entry, 0);
	pt_long_table_removed(level - 1, pa_pfn(direct_pa(table)));
	gather_table(&tlb, va, direct_pa(table));
	root->table_count--;
	gather_flush(&tlb);
}

/* The leaf of @level at @va becomes a table of 512: split_at() there where the second of them begins does just that. */
static int split_leaf(struct walker *w, enum pt_level level, ulong va)
{
	ulong second = ALIGN_DOWN(va, pt_span(level)) + pt_span(level - 1);
	struct mmu_gather tlb;
	int err;

	if (w->pub.ops->walk_lock != WALK_WRLOCK)
		return -EPERM;
	if (w->f->find(w->pub.root, va, level).hung)
		return -EBUSY;
	gather_init(&tlb, w->pub.root);
	err = w->f->split_at(w->pub.root, second, &tlb);
	gather_flush(&tlb);
	return err;
}

/* The tables on the way to @va must say U before a pte does. */
static void open_tables(struct walker *w, ulong va)
{
	struct pt_root *root = w->pub.root;

	for (enum pt_level level = root->top_level; level > PT_PTE; level--) {
		struct pt_pos p = w->f->find(root, va, level);

		if (!(p.value & PTE_U))
			pt_store(w->f, false, root->mm, level, va, p.entry, p.value | PTE_U);
	}
}

static void install(struct walker *w, ulong *entry, ulong va, ulong value)
{
	struct pt_root *root = w->pub.root;

	value &= ~(PT_PROT_MASK & ~root->prot_allowed);
	if (value & PTE_U)
		open_tables(w, va);
	pv_set_pte_at(root->mm, va, (pte_t *)entry, pv_make_pte(value));
	if (value & PTE_P)
		root->leaf_count[PT_PTE]++;
}

/* ---- the descent ---- */

/* The innermost loop: nothing in it but the load and the callback. */
static __always_inline bool each_pte(const struct pt_format *f, struct walker *w, ulong *entry, ulong va, ulong last)
{
	int (*const call)(pte_t *, ulong, ulong, struct mm_walk *) = w->pub.ops->pte_entry;
	const ulong *const end = entry + ((last - va) >> PAGE_SHIFT);

	for (;; entry++, va += PAGE_SIZE) {
		int r = call((pte_t *)entry, pt_load(f, true, PT_PTE, entry), va, &w->pub);

		if (unlikely(r | (int)w->pub.action)) {
			if (ends(w, r, PT_PTE, va))
				return true;
			w->pub.action = WALK_SUBTREE;
		}
		if (entry == end)
			return false;
	}
}

static bool install_ptes(struct walker *w, ulong *entry, ulong va, ulong last)
{
	const struct mm_walk_ops *ops = w->pub.ops;

	if (w->f->find(w->pub.root, va, PT_PTE).hung)
		return ends(w, -EBUSY, PT_PTE, va);
	for (;; entry++, va += PAGE_SIZE) {
		ulong value = load(w, PT_PTE, entry), made = 0;
		int r = 0;

		prepare(w, PT_PTE);
		if (value && ops->pte_entry)
			r = ops->pte_entry((pte_t *)entry, value, va, &w->pub);
		else if (!value)
			r = ops->install_pte(va, &made, &w->pub);
		if (ends(w, r, PT_PTE, va))
			return true;
		if (made)
			install(w, entry, va, made);
		if (last - va < PAGE_SIZE)
			return false;
	}
}

static bool walk_ptes(struct walker *w, ulong *entry, ulong va, ulong last)
{
	w->resuming = false;
	prepare(w, PT_PTE);
	if (w->installing)
		return install_ptes(w, entry, va, last);
	/* What is not by the ops is loaded plainly, in all formats. */
	return w->f->by_ops ? each_pte(&pt_long, w, entry, va, last) : each_pte(&pt_npt, w, entry, va, last);
}

static bool walk_entry(struct walker *w, enum pt_level level, ulong *entry, ulong va, ulong last);

/* The part [va, last] of a table of entries of @level. */
static bool walk_table(struct walker *w, enum pt_level level, pa_t table, ulong va, ulong last)
{
	ulong *entry = (ulong *)pa_va(table) + pt_index(level, va);

	if (level == PT_PTE)
		return walk_ptes(w, entry, va, last);
	for (;; entry++) {
		ulong stop = min(va | (pt_span(level) - 1), last);

		if (walk_entry(w, level, entry, va, stop))
			return true;
		if (stop == last)
			return false;
		va = stop + 1;
	}
}

/* An entry that is neither empty nor bad: its callback, then what lies below. */
static bool walk_good_entry(struct walker *w, enum pt_level level, ulong *entry, ulong value, ulong va, ulong last)
{
	int err;

	if (call_entry(w, level, entry, value, va, last))
		return true;
	if (w->pub.action == WALK_CONTINUE || !wants_below(w, level))
		return false;
	value = load(w, level, entry); /* the callback may have changed it */
	if (is_leaf(w, level, value)) {
		if (!w->pub.vma || w->hugetlb || !wants_entries_below(w, level))
			return false;
		err = split_leaf(w, level, va);
		if (err)
			return ends(w, err, level, va);
		value = load(w, level, entry);
	}
	return is_table(w, level, value) && walk_table(w, level - 1, pt_table_pa(value), va, last);
}

/* An entry that nothing was called for yet. */
static bool walk_new_entry(struct walker *w, enum pt_level level, ulong *entry, ulong value, ulong va, ulong last)
{
	bool table;
	int err;

	if (!value) {
		if (!w->installing)
			return call_hole(w, level, va, last);
		err = add_table(w, level, va);
		if (err)
			return ends(w, err, level, va);
		value = load(w, level, entry);
	}
	table = is_table(w, level, value);
	if ((!table && !is_leaf(w, level, value)) || (table && w->hugetlb && level == PT_PMD))
		return call_bad(w, level, value, va, last);
	return walk_good_entry(w, level, entry, value, va, last);
}

static bool walk_entry(struct walker *w, enum pt_level level, ulong *entry, ulong va, ulong last)
{
	ulong value = load(w, level, entry);
	bool stopped;

	if (w->resuming && level > w->resume_level && is_table(w, level, value)) {
		stopped = walk_table(w, level - 1, pt_table_pa(value), va, last);
	} else {
		w->resuming = false;
		stopped = walk_new_entry(w, level, entry, value, va, last);
	}
	if (w->installing && !w->again)
		drop_empty_table(w, level, va);
	return stopped;
}

/* What tables can say about [first, last], in one piece or two. */
static bool walk_halves(struct walker *w, ulong first, ulong last)
{
	struct pt_root *root = w->pub.root;
	u64 half = pt_half(root);
	ulong low = root->kind == PT_LONG ? half - 1 : 2 * half - 1;

	if (first <= low && walk_table(w, root->top_level, root->top, first, min(last, low)))
		return true;
	if (root->kind != PT_LONG || last < -half)
		return false;
	return walk_table(w, root->top_level, root->top, max(first, -half), last);
}

static int walk_tables(struct walker *w, ulong first, ulong last)
{
	w->result = 0;
	w->resuming = false;
	w->again_count = 0;
	for (;;) {
		w->again = false;
		if (!walk_halves(w, first, last))
			return 0;
		if (!w->again)
			return w->result;
		w->resuming = true;
		first = w->resume_va;
	}
}

/* ---- VMAs ---- */

static bool range_ok(ulong first, ulong last)
{
	return first < last && IS_ALIGNED(first, PAGE_SIZE) && IS_ALIGNED(last + 1, PAGE_SIZE);
}

static void assert_lock(struct mm_struct *mm, const struct mm_walk_ops *ops)
{
	if (ops->walk_lock == WALK_WRLOCK)
		mm_assert_write_locked(mm);
	else
		mm_assert_locked(mm);
}

static bool vma_ops_ok(const struct mm_walk_ops *ops)
{
	return ops->walk_lock == WALK_WRLOCK || (ops->walk_lock == WALK_RDLOCK && !ops->install_pte);
}

static struct walker walk_of(struct mm_struct *mm, struct pt_root *root, const struct mm_walk_ops *ops, void *private)
{
	return (struct walker){
		.pub = {.ops = ops, .mm = mm, .root = root, .private = private},
		.f = pt_format_of(root),
	};
}

/* Nobody looks at the tables there. */
static int call_gap(struct walker *w, ulong first, ulong last)
{
	w->pub.action = WALK_SUBTREE;
	return w->pub.ops->pte_hole ? w->pub.ops->pte_hole(first, last, -1, &w->pub) : 0;
}

static int walk_in_vma(struct walker *w, ulong first, ulong last)
{
	const struct mm_walk_ops *ops = w->pub.ops;
	struct vm_area_struct *vma = w->pub.vma;
	int r;

	w->hugetlb = vma->flags & VMA_HUGETLB;
	w->installing = ops->install_pte && vma->kind != VMA_GUARD;
	if (w->hugetlb && ops->install_pte)
		return -EINVAL;
	w->pub.action = WALK_SUBTREE;
	r = ops->pre_vma ? ops->pre_vma(first, last, &w->pub) : 0;
	if (r)
		return r;
	if (!w->hugetlb || ops->hugetlb_entry)
		r = walk_tables(w, first, last);
	w->pub.action = WALK_SUBTREE;
	if (ops->post_vma)
		ops->post_vma(&w->pub);
	return r;
}

/* The same, if the VMA is to be walked at all. */
static int walk_vma_if(struct walker *w, ulong first, ulong last)
{
	int r;

	if (!w->pub.ops->test_walk)
		return w->pub.vma->kind == VMA_PHYS ? call_gap(w, first, last) : walk_in_vma(w, first, last);
	w->pub.action = WALK_SUBTREE;
	r = w->pub.ops->test_walk(first, last, &w->pub);
	if (r)
		return r == WALK_SKIP ? 0 : r;
	return walk_in_vma(w, first, last);
}

int walk_page_range(struct mm_struct *mm, ulong first, ulong last, const struct mm_walk_ops *ops, void *private)
{
	struct walker w = walk_of(mm, &mm->root, ops, private);

	if (!range_ok(first, last) || !vma_ops_ok(ops))
		return -EINVAL;
	assert_lock(mm, ops);
	for (;;) {
		struct vm_area_struct *vma = vma_find(&mm->vmas, first);
		bool gap = !vma || vma->first > first;
		ulong stop = last;
		int r;

		if (vma)
			stop = min(last, gap ? vma->first - 1 : vma->last);
		w.pub.vma = gap ? NULL : vma;
		r = gap ? call_gap(&w, first, stop) : walk_vma_if(&w, first, stop);
		if (r || stop == last)
			return r;
		first = stop + 1;
	}
}

int walk_page_range_vma(struct vm_area_struct *vma, ulong first, ulong last, const struct mm_walk_ops *ops,
			void *private)
{
	struct walker w = walk_of(vma->mm, &vma->mm->root, ops, private);

	if (!range_ok(first, last) || first < vma->first || last > vma->last || !vma_ops_ok(ops))
		return -EINVAL;
	assert_lock(vma->mm, ops);
	w.pub.vma = vma;
	return walk_in_vma(&w, first, last);
}

int walk_page_vma(struct vm_area_struct *vma, const struct mm_walk_ops *ops, void *private)
{
	return walk_page_range_vma(vma, vma->first, vma->last, ops, private);
}

int walk_page_range_novma(struct pt_root *root, ulong first, ulong last, const struct mm_walk_ops *ops, void *private)
{
	struct walker w = walk_of(root->mm, root, ops, private);

	if (!range_ok(first, last) || ops->install_pte || (ops->walk_lock != WALK_NOLOCK && !root->mm))
		return -EINVAL;
	if (ops->walk_lock != WALK_NOLOCK)
		assert_lock(root->mm, ops);
	return walk_tables(&w, first, last);
}

int walk_kernel_range(ulong first, ulong last, const struct mm_walk_ops *ops, void *private)
{
	if (ops->walk_lock != WALK_NOLOCK)
		return -EINVAL;
	return walk_page_range_novma(&kspace_root, first, last, ops, private);
}
