/*
 * The page attribute table: what memory type the PWT, PCD and PAT bits of a leaf stand for (arch/pte.h has the bits and
 * the table). Each CPU has its own register, and all must hold the same: a frame has one type, whoever looks.
 *
 * The firmware's MTRRs have their say too: where they say UC, as they do for framebuffers, WC here makes it WC (SDM 3A
 * table 11-7). Where RAM is WB by them, only WB here keeps it so: the audit looks.
 *
 * Must not know: what is mapped and why. Read next: mmu/kspace.h.
 */
#ifndef MMU_PAT_H
#define MMU_PAT_H

#include "arch/pte.h"
#include "lib/types.h"
#include "mmu/pt.h"

/*
 * Writes IA32_PAT on this CPU; nothing if it has none. Each CPU, before CR4.PGE is set, which drops what the TLB has
 * from before; nothing is mapped with the entries that change until the boot CPU has done so.
 */
void pat_init_cpu(void);

/* True if PTE_WC means write-combining: the boot CPU has the register and took the table. */
bool pat_has_wc(void);

/* The type that @entry of our own tables, a leaf at @level, stands for; its name, "WB", "WC", "UC-": static text. */
enum mem_cache pat_type(ulong entry, enum pt_level level);
const char *pat_name(enum mem_cache type);

#endif
