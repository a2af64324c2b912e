/* Between the tables of software paging (mmu/vmmu.c) and the walk that looks things up in them (mmu/vmmu_walk.c). */
#ifndef MMU_VMMU_PRIV_H
#define MMU_VMMU_PRIV_H

#include "mmu/vmmu.h"

/* PKRU's two bits of a key: no access, no writing (SDM 3A 4.6.2). */
#define VMMU_PKRU_AD 1U
#define VMMU_PKRU_WD 2U

/* Which bit of last_pte_bitmap is about an entry of @level whose bit 7 is @ps. */
static __always_inline unsigned vmmu_last_index(bool ps, unsigned level)
{
	return level | (ps ? 8 : 0);
}

enum vmmu_verdict vmmu_nonpaging(const struct vmmu *mmu, const struct vmmu_memory *mem, gva_t gva, u32 access,
				 struct vmmu_result *r);
enum vmmu_verdict vmmu_walk32(const struct vmmu *mmu, const struct vmmu_memory *mem, gva_t gva, u32 access,
			      struct vmmu_result *r);
enum vmmu_verdict vmmu_walk64(const struct vmmu *mmu, const struct vmmu_memory *mem, gva_t gva, u32 access,
			      struct vmmu_result *r);

#endif
