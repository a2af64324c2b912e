/*
 * A root beside the kernel's: built, run on, torn down. And the walk in words, on good and on corrupt tables.
 */
#include "arch/layout.h"
#include "arch/regs.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "machine/fault.h"
#include "mmu/frame.h"
#include "mmu/kspace.h"
#include "mmu/pt.h"
#include "mmu/pt_priv.h"
#include "mmu/region.h"
#include "mmu/report.h"
#include "pvops/pvops.h"
#include "tests/ktest.h"

#define USER_VA   0x40000000UL
#define USER_PROT (PTE_P | PTE_W | PTE_U | PTE_A | PTE_D | PTE_NX)
/* Accessed by the kernel here, which may not touch user pages where SMAP is on: no U, and not global. */
#define HERE_PROT (USER_PROT & ~PTE_U)

/* An address-space tag for the ops; nobody looks inside. */
static struct mm_struct *const some_mm = (struct mm_struct *)0x1000;

/* As many levels as the CPU runs on. */
static int root_init(struct pt_root *root, struct mm_struct *mm)
{
	const struct pt_caps caps = {
		.five_levels = kspace_root.top_level == PT_PGD, .pages_2m = true, .nx = true, .global = true};

	return pt_root_init(root, mm, &caps);
}

TEST(mmu_root_separate_and_run_on)
{
	u64 before = frame_stats().free_count;
	pa_t pa = frame_alloc_zeroed();
	struct pt_root root;
	struct fault_record r = {.vector = FAULT_NONE};
	struct pt_leaf leaf;
	pa_t got;
	u8 byte = 0, other;
	ulong flags;

	REQUIRE(pa_ok(pa));
	REQUIRE(root_init(&root, some_mm) == 0);
	EXPECT_EQ(pt_map(&root, USER_VA, pa, PAGE_SIZE, HERE_PROT), 0);
	EXPECT(pt_translate(&root, USER_VA + 5, &got, &leaf));
	EXPECT_PA(got, pa_add(pa, 5));
	EXPECT_EQ(leaf.rights, PTE_P | PTE_W | PTE_NX);
	EXPECT(!pt_translate(&kspace_root, USER_VA, &got, NULL));
	EXPECT(!fault_read8(USER_VA, &byte, &r));

	*(u8 *)pa_va(pa) = 0x3c;
	kspace_share(&root);
	flags = pv_irq_save();
	tlb_switch(&root);
	bool read = fault_read8(USER_VA, &byte, &r);
	/* Live changes: the TLB entry that was just made must go. */
	int err = pt_unmap(&root, USER_VA, PAGE_SIZE);
	bool read_after = fault_read8(USER_VA, &other, &r);

	kspace_activate();
	pv_irq_restore(flags);
	EXPECT(read);
	EXPECT_EQ(byte, 0x3c);
	EXPECT_EQ(err, 0);
	EXPECT(!read_after);
	EXPECT_EQ(root.table_count, 1);
	pt_root_destroy(&root);
	frame_free(pa);
	EXPECT_EQ(frame_stats().free_count, before);
}

/* More than is flushed one by one, on a live root of a process. */
TEST(mmu_root_many_user_pages)
{
	u64 before = frame_stats().free_count;
	pa_t pa = frame_alloc_zeroed();
	struct pt_root root;
	unsigned seen = 0, left = 0;
	ulong flags;
	u8 byte;

	REQUIRE(pa_ok(pa));
	REQUIRE(root_init(&root, some_mm) == 0);
	for (unsigned i = 0; i < 100; i++)
		EXPECT_EQ(pt_map(&root, USER_VA + i * PAGE_SIZE, pa, PAGE_SIZE, HERE_PROT), 0);
	kspace_share(&root);
	flags = pv_irq_save();
	tlb_switch(&root);
	for (unsigned i = 0; i < 100; i++)
		seen += fault_read8(USER_VA + i * PAGE_SIZE, &byte, NULL);
	pt_unmap(&root, USER_VA, 100 * PAGE_SIZE);
	for (unsigned i = 0; i < 100; i++)
		left += fault_read8(USER_VA + i * PAGE_SIZE, &byte, NULL);
	kspace_activate();
	pv_irq_restore(flags);
	EXPECT_EQ(seen, 100);
	EXPECT_EQ(left, 0);
	pt_root_destroy(&root);
	frame_free(pa);
	EXPECT_EQ(frame_stats().free_count, before);
}

