/*
 * Address spaces: what a CPU translates after a switch, however old its TLB's entries, and that one which runs
 * elsewhere is flushed there. Each space maps the same page to a frame of its own. What is kept in the TLB and when
 * nobody is asked: tests/host/test_tlb.c, by a model, since a CPU may always drop what it could keep.
 */
#include "arch/layout.h"
#include "lib/string.h"
#include "machine/fault.h"
#include "machine/traps.h"
#include "mmu/frame.h"
#include "mmu/kspace.h"
#include "mmu/pt_priv.h"
#include "mmu/tlb.h"
#include "tests/ktest.h"
#include "tests/smp.h"

#define VA     0x5000000000UL
#define SPACES (2 * TLB_SLOTS) /* more than a CPU keeps */

static struct mm_struct *const some_mm = (struct mm_struct *)0x1000;
static struct pt_root spaces[SPACES];
static pa_t frames[SPACES];
static u64 frames_before;

/* Not for user mode: read by the kernel, which SMAP would keep out. */
static bool spaces_make(void)
{
	const struct pt_caps caps = {.five_levels = kspace_root.top_level == PT_PGD, .pages_2m = true, .nx = true};

	frames_before = frame_stats().free_count;
	for (unsigned i = 0; i < SPACES; i++) {
		frames[i] = frame_alloc_zeroed();
		if (!pa_ok(frames[i]) || pt_root_init(&spaces[i], some_mm, &caps))
			return false;
		*(u64 *)pa_va(frames[i]) = i + 1;
		EXPECT_EQ(pt_map(&spaces[i], VA, frames[i], PAGE_SIZE, PT_PROT_RW), 0);
		kspace_share(&spaces[i]);
	}
	return true;
}

static void spaces_drop(void)
{
	tlb_switch(&kspace_root);
	for (unsigned i = 0; i < SPACES; i++) {
		pt_root_destroy(&spaces[i]);
		frame_free(frames[i]);
	}
	EXPECT_EQ(frame_stats().free_count, frames_before);
}

/* What stands at VA here and now; 0: nothing is mapped there. */
static u64 look(void)
{
	u8 value = 0;

	return fault_read8(VA, &value, NULL) ? value : 0;
}

/* Space @i is the one of @cpus, and of no other. */
static bool runs_on(unsigned i, struct cpumask cpus)
{
	return memcmp(&spaces[i].tlb.cpus, &cpus, sizeof(cpus)) == 0;
}

TEST(mmu_tlb_spaces_are_apart)
{
	ulong flags = pv_irq_save();

	if (spaces_make()) {
		for (unsigned round = 0; round < 3; round++) {
			for (unsigned i = 0; i < SPACES; i++) {
				tlb_switch(&spaces[i]);
				EXPECT_EQ(look(), i + 1);
				EXPECT_EQ(pv_read_cr3() & PTE_ADDR, pa_num(spaces[i].top));
				EXPECT(runs_on(i, cpumask_of(this_cpu()->id)));
			}
		}
		tlb_switch(&kspace_root);
		EXPECT_EQ(look(), 0);
		EXPECT(runs_on(SPACES - 1, (struct cpumask){{0}}));
	}
	spaces_drop();
	pv_irq_restore(flags);
}

/* Changed while the CPU is in another space: it must not find the old page when it comes back. */
TEST(mmu_tlb_changes_of_a_space_left_behind)
{
	ulong flags = pv_irq_save();

	if (spaces_make()) {
		for (unsigned away = 0; away < 2; away++) { /* in another space, in the kernel's */
			tlb_switch(&spaces[0]);
			EXPECT_EQ(look(), 1);
			tlb_switch(away ? &spaces[1] : &kspace_root);
			EXPECT_EQ(pt_unmap(&spaces[0], VA, PAGE_SIZE), 0);
			EXPECT_EQ(pt_map(&spaces[0], VA, frames[2], PAGE_SIZE, PT_PROT_RW), 0);
			tlb_switch(&spaces[0]);
			EXPECT_EQ(look(), 3);
			EXPECT_EQ(pt_unmap(&spaces[0], VA, PAGE_SIZE), 0); /* and under its feet */
			EXPECT_EQ(look(), 0);
			EXPECT_EQ(pt_map(&spaces[0], VA, frames[0], PAGE_SIZE, PT_PROT_RW), 0);
			EXPECT_EQ(look(), 1);
		}
	}
	spaces_drop();
	pv_irq_restore(flags);
}

/* ---- other CPUs ---- */

static struct {
	u32 arrived, go, wrong, stale;
} others;

/* Runs in space 0 until told; looks, before and after the change. */
static void run_in_space(void *arg)
{
	ulong flags = pv_irq_save();

	(void)arg;
	tlb_switch(&spaces[0]);
	if (look() != 1)
		__atomic_add_fetch(&others.wrong, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&others.arrived, 1, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&others.go, __ATOMIC_SEQ_CST)) {
		smp_serve();
		asm volatile("pause");
	}
	if (look() != 0)
		__atomic_add_fetch(&others.stale, 1, __ATOMIC_RELAXED);
	tlb_switch(&kspace_root);
	pv_irq_restore(flags);
}

TEST(mmu_tlb_flushes_where_the_space_runs)
{
	u64 end = pv_sched_clock() + PATIENCE_NS;

	if (alone())
		return;
	memset(&others, 0, sizeof(others));
	if (spaces_make()) {
		give_all(run_in_space, NULL);
		while (__atomic_load_n(&others.arrived, __ATOMIC_SEQ_CST) < cpu_online_count - 1 &&
		       pv_sched_clock() < end)
			asm volatile("pause");
		EXPECT(runs_on(0, cpumask_without(&cpu_online, this_cpu()->id)));
		EXPECT_EQ(pt_unmap(&spaces[0], VA, PAGE_SIZE), 0);
		__atomic_store_n(&others.go, 1, __ATOMIC_SEQ_CST);
		EXPECT(all_done());
		EXPECT_EQ(others.wrong, 0);
		EXPECT_EQ(others.stale, 0);
		EXPECT(runs_on(0, (struct cpumask){{0}}));
	}
	spaces_drop();
}

/* Who does not run on a space is left in peace when it changes. */
TEST(mmu_tlb_leaves_others_in_peace)
{
	u64 calls;

	if (alone())
		return;
	if (spaces_make()) {
		tlb_switch(&spaces[0]);
		calls = trap_irq_count(VECTOR_CALL);
		EXPECT_EQ(pt_unmap(&spaces[0], VA, PAGE_SIZE), 0);
		EXPECT_EQ(look(), 0);
		EXPECT_EQ(trap_irq_count(VECTOR_CALL), calls);
		tlb_switch(&kspace_root);
	}
	spaces_drop();
}
