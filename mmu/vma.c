/*
 * VMAs: see mmu/vma.h. An AVL tree (Adelson-Velsky and Landis, 1962) by address without pointers upward: what changes
 * it goes down by recursion, as deep as the tree, and mends height, bounds and widest gap of each subtree on the way
 * back.
 *
 * Must not know: page tables. Read next: mmu/walk.c.
 */
#include "mmu/vma.h"

#include "lib/errno.h"
#include "lib/panic.h"
#include "mmu/mm.h"

#define ALL_FLAGS (VMA_READ | VMA_WRITE | VMA_EXEC | VMA_SHARED | VMA_HUGE | VMA_HUGETLB)
#define PFN_END   (1UL << (52 - PAGE_SHIFT))

struct pool vma_pool = {.size = sizeof(struct vm_area_struct)};

static void assert_readable(const struct vma_tree *tree)
{
	if (tree->mm)
		mm_assert_locked(tree->mm);
}

static void assert_writable(const struct vma_tree *tree)
{
	if (tree->mm)
		mm_assert_write_locked(tree->mm);
}

static bool whole_pages(ulong first, ulong last)
{
	return first < last && IS_ALIGNED(first, PAGE_SIZE) && IS_ALIGNED(last + 1, PAGE_SIZE);
}

static u64 page_count(ulong first, ulong last)
{
	return ((last - first) >> PAGE_SHIFT) + 1;
}

/* ---- the tree: each function takes a subtree and returns what stands in its place ---- */

static u32 height(const struct vm_area_struct *n)
{
	return n ? n->height : 0;
}

/* What @n says about its subtree, from what its children say about theirs. */
static void update(struct vm_area_struct *n)
{
	const struct vm_area_struct *l = n->left, *r = n->right;

	n->height = 1 + max(height(l), height(r));
	n->tree_first = l ? l->tree_first : n->first;
	n->tree_last = r ? r->tree_last : n->last;
	n->tree_gap = 0;
	if (l)
		n->tree_gap = max(l->tree_gap, n->first - l->tree_last - 1);
	if (r) {
		n->tree_gap = max(n->tree_gap, r->tree_gap);
		n->tree_gap = max(n->tree_gap, r->tree_first - n->last - 1);
	}
}

static struct vm_area_struct *rotate_right(struct vm_area_struct *n)
{
	struct vm_area_struct *up = n->left;

	n->left = up->right;
	up->right = n;
	update(n);
	update(up);
	return up;
}

static struct vm_area_struct *rotate_left(struct vm_area_struct *n)
{
	struct vm_area_struct *up = n->right;

	n->right = up->left;
	up->left = n;
	update(n);
	update(up);
	return up;
}

/* @n's subtrees are right and differ by at most two in height. */
static struct vm_area_struct *balance(struct vm_area_struct *n)
{
	if (height(n->left) > height(n->right) + 1) {
		if (height(n->left->left) < height(n->left->right))
			n->left = rotate_left(n->left);
		return rotate_right(n);
	}
	if (height(n->right) > height(n->left) + 1) {
		if (height(n->right->right) < height(n->right->left))
			n->right = rotate_right(n->right);
		return rotate_left(n);
	}
	update(n);
	return n;
}

static struct vm_area_struct *add(struct vm_area_struct *n, struct vm_area_struct *vma)
{
	if (!n) {
		update(vma);
		return vma;
	}
	if (vma->first < n->first)
		n->left = add(n->left, vma);
	else
		n->right = add(n->right, vma);
	return balance(n);
}

static struct vm_area_struct *take_lowest(struct vm_area_struct *n, struct vm_area_struct **lowest)
{
	if (!n->left) {
		*lowest = n;
		return n->right;
	}
	n->left = take_lowest(n->left, lowest);
	return balance(n);
}

static struct vm_area_struct *take(struct vm_area_struct *n, const struct vm_area_struct *vma)
{
	struct vm_area_struct *heir, *rest;

	if (n != vma) {
		if (vma->first < n->first)
			n->left = take(n->left, vma);
		else
			n->right = take(n->right, vma);
		return balance(n);
	}
	if (!n->left || !n->right)
		return n->left ? n->left : n->right;
	rest = take_lowest(n->right, &heir);
	heir->left = n->left;
	heir->right = rest;
	return balance(heir);
}

