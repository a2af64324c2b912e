/*
 * What must always be true of a tree of VMAs, for tests in the kernel and on the host: everything that mmu/vma.c
 * keeps in a node is computed again from the nodes below it.
 */
#ifndef TESTS_VMA_CHECK_H
#define TESTS_VMA_CHECK_H

#include "mmu/vma.h"

/* Visits the subtree at @n in order: each node must be the list's next, at *at. NULL, or what is wrong. */
static inline const char *vma_check_node(const struct vm_area_struct *n, const struct vm_area_struct **at)
{
	const struct vm_area_struct *l = n->left, *r = n->right;
	u32 left = l ? l->height : 0, right = r ? r->height : 0;
	const char *wrong = l ? vma_check_node(l, at) : NULL;
	ulong gap = 0;

	if (wrong)
		return wrong;
	if (*at != n)
		return "the list has another order than the tree";
	if (n->first >= n->last || (n->next && n->next->first <= n->last))
		return "VMAs overlap or are out of order";
	if (n->next && n->next->prev != n)
		return "the list's way back is another one";
	*at = n->next;
	wrong = r ? vma_check_node(r, at) : NULL;
	if (wrong)
		return wrong;
	if (n->height != 1 + (left > right ? left : right) || left > right + 1 || right > left + 1)
		return "a node's height is wrong, or it is out of balance";
	if (n->tree_first != (l ? l->tree_first : n->first) || n->tree_last != (r ? r->tree_last : n->last))
		return "a subtree's bounds are wrong";
	if (l) {
		gap = l->tree_gap;
		gap = max(gap, n->first - l->tree_last - 1);
	}
	if (r) {
		gap = max(gap, r->tree_gap);
		gap = max(gap, r->tree_first - n->last - 1);
	}
	return gap == n->tree_gap ? NULL : "a subtree's widest gap is wrong";
}

/* The fewest nodes an AVL tree of this height has: N(h) = N(h - 1) + N(h - 2) + 1. */
static inline u64 vma_check_fewest(u32 height)
{
	u64 before = 0, nodes = 0;

	for (u32 h = 1; h <= height; h++) {
		u64 next = nodes + before + 1;

		before = nodes;
		nodes = next;
	}
	return nodes;
}

/* NULL, or what is wrong with @tree. */
static inline const char *vma_check(const struct vma_tree *tree)
{
	const struct vm_area_struct *at = tree->head, *v;
	const char *wrong = tree->root ? vma_check_node(tree->root, &at) : NULL;
	u64 count = 0;

	if (wrong)
		return wrong;
	if (at || !tree->root != !tree->head || !tree->head != !tree->tail)
		return "the list goes on behind the tree";
	if (tree->tail && tree->tail->next)
		return "the last one is not the last";
	for_each_vma(v, tree) count++;
	if (count != tree->count)
		return "the count is wrong";
	if (tree->root && (tree->root->tree_first < tree->first || tree->root->tree_last > tree->last))
		return "a VMA lies outside";
	if (tree->root && vma_check_fewest(tree->root->height) > count)
		return "the tree is too deep for its nodes";
	return NULL;
}

#endif
