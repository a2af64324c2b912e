/*
 * A job is what the command line and the monitor can start and boot/ knows nothing of: the tests, the benchmarks. A
 * room above collects itself here through the linker; an image without it simply has no such job.
 */
#ifndef BOOT_JOB_H
#define BOOT_JOB_H

#include "lib/types.h"

struct boot_job {
	const char *name;
	/* Runs the items whose name matches ("all": every one). Returns how many failed, -1: none matched. */
	int (*run)(const char *glob);
	/* Prints the names of those that match, runs nothing. Returns how many match. NULL: cannot. */
	unsigned (*list)(const char *glob);
};

#define BOOT_JOB(id, run_function, list_function)                                                                      \
	static const struct boot_job boot_job_##id __used __section(".boot_jobs")                                      \
		__aligned(8) = {#id, run_function, list_function}

/* The job of that name, NULL: the image was linked without it. */
const struct boot_job *boot_job_find(const char *name);

/* Runs it; says so and returns -1 where there is no such job. */
int boot_job_run(const char *name, const char *glob);

#endif
