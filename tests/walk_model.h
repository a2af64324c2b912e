/*
 * The walker against a naive model, on the host and in the kernel. A world is a list of what stands in the page
 * tables (extents of leaves of one size, of software ptes, bad entries) and an array of VMAs; from these alone the
 * model says which callbacks a walk makes, in which order and with which arguments, and what each shall answer: leave
 * things, skip, look again, change the tables, end it. Then the real walk is made over real tables, and each callback
 * is held against the next of the list. Afterwards the tables must be what the model says, split leaves and installed
 * ptes included.
 *
 * A frame's number is that of its page, modulo 2^28, so that an extent needs none. Freestanding.
 * Must not know: how tables are built. Read next: tests/walk_model.c, tests/walk_run.c.
 */
#ifndef TESTS_WALK_MODEL_H
#define TESTS_WALK_MODEL_H

#include "lib/types.h"
#include "mmu/mm.h"
#include "mmu/walk.h"

#define WM_EXTENTS 192
#define WM_VMAS    8
#define WM_EVENTS  2048
#define WM_PA(va)  ((va)&0xfffffff000UL)
/* One that is not present and not empty, one that leads to a table where there is no RAM. */
#define WM_BAD_BITS(va) ((va) >> 21 & 1 ? 0x000abcde00000e00UL : 0x0000ffffff000063UL)

enum wm_what { WM_LEAF, WM_SOFT, WM_BAD };

/* Leaves of @level, software ptes, or one bad entry of @level. */
struct wm_extent {
	ulong first, last;
	enum pt_level level;
	enum wm_what what;
};

struct wm_vma {
	ulong first, last;
	enum vma_kind kind;
	u32 flags;
};

struct wm_world {
	struct wm_extent extent[WM_EXTENTS]; /* by address; none overlap */
	unsigned extent_count;
	struct wm_vma vma[WM_VMAS]; /* in any order */
	unsigned vma_count;
	enum pt_level top;
	bool bad; /* a bad entry is among it */
};

/* The callbacks, as bits of wm_walk.ops; entries are 1 << level. */
enum wm_event_kind {
	WM_PTE,
	WM_PMD,
	WM_PUD,
	WM_P4D,
	WM_PGD,
	WM_HOLE,
	WM_HUGETLB,
	WM_BAD_ENTRY,
	WM_TEST,
	WM_PRE,
	WM_POST,
	WM_INSTALL,
	WM_KINDS
};

enum wm_change { WM_NO_CHANGE, WM_UNMAP, WM_MAP };

#define WM_TABLE 1UL /* wm_event.value: a table, wherever it lies */

struct wm_event {
	enum wm_event_kind kind;
	int depth;       /* of a hole, a bad entry */
	ulong va, last;  /* for WM_POST 0 */
	ulong value;     /* of an entry */
	const void *vma; /* the struct wm_vma, or NULL */
	/* What it is to do. */
	int answer;
	enum walk_action action;
	enum wm_change change; /* of [va, last], or of the first page there */
	bool leave;            /* WM_INSTALL: nothing */
};

enum wm_way { WM_RANGE, WM_IN_VMA, WM_NOVMA, WM_WAYS };

/* One walk: what is asked, and after wm_expect() what must come. */
struct wm_walk {
	enum wm_way way;
	unsigned ops; /* bits of enum wm_event_kind */
	ulong first, last;
	const struct wm_vma *in; /* for WM_IN_VMA */
	enum walk_lock lock;
	u64 seed;
	bool again_forever;

	struct wm_event event[WM_EVENTS];
	unsigned event_count;
	bool too_long; /* more events, or more extents, than there is room for: not to be made */
	int result;
};

/* ---- tests/walk_random.c: a random world, and a random walk in it ---- */

void wm_world_make(struct wm_world *world, enum pt_level top, bool kernel_half, u64 *seed);
void wm_walk_make(struct wm_walk *walk, const struct wm_world *world, u64 *seed);
u64 wm_random(u64 *seed);

/* ---- tests/walk_model.c: what must come of it ---- */

/* Fills in what must come, and changes @world to what must then be there. */
void wm_expect(struct wm_walk *walk, struct wm_world *world);

/* What stands for @va in @world; NULL: nothing. */
const struct wm_extent *wm_at(const struct wm_world *world, ulong va);
/* An entry of @e that stands for @va. */
ulong wm_value(const struct wm_extent *e, ulong va);
/* How many tables there are below the top, and how many leaves of each level. */
u64 wm_tables(const struct wm_world *world);
u64 wm_leaves(const struct wm_world *world, enum pt_level level);

/* ---- tests/walk_run.c: on real tables ---- */

/* An address space as @world says; it must be all zeros or dropped. -ENOMEM, nothing left. */
int wm_build(struct mm_struct *mm, const struct wm_world *world, const struct pt_caps *caps);
void wm_drop(struct mm_struct *mm, const struct wm_world *world);

/* Makes @walk in @mm. NULL, or what was different from what must come. */
const char *wm_run(struct mm_struct *mm, struct wm_walk *walk);
/* Compares the tables with @world, leaf by leaf. NULL, or what is different. */
const char *wm_compare(struct mm_struct *mm, const struct wm_world *world);

/* What came to pass: a test looks whether chance has left something out. */
struct wm_tally {
	u64 walks, events, kind[WM_KINDS];             /* callbacks, by kind */
	u64 action[3], change[3];                      /* that they left; that they made */
	u64 skipped;                                   /* walks that would have been too long */
	u64 splits, gaps, positive, negative, endless; /* walks with a split, holes of depth -1, results, -ELOOP */
};

/* @count random walks from @seed on, with 4 and (where @five) 5 levels. NULL, or what was different first. */
const char *wm_many(u64 count, u64 seed, bool five, struct wm_tally *tally);

#endif
