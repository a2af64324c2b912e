/*
 * The TLB's due: see mmu/gather.h. Also the native form of tlb_remove_table, through which table pages go back.
 */
#include "mmu/gather.h"

#include "arch/layout.h"
#include "arch/native.h"
#include "mmu/frame.h"
#include "mmu/pt.h"
#include "mmu/tlb.h"
#include "pvops/pvops.h"

__noinline void gather_flush(struct mmu_gather *tlb)
{
	if (tlb->va_count && (tlb->root->live || tlb->root->tlb.id))
		tlb_flush(tlb->root, tlb->va, tlb->va_count);
	for (u32 i = 0; i < tlb->table_count; i++)
		pv_tlb_remove_table(tlb, pa_va(tlb->table[i]));
	gather_init(tlb, tlb->root);
}

void gather_table(struct mmu_gather *tlb, ulong va, pa_t pa)
{
	if (tlb->table_count == GATHER_TABLE_MAX)
		gather_flush(tlb);
	if (tlb->root->tlb.id)
		gather_va(tlb, va);
	else
		gather_all(tlb); /* INVLPG leaves what other PCIDs' paging-structure caches lead to (SDM 3A 4.10.4.1) */
	tlb->table[tlb->table_count++] = pa;
}

/* The op tlb_remove_table on bare hardware: the flush has been, nobody walks the page any more. */
void native_tlb_remove_table(struct mmu_gather *tlb, void *table)
{
	(void)tlb;
	frame_free(direct_pa(table));
}
