/*
 * Three loops for every op that can stand in one: an empty one, one around the bare native instructions, one around a
 * real site. They differ in nothing but what stands at the site's place: same wrapper, same registers, same arguments.
 */
#ifndef BENCH_OP_LOOPS_H
#define BENCH_OP_LOOPS_H

#include "pvops/patch.h"

struct bench_op {
	void (*empty)(ulong turns);
	void (*raw)(ulong turns);  /* the native's text, unpadded; as empty where it has none */
	void (*site)(ulong turns); /* pv_NAME(): holds one patchable site of the op */
	bool (*usable)(void);      /* NULL: always */
	const char *reason;        /* why there are no loops, or why they are not usable */
};

/* By op number. A row without loops and without a reason: op_args.def lacks the op. */
extern const struct bench_op bench_op[PV_TYPES];

/* The instructions that an op is natively; NULL: a function that has no such form. */
const char *bench_op_text(unsigned type);

/* Takes down the values that the loops write back. Before any loop runs; interrupts off. */
void bench_op_values(void);

/* Why @op cannot be called here, NULL if it can. */
const char *bench_op_refusal(const struct bench_op *op);

/* Runs every usable site loop for @turns (even): the workload that crosses this room's sites. Returns how many ran. */
unsigned bench_cross_sites(ulong turns);

#endif