/* A user page below tables that led to a kernel page only: the tables open. And destroying frees what is mapped. */
TEST(mmu_root_user_bit_reaches_upper_levels)
{
	u64 before = frame_stats().free_count;
	pa_t got;
	struct pt_root root;
	struct pt_leaf leaf;

	REQUIRE(root_init(&root, NULL) == 0);
	EXPECT_EQ(pt_map(&root, USER_VA, pa(MIB), PAGE_SIZE, PT_PROT_RW), 0);
	EXPECT(pt_translate(&root, USER_VA, &got, &leaf));
	EXPECT_EQ(pt_descend(&pt_long, &root, USER_VA, root.top_level).value & PTE_U, 0);
	EXPECT_EQ(pt_map(&root, USER_VA + PAGE_SIZE, pa(2 * MIB), PAGE_SIZE, USER_PROT), 0);
	EXPECT(pt_translate(&root, USER_VA + PAGE_SIZE, &got, &leaf));
	EXPECT_EQ(leaf.rights & PTE_U, PTE_U);
	EXPECT(pt_translate(&root, USER_VA, &got, &leaf));
	EXPECT_EQ(leaf.rights & PTE_U, 0);
	EXPECT_EQ(pt_protect(&root, USER_VA, PAGE_SIZE, USER_PROT), 0);
	EXPECT(pt_translate(&root, USER_VA, &got, &leaf));
	EXPECT_EQ(leaf.rights & PTE_U, PTE_U);
	EXPECT_EQ(pt_map(&root, SCRATCH_BASE, pa(0), 4 * GIB, PT_PROT_RO), 0);
	EXPECT_EQ(root.leaf_count[PT_PMD], 2048);
	pt_root_destroy(&root);
	EXPECT_EQ(frame_stats().free_count, before);
}

/* ---- the walk in words ---- */

static struct printf_out out;
static char text[6144];

static void capture(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf_format(&out, fmt, ap);
	va_end(ap);
}

static bool walk_says(const struct pt_root *root, ulong va, const char *pattern)
{
	out = (struct printf_out){.buf = text, .size = sizeof(text) - 1};
	pt_describe(root, va, capture);
	text[out.used] = '\0';
	return glob_match(pattern, text);
}

TEST(mmu_walk_in_words)
{
	struct pt_root live = pt_live_root(), nowhere = {.top = pa(0xfffffffff000)};
	char want[96];

	EXPECT_PA(live.top, kspace_root.top);
	EXPECT_EQ(live.top_level, kspace_root.top_level);
	ksnprintf(want, sizeof(want), "*p4d*511*pud*510*pmd*pte*read-only*executable*-> physical %#lx\n",
		  pa_num(image_pa(__text_start)));
	EXPECT(walk_says(&live, (ulong)__text_start, want));
	EXPECT(walk_says(&live, (ulong)text, "*writable*no-execute*-> physical *"));
	EXPECT(walk_says(&live, 0,
			 live.top_level == PT_PGD ? "*pgd*empty*not mapped: no pgd\n"
						  : "*p4d*empty*not mapped: no p4d\n"));
	EXPECT(walk_says(&live, pt_half(&live), "*not canonical*"));
	EXPECT(walk_says(&live, (ulong)__kstacks_start, "*pte*not mapped: no pte\n"));
	EXPECT(walk_says(&nowhere, 0, "*does not lie in RAM\n"));
}

/* The ranges of kernel space and the memory map, as the monitor shows them. */
TEST(mmu_maps_in_words)
{
	out = (struct printf_out){.buf = text, .size = sizeof(text) - 1};
	mmu_print_maps(capture);
	text[out.used] = '\0';
	EXPECT(glob_match("*rw-*direct map\n*r-x*text\n*r--*rodata\n*rw-*data\n*symbols\n", text));
	EXPECT(!glob_match("*NO REGION*", text));
	EXPECT(!glob_match("*rwx*", text));
	out.used = 0;
	mmu_print_mem(capture);
	text[out.used] = '\0';
	EXPECT(glob_match("*usable\n*KiB  image\n*frame bitmap\n*used*free\n*", text));
}

