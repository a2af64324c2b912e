/*
 * The model: see tests/walk_model.h. Whatever it says follows from the list of extents, which is searched from the
 * beginning each time; it has no tables.
 */
#include "tests/walk_model.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mmu/soft_pte.h"

static u64 span_of(enum pt_level level)
{
	return 1UL << (PAGE_SHIFT + 9 * level);
}

/* ---- extents ---- */

static const struct wm_extent *first_in(const struct wm_world *w, ulong first, ulong last)
{
	for (unsigned i = 0; i < w->extent_count; i++) {
		if (w->extent[i].first <= last && w->extent[i].last >= first)
			return &w->extent[i];
	}
	return NULL;
}

const struct wm_extent *wm_at(const struct wm_world *w, ulong va)
{
	return first_in(w, va, va);
}

ulong wm_value(const struct wm_extent *e, ulong va)
{
	ulong at = ALIGN_DOWN(va, span_of(e->level));

	if (e->what == WM_BAD)
		return WM_BAD_BITS(at);
	if (e->what == WM_SOFT)
		return soft_pte(SOFT_PTE_MIGRATION, WM_PA(at) >> PAGE_SHIFT);
	return WM_PA(at) | PTE_P | PTE_W | PTE_A | PTE_D | (e->level > PT_PTE ? PTE_PS : 0);
}

static bool put(struct wm_world *w, ulong first, ulong last, enum pt_level level, enum wm_what what)
{
	unsigned i = 0;

	while (i < w->extent_count && w->extent[i].last < first)
		i++;
	if (i && w->extent[i - 1].last + 1 == first && w->extent[i - 1].level == level &&
	    w->extent[i - 1].what == what && what != WM_BAD) {
		w->extent[i - 1].last = last;
		return true;
	}
	if (w->extent_count == WM_EXTENTS)
		return false;
	for (unsigned k = w->extent_count++; k > i; k--)
		w->extent[k] = w->extent[k - 1];
	w->extent[i] = (struct wm_extent){first, last, level, what};
	return true;
}

/* Cuts @e in two at @va. */
static bool cut(struct wm_world *w, struct wm_extent *e, ulong va)
{
	struct wm_extent upper = *e;

	if (va <= e->first || va > e->last)
		return true;
	if (w->extent_count == WM_EXTENTS)
		return false;
	e->last = va - 1;
	upper.first = va;
	for (struct wm_extent *k = &w->extent[w->extent_count++]; k > e + 1; k--)
		*k = k[-1];
	e[1] = upper;
	return true;
}

static struct wm_extent *find(struct wm_world *w, ulong va)
{
	return (struct wm_extent *)wm_at(w, va);
}

/* The one leaf at @va becomes 512. */
static bool split_one(struct wm_world *w, ulong va)
{
	u64 span = span_of(find(w, va)->level);
	ulong at = ALIGN_DOWN(va, span);

	if (!cut(w, find(w, va), at) || !cut(w, find(w, va), at + span))
		return false;
	find(w, va)->level--;
	return true;
}

/* No leaf reaches across @va any more. */
static bool split_across(struct wm_world *w, ulong va)
{
	const struct wm_extent *e;

	while ((e = wm_at(w, va)) && !IS_ALIGNED(va, span_of(e->level))) {
		if (!split_one(w, va))
			return false;
	}
	return true;
}

static bool unmap(struct wm_world *w, ulong first, ulong last)
{
	unsigned kept = 0;

	if (!split_across(w, first) || !split_across(w, last + 1))
		return false;
	if ((find(w, first) && !cut(w, find(w, first), first)) ||
	    (find(w, last + 1) && !cut(w, find(w, last + 1), last + 1)))
		return false;
	for (unsigned i = 0; i < w->extent_count; i++) {
		if (w->extent[i].first > last || w->extent[i].last < first)
			w->extent[kept++] = w->extent[i];
	}
	w->extent_count = kept;
	return true;
}

u64 wm_leaves(const struct wm_world *w, enum pt_level level)
{
	u64 sum = 0;

	for (unsigned i = 0; i < w->extent_count; i++) {
		if (w->extent[i].level == level && w->extent[i].what == WM_LEAF)
			sum += (w->extent[i].last - w->extent[i].first) / span_of(level) + 1;
	}
	return sum;
}

/* A table of each level for each span that holds an entry of that level or below. */
u64 wm_tables(const struct wm_world *w)
{
	u64 sum = 0;

	for (enum pt_level level = PT_PTE; level < w->top; level++) {
		ulong next = 0; /* first byte behind the last table counted */
		bool any = false;

		for (unsigned i = 0; i < w->extent_count; i++) {
			const struct wm_extent *e = &w->extent[i];
			ulong first = ALIGN_DOWN(e->first, span_of(level + 1)),
			      last = e->last | (span_of(level + 1) - 1);

			if (e->level > level)
				continue;
			if (any && first < next)
				first = next;
			if (any && (!next || first > last))
				continue;
			sum += (last - first) / span_of(level + 1) + 1;
			next = last + 1;
			any = true;
		}
	}
	return sum;
}

