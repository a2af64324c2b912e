/*
 * How long one CPU waits for another. Who waits looks again and again; when it has not looked for long, it was stopped
 * itself (a busy host, a debugger), most likely with all the others, and that is not held against these.
 *
 * All such limits are here, with the reason for each; the tests' own: tests/smp.h.
 */
#ifndef MACHINE_PATIENCE_H
#define MACHINE_PATIENCE_H

#include "lib/types.h"
#include "machine/time.h"

#define START_PATIENCE_NS   3000000000UL  /* a CPU that was started: it is left out then, so all boots wait for it */
#define CALL_PATIENCE_NS    10000000000UL /* an answer to a call: a bug of ours then, so nothing but a panic is left */
#define PARK_PATIENCE_NS    100000000UL /* all to park, of PARK_TRIES: a CPU of an emulator may not run for this long */
#define STOP_PATIENCE_NS    2000000000UL /* all to stop, in a panic: it goes on without who does not; as for parking */
#define COMPARE_PATIENCE_NS 3000000000UL /* the other's turn in comparing TSCs: they are left unchecked then */

#define PATIENCE_STEP_NS    1000000UL /* the most that counts between two looks */

struct patience {
	u64 left, last;
};

static inline struct patience patience_begin(u64 ns)
{
	return (struct patience){ns, time_ns()};
}

/* One look; true: it was long enough. A clock that goes back is one that has stopped us. */
static inline bool patience_ends(struct patience *p)
{
	u64 now = time_ns(), step = min(now - p->last, PATIENCE_STEP_NS);

	p->left -= min(p->left, step);
	p->last = now;
	return !p->left;
}

#endif
