/*
 * Roots of every format, built and taken down as the ops of this image do it, and merging under the CPU's eyes. What
 * each entry must hold is tested on the host (tests/host/test_pt_formats.c).
 */
#include "arch/layout.h"
#include "machine/fault.h"
#include "mmu/frame.h"
#include "mmu/kspace.h"
#include "mmu/pt.h"
#include "mmu/region.h"
#include "tests/ktest.h"

#define VA 0x7fffc0000000UL

/* All operations on one root; its frames come back. */
static void use_root(const struct pt_caps *caps, struct mm_struct *mm)
{
	u64 before = frame_stats().free_count;
	pa_t got;
	struct pt_root root;
	struct pt_leaf leaf;

	REQUIRE(pt_root_init(&root, mm, caps) == 0);
	EXPECT_EQ(pt_map(&root, VA, pa(4 * MIB), 6 * MIB, PT_PROT_RW), 0);
	EXPECT_EQ(root.leaf_count[PT_PMD], 3);
	EXPECT_EQ(root.table_count, caps->five_levels ? 4 : 3);
	EXPECT_EQ(pt_protect(&root, VA + 2 * MIB, PAGE_SIZE, PT_PROT_RX), 0);
	EXPECT_EQ(root.leaf_count[PT_PTE], 512);
	REQUIRE(pt_translate(&root, VA + 2 * MIB + 5, &got, &leaf));
	EXPECT_PA(got, pa(6 * MIB + 5));
	EXPECT_EQ(leaf.rights & (PTE_P | PTE_W | PTE_NX), PTE_P);
	EXPECT_EQ(pt_merge(&root, VA, 6 * MIB), 0);
	EXPECT_EQ(pt_protect(&root, VA + 2 * MIB, PAGE_SIZE, PT_PROT_RW), 0);
	EXPECT_EQ(pt_merge(&root, VA, 6 * MIB), 1);
	EXPECT_EQ(root.leaf_count[PT_PMD], 3);
	REQUIRE(pt_translate(&root, VA + 6 * MIB - 1, &got, &leaf));
	EXPECT_PA(got, pa(10 * MIB - 1));
	EXPECT_EQ(leaf.rights & (PTE_P | PTE_W | PTE_NX), PTE_P | PTE_W | PTE_NX);
	EXPECT_EQ(pt_unmap(&root, VA + PAGE_SIZE, 2 * MIB), 0);
	EXPECT_EQ(root.leaf_count[PT_PTE], 512);
	pt_root_destroy(&root);
	EXPECT_EQ(frame_stats().free_count, before);
}

TEST(mmu_format_every_one_is_built)
{
	static const enum pt_kind kinds[] = {PT_LONG, PT_NPT, PT_EPT};

	for (unsigned i = 0; i < 2 * ARRAY_SIZE(kinds); i++) {
		struct pt_caps caps = {
			.kind = kinds[i / 2], .five_levels = i % 2, .pages_2m = true, .nx = true, .global = true};

		use_root(&caps, NULL);
	}
}

/* In the live root: what was read through 512 small leaves is read through the one large, and written. */
TEST(mmu_merge_under_the_cpu)
{
	u64 before = frame_stats().free_count;
	pa_t pa = frame_alloc_contiguous(PTE_ENTRIES, PMD_SIZE);
	const ulong va = SCRATCH_BASE;
	volatile u64 *there = pa_va(pa), *here = (volatile u64 *)va;

	if (!pa_ok(pa)) {
		ktest_not_here("no 2 MiB of memory in a row");
		return;
	}
	REQUIRE(pt_map(&kspace_root, va, pa, PMD_SIZE, PT_PROT_RW) == 0);
	REQUIRE(pt_protect(&kspace_root, va + PAGE_SIZE, PAGE_SIZE, PT_PROT_RO) == 0);
	for (unsigned i = 0; i < PTE_ENTRIES; i++)
		there[i * PTE_ENTRIES] = here[i * PTE_ENTRIES] + i;
	EXPECT(!fault_write8(va + PAGE_SIZE, 1, NULL));
	EXPECT_EQ(pt_merge(&kspace_root, va, PMD_SIZE), 0);
	REQUIRE(pt_protect(&kspace_root, va + PAGE_SIZE, PAGE_SIZE, PT_PROT_RW) == 0);
	EXPECT_EQ(pt_merge(&kspace_root, va, PMD_SIZE), 1);
	for (unsigned i = 0; i < PTE_ENTRIES; i++) {
		EXPECT_EQ(here[i * PTE_ENTRIES], there[i * PTE_ENTRIES]);
		here[i * PTE_ENTRIES + 1] = ~(u64)i;
		EXPECT_EQ(there[i * PTE_ENTRIES + 1], ~(u64)i);
	}
	/* The large leaf is the root's own: rights of a part split it again. */
	EXPECT_EQ(pt_protect(&kspace_root, va + 5 * PAGE_SIZE, PAGE_SIZE, PT_PROT_RO), 0);
	EXPECT(!fault_write8(va + 5 * PAGE_SIZE, 1, NULL));
	EXPECT(fault_write8(va + 6 * PAGE_SIZE, 1, NULL));
	EXPECT_EQ(pt_unmap(&kspace_root, va, PMD_SIZE), 0);
	EXPECT(!fault_read8(va, NULL, NULL));
	frame_free_contiguous(pa, PTE_ENTRIES);
	EXPECT_EQ(frame_stats().free_count, before);
}
