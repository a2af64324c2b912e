/*
 * The test runner: see tests/ktest.h. For the length of a run the slots of the op table are poisoned and all sites are
 * armed with int3 (pvops/trace.h), so that the whole suite is the workload that proves the patching: whatever calls
 * through a slot panics, and tests/test_proof.c, which runs last, counts the sites that were crossed.
 */
#include "tests/ktest.h"

#include "boot/job.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "machine/lockup.h"
#include "pvops/backend.h"
#include "pvops/trace.h"
#include "tests/deviations.h"
#include "tests/smp.h"

extern const struct ktest __ktests_start[], __ktests_end[];

static struct {
	bool failed, skipped, whole;
	unsigned not_here, skips;
	char reason[96];
} current;

#define for_each_test(t) for (const struct ktest *t = __ktests_start; t < __ktests_end; t++)

void ktest_fail(const char *file, u32 line, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	va_start(ap, fmt);
	kvsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printk("# %s:%u: %s\n", file, line, text);
	current.failed = true;
}

bool ktest_forget_failure(void)
{
	bool failed = current.failed;

	current.failed = false;
	return failed;
}

void ktest_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	kvsnprintf(current.reason, sizeof(current.reason), fmt, ap);
	va_end(ap);
	current.skipped = true;
}

void ktest_not_here(const char *fmt, ...)
{
	char text[96];
	va_list ap;

	va_start(ap, fmt);
	kvsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printk("# not here: %s\n", text);
	current.not_here++;
}

unsigned ktest_not_here_count(void)
{
	return current.not_here;
}

bool ktest_deviates(const char *id)
{
	const struct deviation *d = deviation_here(id);

	if (d)
		printk("# deviation: %s %s\n", d->id, d->text);
	return d != NULL;
}

bool ktest_whole_suite(void)
{
	return current.whole;
}

static bool selected(const struct ktest *t, const char *glob)
{
	return strcmp(glob, "all") == 0 || glob_match(glob, t->name);
}

/* Names and places, for the monitor. */
static unsigned ktest_list(const char *glob)
{
	unsigned count = 0;

	for_each_test(t) {
		if (!selected(t, glob))
			continue;
		printk("%-48s %s:%u\n", t->name, t->file, t->line);
		count++;
	}
	return count;
}

static bool run_one(const struct ktest *t, unsigned number)
{
	u64 lockups = lockup_count;

	current.failed = current.skipped = false;
	lockup_touch();
	t->run();
	while (!all_done()) /* it has failed by now, and must not disturb the next */
		ktest_fail(t->file, t->line, "a CPU does not end its work");
	if (lockup_count != lockups)
		ktest_fail(t->file, t->line, "%lu lockups were reported", lockup_count - lockups);
	current.skips += current.skipped && !current.failed;
	if (current.failed)
		printk("not ok %u %s\n", number, t->name);
	else if (current.skipped)
		printk("ok %u %s # SKIP %s\n", number, t->name, current.reason);
	else
		printk("ok %u %s\n", number, t->name);
	return !current.failed;
}

bool ktest_has(const char *text, const char *part)
{
	size_t len = strlen(part);

	for (; *text; text++)
		if (strncmp(text, part, len) == 0)
			return true;
	return false;
}

/* The proof's own test is called when all others are through. */
static bool is_last(const struct ktest *t)
{
	return strcmp(t->name, KTEST_LAST) == 0;
}

/* Runs what matches and prints KTAP; -1 when nothing does. */
static int ktest_run(const char *glob)
{
	unsigned count = 0, number = 0, failed = 0;
	int pass;

	for_each_test(t)
		count += selected(t, glob);
	printk("KTAP version 1\n1..%u\n", count);
	if (!count) {
		printk("# no test matches '%s'\n", glob);
		return -1;
	}
	current.not_here = current.skips = 0;
	current.whole = count == (unsigned)(__ktests_end - __ktests_start);
	if (pv_patching) {
		pv_trace_reset();
		pv_trace_arm();
		pv_poison();
	}
	for (pass = 0; pass < 2; pass++)
		for_each_test(t)
			if (selected(t, glob) && is_last(t) == (pass == 1))
				failed += !run_one(t, ++number);
	if (pv_patching) {
		pv_unpoison();
		pv_trace_disarm();
	}
	printk("# %u passed, %u failed, %u skipped\n", number - failed - current.skips, failed, current.skips);
	return (int)failed;
}

BOOT_JOB(test, ktest_run, ktest_list);
