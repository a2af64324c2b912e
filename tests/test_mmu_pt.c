/*
 * The page-table builder, on tables the CPU walks: each mapping is tried by an access through it. In the live root all
 * happens in the scratch slot, which is left as it was found: the frame count before and after is compared by every
 * test.
 */
#include "arch/layout.h"
#include "arch/regs.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "machine/fault.h"
#include "mmu/fixmap.h"
#include "mmu/frame.h"
#include "mmu/kspace.h"
#include "mmu/pt.h"
#include "mmu/pt_priv.h"
#include "mmu/region.h"
#include "tests/frames.h"
#include "tests/ktest.h"

#define VA SCRATCH_BASE

/* The table below the top stays (PT_KEPT): a pud table comes and goes only where there is a level more. */
#define PUD_TABLES (kspace_root.top_level == PT_PGD)

static u64 frames_before, tables_before;
static u64 leaves_before[PT_LEVELS];

static void leak_begin(void)
{
	frames_before = frame_stats().free_count;
	tables_before = kspace_root.table_count;
	memcpy(leaves_before, kspace_root.leaf_count, sizeof(leaves_before));
}

static void leak_check(void)
{
	EXPECT_EQ(frame_stats().free_count, frames_before);
	EXPECT_EQ(kspace_root.table_count, tables_before);
	for (unsigned i = 0; i < PT_LEVELS; i++)
		EXPECT_EQ(kspace_root.leaf_count[i], leaves_before[i]);
}

/* An access to @va faults with this error code and address. */
static void expect_read_fault(ulong va, u64 error)
{
	struct fault_record r = {.vector = FAULT_NONE};
	u8 value;

	EXPECT(!fault_read8(va, &value, &r));
	EXPECT_EQ(r.vector, X86_TRAP_PF);
	EXPECT_EQ(r.error, error);
	EXPECT_EQ(r.address, va);
}

static void expect_write_fault(ulong va, u64 error)
{
	struct fault_record r = {.vector = FAULT_NONE};

	EXPECT(!fault_write8(va, 0x77, &r));
	EXPECT_EQ(r.vector, X86_TRAP_PF);
	EXPECT_EQ(r.error, error);
	EXPECT_EQ(r.address, va);
}

static void expect_exec_fault(ulong va)
{
	struct fault_record r = {.vector = FAULT_NONE};

	EXPECT(!fault_exec(va, &r));
	EXPECT_EQ(r.vector, X86_TRAP_PF);
	EXPECT_EQ(r.error, X86_PF_PROT | X86_PF_INSTR);
	EXPECT_EQ(r.address, va);
}

/* What is written at @va arrives at @pa, and the other way round. */
static void expect_maps(ulong va, pa_t pa)
{
	volatile u64 *there = pa_va(pa), *here = (volatile u64 *)va;
	pa_t translated = PA_NONE;

	REQUIRE(pt_translate(&kspace_root, va, &translated, NULL));
	EXPECT_PA(translated, pa);
	*here = va ^ 0x5a5a;
	EXPECT_EQ(*there, va ^ 0x5a5a);
	*there = pa_num(pa);
	EXPECT_EQ(*here, pa_num(pa));
}

TEST(mmu_pt_map_4k)
{
	pa_t pa;

	leak_begin();
	pa = frame_alloc();
	REQUIRE(pa_ok(pa));
	/* Twice: the first crossing of a site in a run of tests flushes TLB entries of its own (pvops/trace.h). */
	for (unsigned round = 0; round < 2; round++) {
		expect_read_fault(VA, 0);
		EXPECT_EQ(pt_map(&kspace_root, VA, pa, PAGE_SIZE, PT_PROT_RW), 0);
		expect_maps(VA, pa);
		expect_maps(VA + PAGE_SIZE - 8, pa_add(pa, PAGE_SIZE - 8));
		expect_read_fault(VA + PAGE_SIZE, 0);
		expect_exec_fault(VA);
		EXPECT_EQ(kspace_root.table_count, tables_before + 2 + PUD_TABLES);
		EXPECT_EQ(pt_unmap(&kspace_root, VA, PAGE_SIZE), 0);
		expect_read_fault(VA, 0);
		expect_write_fault(VA, X86_PF_WRITE);
	}
	frame_free(pa);
	leak_check();
}

