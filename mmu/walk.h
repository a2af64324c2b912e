/*
 * The walker: calls back for what stands in page tables, range by range, in the order of addresses. Its contract is
 * Linux's mm_walk, so that code written for that can be carried over; where mm_walk surprises, it does not (see below).
 *
 * The order. For each VMA that touches the range: test_walk, pre_vma, then its tables from the top down, each entry
 * before what lies below it, then post_vma. What no VMA holds is given to pte_hole with depth -1 and walk->vma NULL,
 * gap by gap; so is all of a VMA_PHYS where there is no test_walk. Callbacks that are NULL are passed over, and the
 * walk goes no deeper than something is to be called: to the ptes for pte_entry and install_pte only; for pte_hole to
 * the pmds, since an empty pte goes to pte_entry like any other.
 *
 * Ranges have a first and a last byte, in calls and callbacks, so that one may end with the address space; they are
 * whole pages, else -EINVAL. A callback is given its part of the entry's span: what the range has of it. Addresses that
 * no entry can stand for (the canonical hole) are part of a gap between VMAs, and nothing where there are none.
 *
 * Callbacks return 0 to go on. Anything else, positive or negative, ends the walk and is what it returns; test_walk has
 * one value more. Before each of them action is WALK_SUBTREE; it may leave there, for a walk of entries and holes
 * (depth >= 0):
 *
 *	WALK_SUBTREE	go on below the entry, if it leads anywhere
 *	WALK_CONTINUE	go on behind it
 *	WALK_AGAIN	look at the place again, from the top table down: what the callback changed is seen, tables that
 *			went are not touched. Entries above are not called again while they lead to tables; where that
 *			has changed, what stands there now is reported from this address on. More than WALK_AGAIN_MAX
 *			times without getting any further is -ELOOP.
 *
 * A callback may change the tables below its own entry, and the entry. If tables may have gone by that (pt_unmap(), a
 * merge), or others than it was given, it must leave WALK_AGAIN or end the walk.
 *
 * Large leaves: with a VMA, one at pud or pmd is given to pud_entry or pmd_entry; if action is then WALK_SUBTREE and
 * there is a callback for entries below, it is split, and these are visited. That changes the tables: it is -EPERM
 * where walk_lock is WALK_RDLOCK (leave WALK_CONTINUE for leaves, or have WALK_WRLOCK), and -ENOMEM where there is no
 * frame. In a VMA_HUGETLB nothing is split and no other entry callback called: hugetlb_entry gets each leaf, pte_hole
 * each hole, and without hugetlb_entry all of it is passed over. Without a VMA leaves go to their level's callback,
 * and stay whole.
 *
 * install_pte fills empty ptes, in a walk of VMAs with WALK_WRLOCK: tables are made where they are missing, instead of
 * calling pte_hole, and what it gives is stored. Other ptes go to pte_entry, if there is one. Large leaves are full:
 * not split for its sake. Not in VMA_GUARD: there it is as if it was NULL. A table that was made and got no entry, for
 * whatever reason, goes back. -EINVAL with a VMA_HUGETLB.
 *
 * What is different from Linux's, on purpose:
 *	- nothing is written to a bad entry (one that is neither empty nor leads to a leaf or to RAM): bad_entry is
 *	  called, and without that the walk ends with -EIO;
 *	- a range may end at 2^64; one that is not whole pages is refused;
 *	- a positive return reaches the caller from everywhere, pte_hole of a VMA that is passed over included;
 *	- post_vma is called exactly when pre_vma did not fail (or is NULL), whether the walk failed or not;
 *	- AGAIN is bounded, and counts after any callback for entries and holes, not only at pud and pmd;
 *	- pte_hole alone is reason enough to go down;
 *	- install_pte without pte_entry is allowed; what it gives is stored where it returns 0 and does not
 *	  leave WALK_AGAIN, else it is still the callback's;
 *	- with four levels pgd is folded away: its entries are p4d's, which have depth 1, and pgd_entry is not called
 *	  (Linux calls it for the same entry, and counts that as depth 0).
 *
 * Locks: walk_lock says how the caller holds the mm lock, which is asserted. VMAs must not change during a walk but in
 * post_vma. One walk that writes per root. Not from interrupts.
 *
 * Must not know: why somebody walks. Read next: mmu/walk.c, mmu/mm.h.
 */
#ifndef MMU_WALK_H
#define MMU_WALK_H

#include "arch/pte.h"
#include "mmu/pt.h"
#include "mmu/vma.h"

struct mm_walk;

enum walk_action { WALK_SUBTREE, WALK_CONTINUE, WALK_AGAIN };

#define WALK_AGAIN_MAX 64

