/*
 * A set of CPUs, and what a TLB flush of several CPUs is about. How many CPUs there can be is said here alone: the
 * image is built and run with another NR_CPUS too.
 */
#ifndef ARCH_CPUMASK_H
#define ARCH_CPUMASK_H

#include "lib/types.h"

#ifndef NR_CPUS
#define NR_CPUS 64
#endif

#define CPUMASK_WORDS ((NR_CPUS + 63) / 64)

struct cpumask {
	ulong bits[CPUMASK_WORDS];
};

/* The CPUs that run: the boot CPU alone until machine/smp.c is through. Only bits are added, and by it alone. */
extern struct cpumask cpu_online;
extern unsigned cpu_online_count;

/* Atomic each, and in one order with all others; inline, since some of them stand in code that reaches no function. */
static __always_inline bool cpumask_has(const struct cpumask *mask, unsigned cpu)
{
	return __atomic_load_n(&mask->bits[cpu / 64], __ATOMIC_SEQ_CST) >> cpu % 64 & 1;
}

static __always_inline void cpumask_set(struct cpumask *mask, unsigned cpu)
{
	__atomic_fetch_or(&mask->bits[cpu / 64], BIT(cpu % 64), __ATOMIC_SEQ_CST);
}

static __always_inline void cpumask_clear(struct cpumask *mask, unsigned cpu)
{
	__atomic_fetch_and(&mask->bits[cpu / 64], ~BIT(cpu % 64), __ATOMIC_SEQ_CST);
}

static __always_inline bool cpumask_empty(const struct cpumask *mask)
{
	for (unsigned i = 0; i < CPUMASK_WORDS; i++)
		if (__atomic_load_n(&mask->bits[i], __ATOMIC_SEQ_CST))
			return false;
	return true;
}

/* Empties @mask and returns what was in it: each CPU is taken once, by whoever takes it. */
static inline struct cpumask cpumask_take(struct cpumask *mask)
{
	struct cpumask taken;

	for (unsigned i = 0; i < CPUMASK_WORDS; i++)
		taken.bits[i] = __atomic_exchange_n(&mask->bits[i], 0, __ATOMIC_SEQ_CST);
	return taken;
}

/* The rest reads words one after the other: what changes meanwhile is in it or not. */
static inline struct cpumask cpumask_and(const struct cpumask *a, const struct cpumask *b)
{
	struct cpumask both;

	for (unsigned i = 0; i < CPUMASK_WORDS; i++)
		both.bits[i] =
			__atomic_load_n(&a->bits[i], __ATOMIC_SEQ_CST) & __atomic_load_n(&b->bits[i], __ATOMIC_SEQ_CST);
	return both;
}

/* @mask without @cpu. */
static inline struct cpumask cpumask_without(const struct cpumask *mask, unsigned cpu)
{
	struct cpumask others = cpumask_and(mask, mask);

	cpumask_clear(&others, cpu);
	return others;
}

static inline struct cpumask cpumask_of(unsigned cpu)
{
	struct cpumask one = {{0}};

	cpumask_set(&one, cpu);
	return one;
}

/* The first of @mask from @from on; NR_CPUS: there is none. */
static inline unsigned cpumask_next(const struct cpumask *mask, unsigned from)
{
	while (from < NR_CPUS) {
		ulong word = __atomic_load_n(&mask->bits[from / 64], __ATOMIC_SEQ_CST) >> from % 64;

		if (word)
			return from + (unsigned)__builtin_ctzl(word);
		from = (from / 64 + 1) * 64;
	}
	return NR_CPUS;
}

/* The online CPU behind @id, the first one behind the last: @id itself where it is alone. */
static inline unsigned cpu_next_online(unsigned id)
{
	unsigned next = cpumask_next(&cpu_online, id + 1);

	return next < NR_CPUS ? next : cpumask_next(&cpu_online, 0);
}

#define for_each_cpu_in(id, mask)                                                                                      \
	for (unsigned id = cpumask_next(mask, 0); id < NR_CPUS; id = cpumask_next(mask, id + 1))

#define for_each_online_cpu(id) for_each_cpu_in(id, &cpu_online)

static inline unsigned cpumask_count(const struct cpumask *mask)
{
	unsigned count = 0;

	for_each_cpu_in(id, mask)
		count++;
	return count;
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