TEST(mmu_pt_map_2m_is_one_leaf)
{
	struct pt_leaf leaf;
	pa_t pa, got;

	leak_begin();
	pa = frame_alloc_contiguous(512, 2 * MIB);
	REQUIRE(pa_ok(pa));
	EXPECT_EQ(pt_map(&kspace_root, VA, pa, 2 * MIB, PT_PROT_RW), 0);
	EXPECT_EQ(kspace_root.leaf_count[PT_PMD], leaves_before[PT_PMD] + 1);
	EXPECT_EQ(kspace_root.leaf_count[PT_PTE], leaves_before[PT_PTE]);
	EXPECT(pt_translate(&kspace_root, VA + 0x12345, &got, &leaf));
	EXPECT_PA(got, pa_add(pa, 0x12345));
	EXPECT_EQ(leaf.size, 2 * MIB);
	EXPECT_EQ(leaf.va, VA);
	EXPECT_EQ(leaf.rights, PTE_P | PTE_W | PTE_NX);
	for (u64 i = 0; i < 2 * MIB; i += 0x1f000)
		expect_maps(VA + i, pa_add(pa, i));
	EXPECT_EQ(pt_unmap(&kspace_root, VA, 2 * MIB), 0);
	expect_read_fault(VA + MIB, 0);
	frame_free_contiguous(pa, 512);
	leak_check();
}

/* RAM may be less than a GiB: only what is RAM is touched, and read-only. */
TEST(mmu_pt_map_1g_is_one_leaf)
{
	volatile u8 *text = (volatile u8 *)(VA + pa_num(image_pa(__text_start)));
	struct pt_leaf leaf;
	pa_t got;

	if (kspace_root.max_leaf < PT_PUD) {
		ktest_not_here("this CPU has no 1 GiB pages");
		return;
	}
	leak_begin();
	EXPECT_EQ(pt_map(&kspace_root, VA, pa(0), GIB, PT_PROT_RO), 0);
	EXPECT_EQ(kspace_root.leaf_count[PT_PUD], leaves_before[PT_PUD] + 1);
	EXPECT_EQ(kspace_root.table_count, tables_before + PUD_TABLES);
	EXPECT(pt_translate(&kspace_root, VA + 0x12345678, &got, &leaf));
	EXPECT_PA(got, pa(0x12345678));
	EXPECT_EQ(leaf.size, GIB);
	for (unsigned i = 0; i < 64; i++)
		EXPECT_EQ(text[i], ((u8 *)__text_start)[i]);
	expect_write_fault((ulong)text, X86_PF_PROT | X86_PF_WRITE);
	/* One page out of it: down to 4 KiB on that path only. */
	EXPECT_EQ(pt_unmap(&kspace_root, VA + pa_num(image_pa(__text_start)), PAGE_SIZE), 0);
	expect_read_fault((ulong)text, 0);
	EXPECT_EQ(text[PAGE_SIZE], ((u8 *)__text_start)[PAGE_SIZE]);
	EXPECT_EQ(kspace_root.leaf_count[PT_PUD], leaves_before[PT_PUD]);
	EXPECT_EQ(kspace_root.leaf_count[PT_PMD], leaves_before[PT_PMD] + 511);
	EXPECT_EQ(kspace_root.leaf_count[PT_PTE], leaves_before[PT_PTE] + 511);
	EXPECT_EQ(pt_unmap(&kspace_root, VA, GIB), 0);
	leak_check();
}

/* A range that begins and ends between large pages gets small ones at its ends. */
TEST(mmu_pt_map_mixes_sizes)
{
	pa_t pa;

	leak_begin();
	pa = frame_alloc_contiguous(3 * 512, 2 * MIB);
	if (!pa_ok(pa)) {
		ktest_not_here("no 6 MiB in one piece");
		return;
	}
	EXPECT_EQ(pt_map(&kspace_root, VA + MIB, pa_add(pa, MIB), 4 * MIB, PT_PROT_RW), 0);
	EXPECT_EQ(kspace_root.leaf_count[PT_PMD], leaves_before[PT_PMD] + 1);
	EXPECT_EQ(kspace_root.leaf_count[PT_PTE], leaves_before[PT_PTE] + 512);
	for (u64 i = MIB; i < 5 * MIB; i += 0x3f000)
		expect_maps(VA + i, pa_add(pa, i));
	expect_read_fault(VA + MIB - 1, 0);
	expect_read_fault(VA + 5 * MIB, 0);
	/* More pages than are flushed one by one; each was just used. */
	EXPECT_EQ(pt_unmap(&kspace_root, VA, 6 * MIB), 0);
	for (u64 i = MIB; i < 5 * MIB; i += 0x3f000)
		expect_read_fault(VA + i, 0);
	/* The same memory, one page off: no large page fits. */
	EXPECT_EQ(pt_map(&kspace_root, VA, pa_add(pa, PAGE_SIZE), 4 * MIB, PT_PROT_RW), 0);
	EXPECT_EQ(kspace_root.leaf_count[PT_PMD], leaves_before[PT_PMD]);
	expect_maps(VA + 3 * MIB, pa_add(pa, PAGE_SIZE + 3 * MIB));
	EXPECT_EQ(pt_unmap(&kspace_root, VA, 4 * MIB), 0);
	frame_free_contiguous(pa, 3 * 512);
	leak_check();
}