/* ---- what a walk must do ---- */

struct model {
	struct wm_walk *walk;
	struct wm_world *world;
	const struct wm_vma *vma;
	bool installing, hugetlb;
	u64 seed;
	bool resuming, again;
	enum pt_level resume_level;
	ulong resume_va, again_va;
	unsigned again_count;
};

static bool has(const struct model *m, enum wm_event_kind kind)
{
	return m->walk->ops & BIT(kind);
}

/* Now and then something other than 0 and WALK_SUBTREE. */
static void decide(struct model *m, struct wm_event *e, bool may_change)
{
	u64 r = wm_random(&m->seed);
	bool entry = e->kind <= WM_BAD_ENTRY && e->depth >= 0;

	if (m->walk->again_forever && entry && m->walk->event_count > 20) {
		e->action = WALK_AGAIN;
	} else if (r % 1024 == 0 || (e->kind == WM_HOLE && e->depth < 0 && r % 16 == 6)) {
		e->answer = r & 2048 ? 3 : -EBUSY;
	} else if (e->kind == WM_TEST && r % 5 == 0) {
		e->answer = WALK_SKIP;
	} else if (entry && r % 64 == 1) {
		e->action = WALK_AGAIN;
	} else if (entry && (r % 16 == 2)) {
		e->action = WALK_CONTINUE;
	} else if (entry && may_change && r % 64 == 3) {
		e->change = e->kind == WM_HOLE ? WM_MAP : WM_UNMAP;
		e->action = WALK_AGAIN;
	} else if (e->kind == WM_INSTALL) {
		e->leave = r % 8 == 4;
		e->action = r % 64 == 5 ? WALK_AGAIN : WALK_SUBTREE;
	}
}

/* The world after what the callback did. */
static bool apply(struct model *m, const struct wm_event *e)
{
	if (e->change == WM_UNMAP)
		return unmap(m->world, e->va, e->last);
	if (e->change == WM_MAP)
		return put(m->world, e->va, e->va + PAGE_SIZE - 1, PT_PTE, WM_LEAF);
	return true;
}

/* One callback. True: the walk unwinds. */
static bool event(struct model *m, enum wm_event_kind kind, int depth, ulong va, ulong last, ulong value)
{
	struct wm_walk *walk = m->walk;
	struct wm_event *e = &walk->event[walk->event_count];

	if (walk->event_count == WM_EVENTS) {
		walk->too_long = true;
		return true;
	}
	walk->event_count++;
	*e = (struct wm_event){kind, depth, va, last, value, m->vma, 0, WALK_SUBTREE, WM_NO_CHANGE, false};
	decide(m, e, walk->lock != WALK_RDLOCK && !m->installing && !m->world->bad);
	if (!apply(m, e)) {
		walk->too_long = true;
		return true;
	}
	walk->result = e->answer;
	if (e->answer || e->action != WALK_AGAIN)
		return e->answer;
	m->again_count = va == m->again_va ? m->again_count + 1 : 1;
	m->again_va = va;
	if (m->again_count > WALK_AGAIN_MAX) {
		walk->result = -ELOOP;
		return true;
	}
	m->again = true;
	m->resume_va = va;
	m->resume_level = kind <= WM_PGD ? (enum pt_level)kind : (enum pt_level)(PT_PGD - depth);
	return true;
}

static enum walk_action last_action(const struct model *m)
{
	return m->walk->event[m->walk->event_count - 1].action;
}

static bool one_pte(struct model *m, const struct wm_extent *e, ulong va)
{
	ulong last = va + PAGE_SIZE - 1, value = e ? wm_value(e, va) : 0;

	m->resuming = false;
	if (!m->installing)
		return has(m, WM_PTE) && event(m, WM_PTE, 4, va, last, value);
	if (e)
		return has(m, WM_PTE) && event(m, WM_PTE, 4, va, last, value);
	if (event(m, WM_INSTALL, 4, va, last, 0))
		return true;
	if (m->walk->event[m->walk->event_count - 1].leave)
		return false;
	m->walk->too_long |= !put(m->world, va, last, PT_PTE, WM_LEAF);
	return m->walk->too_long;
}

static bool level(struct model *m, enum pt_level l, ulong first, ulong last);

/* Is there a callback for entries below? */
static bool entries_below(const struct model *m, enum pt_level l)
{
	return m->walk->ops & (BIT(l) - 1);
}

