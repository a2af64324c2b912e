/*
 * Address spaces: see mmu/mm.h. Read next: mmu/walk.c.
 */
#include "mmu/mm.h"

#include "arch/layout.h"
#include "mmu/pt_priv.h"

/* In the image's read-only data: nobody can write it by any mapping of the kernel's. */
static const u8 zero_page[PAGE_SIZE] __aligned(PAGE_SIZE);

u64 mm_zero_pfn(void)
{
	return pa_pfn(image_pa(zero_page));
}

int mm_init(struct mm_struct *mm, const struct pt_caps *caps)
{
	int err;

	*mm = (struct mm_struct){.root = {.top = PA_NONE}};
	err = pt_root_init(&mm->root, mm, caps);
	if (!err)
		vma_tree_init(&mm->vmas, mm, 0, pt_half(&mm->root) - PAGE_SIZE - 1);
	return err;
}

void mm_destroy(struct mm_struct *mm)
{
	mm_write_lock(mm);
	vma_tree_destroy(&mm->vmas);
	pt_root_destroy(&mm->root);
	mm_write_unlock(mm);
}
