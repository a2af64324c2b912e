/*
 * Sets of CPUs, with more of them than a word has bits and no whole number of words: what is put in one is found again,
 * by every way to look, and nothing else is.
 */
#define NR_CPUS 200
#include "tests/host/host.h"

#include "arch/cpumask.h"

#include "tests/host/fakes.h"

static bool in[NR_CPUS];
static struct cpumask mask;

static void holds_what_it_should(void)
{
	unsigned count = 0, next = 0;

	for (unsigned id = 0; id < NR_CPUS; id++) {
		assert_int_equal(cpumask_has(&mask, id), in[id]);
		count += in[id];
	}
	assert_int_equal(cpumask_count(&mask), count);
	assert_int_equal(cpumask_empty(&mask), !count);
	for_each_cpu_in(id, &mask) {
		for (; next < id; next++)
			assert_false(in[next]);
		assert_true(in[next++]);
	}
	for (; next < NR_CPUS; next++)
		assert_false(in[next]);
}

static void random_sets(void **state)
{
	u64 seed = 7;

	(void)state;
	memset(&mask, 0, sizeof(mask));
	memset(in, 0, sizeof(in));
	for (unsigned i = 0; i < 3000; i++) {
		u64 r = next_random(&seed);
		unsigned id = (r >> 8) % NR_CPUS;

		in[id] = i % 1000 < 500 ? r & 3 : !(r & 3);
		if (in[id])
			cpumask_set(&mask, id);
		else
			cpumask_clear(&mask, id);
		holds_what_it_should();
	}
}

static void borders(void **state)
{
	static const unsigned ids[] = {0, 1, 63, 64, 127, 128, 191, 192, NR_CPUS - 1};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(ids); i++) {
		struct cpumask all;

		memset(in, 0, sizeof(in));
		in[ids[i]] = true;
		mask = cpumask_of(ids[i]);
		holds_what_it_should();
		assert_int_equal(cpumask_next(&mask, 0), ids[i]);
		assert_int_equal(cpumask_next(&mask, ids[i]), ids[i]);
		assert_int_equal(cpumask_next(&mask, ids[i] + 1), NR_CPUS);
		memset(&all, 0xff, sizeof(all));
		all = cpumask_without(&all, ids[i]);
		assert_false(cpumask_has(&all, ids[i]));
		assert_int_equal(cpumask_count(&all), NR_CPUS - 1);
		mask = cpumask_and(&mask, &all);
		assert_true(cpumask_empty(&mask));
	}
}

static void taken_once(void **state)
{
	struct cpumask taken;

	(void)state;
	memset(in, 0, sizeof(in));
	memset(&mask, 0, sizeof(mask));
	for (unsigned id = 5; id < NR_CPUS; id += 13) {
		cpumask_set(&mask, id);
		in[id] = true;
	}
	taken = cpumask_take(&mask);
	assert_true(cpumask_empty(&mask));
	mask = taken;
	holds_what_it_should();
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(random_sets),
	cmocka_unit_test(borders),
	cmocka_unit_test(taken_once),
};

HOST_MAIN("cpumask", tests)
