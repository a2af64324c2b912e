/*
 * The benchmark's loops as a workload: each op's own site is crossed as the patcher left it, with the slots poisoned.
 * They are the only callers of some ops, and the proof (tests/test_proof.c) counts their sites like all others.
 */
#include "bench/op_loops.h"
#include "tests/ktest.h"

TEST(bench_op_sites_run)
{
	unsigned type, callable = 0;

	for (type = 0; type < PV_TYPES; type++)
		callable += bench_op[type].site && !bench_op_refusal(&bench_op[type]);
	EXPECT(callable > 0);
	EXPECT_EQ(bench_cross_sites(2), callable);
}

/* Whoever adds an op says how it is measured. */
TEST(bench_every_op_has_a_row)
{
	unsigned type;

	for (type = 0; type < PV_TYPES; type++)
		if (pv_op_desc[type].class != PV_CLASS_RESERVED && !bench_op[type].site && !bench_op[type].reason)
			ktest_fail(__FILE__, __LINE__, "bench/op_args.def has no row for %s.%s", pv_op_desc[type].group,
				   pv_op_desc[type].name);
}
