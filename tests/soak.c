/*
 * soak=SECONDS: all CPUs, all loads of tests/smp_loads.c at once, for so long; then what was sent and what arrived, for
 * each of them, and that it is the same. A moment of it is one of the tests. `make soak` runs it for ten minutes.
 */
#include "boot/job.h"
#include "lib/log.h"
#include "lib/string.h"
#include "machine/traps.h"
#include "pvops/backend.h"
#include "pvops/trace.h"
#include "tests/ktest.h"
#include "tests/smp.h"
#include "tests/smp_loads.h"

#define MOMENT_NS   100000000UL
#define PROGRESS_NS 60000000000UL
#define SECOND_NS   1000000000UL

/* The boot CPU's part: as the others, who get their turns as work from it. Until @end, once through at least. */
static u64 soak_until(u64 end)
{
	u64 turns = 0, now, next = pv_sched_clock() + PROGRESS_NS;

	do {
		for (unsigned i = 0; i < smp_load_count; i++, turns++)
			smp_load_turn(&smp_loads[i], turns * 0x9e3779b97f4a7c15UL >> 20);
		asm volatile("pause");
		now = pv_sched_clock();
		if (now > next) {
			next += PROGRESS_NS;
			printk("soak: %lu s left\n", end > now ? (end - now) / SECOND_NS : 0);
		}
	} while (now < end);
	return turns;
}

/* What is wrong at the end, counted; each is printed. */
static unsigned soak(u64 ns, bool lines)
{
	u64 unexpected = trap_unexpected_count(), turns;
	unsigned wrong = 0;

	if (!smp_loads_begin())
		return 1;
	turns = soak_until(pv_sched_clock() + ns);
	for (; !all_done(); wrong++) /* what they work on is taken away behind this */
		printk("# a CPU does not end its work\n");
	smp_loads_end();
	if (trap_unexpected_count() != unexpected) {
		printk("# %lu interrupts that nobody expected\n", trap_unexpected_count() - unexpected);
		wrong++;
	}
	wrong += smp_loads_report(lines);
	if (lines)
		printk("soak: %u CPUs, %lu turns of the boot CPU, %u wrong\n", cpu_online_count, turns, wrong);
	return wrong;
}

static int soak_job(const char *seconds)
{
	u64 count;
	bool failed;

	if (!str_to_u64(seconds, &count) || !count) {
		log_line("soak", "'%s' is no number of seconds", seconds);
		return -1;
	}
	ktest_forget_failure();
	failed = soak(count * SECOND_NS, true);
	failed |= ktest_forget_failure();
	printk("soak: %s\n", failed ? "FAILED" : "passed");
	return failed;
}

BOOT_JOB(soak, soak_job, NULL);

TEST(machine_smp_everything_at_once)
{
	if (alone())
		return;
	pv_unpoison();
	EXPECT_EQ(soak(MOMENT_NS, false), 0);
	pv_trace_arm();
	pv_poison();
}
