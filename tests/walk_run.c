/*
 * The model held against real walks: random worlds are built in real tables, walked, compared. See tests/walk_model.h.
 */
#include "lib/errno.h"
#include "lib/string.h"
#include "mmu/gather.h"
#include "mmu/pt_priv.h"
#include "tests/walk_model.h"

/* ---- a world in real tables ---- */

#define LEAF_PROT (PTE_P | PTE_W | PTE_A | PTE_D)

static int build_extent(struct pt_root *root, const struct wm_extent *e)
{
	const struct pt_format *f = pt_format_of(root);
	enum pt_level max_leaf = root->max_leaf;
	struct pt_pos p;
	int err = 0;

	if (e->what == WM_LEAF) {
		root->max_leaf = e->level;
		for (ulong va = e->first;; va += pt_span(e->level)) {
			err = pt_map(root, va, pa(WM_PA(va)), pt_span(e->level), LEAF_PROT);
			if (err || va + (pt_span(e->level) - 1) == e->last)
				break;
		}
		root->max_leaf = max_leaf;
		return err;
	}
	for (ulong va = e->first;; va += pt_span(e->level)) {
		err = f->grow(root, va, e->level, 0, &p);
		if (err)
			return err;
		if (e->level == PT_PTE)
			pv_set_pte_at(root->mm, va, (pte_t *)p.entry, pv_make_pte(wm_value(e, va)));
		else
			pt_long_store(e->level, p.entry, wm_value(e, va));
		if (va + (pt_span(e->level) - 1) == e->last)
			return 0;
	}
}

static int build_vmas(struct mm_struct *mm, const struct wm_world *w)
{
	int err = 0;

	for (unsigned i = 0; i < w->vma_count && !err; i++) {
		struct vma_spec s = {.first = w->vma[i].first,
				     .last = w->vma[i].last,
				     .kind = w->vma[i].kind,
				     .flags = w->vma[i].flags};

		err = vma_insert(&mm->vmas, &s, NULL);
	}
	return err;
}

int wm_build(struct mm_struct *mm, const struct wm_world *w, const struct pt_caps *caps)
{
	int err = mm_init(mm, caps);

	if (err)
		return err;
	mm_write_lock(mm);
	err = build_vmas(mm, w);
	for (unsigned i = 0; i < w->extent_count && !err; i++)
		err = build_extent(&mm->root, &w->extent[i]);
	mm_write_unlock(mm);
	if (err)
		wm_drop(mm, w);
	return err;
}

/* What is bad is no mapping: it is taken out by hand, and its tables get a page that takes them along when it goes. */
void wm_drop(struct mm_struct *mm, const struct wm_world *w)
{
	for (unsigned i = 0; i < w->extent_count; i++) {
		ulong va = w->extent[i].first;
		struct pt_pos p = pt_format_of(&mm->root)->find(&mm->root, va, w->extent[i].level);
		struct mmu_gather tlb;

		if (w->extent[i].what != WM_BAD || p.level != w->extent[i].level)
			continue;
		pt_long_store(p.level, p.entry, 0);
		gather_init(&tlb, &mm->root);
		pt_format_of(&mm->root)->prune(&mm->root, va, &tlb, false);
		gather_flush(&tlb);
	}
	mm_destroy(mm);
}

/* ---- a walk, callback by callback ---- */

static struct {
	struct wm_walk *walk;
	struct mm_struct *mm;
	unsigned at; /* the next event */
	const char *wrong;
} run;

static bool is_table_value(ulong value)
{
	return (value & PTE_P) && !(value & PTE_PS);
}

static const char *differs(const struct wm_event *e, enum wm_event_kind kind, int depth, ulong va, ulong last,
			   ulong value, const struct mm_walk *walk)
{
	const struct wm_vma *v = e->vma;

	if (e->kind != kind)
		return "another callback than expected";
	if (e->va != va || e->last != last)
		return "a callback for another range";
	if (e->depth != depth)
		return "another depth";
	if (kind <= WM_PGD && (int)walk->level != PT_PGD - depth)
		return "walk->level is not the entry's";
	if (e->value == WM_TABLE ? !is_table_value(value) : e->value != value)
		return "another value of an entry";
	if (!v != !walk->vma || (v && (v->first != walk->vma->first || v->last != walk->vma->last)))
		return "walk->vma is another one";
	if (walk->private != &run || walk->root != &run.mm->root || walk->mm != run.mm || walk->action != WALK_SUBTREE)
		return "struct mm_walk is not as it must be";
	return NULL;
}

static int do_change(const struct wm_event *e)
{
	struct pt_root *root = &run.mm->root;

	if (e->change == WM_UNMAP)
		return pt_unmap(root, e->va, e->last - e->va + 1);
	if (e->change == WM_MAP)
		return pt_map(root, e->va, pa(WM_PA(e->va)), PAGE_SIZE, LEAF_PROT);
	return 0;
}

