/* Finds jobs in the linker's table: see boot/job.h. */
#include "boot/job.h"

#include "lib/log.h"
#include "lib/string.h"

extern const struct boot_job __boot_jobs_start[], __boot_jobs_end[];

const struct boot_job *boot_job_find(const char *name)
{
	const struct boot_job *job;

	for (job = __boot_jobs_start; job < __boot_jobs_end; job++)
		if (strcmp(job->name, name) == 0)
			return job;
	return NULL;
}

int boot_job_run(const char *name, const char *glob)
{
	const struct boot_job *job = boot_job_find(name);

	if (job)
		return job->run(glob);
	log_line("boot", "problem: this image was linked without '%s'", name);
	return -1;
}
