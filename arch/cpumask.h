/* A set of CPUs, and what a TLB flush of several CPUs is about. */
#ifndef ARCH_CPUMASK_H
#define ARCH_CPUMASK_H

#include "lib/types.h"

#define NR_CPUS 64

struct cpumask {
	ulong bits[NR_CPUS / 64];
};

struct mm_struct;

/* What to flush: [start, end) of @mm's user addresses, or all of them (end = TLB_FLUSH_ALL). */
struct flush_tlb_info {
	struct mm_struct *mm;
	ulong start, end;
};
#define TLB_FLUSH_ALL (~0UL)

#endif
