/* A set of CPUs, and what a TLB flush of several CPUs is about. */
#ifndef ARCH_CPUMASK_H
#define ARCH_CPUMASK_H

#include "lib/types.h"

#define NR_CPUS 64

struct cpumask {
	ulong bits[NR_CPUS / 64];
};

/* The CPUs that run: the boot CPU alone until machine/smp.c is through. Only bits are added, and by it alone. */
extern struct cpumask cpu_online;
extern unsigned cpu_online_count;

static inline bool cpumask_has(const struct cpumask *mask, unsigned cpu)
{
	return mask->bits[cpu / 64] >> cpu % 64 & 1;
}

struct mm_struct;

/*
 * What to flush: [start, end) of @mm's addresses (NULL: the kernel's), or all of them (end = TLB_FLUSH_ALL). Which
 * space that is, 0 being the kernel's, and its how-many-th flush: mmu/tlb.h.
 */
struct flush_tlb_info {
	struct mm_struct *mm;
	ulong start, end;
	u64 space, generation;
};
#define TLB_FLUSH_ALL (~0UL)

#endif
