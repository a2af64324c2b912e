/*
 * The walker for one address: see mmu/walk.h. Calls nothing back and changes nothing, so it is a loop.
 *
 * Must not know: why somebody looks. Read next: mmu/soft_pte.h.
 */
#include "arch/layout.h"
#include "lib/errno.h"
#include "mmu/frame.h"
#include "mmu/mm.h"
#include "mmu/pt_priv.h"
#include "mmu/soft_pte.h"
#include "mmu/walk.h"

/* From the top to a leaf or a pte that is not empty; -ENOENT: a hole, -EIO: something else. */
static int find_entry(const struct pt_root *root, ulong va, struct walk_found *found)
{
	const struct pt_format *f = pt_format_of(root);
	pa_t table = root->top;

	for (enum pt_level level = root->top_level;; level--) {
		ulong *entry = (ulong *)pa_va(table) + pt_index(level, va), value = pt_load(f, false, level, entry);

		*found = (struct walk_found){.level = level, .entry = entry, .value = value};
		if (!value)
			return -ENOENT;
		if (level == PT_PTE)
			return 0;
		if (!(value & f->present))
			return -EIO;
		if (pt_is_leaf(level, value))
			return 0;
		table = pt_table_pa(value);
		if ((value & PTE_PS) || !frame_is_ram(table))
			return -EIO;
	}
}

int walk_lookup(struct vm_area_struct *vma, ulong va, unsigned flags, struct walk_found *found)
{
	const struct pt_root *root = &vma->mm->root;
	int err;

	mm_assert_locked(vma->mm);
	if (va < vma->first || va > vma->last)
		return -EINVAL;
	err = find_entry(root, va, found);
	if (err)
		return err;
	if (vma->kind == VMA_PHYS)
		return -ENOENT;
	if (!(found->value & pt_format_of(root)->present)) {
		if (soft_pte_kind(found->value) != SOFT_PTE_MIGRATION || !(flags & FW_MIGRATION))
			return -ENOENT;
		found->migration = true;
		found->pfn = soft_pte_pfn(found->value);
		return 0;
	}
	found->pfn = pa_pfn(pa_add(pt_leaf_pa(found->level, found->value), va & (pt_span(found->level) - 1)));
	if (found->pfn == mm_zero_pfn() && !(flags & FW_ZEROPAGE))
		return -ENOENT;
	return 0;
}