/* @vma's bounds changed, its place did not: what is said on the way to it must follow. */
static void refresh(struct vm_area_struct *n, const struct vm_area_struct *vma)
{
	if (n != vma)
		refresh(vma->first < n->first ? n->left : n->right, vma);
	update(n);
}

/* ---- one VMA in, out ---- */

/* Between the VMAs that it lies between; @next is the one behind. */
static void link(struct vma_tree *tree, struct vm_area_struct *vma, struct vm_area_struct *next)
{
	vma->next = next;
	vma->prev = next ? next->prev : tree->tail;
	if (vma->prev)
		vma->prev->next = vma;
	else
		tree->head = vma;
	if (next)
		next->prev = vma;
	else
		tree->tail = vma;
	vma->left = NULL;
	vma->right = NULL;
	tree->root = add(tree->root, vma);
	tree->count++;
}

static void drop(struct vma_tree *tree, struct vm_area_struct *vma)
{
	if (vma->prev)
		vma->prev->next = vma->next;
	else
		tree->head = vma->next;
	if (vma->next)
		vma->next->prev = vma->prev;
	else
		tree->tail = vma->prev;
	tree->root = take(tree->root, vma);
	tree->count--;
	pool_free(&vma_pool, vma);
}

static bool spec_ok(const struct vma_tree *tree, const struct vma_spec *s)
{
	if (!whole_pages(s->first, s->last) || s->first < tree->first || s->last > tree->last)
		return false;
	if (s->kind >= VMA_KINDS || s->flags & ~ALL_FLAGS)
		return false;
	if (s->kind != VMA_PHYS)
		return s->pfn == 0;
	return s->pfn < PFN_END && page_count(s->first, s->last) <= PFN_END - s->pfn;
}

void vma_tree_init(struct vma_tree *tree, struct mm_struct *mm, ulong first, ulong last)
{
	*tree = (struct vma_tree){.mm = mm, .first = first, .last = last};
}

void vma_tree_destroy(struct vma_tree *tree)
{
	assert_writable(tree);
	while (tree->head)
		drop(tree, tree->head);
}

int vma_insert(struct vma_tree *tree, const struct vma_spec *spec, struct vm_area_struct **out)
{
	struct vm_area_struct *next, *vma;

	assert_writable(tree);
	if (!spec_ok(tree, spec))
		return -EINVAL;
	next = vma_find(tree, spec->first);
	if (next && next->first <= spec->last)
		return -EEXIST;
	vma = pool_alloc(&vma_pool);
	if (!vma)
		return -ENOMEM;
	vma->first = spec->first;
	vma->last = spec->last;
	vma->kind = spec->kind;
	vma->flags = spec->flags;
	vma->pfn = spec->pfn;
	vma->mm = tree->mm;
	link(tree, vma, next);
	if (out)
		*out = vma;
	return 0;
}

int vma_split(struct vma_tree *tree, struct vm_area_struct *vma, ulong at, struct vm_area_struct **upper)
{
	struct vm_area_struct *rest;

	assert_writable(tree);
	if (!IS_ALIGNED(at, PAGE_SIZE) || at <= vma->first || at > vma->last)
		return -EINVAL;
	rest = pool_alloc(&vma_pool);
	if (!rest)
		return -ENOMEM;
	*rest = *vma;
	rest->first = at;
	if (vma->kind == VMA_PHYS)
		rest->pfn += (at - vma->first) >> PAGE_SHIFT;
	vma->last = at - 1;
	refresh(tree->root, vma);
	link(tree, rest, vma->next);
	if (upper)
		*upper = rest;
	return 0;
}

/* True if @b goes on where @a ends, and is like it. */
static bool joins(const struct vm_area_struct *a, const struct vm_area_struct *b)
{
	if (!a || !b || a->last + 1 != b->first || a->kind != b->kind || a->flags != b->flags)
		return false;
	return a->kind != VMA_PHYS || a->pfn + page_count(a->first, a->last) == b->pfn;
}

/* @vma takes in the one behind it. */
static void swallow_next(struct vma_tree *tree, struct vm_area_struct *vma)
{
	ulong last = vma->next->last;

	drop(tree, vma->next);
	vma->last = last;
	refresh(tree->root, vma);
}