TEST(mmu_pt_split_keeps_the_rest)
{
	const ulong hole = VA + 0x55000;
	pa_t pa;

	leak_begin();
	pa = frame_alloc_contiguous(512, 2 * MIB);
	REQUIRE(pa_ok(pa));
	EXPECT_EQ(pt_map(&kspace_root, VA, pa, 2 * MIB, PT_PROT_RW), 0);
	expect_maps(hole, pa_add(pa, 0x55000));
	EXPECT_EQ(pt_protect(&kspace_root, hole, PAGE_SIZE, PT_PROT_RO), 0);
	EXPECT_EQ(kspace_root.leaf_count[PT_PMD], leaves_before[PT_PMD]);
	EXPECT_EQ(kspace_root.leaf_count[PT_PTE], leaves_before[PT_PTE] + 512);
	expect_write_fault(hole, X86_PF_PROT | X86_PF_WRITE);
	EXPECT_EQ(*(volatile u64 *)hole, pa_num(pa) + 0x55000);
	for (u64 i = 0; i < 2 * MIB; i += PAGE_SIZE) {
		if (VA + i != hole)
			expect_maps(VA + i + 8, pa_add(pa, i + 8));
	}
	EXPECT_EQ(pt_unmap(&kspace_root, hole, PAGE_SIZE), 0);
	expect_read_fault(hole, 0);
	expect_maps(hole - 8, pa_add(pa, 0x55000 - 8));
	expect_maps(hole + PAGE_SIZE, pa_add(pa, 0x56000));
	EXPECT_EQ(pt_protect(&kspace_root, VA, 2 * MIB, PT_PROT_RO), -ENOENT);
	expect_write_fault(VA, X86_PF_PROT | X86_PF_WRITE);
	expect_write_fault(VA + 2 * MIB - 1, X86_PF_PROT | X86_PF_WRITE);
	EXPECT_EQ(pt_unmap(&kspace_root, VA, 2 * MIB), 0);
	frame_free_contiguous(pa, 512);
	leak_check();
}

/* Text seen at another address: executable there when it is mapped so, and only then. */
static __noinline int answer(void)
{
	asm volatile("" ::: "memory");
	return 42;
}

TEST(mmu_pt_execute_by_rights)
{
	const ulong page = (ulong)answer & PAGE_MASK, at = VA + ((ulong)answer & ~PAGE_MASK);

	leak_begin();
	/* Two pages: a short function may straddle. */
	EXPECT_EQ(pt_map(&kspace_root, VA, image_pa((void *)page), 2 * PAGE_SIZE, PT_PROT_RX), 0);
	EXPECT(fault_exec(at, NULL));
	EXPECT_EQ(((int (*)(void))at)(), 42);
	expect_write_fault(at, X86_PF_PROT | X86_PF_WRITE);
	EXPECT_EQ(pt_protect(&kspace_root, VA, 2 * PAGE_SIZE, PT_PROT_RO), 0);
	expect_exec_fault(at);
	EXPECT_EQ(pt_protect(&kspace_root, VA, 2 * PAGE_SIZE, PT_PROT_RX), 0);
	EXPECT_EQ(((int (*)(void))at)(), 42);
	EXPECT_EQ(pt_unmap(&kspace_root, VA, 2 * PAGE_SIZE), 0);
	leak_check();
}

