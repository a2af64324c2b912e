/*
 * lib/panic.c, the real one: what each depth of panic prints and calls. A panic never returns and its depth never
 * falls, so each depth is entered once, in order, and left by longjmp from the hook.
 */
#include "lib/log.h"
#include "lib/panic.h"
#include "tests/host/host.h"

static char seen[4096];
static size_t seen_len;
static jmp_buf out;

static void capture(struct log_sink *sink, const char *text, size_t len)
{
	(void)sink;
	assert_true(seen_len + len < sizeof(seen));
	memcpy(seen + seen_len, text, len);
	seen_len += len;
	seen[seen_len] = '\0';
}

static struct log_sink sink = {.name = "capture", .write = capture};

static void hook(void)
{
	longjmp(out, 1);
}

static void stop(void)
{
	longjmp(out, 2);
}

#define PANIC_LEAVES_BY(expression, way)                                                                               \
	do {                                                                                                           \
		int way_ = setjmp(out);                                                                                \
		if (way_ == 0) {                                                                                       \
			expression;                                                                                    \
			fail_msg("did not panic");                                                                     \
		}                                                                                                      \
		assert_int_equal(way_, way);                                                                           \
	} while (0)

static void lib_panic_depths(void **state)
{
	int one = 1;

	(void)state;
	log_add_sink(&sink);
	panic_hook = hook;
	panic_again_hook = stop;
	BUG_ON(one != 1);
	ASSERT(one == 1);
	assert_false(panic_started());

	printk("half a line");
	PANIC_LEAVES_BY(BUG_ON(one == 1), 1);
	assert_true(panic_started());
	assert_non_null(strstr(seen, "half a line\npanic: tests/host/test_panic.c:"));
	assert_non_null(strstr(seen, ": one == 1\n"));

	PANIC_LEAVES_BY(panic("value %d", 42), 2);
	assert_non_null(strstr(seen, "\npanic: inside a panic: value 42\n"));

	seen_len = 0;
	PANIC_LEAVES_BY(ASSERT(one == 2), 2);
	assert_int_equal(seen_len, 0); /* the third is silent */
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(lib_panic_depths),
};

HOST_MAIN("lib_panic", tests)
