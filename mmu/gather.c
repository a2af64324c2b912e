/*
 * The TLB's due: see mmu/gather.h. Also the native form of tlb_remove_table, through which table pages go back.
 */
#include "mmu/gather.h"

#include "arch/layout.h"
#include "arch/native.h"
#include "mmu/frame.h"
#include "mmu/pt.h"
#include "pvops/pvops.h"

/* Kernel addresses may be global, and are in all roots; a process's are not. */
/* What the other CPUs may hold of it: one range that has it all. */
static void flush_others(const struct mmu_gather *tlb)
{
	struct flush_tlb_info info = {.mm = tlb->root->mm, .start = ~0UL, .end = 0};

	for (u32 i = 0; i < min(tlb->va_count, (u32)GATHER_VA_MAX); i++) {
		info.start = min(info.start, ALIGN_DOWN(tlb->va[i], PAGE_SIZE));
		info.end = max(info.end, ALIGN_DOWN(tlb->va[i], PAGE_SIZE) + PAGE_SIZE);
	}
	if (tlb->va_count > GATHER_VA_MAX || !info.end)
		info.end = TLB_FLUSH_ALL;
	pv_flush_tlb_others(&cpu_online, &info);
}

static void flush(const struct mmu_gather *tlb)
{
	bool kernel = !tlb->root->mm;

	if (tlb->va_count > GATHER_VA_MAX) {
		if (kernel)
			pv_flush_tlb_kernel();
		else
			pv_flush_tlb_user();
		return;
	}
	for (u32 i = 0; i < tlb->va_count; i++) {
		if (kernel)
			pv_flush_tlb_one_kernel(tlb->va[i]);
		else
			pv_flush_tlb_one_user(tlb->va[i]);
	}
}

void gather_flush(struct mmu_gather *tlb)
{
	if (tlb->root->live && tlb->va_count)
		flush(tlb);
	if (tlb->root->live && tlb->va_count && cpu_online_count > 1)
		flush_others(tlb);
	for (u32 i = 0; i < tlb->table_count; i++)
		pv_tlb_remove_table(tlb, pa_va(tlb->table[i]));
	gather_init(tlb, tlb->root);
}

void gather_table(struct mmu_gather *tlb, ulong va, u64 pa)
{
	if (tlb->table_count == GATHER_TABLE_MAX)
		gather_flush(tlb);
	gather_va(tlb, va);
	tlb->table[tlb->table_count++] = pa;
}

/* The op tlb_remove_table on bare hardware: the flush has been, nobody walks the page any more. */
void native_tlb_remove_table(struct mmu_gather *tlb, void *table)
{
	(void)tlb;
	frame_free(direct_pa(table));
}