static int got(enum wm_event_kind kind, int depth, ulong va, ulong last, ulong value, struct mm_walk *walk)
{
	const struct wm_event *e = &run.walk->event[run.at];

	if (run.wrong)
		return -EIO;
	if (run.at == run.walk->event_count)
		run.wrong = "a callback behind the last one expected";
	else
		run.wrong = differs(e, kind, depth, va, last, value, walk);
	if (run.wrong)
		return -EIO;
	run.at++;
	if (do_change(e))
		run.wrong = "a change in a callback failed";
	walk->action = e->action;
	return e->answer;
}

static int entry(enum pt_level l, const ulong *at, ulong value, ulong va, ulong last, struct mm_walk *walk)
{
	if (!run.wrong && pt_long_load(l, at) != value)
		run.wrong = "the entry is not where the callback is told";
	return got((enum wm_event_kind)l, PT_PGD - l, va, last, value, walk);
}

static int on_pgd(pgd_t *e, ulong value, ulong va, ulong last, struct mm_walk *walk)
{
	return entry(PT_PGD, &e->pgd, value, va, last, walk);
}

static int on_p4d(p4d_t *e, ulong value, ulong va, ulong last, struct mm_walk *walk)
{
	return entry(PT_P4D, &e->p4d, value, va, last, walk);
}

static int on_pud(pud_t *e, ulong value, ulong va, ulong last, struct mm_walk *walk)
{
	return entry(PT_PUD, &e->pud, value, va, last, walk);
}

static int on_pmd(pmd_t *e, ulong value, ulong va, ulong last, struct mm_walk *walk)
{
	return entry(PT_PMD, &e->pmd, value, va, last, walk);
}

static int on_pte(pte_t *e, ulong value, ulong va, struct mm_walk *walk)
{
	return entry(PT_PTE, &e->pte, value, va, va + PAGE_SIZE - 1, walk);
}

static int on_hole(ulong va, ulong last, int depth, struct mm_walk *walk)
{
	return got(WM_HOLE, depth, va, last, 0, walk);
}

static int on_hugetlb(ulong *e, ulong value, ulong va, ulong last, struct mm_walk *walk)
{
	if (!run.wrong && *e != value)
		run.wrong = "the entry is not where the callback is told";
	return got(WM_HUGETLB, PT_PGD - walk->level, va, last, value, walk);
}

static int on_bad(ulong value, ulong va, ulong last, int depth, struct mm_walk *walk)
{
	return got(WM_BAD_ENTRY, depth, va, last, value, walk);
}

static int on_test(ulong va, ulong last, struct mm_walk *walk)
{
	return got(WM_TEST, -1, va, last, 0, walk);
}

static int on_pre(ulong va, ulong last, struct mm_walk *walk)
{
	return got(WM_PRE, -1, va, last, 0, walk);
}

static void on_post(struct mm_walk *walk)
{
	got(WM_POST, -1, 0, 0, 0, walk);
}

static int on_install(ulong va, ulong *value, struct mm_walk *walk)
{
	const struct wm_extent made = {va, va + PAGE_SIZE - 1, PT_PTE, WM_LEAF};
	bool leave = run.walk->event[run.at].leave;

	if (!leave)
		*value = wm_value(&made, va);
	return got(WM_INSTALL, 4, va, va + PAGE_SIZE - 1, 0, walk);
}

static struct mm_walk_ops ops_of(const struct wm_walk *walk)
{
	return (struct mm_walk_ops){
		.pgd_entry = walk->ops & BIT(WM_PGD) ? on_pgd : NULL,
		.p4d_entry = walk->ops & BIT(WM_P4D) ? on_p4d : NULL,
		.pud_entry = walk->ops & BIT(WM_PUD) ? on_pud : NULL,
		.pmd_entry = walk->ops & BIT(WM_PMD) ? on_pmd : NULL,
		.pte_entry = walk->ops & BIT(WM_PTE) ? on_pte : NULL,
		.pte_hole = walk->ops & BIT(WM_HOLE) ? on_hole : NULL,
		.hugetlb_entry = walk->ops & BIT(WM_HUGETLB) ? on_hugetlb : NULL,
		.bad_entry = walk->ops & BIT(WM_BAD_ENTRY) ? on_bad : NULL,
		.test_walk = walk->ops & BIT(WM_TEST) ? on_test : NULL,
		.pre_vma = walk->ops & BIT(WM_PRE) ? on_pre : NULL,
		.post_vma = walk->ops & BIT(WM_POST) ? on_post : NULL,
		.install_pte = walk->ops & BIT(WM_INSTALL) ? on_install : NULL,
		.walk_lock = walk->lock,
	};
}

