/*
 * In-kernel tests. A test is one function, collected by the linker:
 *
 *	TEST(pvops_cli_is_inlined)
 *	{
 *		EXPECT_EQ(site->kind, SITE_INLINED);
 *	}
 *
 * Its name begins with its room (lib_, arch_, pvops_, mmu_, machine_, boot_, bench_). The result ladder is
 * pass < skip < fail; a crash is known to the runner (the panic), silence to the harness. Output: KTAP 1.
 */
#ifndef TESTS_KTEST_H
#define TESTS_KTEST_H

#include "lib/addr.h"
#include "lib/types.h"

struct ktest {
	const char *name;
	void (*run)(void);
	const char *file;
	u32 line;
	u32 unused;
};

#define TEST(id)                                                                                                       \
	static void id(void);                                                                                          \
	static const struct ktest ktest_##id __used __section(".ktests")                                               \
		__aligned(8) = {#id, id, __FILE__, __LINE__, 0};                                                       \
	static void id(void)

/* The expectation failed: says where and what; the test goes on. */
void ktest_fail(const char *file, u32 line, const char *fmt, ...) __printf(3, 4);

/* True if an expectation has failed since the last call, or a test began: for what runs tests' parts but is no test. */
bool ktest_forget_failure(void);

/* Ends nothing: marks the running test skipped, with its reason; the caller returns. */
void ktest_skip(const char *fmt, ...) __printf(1, 2);

/* True while all tests of the image run. */
bool ktest_whole_suite(void);

/* The test that runs behind all others (tests/test_proof.c). */
#define KTEST_LAST "pvops_proof_all_sites_crossed"

/*
 * This machine has not what the test needs (memory above 4 GiB, a serial port): notes it; the caller returns and
 * passes. The harness fails a test that has said so in every environment.
 */
void ktest_not_here(const char *fmt, ...) __printf(1, 2);
/* How many tests of this run have said so. */
unsigned ktest_not_here_count(void);

/* True (and noted in the output) when this emulator is known to deviate here: tests/deviations.def. */
bool ktest_deviates(const char *id);

/* True if @part stands somewhere in @text. */
bool ktest_has(const char *text, const char *part);

#define EXPECT(cond)                                                                                                   \
	do {                                                                                                           \
		if (!(cond))                                                                                           \
			ktest_fail(__FILE__, __LINE__, "%s", #cond);                                                   \
	} while (0)

#define EXPECT_EQ(got, want)                                                                                           \
	do {                                                                                                           \
		u64 got_ = (u64)(got), want_ = (u64)(want);                                                            \
		if (got_ != want_)                                                                                     \
			ktest_fail(__FILE__, __LINE__, "%s is %#lx, not %#lx (%s)", #got, got_, want_, #want);         \
	} while (0)

/* Physical addresses. */
#define EXPECT_PA(got, want) EXPECT_EQ(pa_num(got), pa_num(want))

/* As EXPECT, and leaves the test. */
#define REQUIRE(cond)                                                                                                  \
	do {                                                                                                           \
		if (!(cond)) {                                                                                         \
			ktest_fail(__FILE__, __LINE__, "%s", #cond);                                                   \
			return;                                                                                        \
		}                                                                                                      \
	} while (0)

#endif
