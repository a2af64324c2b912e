/*
 * The benchmark from outside: `bench` on the command line and in the monitor. Sees to it that the machine is found as
 * it was: interrupts, and every byte of every site.
 */
#include "boot/job.h"

#include "bench/bench.h"
#include "lib/log.h"
#include "pvops/backend.h"
#include "pvops/patch.h"

/* FNV-1a over all sites' text: what stands there now, whatever it is. */
static u64 site_digest(void)
{
	u64 digest = 0xcbf29ce484222325;
	unsigned i, j;

	for (i = 0; i < pv_site_count(); i++)
		for (j = 0; j < pv_site(i)->len; j++)
			digest = (digest ^ pv_site(i)->instr[j]) * 0x100000001b3;
	return digest;
}

static int bench_run(const char *glob)
{
	struct bench_outcome ops, system;
	u64 before = site_digest();
	unsigned failed;

	bench_begin();
	log_line("bench", "backend %s, a tick of the TSC is %s", pv_info.name,
		 bench_counts_insns() ? "an instruction" : "a cycle: least, median and spread of 11 runs");
	system = bench_system(glob);
	ops = bench_ops(glob);
	bench_end();
	failed = ops.failed + system.failed;
	if (site_digest() != before) {
		printk("bench: sites are not as they were before\n");
		failed++;
	}
	if (!ops.figures && !system.figures) {
		printk("bench: nothing is called '%s'\n", glob);
		return -1;
	}
	printk("bench: %u figures, %u failed\n", ops.figures + system.figures, failed);
	return (int)failed;
}

BOOT_JOB(bench, bench_run, NULL);