const char *wm_run(struct mm_struct *mm, struct wm_walk *walk)
{
	struct mm_walk_ops ops = ops_of(walk);
	struct vm_area_struct *vma;
	int r;

	run.walk = walk;
	run.mm = mm;
	run.at = 0;
	run.wrong = NULL;
	if (walk->lock == WALK_RDLOCK)
		mm_read_lock(mm);
	else
		mm_write_lock(mm);
	if (walk->way == WM_NOVMA) {
		r = walk_page_range_novma(&mm->root, walk->first, walk->last, &ops, &run);
	} else if (walk->way == WM_RANGE) {
		r = walk_page_range(mm, walk->first, walk->last, &ops, &run);
	} else {
		vma = vma_find(&mm->vmas, walk->first);
		r = walk->first == vma->first && walk->last == vma->last
			    ? walk_page_vma(vma, &ops, &run)
			    : walk_page_range_vma(vma, walk->first, walk->last, &ops, &run);
	}
	if (walk->lock == WALK_RDLOCK)
		mm_read_unlock(mm);
	else
		mm_write_unlock(mm);
	if (run.wrong)
		return run.wrong;
	if (run.at != walk->event_count)
		return "fewer callbacks than expected";
	return r == walk->result ? NULL : "another result than expected";
}

/* ---- the tables afterwards ---- */

static int compare_leaf(const struct pt_leaf *leaf, void *private)
{
	const struct wm_extent *e = wm_at(private, leaf->va);

	return !e || e->what != WM_LEAF || e->level != leaf->level || wm_value(e, leaf->va) != leaf->entry;
}

const char *wm_compare(struct mm_struct *mm, const struct wm_world *w)
{
	struct pt_root *root = &mm->root;

	for (enum pt_level l = PT_PTE; l <= PT_PUD; l++) {
		if (root->leaf_count[l] != wm_leaves(w, l))
			return "another number of leaves";
	}
	if (root->table_count != wm_tables(w) + 1)
		return "another number of tables";
	for (unsigned i = 0; i < w->extent_count; i++) {
		const struct wm_extent *e = &w->extent[i];
		struct pt_pos p = pt_format_of(root)->find(root, e->first, e->level);

		if (p.level != e->level || p.value != wm_value(e, e->first))
			return "something else stands where an extent begins";
	}
	if (!w->bad && pt_for_each_leaf(root, 0, ~0UL, compare_leaf, (void *)w))
		return "a leaf that the model has not";
	return NULL;
}

/* ---- many ---- */

static void count(struct wm_tally *t, const struct wm_walk *walk)
{
	t->walks++;
	t->events += walk->event_count;
	t->positive += walk->result > 0;
	t->negative += walk->result < 0;
	t->endless += walk->result == -ELOOP;
	for (unsigned i = 0; i < walk->event_count; i++) {
		const struct wm_event *e = &walk->event[i];

		t->kind[e->kind]++;
		t->action[e->action]++;
		t->change[e->change]++;
		t->gaps += e->kind == WM_HOLE && e->depth < 0;
	}
}

/* Walks in one world, until one would be too long. */
static const char *one_world(struct wm_world *w, const struct pt_caps *caps, u64 *seed, u64 limit, struct wm_tally *t)
{
	static struct wm_world next;
	static struct wm_walk walk;
	static struct mm_struct mm;
	const char *wrong = NULL;

	if (wm_build(&mm, w, caps))
		return "a world could not be built";
	for (unsigned i = 0; i < 24 && !wrong && t->walks < limit; i++) {
		u64 large = wm_leaves(w, PT_PMD) + wm_leaves(w, PT_PUD);

		memcpy(&next, w, sizeof(next));
		wm_walk_make(&walk, w, seed);
		wm_expect(&walk, &next);
		if (walk.too_long) {
			t->skipped++;
			continue;
		}
		wrong = wm_run(&mm, &walk);
		memcpy(w, &next, sizeof(next));
		t->splits += wm_leaves(w, PT_PMD) + wm_leaves(w, PT_PUD) != large;
		count(t, &walk);
		if (!wrong && i % 6 == 5)
			wrong = wm_compare(&mm, w);
	}
	if (!wrong)
		wrong = wm_compare(&mm, w);
	wm_drop(&mm, w);
	return wrong;
}

const char *wm_many(u64 limit, u64 seed, bool five, struct wm_tally *tally)
{
	static struct wm_world world;
	const char *wrong = NULL;

	memset(tally, 0, sizeof(*tally));
	while (tally->walks < limit && !wrong) {
		struct pt_caps caps = {.pages_2m = true, .pages_1g = true, .nx = true, .global = true};

		caps.five_levels = five && (wm_random(&seed) >> 20) % 2;
		wm_world_make(&world, caps.five_levels ? PT_PGD : PT_P4D, (wm_random(&seed) >> 20) % 2, &seed);
		wrong = one_world(&world, &caps, &seed, limit, tally);
	}
	return wrong;
}
