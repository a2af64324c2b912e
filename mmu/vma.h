/*
 * Which ranges of an address space mean what: VMAs, in a balanced tree (AVL) that is also a list. A VMA says what shall
 * be in the page tables of its range; it neither reads nor writes them. Ranges are given by their first and last byte,
 * so that one may end with the address space; they begin and end with pages, and never overlap.
 *
 *	tree->first	 | anon rw- |######| zero r-- | phys rw- |########| guard |	tree->last
 *			            free, no VMA		    free
 *
 * With n VMAs the tree is at most 1.44 * log2(n + 2) deep; finding, inserting and removing one takes as many steps, and
 * so does finding room (each subtree knows its widest gap), unless alignment or bounds make it look at many gaps.
 *
 * Locks: who changes a tree holds its mm for writing, who looks into it holds it at least for reading (mmu/mm.h); a
 * tree without an mm is its owner's business. Not from interrupts.
 *
 * Must not know: page tables. Read next: mmu/walk.h, their reader; mmu/mm.h.
 */
#ifndef MMU_VMA_H
#define MMU_VMA_H

#include "lib/types.h"
#include "mmu/pool.h"

struct mm_struct;

enum vma_kind {
	VMA_ANON,  /* frames of its own, zeroed on first use */
	VMA_ZERO,  /* the zero page (mm_zero_pfn()), read-only, everywhere */
	VMA_PHYS,  /* the frames from @pfn on, which nobody counts: devices, other people's memory */
	VMA_GUARD, /* nothing, ever: keeps the range free */
	VMA_KINDS
};

/* vm_area_struct.flags */
#define VMA_READ    0x01U
#define VMA_WRITE   0x02U
#define VMA_EXEC    0x04U
#define VMA_SHARED  0x08U
#define VMA_HUGE    0x10U /* large leaves are allowed; they may be split */
#define VMA_HUGETLB 0x20U /* large leaves only, which are never split */

/* One range. Readers look at the first six members; the others are the tree's. Changed by the functions below only. */
struct vm_area_struct {
	ulong first, last; /* bytes */
	enum vma_kind kind;
	u32 flags;
	u64 pfn; /* of VMA_PHYS: the frame at @first; else 0 */
	struct mm_struct *mm;

	struct vm_area_struct *left, *right;
	struct vm_area_struct *prev, *next; /* by address */
	ulong tree_first, tree_last;        /* of the subtree */
	ulong tree_gap;                     /* bytes of the widest gap between two VMAs of the subtree */
	u32 height;                         /* of the subtree: 1 for a leaf */
};

struct vma_tree {
	struct vm_area_struct *root;
	struct vm_area_struct *head, *tail;
	ulong first, last; /* no VMA lies outside */
	u64 count;
	struct mm_struct *mm; /* that a VMA says it belongs to; NULL: none */
};

/* All VMAs come from here: for leak checks. */
extern struct pool vma_pool;

/* An empty tree for [first, last]. */
void vma_tree_init(struct vma_tree *tree, struct mm_struct *mm, ulong first, ulong last);
/* Removes all VMAs. */
void vma_tree_destroy(struct vma_tree *tree);

/* What vma_insert() is to make: the members of struct vm_area_struct that are the caller's. */
struct vma_spec {
	ulong first, last;
	enum vma_kind kind;
	u32 flags;
	u64 pfn;
};

/*
 * Adds a VMA; *out is it (@out may be NULL). It is not merged with its neighbours: vma_merge(). -EINVAL: not whole
 * pages, outside the tree's range, an unknown kind or flag, a pfn without VMA_PHYS or frames that do not exist;
 * -EEXIST: it would overlap one; -ENOMEM.
 */
int vma_insert(struct vma_tree *tree, const struct vma_spec *spec, struct vm_area_struct **out);

/* The first VMA that ends at or above @va: the one that holds it, or the next one behind it. NULL: none. */
struct vm_area_struct *vma_find(const struct vma_tree *tree, ulong va);
/* The one that is exactly [first, last]; the lowest one that has a byte of it. NULL: none. */
struct vm_area_struct *vma_find_exact(const struct vma_tree *tree, ulong first, ulong last);
struct vm_area_struct *vma_find_intersection(const struct vma_tree *tree, ulong first, ulong last);

/* In order of addresses: for (v = tree->head; v; v = v->next); the current one may be removed only after its next. */
#define for_each_vma(v, tree) for ((v) = (tree)->head; (v); (v) = (v)->next)

/*
 * Makes two of @vma: it keeps what lies below @at, *upper (may be NULL) is the rest. -EINVAL: @at is no page's
 * beginning inside it; -ENOMEM.
 */
int vma_split(struct vma_tree *tree, struct vm_area_struct *vma, ulong at, struct vm_area_struct **upper);

/*
 * Merges @vma with the neighbours that touch it and are alike: kind, flags, and for VMA_PHYS frames that go on. Returns
 * the one that is left, which holds all.
 */
struct vm_area_struct *vma_merge(struct vma_tree *tree, struct vm_area_struct *vma);

/*
 * Removes [first, last]: VMAs inside go, those that stick out are cut. The page tables are the caller's. -EINVAL: not
 * whole pages, or empty; -ENOMEM: one VMA sticks out on both sides and there is no second; nothing is changed.
 */
int vma_remove(struct vma_tree *tree, ulong first, ulong last);

/*
 * The lowest *at in [first, last], a multiple of @align (a power of two, a page at least), from which @size bytes are
 * free and within [first, last] and the tree's range. -EINVAL, -ENOMEM (there is no such place).
 */
int vma_find_free(const struct vma_tree *tree, u64 size, u64 align, ulong first, ulong last, ulong *at);

/* "anon", "zero", ... Static text. */
const char *vma_kind_name(enum vma_kind kind);

#endif