enum walk_lock {
	WALK_RDLOCK, /* the mm lock is held, for reading or writing; tables are not changed */
	WALK_WRLOCK, /* for writing */
	WALK_NOLOCK, /* nobody else knows the tables, or nobody changes them; with VMAs it is -EINVAL */
};

/* What test_walk returns to have its VMA passed over. */
#define WALK_SKIP 1

/*
 * @entry: where it stands, for a callback that changes it. @value: what it held, by its *_val op. [va, last]: the part
 * of the range that it spans. walk->level is the entry's level.
 */
struct mm_walk_ops {
	int (*pgd_entry)(pgd_t *entry, ulong value, ulong va, ulong last, struct mm_walk *walk);
	int (*p4d_entry)(p4d_t *entry, ulong value, ulong va, ulong last, struct mm_walk *walk);
	int (*pud_entry)(pud_t *entry, ulong value, ulong va, ulong last, struct mm_walk *walk);
	int (*pmd_entry)(pmd_t *entry, ulong value, ulong va, ulong last, struct mm_walk *walk);
	/* Every pte, empty and software ones (mmu/soft_pte.h) too; it spans one page. */
	int (*pte_entry)(pte_t *entry, ulong value, ulong va, struct mm_walk *walk);

	/* [va, last] is empty; @depth is the empty entry's level, 0 pgd to 3 pmd, or -1: nobody looked at tables. */
	int (*pte_hole)(ulong va, ulong last, int depth, struct mm_walk *walk);
	/* A leaf in a VMA_HUGETLB; walk->level is PT_PUD or PT_PMD. */
	int (*hugetlb_entry)(ulong *entry, ulong value, ulong va, ulong last, struct mm_walk *walk);
	/* An entry that makes no sense (or ptes in a VMA_HUGETLB), at @depth; 0 goes on behind it. */
	int (*bad_entry)(ulong value, ulong va, ulong last, int depth, struct mm_walk *walk);

	/* [va, last] is what the range has of walk->vma. 0: walk it; WALK_SKIP; anything else ends the walk. */
	int (*test_walk)(ulong va, ulong last, struct mm_walk *walk);
	int (*pre_vma)(ulong va, ulong last, struct mm_walk *walk);
	void (*post_vma)(struct mm_walk *walk);

	/* The pte of @va is empty: *value is what shall stand there; left alone, it stays empty. */
	int (*install_pte)(ulong va, ulong *value, struct mm_walk *walk);

	enum walk_lock walk_lock;
};

/* What callbacks are told; they write action, and what @private leads to. */
struct mm_walk {
	const struct mm_walk_ops *ops;
	struct mm_struct *mm; /* NULL: a root without one */
	struct pt_root *root;
	struct vm_area_struct *vma; /* NULL: none */
	enum pt_level level;
	enum walk_action action;
	void *private;
};

/* All of [first, last] in @mm. 0, what a callback returned, or one of the errors above. */
int walk_page_range(struct mm_struct *mm, ulong first, ulong last, const struct mm_walk_ops *ops, void *private);

/*
 * A part of one VMA, or all of it. test_walk is not called, and a VMA_PHYS is walked like any other. -EINVAL too where
 * [first, last] is not inside.
 */
int walk_page_range_vma(struct vm_area_struct *vma, ulong first, ulong last, const struct mm_walk_ops *ops,
			void *private);
int walk_page_vma(struct vm_area_struct *vma, const struct mm_walk_ops *ops, void *private);

/*
 * The tables of @root, of whatever format, and no VMAs: nothing is split, install_pte is -EINVAL. walk_lock is about
 * root->mm, and must be WALK_NOLOCK where that is NULL (-EINVAL).
 */
int walk_page_range_novma(struct pt_root *root, ulong first, ulong last, const struct mm_walk_ops *ops, void *private);

/* The kernel's own (kspace_root), as walk_page_range_novma() with WALK_NOLOCK. */
int walk_kernel_range(ulong first, ulong last, const struct mm_walk_ops *ops, void *private);

/* ---- one address ---- */

#define FW_MIGRATION 1U /* a migration entry counts as a page: the frame that it comes from */
#define FW_ZEROPAGE  2U /* so does the zero page */

struct walk_found {
	enum pt_level level; /* of the entry */
	ulong *entry;
	ulong value;
	u64 pfn; /* the frame at the very address asked for */
	bool migration;
};

/*
 * The page at @va in @vma, as Linux's folio_walk_start() finds it: one that is a page of the address space's own. 0;
 * -ENOENT: nothing there, or only what @flags leave out; in a VMA_PHYS that is everything. -EINVAL: @va is not in
 * @vma; -EIO: a bad entry. The mm lock is held (asserted), and *found is good as long as it is: there is nothing to
 * end.
 */
int walk_lookup(struct vm_area_struct *vma, ulong va, unsigned flags, struct walk_found *found);

#endif
