/* Waiting for another CPU: what counts is the time in which the one that waits has looked. */
#include "tests/host/host.h"

#include "machine/patience.h"

#include "tests/host/fakes.h"

static u64 clock_ns;

u64 time_ns(void)
{
	return clock_ns;
}

/* Looks each @step until it ends; how long that was. */
static u64 lasts(struct patience *p, u64 step)
{
	u64 start = clock_ns;

	do
		clock_ns += step;
	while (!patience_ends(p));
	return clock_ns - start;
}

static void looking_often(void **state)
{
	struct patience p = patience_begin(CALL_PATIENCE_NS);

	(void)state;
	assert_int_equal(lasts(&p, 100000), CALL_PATIENCE_NS);
	p = patience_begin(1000);
	assert_int_equal(lasts(&p, 7), 1001);
	assert_true(patience_ends(&p)); /* and stays so */
}

static void stopped_for_long(void **state)
{
	struct patience p = patience_begin(CALL_PATIENCE_NS);

	(void)state;
	for (int i = 0; i < 100; i++) {
		clock_ns += 2 * CALL_PATIENCE_NS;
		assert_false(patience_ends(&p));
	}
	assert_int_equal(lasts(&p, 1000), CALL_PATIENCE_NS - 100 * PATIENCE_STEP_NS);
}

static void clock_goes_back(void **state)
{
	struct patience p;

	(void)state;
	clock_ns = 5 * CALL_PATIENCE_NS;
	p = patience_begin(CALL_PATIENCE_NS);
	clock_ns -= CALL_PATIENCE_NS;
	assert_false(patience_ends(&p));
	assert_int_equal(lasts(&p, 1000), CALL_PATIENCE_NS - PATIENCE_STEP_NS);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(looking_often),
	cmocka_unit_test(stopped_for_long),
	cmocka_unit_test(clock_goes_back),
};

HOST_MAIN("patience", tests)