TEST(mmu_pt_refuses_bad_requests)
{
	struct pt_root *r = &kspace_root;
	pa_t frame;

	leak_begin();
	frame = frame_alloc();
	EXPECT_EQ(pt_map(r, VA + 1, frame, PAGE_SIZE, PT_PROT_RW), -EINVAL);
	EXPECT_EQ(pt_map(r, VA, pa_add(frame, 1), PAGE_SIZE, PT_PROT_RW), -EINVAL);
	EXPECT_EQ(pt_map(r, VA, frame, 0, PT_PROT_RW), -EINVAL);
	EXPECT_EQ(pt_map(r, VA, frame, PAGE_SIZE + 1, PT_PROT_RW), -EINVAL);
	EXPECT_EQ(pt_map(r, VA, frame, PAGE_SIZE, PT_PROT_RW & ~PTE_P), -EINVAL);
	EXPECT_EQ(pt_map(r, VA, frame, PAGE_SIZE, PT_PROT_RW | PTE_PS), -EINVAL);
	EXPECT_EQ(pt_map(r, VA, pa(1UL << 52), PAGE_SIZE, PT_PROT_RW), -EINVAL);
	EXPECT_EQ(pt_map(r, pt_half(r) - PAGE_SIZE, frame, 2 * PAGE_SIZE, PT_PROT_RW), -EINVAL);
	EXPECT_EQ(pt_map(r, pt_half(r), frame, PAGE_SIZE, PT_PROT_RW), -EINVAL);
	EXPECT_EQ(pt_map(r, -PAGE_SIZE, frame, 2 * PAGE_SIZE, PT_PROT_RW), -EINVAL);
	EXPECT_EQ(pt_unmap(r, VA + 1, PAGE_SIZE), -EINVAL);
	EXPECT_EQ(pt_protect(r, VA, PAGE_SIZE, 0), -EINVAL);
	EXPECT_EQ(pt_protect(r, VA, PAGE_SIZE, PT_PROT_RW), -ENOENT);
	EXPECT_EQ(pt_unmap(r, VA, SCRATCH_SIZE), 0); /* holes are passed over */
	/* In the middle of the direct map's large pages, and of a range half free. */
	EXPECT_EQ(pt_map(r, (ulong)pa_va(frame), frame, PAGE_SIZE, PT_PROT_RW), -EEXIST);
	EXPECT_EQ(pt_map(r, VA + 3 * PAGE_SIZE, frame, PAGE_SIZE, PT_PROT_RW), 0);
	EXPECT_EQ(pt_map(r, VA, frame, 4 * MIB, PT_PROT_RW), -EEXIST);
	expect_read_fault(VA, 0);
	expect_read_fault(VA + 3 * MIB, 0);
	expect_maps(VA + 3 * PAGE_SIZE, frame);
	EXPECT_EQ(pt_unmap(r, VA, 2 * MIB), 0);
	frame_free(frame);
	leak_check();
}

/*
 * A table that hangs in the root is its owner's: nothing of it is mapped, unmapped, protected or counted by the root.
 */
static void expect_busy(ulong va, u64 size, pa_t pa)
{
	EXPECT_EQ(pt_map(&kspace_root, va, pa, size, PT_PROT_RW), -EBUSY);
	EXPECT_EQ(pt_unmap(&kspace_root, va, size), -EBUSY);
	EXPECT_EQ(pt_protect(&kspace_root, va, size, PT_PROT_RO), -EBUSY);
}

TEST(mmu_pt_keeps_out_of_hung_tables)
{
	const ulong hung = VA + 2 * MIB, fix = (ulong)fixmap_va(FIX_TEST);
	volatile u64 *entries;
	pa_t table, frame;

	leak_begin();
	table = frame_alloc_zeroed();
	frame = frame_alloc();
	REQUIRE(pa_ok(table) && pa_ok(frame));
	entries = pa_va(table);
	EXPECT_EQ(pt_hang(&kspace_root, hung, PT_PMD, table), 0);
	entries[3] = pa_num(frame) | (PT_PROT_RW & kspace_root.prot_allowed);
	expect_maps(hung + 3 * PAGE_SIZE, frame);
	expect_busy(hung + 3 * PAGE_SIZE, PAGE_SIZE, frame);
	expect_busy(hung, 2 * MIB, pa(0));
	/* The pages before it are mapped and are to stay; those behind it are free and are to stay so. */
	EXPECT_EQ(pt_map(&kspace_root, VA, frame, PAGE_SIZE, PT_PROT_RW), 0);
	expect_busy(VA + PAGE_SIZE, 6 * MIB, pa(0));
	EXPECT_EQ(pt_unmap(&kspace_root, VA, 3 * MIB), -EBUSY);
	EXPECT_EQ(pt_protect(&kspace_root, VA, 6 * MIB, PT_PROT_RO), -EBUSY);
	expect_maps(VA, frame);
	expect_maps(hung + 3 * PAGE_SIZE, frame);
	expect_read_fault(VA + PAGE_SIZE, 0);
	expect_read_fault(VA + 4 * MIB, 0);
	EXPECT_EQ(kspace_root.leaf_count[PT_PTE], leaves_before[PT_PTE] + 1);
	EXPECT(fault_read8(hung + 3 * PAGE_SIZE, NULL, NULL)); /* the TLB has it now */
	EXPECT_EQ(pt_unhang(&kspace_root, hung, PT_PMD), 0);
	EXPECT_EQ(entries[3] & PTE_ADDR, pa_num(frame));
	expect_read_fault(hung + 3 * PAGE_SIZE, 0); /* no table above was freed, which would flush all */
	EXPECT_EQ(pt_unmap(&kspace_root, VA, 2 * MIB), 0);
	/* The two that every kernel root has. */
	expect_busy(POKE_BASE, PAGE_SIZE, frame);
	expect_busy(fix, PAGE_SIZE, frame);
	expect_read_fault(fix, 0);
	frame_free(table);
	frame_free(frame);
	leak_check();
}

