/*
 * The TLB: which address space each CPU runs on, what its TLB may still hold of others, and flushing on all CPUs that
 * it concerns. Where the CPU has PCIDs (SDM 3A 4.10.1) each CPU gives them to the last spaces it ran on, and returns to
 * one without a flush if nothing of it changed meanwhile; that is told by the space's generation, so that a CPU is
 * interrupted only for the space it runs on. Kernel addresses are global, and flushed everywhere.
 *
 * Must not know: page tables. Read next: mmu/gather.h, its customer.
 */
#ifndef MMU_TLB_H
#define MMU_TLB_H

#include "arch/cpumask.h"
#include "lib/types.h"

struct pt_root;

/* More pages than this at once: everything is flushed. (Linux's threshold, measured there, is 33.) */
#define TLB_FLUSH_MAX 32

/* Of a CPU's PCIDs 1 and up, PCID 0 being the kernel's alone. */
#define TLB_SLOTS 6

/* What the TLB's keeping needs of each address space; in struct pt_root. */
struct tlb_space {
	u64 id;              /* never used again; 0: the kernel's addresses */
	u64 generation;      /* flushes so far */
	struct cpumask cpus; /* that run on it */
};

/* A new space of its own, or the kernel's. */
void tlb_space_init(struct tlb_space *space, bool kernel);

/*
 * This CPU runs on @root from now on: CR3, by the op; flushes unless the TLB holds nothing old of it. @root is the
 * kernel's, or has the kernel's half in it, and stays until the CPU has gone over to another. Not from interrupts.
 */
void tlb_switch(struct pt_root *root);

/*
 * The entries of @count addresses changed (more than TLB_FLUSH_MAX: nobody says which) in the tables of @root: on
 * return no CPU translates by what they were. Interrupts as for smp_call_mask(); @va need not be sorted.
 */
void tlb_flush(struct pt_root *root, const ulong *va, u32 count);

/* What a CPU does that is told: the handler of flush_tlb_others. Interrupts off. */
void tlb_flush_local(const struct flush_tlb_info *info);

#endif
