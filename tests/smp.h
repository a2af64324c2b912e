/* What the tests of several CPUs share: waiting for the others, and giving them work. */
#ifndef TESTS_SMP_H
#define TESTS_SMP_H

#include "machine/ipi.h"
#include "machine/ipi_ops.h"
#include "machine/lockup.h"
#include "machine/percpu.h"
#include "pvops/pvops.h"
#include "tests/ktest.h"

/* For other CPUs to end a loop, on a machine that is busy otherwise, and has fewer cores than there are CPUs. */
#define PATIENCE_NS (20000000000UL * (1 + cpu_online_count / 16))

/*
 * Rounds of what all do at once: @rounds on four CPUs, fewer on more of them. Where CPUs take turns on few cores, both
 * what is to be done and what one of them waits for its turn grow with their number.
 */
static inline u32 scaled(u32 rounds)
{
	u32 n = max(cpu_online_count, 4U);

	return max(rounds * 16 / (n * n), 1U);
}

static inline bool alone(void)
{
	if (cpu_online_count > 1)
		return false;
	ktest_not_here("one CPU");
	return true;
}

#define for_each_other(id)                                                                                             \
	for_each_online_cpu(id)                                                                                        \
		if (id != this_cpu()->id)

/* The first @count of the others. */
#define for_each_of_others(id, count)                                                                                  \
	for (unsigned id = cpumask_next(&cpu_online, 0), left_ = (count); id < NR_CPUS && left_;                       \
	     id = cpumask_next(&cpu_online, id + 1))                                                                   \
		if (id != this_cpu()->id && left_--)

/* The CPU behind this one; this one, if it is alone. */
static inline unsigned next_cpu(void)
{
	return cpu_next_online(this_cpu()->id);
}

/* The @n-th of the others, from 0 on, which must exist. */
static inline unsigned other_cpu(unsigned n)
{
	for_each_other(id)
	{
		if (!n--)
			return id;
	}
	return this_cpu()->id;
}

/* Waits for the work given to all others. */
static inline bool all_done(void)
{
	u64 end = pv_sched_clock() + PATIENCE_NS;

	for_each_other(id)
	{
		while (!smp_work_done(id)) {
			if (pv_sched_clock() > end)
				return false;
			lockup_touch();
			asm volatile("pause");
		}
	}
	return true;
}

static inline void give_all(void (*fn)(void *arg), void *arg)
{
	for_each_other(id)
	{
		EXPECT_EQ(smp_work(id, fn, arg), 0);
	}
}

/*
 * Sends CPU @id an NMI, this one too, and waits until it has counted one more: sent before the last one has arrived,
 * two are one. False: it does not arrive.
 */
static inline bool nmi_arrives(unsigned id)
{
	const struct percpu *cpu = percpu_of(id);
	u64 before = __atomic_load_n(&cpu->nmi_count, __ATOMIC_RELAXED), end = pv_sched_clock() + PATIENCE_NS;

	ipi_ops->send_nmi(cpu->id);
	while (__atomic_load_n(&cpu->nmi_count, __ATOMIC_RELAXED) == before) {
		if (pv_sched_clock() > end)
			return false;
		asm volatile("pause");
	}
	return true;
}

#endif