TEST(mmu_pt_out_of_frames_changes_nothing)
{
	const pa_t reach = frame_reach();
	pa_t pa;
	unsigned n;
	int err;

	leak_begin();
	pa = frame_alloc_contiguous(512, 2 * MIB);
	REQUIRE(pa_ok(pa));
	/* A range over a GiB's border: two pmd tables, two page tables. */
	for (n = 0; n < 4 + PUD_TABLES; n++) {
		frames_run_out_after(n);
		err = pt_map(&kspace_root, VA + GIB - MIB, pa, 2 * MIB - PAGE_SIZE, PT_PROT_RW);
		frame_set_reach(reach);
		EXPECT_EQ(err, -ENOMEM);
		EXPECT_EQ(frame_stats().free_count, frames_before - 512);
		EXPECT_EQ(kspace_root.table_count, tables_before);
	}
	frames_run_out_after(4 + PUD_TABLES);
	err = pt_map(&kspace_root, VA + GIB - MIB, pa, 2 * MIB - PAGE_SIZE, PT_PROT_RW);
	frame_set_reach(reach);
	EXPECT_EQ(err, 0);
	expect_maps(VA + GIB, pa_add(pa, MIB));
	EXPECT_EQ(pt_unmap(&kspace_root, VA, 2 * GIB), 0);

	/* A split that cannot be. */
	EXPECT_EQ(pt_map(&kspace_root, VA, pa, 2 * MIB, PT_PROT_RW), 0);
	frames_run_out_after(0);
	EXPECT_EQ(pt_unmap(&kspace_root, VA + MIB, PAGE_SIZE), -ENOMEM);
	EXPECT_EQ(pt_protect(&kspace_root, VA + MIB, PAGE_SIZE, PT_PROT_RO), -ENOMEM);
	EXPECT(!pa_ok(frame_alloc()));
	frame_set_reach(reach);
	expect_maps(VA + MIB, pa_add(pa, MIB));
	EXPECT_EQ(pt_unmap(&kspace_root, VA, 2 * MIB), 0);
	frame_free_contiguous(pa, 512);
	leak_check();
}

/* Bit 7 says PS in a large leaf and PAT in a pte: memory would become uncached. */
TEST(mmu_pt_split_adds_no_pat)
{
	pa_t pa = frame_alloc_contiguous(512, 2 * MIB), there;
	struct pt_leaf first = {.entry = 0}, last = {.entry = 0};

	REQUIRE(pa_ok(pa));
	EXPECT_EQ(pt_map(&kspace_root, SCRATCH_BASE, pa, 2 * MIB, PT_PROT_RW), 0);
	EXPECT_EQ(pt_protect(&kspace_root, SCRATCH_BASE, PAGE_SIZE, PT_PROT_RO), 0);
	EXPECT(pt_translate(&kspace_root, SCRATCH_BASE, &there, &first));
	EXPECT(pt_translate(&kspace_root, SCRATCH_BASE + 2 * MIB - 1, &there, &last));
	EXPECT_EQ(first.level, PT_PTE);
	EXPECT_EQ(last.level, PT_PTE);
	EXPECT_EQ((first.entry | last.entry) & PT_BIT_PAT, 0);
	EXPECT_EQ(pt_unmap(&kspace_root, SCRATCH_BASE, 2 * MIB), 0);
	frame_free_contiguous(pa, 512);
}
