/*
 * Random worlds, and random walks in them: see tests/walk_model.h. Things lie where they meet: at the ends of tables of
 * each level, of the halves, of each other.
 */
#include "arch/pte.h"
#include "mmu/pt_priv.h"
#include "tests/walk_model.h"

u64 wm_random(u64 *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * 2685821657736338717UL;
}

static u64 below(u64 *seed, u64 n)
{
	return (wm_random(seed) >> 11) % n;
}

/* Where a table of each level ends, and both ends of each half. */
static ulong random_spot(const struct wm_world *w, bool kernel_half, u64 *seed)
{
	ulong half = 1UL << (pt_shift(w->top) + 8), near;

	switch (below(seed, 5)) {
	case 0:
		near = 0;
		break;
	case 1:
		near = GIB - 3 * MIB;
		break;
	case 2:
		near = 512 * GIB - 4 * MIB;
		break;
	case 3:
		near = half / 2 - GIB - 2 * MIB;
		break;
	default:
		near = half - 6 * MIB;
		break;
	}
	return kernel_half && below(seed, 3) ? near - half : near;
}

static ulong random_page(const struct wm_world *w, bool kernel_half, u64 *seed)
{
	ulong spot = random_spot(w, kernel_half, seed);

	return spot + below(seed, 1536) * PAGE_SIZE;
}

static bool extent_free(const struct wm_world *w, ulong first, ulong last)
{
	for (unsigned i = 0; i < w->extent_count; i++) {
		if (w->extent[i].first <= last && w->extent[i].last >= first)
			return false;
	}
	return true;
}

static void add_extent(struct wm_world *w, const struct wm_extent *e)
{
	unsigned i = w->extent_count++;

	for (; i && w->extent[i - 1].first > e->first; i--)
		w->extent[i] = w->extent[i - 1];
	w->extent[i] = *e;
}

static void random_extent(struct wm_world *w, bool kernel_half, u64 *seed)
{
	struct wm_extent e = {.what = WM_LEAF};
	u64 span, count, r = below(seed, 20);
	ulong half = 1UL << (pt_shift(w->top) + 8);

	e.level = r < 12 ? PT_PTE : r < 17 ? PT_PMD : PT_PUD;
	count = 1 + below(seed, e.level == PT_PTE ? (r < 9 ? 12 : 600) : e.level == PT_PMD ? 3 : 2);
	if (r < 2)
		e.what = WM_SOFT;
	if ((r == 16 || r == 19) && below(seed, 3) == 0) {
		e.what = WM_BAD;
		count = 1;
	}
	span = pt_span(e.level);
	e.first = ALIGN_DOWN(random_page(w, kernel_half, seed), span);
	e.last = e.first + count * span - 1;
	/* Within its half; the last page of the lower one is no VMA's. */
	if (e.last < e.first || (e.first < half && e.last >= half) || !extent_free(w, e.first, e.last))
		return;
	w->bad |= e.what == WM_BAD;
	add_extent(w, &e);
}

static void random_vma(struct wm_world *w, u64 *seed)
{
	static const u64 pages[] = {1, 8, 40, 600, 1024, 3 * 512 * 512};
	ulong half = 1UL << (pt_shift(w->top) + 8);
	struct wm_vma v = {.first = random_page(w, false, seed)};
	u64 r = wm_random(seed) >> 20;

	/* Most are about an extent. */
	if ((r >> 16) % 4 && w->extent_count && w->extent[(r >> 20) % w->extent_count].first < half)
		v.first = w->extent[(r >> 20) % w->extent_count].first;
	if (v.first && (r >> 32) % 2)
		v.first -= PAGE_SIZE * min((r >> 33) % 700, v.first >> PAGE_SHIFT);
	v.last = v.first + (1 + below(seed, pages[r % ARRAY_SIZE(pages)])) * PAGE_SIZE - 1;
	v.last = min(v.last, half - PAGE_SIZE - 1);
	v.kind = (enum vma_kind)((r >> 8) % 8 < 5 ? VMA_ANON : (r >> 8) % 8 - 4);
	v.flags = VMA_READ | ((r >> 12) % 3 == 0 ? VMA_HUGETLB : 0);
	for (unsigned i = 0; i < w->vma_count; i++) {
		if (w->vma[i].first <= v.last && w->vma[i].last >= v.first)
			return;
	}
	if (v.first < v.last)
		w->vma[w->vma_count++] = v;
}

void wm_world_make(struct wm_world *w, enum pt_level top, bool kernel_half, u64 *seed)
{
	unsigned extents = 1 + below(seed, 12), vmas = 1 + below(seed, WM_VMAS - 1);

	w->extent_count = 0;
	w->vma_count = 0;
	w->top = top;
	w->bad = false;
	for (unsigned i = 0; i < extents; i++)
		random_extent(w, kernel_half, seed);
	for (unsigned i = 0; i < vmas; i++)
		random_vma(w, seed);
}

/* A page where something begins or ends, or one that is near; or anywhere. */
static ulong interesting(const struct wm_world *w, u64 *seed)
{
	u64 r = wm_random(seed) >> 20;
	ulong va = random_page(w, true, seed);

	if (r % 4 && w->extent_count)
		va = w->extent[(r >> 4) % w->extent_count].first;
	else if (r % 4 == 0 && w->vma_count)
		va = w->vma[(r >> 4) % w->vma_count].first;
	return (va & PAGE_MASK) + ((long)((r >> 16) % 1100) - 300) * (long)PAGE_SIZE * ((r >> 32) % 2);
}

void wm_walk_make(struct wm_walk *walk, const struct wm_world *w, u64 *seed)
{
	u64 r = wm_random(seed) >> 20;
	ulong a = interesting(w, seed), b = interesting(w, seed);

	walk->way = (enum wm_way)(r % WM_WAYS);
	walk->ops = wm_random(seed) >> 30 & wm_random(seed) >> 30;
	walk->ops |= r >> 8 & 1 ? BIT(WM_PTE) : BIT(WM_HOLE);
	walk->ops |= r >> 9 & 1 ? BIT(WM_PTE) | BIT(WM_HOLE) | BIT(WM_PMD) | BIT(WM_PUD) : 0;
	walk->ops |= r >> 10 & 1 ? BIT(WM_TEST) : 0;
	walk->ops &= BIT(WM_KINDS) - 1;
	if (walk->way == WM_NOVMA || r >> 12 & 3)
		walk->ops &= ~BIT(WM_INSTALL);
	walk->lock = walk->ops & BIT(WM_INSTALL) || r >> 14 & 3 ? WALK_WRLOCK : WALK_RDLOCK;
	if (walk->way == WM_NOVMA && r >> 16 & 1)
		walk->lock = WALK_NOLOCK;
	walk->first = min(a, b);
	walk->last = max(a, b) + PAGE_SIZE - 1;
	if ((r >> 18) % 32 == 0) {
		walk->first = 0;
		walk->last = ~0UL;
	}
	if (walk->way == WM_IN_VMA && w->vma_count) {
		walk->in = &w->vma[(r >> 24) % w->vma_count];
		walk->first = max(walk->in->first, walk->first);
		walk->last = min(walk->in->last, walk->last);
		if (walk->first >= walk->last || r >> 32 & 1) {
			walk->first = walk->in->first;
			walk->last = walk->in->last;
		}
	} else if (walk->way == WM_IN_VMA) {
		walk->way = WM_RANGE;
	}
	if ((r >> 18) % 16 == 1 && walk->way != WM_IN_VMA)
		walk->last = ~0UL;
	walk->again_forever = (r >> 36) % 64 == 0;
	walk->seed = wm_random(seed);
}
