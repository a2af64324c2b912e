/*
 * The native form of the op set_fixmap: see mmu/fixmap.h.
 */
#include "mmu/fixmap.h"

#include "arch/native.h"
#include "lib/panic.h"
#include "pvops/pvops.h"

u64 fixmap_page_table[PTE_ENTRIES] __aligned(4096);

void native_set_fixmap(unsigned idx, phys_addr_t pa, pgprot_t flags)
{
	ulong value = flags.pgprot & PTE_P ? (pa & PTE_ADDR) | flags.pgprot : 0;

	if (idx == FIX_HOLE || idx >= FIX_MAX)
		panic("set_fixmap: no page number %u", idx);
	pv_set_pte((pte_t *)&fixmap_page_table[idx], pv_make_pte(value));
	pv_flush_tlb_one_kernel((ulong)fixmap_va(idx));
}
