/* Making frames run out, for tests of what then happens. */
#ifndef TESTS_FRAMES_H
#define TESTS_FRAMES_H

#include "mmu/frame.h"

#define FRAMES_LEFT_MAX 15

/*
 * The allocation behind the next @n fails, and all behind that, until frame_set_reach() is given what this returns. No
 * frame is taken by it: they come lowest first, so the reach is put below the first that shall not be had.
 */
static inline pa_t frames_run_out_after(unsigned n)
{
	pa_t taken[FRAMES_LEFT_MAX + 1], reach = frame_reach();

	for (unsigned i = 0; i <= n; i++)
		taken[i] = frame_alloc();
	frame_set_reach(taken[n]);
	for (unsigned i = 0; i <= n; i++)
		frame_free(taken[i]);
	return reach;
}

#endif
