/*
 * Page-table entries as types, one per level, so that a pmd is never stored where a pte belongs; and their bits.
 * The ops take and return these; only make_x() and x_val() ops turn them into numbers (SDM 3A 4.5, table 4-15..20).
 */
#ifndef ARCH_PTE_H
#define ARCH_PTE_H

#include "lib/types.h"

typedef struct {
	ulong pte;
} pte_t;
typedef struct {
	ulong pmd;
} pmd_t;
typedef struct {
	ulong pud;
} pud_t;
typedef struct {
	ulong p4d;
} p4d_t;
typedef struct {
	ulong pgd;
} pgd_t;
typedef struct {
	ulong pgprot;
} pgprot_t;
typedef u64 phys_addr_t;

#define PTE_P       BIT(0)
#define PTE_W       BIT(1)
#define PTE_U       BIT(2)
#define PTE_PWT     BIT(3)
#define PTE_PCD     BIT(4)
#define PTE_A       BIT(5)
#define PTE_D       BIT(6)
#define PTE_PS      BIT(7) /* leaf, at pmd and pud */
#define PTE_G       BIT(8)
#define PTE_NX      BIT(63)
#define PTE_ADDR    0x000ffffffffff000UL /* the same in EPT */
#define PTE_ENTRIES 512

/* Intel's second stage (SDM 3C 28.3.2, tables 28-1..7): bit 7 is a leaf there too. */
#define EPT_R       BIT(0)
#define EPT_W       BIT(1)
#define EPT_X       BIT(2)
#define EPT_MEMTYPE (7UL << 3)
#define EPT_UC      (0UL << 3)
#define EPT_WC      (1UL << 3)
#define EPT_WB      (6UL << 3)
#define EPT_A       BIT(8)
#define EPT_D       BIT(9)

/*
 * PWT, PCD and PAT of a leaf are a number: which entry of IA32_PAT says the memory's type (SDM 3A 11.12.3). PAT is
 * bit 7 of a pte; in larger leaves that is PS, and PAT is bit 12.
 */
#define PTE_PAT       BIT(7)
#define PTE_PAT_LARGE BIT(12)

/* Memory types by their numbers in IA32_PAT (SDM 3A table 11-10). */
enum mem_cache { CACHE_UC = 0, CACHE_WC = 1, CACHE_WT = 4, CACHE_WP = 5, CACHE_WB = 6, CACHE_UC_MINUS = 7 };

/*
 * Our IA32_PAT: as at reset, but entry 1, which nobody used, is write-combining. So it takes PWT alone, the same bit in
 * leaves of all sizes, and a CPU that does not have it (yet) takes WT in its place, which is merely slow.
 */
#define PAT_TABLE                                                                                                      \
	{                                                                                                              \
		CACHE_WB, CACHE_WC, CACHE_UC_MINUS, CACHE_UC, CACHE_WB, CACHE_WT, CACHE_UC_MINUS, CACHE_UC             \
	}
#define PTE_WC    PTE_PWT             /* entry 1 */
#define PTE_UC    (PTE_PCD | PTE_PWT) /* entry 3 */

#define PMD_SHIFT 21
#define PMD_SIZE  (1UL << PMD_SHIFT)

#endif
