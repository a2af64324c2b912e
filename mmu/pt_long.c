/*
 * How the entries of long-mode tables are read and written: by the ops, out of line. Everything but the innermost loop
 * over ptes goes through here, so that each op of the page tables has one call site and not one for each operation.
 *
 * Must not know: what an operation is. Read next: mmu/pt.c.
 */
#include "mmu/pt_priv.h"

ulong pt_long_load(enum pt_level level, const ulong *entry)
{
	ulong raw = *(const volatile ulong *)entry;

	switch (level) {
	case PT_PTE:
		return pv_pte_val((pte_t){raw});
	case PT_PMD:
		return pv_pmd_val((pmd_t){raw});
	case PT_PUD:
		return pv_pud_val((pud_t){raw});
	case PT_P4D:
		return pv_p4d_val((p4d_t){raw});
	default:
		return pv_pgd_val((pgd_t){raw});
	}
}

void pt_long_store(enum pt_level level, ulong *entry, ulong value)
{
	switch (level) {
	case PT_PMD:
		pv_set_pmd((pmd_t *)entry, pv_make_pmd(value));
		break;
	case PT_PUD:
		pv_set_pud((pud_t *)entry, pv_make_pud(value));
		break;
	case PT_P4D:
		pv_set_p4d((p4d_t *)entry, pv_make_p4d(value));
		break;
	default:
		pv_set_pgd((pgd_t *)entry, pv_make_pgd(value));
		break;
	}
}

void pt_long_table_added(struct mm_struct *mm, enum pt_level level, u64 pfn)
{
	if (level == PT_PTE)
		pv_alloc_pte(mm, pfn);
	else if (level == PT_PMD)
		pv_alloc_pmd(mm, pfn);
	else if (level == PT_PUD)
		pv_alloc_pud(mm, pfn);
	else
		pv_alloc_p4d(mm, pfn);
}

void pt_long_table_removed(enum pt_level level, u64 pfn)
{
	if (level == PT_PTE)
		pv_release_pte(pfn);
	else if (level == PT_PMD)
		pv_release_pmd(pfn);
	else if (level == PT_PUD)
		pv_release_pud(pfn);
	else
		pv_release_p4d(pfn);
}