static bool one_entry(struct model *m, enum pt_level l, ulong va, ulong last)
{
	u64 span = span_of(l);
	const struct wm_extent *e = first_in(m->world, ALIGN_DOWN(va, span), va | (span - 1));
	bool here = e && e->level == l, leaf = here && e->what == WM_LEAF;
	bool table = (e && !here) || (!e && m->installing);
	int depth = PT_PGD - l;

	if (m->resuming && l > m->resume_level && table)
		return level(m, l - 1, va, last);
	m->resuming = false;
	if (!e && !m->installing)
		return has(m, WM_HOLE) && event(m, WM_HOLE, depth, va, last, 0);
	if ((here && !leaf) || (m->hugetlb && table && l == PT_PMD)) {
		if (has(m, WM_BAD_ENTRY))
			return event(m, WM_BAD_ENTRY, depth, va, last, here ? wm_value(e, va) : WM_TABLE);
		m->walk->result = -EIO;
		return true;
	}
	if (m->hugetlb && leaf)
		return event(m, WM_HUGETLB, depth, va, last, wm_value(e, va));
	if (!m->hugetlb && has(m, (enum wm_event_kind)l)) {
		if (event(m, (enum wm_event_kind)l, depth, va, last, leaf ? wm_value(e, va) : WM_TABLE))
			return true;
		if (last_action(m) == WALK_CONTINUE)
			return false;
	}
	if (leaf && (!m->vma || !entries_below(m, l)))
		return false;
	if (leaf && m->walk->lock == WALK_RDLOCK) {
		m->walk->result = -EPERM;
		return true;
	}
	if (leaf && !split_one(m->world, va)) {
		m->walk->too_long = true;
		return true;
	}
	/* Of a table of ptes, who asks for holes hears nothing; level() would only find no callback to call. */
	return level(m, l - 1, va, last);
}

/* The part of the entries of @l that stand for [first, last]. */
static bool level(struct model *m, enum pt_level l, ulong first, ulong last)
{
	for (ulong va = first;; va = (va | (span_of(l) - 1)) + 1) {
		ulong stop = min(va | (span_of(l) - 1), last);

		if (l == PT_PTE ? one_pte(m, wm_at(m->world, va), va) : one_entry(m, l, va, stop))
			return true;
		if (stop == last)
			return false;
	}
}

/* The tables: all that is canonical. */
static int in_tables(struct model *m, ulong first, ulong last)
{
	u64 half = span_of(m->world->top) << 8;

	m->walk->result = 0;
	m->again_count = 0;
	m->again_va = 0;
	m->resuming = false;
	for (;;) {
		bool over = false;

		m->again = false;
		if (first < half)
			over = level(m, m->world->top, first, min(last, half - 1));
		if (!over && last >= -half)
			over = level(m, m->world->top, max(first, -half), last);
		if (!over)
			return 0;
		if (!m->again)
			return m->walk->result;
		m->resuming = true;
		first = m->resume_va;
	}
}

static int in_vma(struct model *m, ulong first, ulong last)
{
	int r;

	m->hugetlb = m->vma->flags & VMA_HUGETLB;
	m->installing = has(m, WM_INSTALL) && m->vma->kind != VMA_GUARD;
	if (m->hugetlb && has(m, WM_INSTALL))
		return -EINVAL;
	if (has(m, WM_PRE) && event(m, WM_PRE, -1, first, last, 0))
		return m->walk->result;
	r = m->hugetlb && !has(m, WM_HUGETLB) ? 0 : in_tables(m, first, last);
	m->installing = false;
	if (has(m, WM_POST) && !m->walk->too_long) {
		event(m, WM_POST, -1, 0, 0, 0);
		m->walk->event[m->walk->event_count - 1].answer = 0;
	}
	return r;
}

/* The VMA that holds @va; else NULL, and *stop is where the next one begins, less one. */
static const struct wm_vma *vma_at(const struct wm_world *w, ulong va, ulong *stop)
{
	for (unsigned i = 0; i < w->vma_count; i++) {
		if (w->vma[i].first <= va && w->vma[i].last >= va) {
			*stop = min(*stop, w->vma[i].last);
			return &w->vma[i];
		}
		if (w->vma[i].first > va)
			*stop = min(*stop, w->vma[i].first - 1);
	}
	return NULL;
}

static int by_vmas(struct model *m, ulong first, ulong last)
{
	for (;;) {
		ulong stop = last;
		bool over = false;
		int r = 0;

		m->vma = vma_at(m->world, first, &stop);
		m->installing = false;
		if (!m->vma || (m->vma->kind == VMA_PHYS && !has(m, WM_TEST))) {
			over = has(m, WM_HOLE) && event(m, WM_HOLE, -1, first, stop, 0);
			r = over ? m->walk->result : 0;
		} else if (has(m, WM_TEST) && event(m, WM_TEST, -1, first, stop, 0)) {
			r = m->walk->result == WALK_SKIP ? 0 : m->walk->result;
		} else {
			r = in_vma(m, first, stop);
		}
		if (r || m->walk->too_long || stop == last)
			return r;
		first = stop + 1;
	}
}

void wm_expect(struct wm_walk *walk, struct wm_world *world)
{
	struct model m = {.walk = walk, .world = world, .seed = walk->seed};

	walk->event_count = 0;
	walk->too_long = false;
	if (walk->way == WM_NOVMA) {
		walk->result = in_tables(&m, walk->first, walk->last);
	} else if (walk->way == WM_IN_VMA) {
		m.vma = walk->in;
		walk->result = in_vma(&m, walk->first, walk->last);
	} else {
		walk->result = by_vmas(&m, walk->first, walk->last);
	}
}