struct vm_area_struct *vma_merge(struct vma_tree *tree, struct vm_area_struct *vma)
{
	assert_writable(tree);
	if (joins(vma, vma->next))
		swallow_next(tree, vma);
	if (joins(vma->prev, vma)) {
		vma = vma->prev;
		swallow_next(tree, vma);
	}
	return vma;
}

int vma_remove(struct vma_tree *tree, ulong first, ulong last)
{
	struct vm_area_struct *vma, *next;
	int err;

	assert_writable(tree);
	if (!whole_pages(first, last))
		return -EINVAL;
	vma = vma_find(tree, first);
	if (vma && vma->first < first && vma->last > last) {
		err = vma_split(tree, vma, last + 1, NULL);
		if (err)
			return err;
	}
	for (; vma && vma->first <= last; vma = next) {
		next = vma->next;
		if (vma->first < first) {
			vma->last = first - 1;
			refresh(tree->root, vma);
		} else if (vma->last > last) {
			if (vma->kind == VMA_PHYS)
				vma->pfn += page_count(vma->first, last);
			vma->first = last + 1;
			refresh(tree->root, vma);
		} else {
			drop(tree, vma);
		}
	}
	return 0;
}

/* ---- finding ---- */

struct vm_area_struct *vma_find(const struct vma_tree *tree, ulong va)
{
	struct vm_area_struct *n = tree->root, *found = NULL;

	assert_readable(tree);
	while (n) {
		if (n->last < va) {
			n = n->right;
		} else {
			found = n;
			n = n->left;
		}
	}
	return found;
}

struct vm_area_struct *vma_find_exact(const struct vma_tree *tree, ulong first, ulong last)
{
	struct vm_area_struct *vma = vma_find(tree, first);

	return vma && vma->first == first && vma->last == last ? vma : NULL;
}

struct vm_area_struct *vma_find_intersection(const struct vma_tree *tree, ulong first, ulong last)
{
	struct vm_area_struct *vma = vma_find(tree, first);

	return vma && vma->first <= last ? vma : NULL;
}

struct room {
	u64 size, align;
	ulong first, last;
	ulong at; /* out */
};

/* Whether there is room in [first, last], all of which is free. */
static bool fits(struct room *room, ulong first, ulong last)
{
	ulong at, low = max(first, room->first), high = min(last, room->last);

	at = ALIGN_UP(low, room->align);
	if (low > high || at < low || at > high || high - at < room->size - 1)
		return false;
	room->at = at;
	return true;
}

/* The gaps between VMAs of the subtree, lowest first; those that are too narrow or out of reach are not looked at. */
static bool find_gap(const struct vm_area_struct *n, struct room *room)
{
	if (!n || n->tree_gap < room->size || n->tree_last < room->first || n->tree_first > room->last)
		return false;
	if (find_gap(n->left, room))
		return true;
	if (n->left && n->left->tree_last + 1 < n->first && fits(room, n->left->tree_last + 1, n->first - 1))
		return true;
	if (n->right && n->last + 1 < n->right->tree_first && fits(room, n->last + 1, n->right->tree_first - 1))
		return true;
	return find_gap(n->right, room);
}

int vma_find_free(const struct vma_tree *tree, u64 size, u64 align, ulong first, ulong last, ulong *at)
{
	struct room room = {size, align, max(first, tree->first), min(last, tree->last), 0};
	const struct vm_area_struct *root = tree->root;
	bool found;

	assert_readable(tree);
	if (!size || !IS_ALIGNED(size, PAGE_SIZE) || align < PAGE_SIZE || (align & (align - 1)))
		return -EINVAL;
	if (!root)
		found = fits(&room, tree->first, tree->last);
	else
		found = (root->tree_first > tree->first && fits(&room, tree->first, root->tree_first - 1)) ||
			find_gap(root, &room) ||
			(root->tree_last < tree->last && fits(&room, root->tree_last + 1, tree->last));
	if (!found)
		return -ENOMEM;
	*at = room.at;
	return 0;
}

const char *vma_kind_name(enum vma_kind kind)
{
	static const char *const names[VMA_KINDS] = {"anon", "zero", "phys", "guard"};

	return kind < VMA_KINDS ? names[kind] : "?";
}