/* A large leaf of a process: split, its rights changed, by the ops that name the mm. */
TEST(mmu_root_split_for_a_process)
{
	u64 before = frame_stats().free_count;
	pa_t got;
	struct pt_root root;
	struct pt_leaf leaf;

	REQUIRE(root_init(&root, some_mm) == 0);
	EXPECT_EQ(pt_map(&root, USER_VA, pa(4 * MIB), 2 * MIB, USER_PROT), 0);
	EXPECT_EQ(pt_protect(&root, USER_VA + MIB, PAGE_SIZE, USER_PROT & ~PTE_W), 0);
	EXPECT_EQ(root.leaf_count[PT_PTE], 512);
	EXPECT(pt_translate(&root, USER_VA + MIB, &got, &leaf));
	EXPECT_PA(got, pa(5 * MIB));
	EXPECT_EQ(leaf.rights, PTE_P | PTE_U | PTE_NX);
	EXPECT(pt_translate(&root, USER_VA + MIB + PAGE_SIZE, &got, &leaf));
	EXPECT_EQ(leaf.rights, PTE_P | PTE_W | PTE_U | PTE_NX);
	pt_root_destroy(&root);
	EXPECT_EQ(frame_stats().free_count, before);
}

TEST(mmu_walk_survives_corrupt_tables)
{
	u64 before = frame_stats().free_count;
	pa_t got;
	struct pt_root root;
	ulong *top;

	REQUIRE(root_init(&root, NULL) == 0);
	top = pa_va(root.top);
	top[0] = 0x000ffffffffff000 | PTE_P; /* far from any RAM */
	EXPECT(walk_says(&root, 0x1000, "*corrupt: this p?d leads to no table in RAM\n"));
	EXPECT(!pt_translate(&root, 0x1000, &got, NULL));
	top[0] = pa_num(root.top) | PTE_P | PTE_PS; /* no such leaf */
	EXPECT(walk_says(&root, 0x1000, "*corrupt*"));
	top[0] = pa_num(root.top) | PTE_P; /* itself: ends at the lowest level */
	EXPECT(walk_says(&root, 0x1000, "*pte*not mapped: no pte\n"));
	EXPECT(walk_says(&root, 0, "*pte*-> physical *"));
	top[0] = 0x2; /* not present, not zero */
	EXPECT(walk_says(&root, 0, "*not present*not mapped*"));
	top[0] = 0;
	pt_root_destroy(&root);
	EXPECT_EQ(frame_stats().free_count, before);
}

/* What the kernel maps after a process was made is seen by it, also where nothing was mapped for a while. */
TEST(mmu_root_sees_later_kernel_mappings)
{
	const unsigned slot = pt_index(kspace_root.top_level, SCRATCH_BASE);
	pa_t frame = frame_alloc_zeroed();
	ulong flags, top[2];
	struct pt_root root;
	u8 byte[2] = {0, 0};

	REQUIRE(pa_ok(frame));
	*(u8 *)pa_va(frame) = 0x5d;
	REQUIRE(root_init(&root, some_mm) == 0);
	kspace_share(&root);
	EXPECT_EQ(pt_map(&root, SCRATCH_BASE, frame, PAGE_SIZE, PT_PROT_RW), -EINVAL); /* the kernel's half */
	for (unsigned i = 0; i < 2; i++) {
		EXPECT_EQ(pt_map(&kspace_root, SCRATCH_BASE, frame, PAGE_SIZE, PT_PROT_RW), 0);
		flags = pv_irq_save();
		tlb_switch(&root);
		fault_read8(SCRATCH_BASE, &byte[i], NULL);
		kspace_activate();
		pv_irq_restore(flags);
		EXPECT_EQ(byte[i], 0x5d);
		EXPECT_EQ(pt_unmap(&kspace_root, SCRATCH_BASE, PAGE_SIZE), 0);
		top[i] = ((ulong *)pa_va(kspace_root.top))[slot];
		EXPECT_EQ(((ulong *)pa_va(root.top))[slot] & PTE_ADDR, top[i] & PTE_ADDR);
	}
	EXPECT(top[0] & PTE_P);
	pt_root_destroy(&root);
	frame_free(frame);
}
