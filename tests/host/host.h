/*
 * What every host test begins with: the host's own headers and cmocka (in the order cmocka wants),
 * then the kernel's words. A test file holds one group, named after its room and subject; its main
 * is HOST_MAIN().
 *
 * Must not know: any subject. Read next: tests/host/fakes.h, tests/host/run.py.
 */
#ifndef TESTS_HOST_HOST_H
#define TESTS_HOST_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/types.h"

/* Runs the array @tests as @group; the environment's T is a glob that selects some of them. */
#define HOST_MAIN(group, tests)                                                                                        \
	int main(void)                                                                                                 \
	{                                                                                                              \
		if (getenv("T"))                                                                                       \
			cmocka_set_test_filter(getenv("T"));                                                           \
		return cmocka_run_group_tests_name(group, tests, NULL, NULL);                                          \
	}

/* For checks that return NULL or what is broken. */
#define assert_no_fault(check)                                                                                         \
	do {                                                                                                           \
		const char *fault_ = (check);                                                                          \
		if (fault_)                                                                                            \
			fail_msg("%s", fault_);                                                                        \
	} while (0)

/* A copy of exactly @size bytes, so that the address sanitizer sees the first byte read outside. */
static inline void *exact_copy(const void *data, size_t size)
{
	void *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	if (size)
		memcpy(copy, data, size);
	return copy;
}

/* Small, repeatable pseudo-random numbers (xorshift64*): a failure must be the same every time. */
static inline u64 next_random(u64 *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 2685821657736338717UL;
}

#endif
