/*
 * An address space on the host: what pt_fakes.h has, and VMAs, mm and walker above it. Included once by a test.
 *
 * Must not know: any subject. Read next: tests/host/test_walk.c.
 */
#ifndef TESTS_HOST_WALK_FAKES_H
#define TESTS_HOST_WALK_FAKES_H

#include "tests/host/pt_fakes.h"

/* That has a `root`, `caps`, `map` of its own, which the sources use as names of what they are given. */
#pragma GCC diagnostic ignored "-Wshadow"

#include "mmu/kspace.h"
struct pt_root kspace_root;

/* pvops/qrwlock.c's, by these: there is nobody to wait for. */
#include "pvops/qrwlock.h"

void read_lock(struct qrwlock *lock)
{
	assert_true(!(lock->val & QRW_WRITER));
	lock->val += QRW_READER;
}

void read_unlock(struct qrwlock *lock)
{
	lock->val -= QRW_READER;
}

void write_lock(struct qrwlock *lock)
{
	assert_int_equal(lock->val, 0);
	lock->val = QRW_WRITER;
}

void write_unlock(struct qrwlock *lock)
{
	lock->val = 0;
}

#include "mmu/pool.c"
#include "mmu/vma.c"
#include "mmu/mm.c"
#include "mmu/walk.c"
#include "mmu/walk_lookup.c"

static inline u64 announced_tables(void)
{
	u64 sum = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(tables); i++)
		sum += (u64)tables[i];
	return sum;
}

static inline void spaces_begin(void)
{
	frames_begin(127 * MIB);
	some_mm = NULL;
	vma_pool = (struct pool){.size = sizeof(struct vm_area_struct)};
}

/* Nothing is left. */
static inline void spaces_end(void)
{
	assert_int_equal(frame_stats().free_count, frames_free);
	assert_int_equal(announced_tables(), 0);
	assert_int_equal(vma_pool.object_count, 0);
	assert_int_equal(vma_pool.frame_count, 0);
	munmap(fake_ram, FAKE_RAM_END);
	fake_ram = NULL;
}

#endif
