/*
 * Parses multiboot2 information that mb2_build.h built, the way every test of the parser must: from a copy of exactly
 * the bytes it may read, so that the address sanitizer is part of every check, and with the invariants of
 * boot_check.h checked after it.
 *
 * Must not know: what a test expects. Read next: tests/host/test_multiboot2.c.
 */
#ifndef TESTS_HOST_MB2_PARSE_H
#define TESTS_HOST_MB2_PARSE_H

#include "boot/multiboot2.h"
#include "tests/host/boot_check.h"
#include "tests/host/mb2_build.h"

static struct boot_info bi;

/* Parses @limit bytes of @b with nothing readable behind them. */
static inline int parse(const struct mb2 *b, size_t limit)
{
	void *copy = exact_copy(b->data, limit);
	int result;

	memset(&bi, 0xa5, sizeof(bi));
	result = multiboot2_parse(copy, limit, &bi);
	free(copy);
	assert_no_fault(boot_info_fault(&bi));
	return result;
}

/* Parses all of @b, which must be readable as such; prints what was complained about. */
static inline void parse_ok(const struct mb2 *b)
{
	assert_int_equal(parse(b, b->len), 0);
	for (u32 i = 0; i < bi.problem_count && i < BOOT_PROBLEM_MAX; i++)
		print_message("%s\n", bi.problem[i]);
}

#endif
