/* The tree of VMAs in the kernel, and the lock above it with several CPUs. The rest is tests/host/test_vma.c's. */
#include "mmu/vma.h"

#include "lib/errno.h"
#include "mmu/frame.h"
#include "mmu/mm.h"
#include "tests/ktest.h"
#include "tests/smp.h"
#include "tests/vma_check.h"
#include "tests/walk_model.h"

#define PAGES 512

static void random_step(struct vma_tree *tree, u64 *seed)
{
	u64 r = wm_random(seed) >> 16;
	ulong first = r % PAGES * PAGE_SIZE, last = first + (1 + (r >> 16) % 8) * PAGE_SIZE - 1;
	struct vma_spec s = {.first = first, .last = last, .flags = r >> 24 & 1 ? VMA_READ : VMA_WRITE};
	struct vm_area_struct *v = vma_find_intersection(tree, first, last);
	int err;

	if (r >> 32 & 1) {
		err = vma_insert(tree, &s, NULL);
		EXPECT_EQ(err, last >= PAGES * PAGE_SIZE ? -EINVAL : v ? -EEXIST : 0);
	} else if (r >> 33 & 1) {
		EXPECT_EQ(vma_remove(tree, first, last), 0);
		EXPECT(!vma_find_intersection(tree, first, last));
	} else if (v) {
		v = vma_merge(tree, v);
		EXPECT(v->first <= last && v->last >= first);
	}
}

TEST(mmu_vma_tree_keeps_its_invariants)
{
	u64 before = frame_stats().free_count, seed = 88172645463325252;
	struct vma_tree tree;
	const char *wrong = NULL;

	vma_tree_init(&tree, NULL, 0, PAGES * PAGE_SIZE - 1);
	for (unsigned i = 0; i < 2000 && !wrong; i++) {
		random_step(&tree, &seed);
		wrong = vma_check(&tree);
	}
	if (wrong)
		ktest_fail(__FILE__, __LINE__, "%s", wrong);
	EXPECT(tree.count > 20);
	EXPECT_EQ(vma_pool.object_count, tree.count);
	vma_tree_destroy(&tree);
	EXPECT_EQ(vma_pool.frame_count, 0);
	EXPECT_EQ(frame_stats().free_count, before);
}

/* ---- the mm lock ---- */

#define TURNS 300

static struct {
	struct mm_struct mm;
	volatile u64 a, b; /* equal, but while somebody writes */
	volatile bool differed;
} shared;

static void read_and_write(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < TURNS; i++) {
		mm_read_lock(&shared.mm);
		mm_assert_locked(&shared.mm);
		if (shared.a != shared.b)
			shared.differed = true;
		mm_read_unlock(&shared.mm);
		mm_write_lock(&shared.mm);
		mm_assert_write_locked(&shared.mm);
		shared.a++;
		asm volatile("pause");
		shared.b++;
		mm_write_unlock(&shared.mm);
	}
}

TEST(mmu_mm_lock_keeps_writers_alone)
{
	shared.a = shared.b = 0;
	shared.differed = false;
	read_and_write(NULL);
	EXPECT_EQ(shared.a, TURNS);
	if (alone())
		return;
	give_all(read_and_write, NULL);
	read_and_write(NULL);
	REQUIRE(all_done());
	EXPECT(!shared.differed);
	EXPECT_EQ(shared.a, (cpu_online_count + 1) * TURNS);
	EXPECT_EQ(shared.b, shared.a);
}
