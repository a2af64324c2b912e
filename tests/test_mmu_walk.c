/*
 * The walker over real tables, through the ops as they are patched: random walks against the model
 * (tests/walk_model.h, fewer than on the host), the kernel's own space, pages that it installs and the CPU then sees,
 * each allocation failing once.
 */
#include "mmu/walk.h"

#include "arch/layout.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "machine/fault.h"
#include "mmu/frame.h"
#include "mmu/kspace.h"
#include "mmu/mm.h"
#include "mmu/pt_priv.h"
#include "mmu/region.h"
#include "mmu/soft_pte.h"
#include "mmu/tlb.h"
#include "tests/frames.h"
#include "tests/ktest.h"
#include "tests/walk_model.h"

#define VA   0x40000000UL
#define PROT (PTE_P | PTE_W | PTE_A | PTE_D | PTE_NX)

static struct pt_caps caps_here(void)
{
	return (struct pt_caps){.five_levels = kspace_root.top_level == PT_PGD,
				.pages_2m = true,
				.pages_1g = true,
				.nx = kspace_root.prot_allowed & PTE_NX,
				.global = true};
}

TEST(mmu_walk_agrees_with_the_model)
{
	u64 before = frame_stats().free_count;
	struct wm_tally t;
	const char *wrong = wm_many(1000, 0x2545f4914f6cdd1d, true, &t);

	if (wrong)
		ktest_fail(__FILE__, __LINE__, "walk %lu: %s", t.walks, wrong);
	EXPECT_EQ(t.walks, 1000);
	EXPECT(t.events > 20000 && t.splits && t.gaps && t.positive && t.negative && t.endless);
	for (unsigned i = 0; i < WM_KINDS; i++)
		EXPECT(t.kind[i]);
	EXPECT_EQ(frame_stats().free_count, before);
	EXPECT_EQ(vma_pool.object_count, 0);
}

/* ---- the kernel's own space ---- */

struct sums {
	u64 leaves[PT_LEVELS];
	ulong last; /* of the last thing reported */
	bool in_order;
};

static void note(struct sums *s, ulong va, ulong last)
{
	s->in_order &= !va || va > s->last;
	s->last = last;
}

static int sum_pte(pte_t *entry, ulong value, ulong va, struct mm_walk *walk)
{
	struct sums *s = walk->private;

	s->leaves[PT_PTE] += value & PTE_P;
	s->in_order &= (ulong)entry % PAGE_SIZE / sizeof(*entry) == (va >> PAGE_SHIFT) % PTE_ENTRIES;
	note(s, va, va + PAGE_SIZE - 1);
	return 0;
}

static int sum_large(struct mm_walk *walk, ulong value, ulong va, ulong last)
{
	struct sums *s = walk->private;

	if (!(value & PTE_PS))
		return 0;
	s->leaves[walk->level]++;
	note(s, va, last);
	return 0;
}

static int sum_pmd(pmd_t *entry, ulong value, ulong va, ulong last, struct mm_walk *walk)
{
	(void)entry;
	return sum_large(walk, value, va, last);
}

static int sum_pud(pud_t *entry, ulong value, ulong va, ulong last, struct mm_walk *walk)
{
	(void)entry;
	return sum_large(walk, value, va, last);
}

static int sum_hole(ulong va, ulong last, int depth, struct mm_walk *walk)
{
	struct sums *s = walk->private;

	s->in_order &= depth >= 0 && depth <= 3;
	note(s, va, last);
	return 0;
}

static int sum_leaf(const struct pt_leaf *leaf, void *private)
{
	u64 *count = private;

	count[leaf->level]++;
	return 0;
}

/* Leaf for leaf what the scan that trusts nothing finds; the last byte of all is the last that is reported. */
TEST(mmu_walk_sees_all_of_kernel_space)
{
	const struct mm_walk_ops ops = {.pte_entry = sum_pte,
					.pmd_entry = sum_pmd,
					.pud_entry = sum_pud,
					.pte_hole = sum_hole,
					.walk_lock = WALK_NOLOCK};
	struct sums s = {.in_order = true};
	u64 leaves[PT_LEVELS] = {0};

	EXPECT_EQ(walk_kernel_range(0, ~0UL, &ops, &s), 0);
	EXPECT(s.in_order);
	EXPECT_EQ(s.last, ~0UL);
	EXPECT_EQ(pt_for_each_leaf(&kspace_root, 0, ~0UL, sum_leaf, leaves), 0);
	EXPECT(leaves[PT_PTE] > 0);
	for (unsigned i = 0; i < PT_LEVELS; i++)
		EXPECT_EQ(s.leaves[i], leaves[i]);
}

/* The second stages too, whose entries are no op's; they have no canonical hole, and end where their levels do. */
TEST(mmu_walk_reads_every_format)
{
	static const enum pt_kind kinds[] = {PT_LONG, PT_NPT, PT_EPT};
	const struct mm_walk_ops ops = {.pte_entry = sum_pte,
					.pmd_entry = sum_pmd,
					.pud_entry = sum_pud,
					.pte_hole = sum_hole,
					.walk_lock = WALK_NOLOCK};
	u64 before = frame_stats().free_count;

	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct pt_caps caps = {.kind = kinds[i], .pages_2m = true, .pages_1g = true, .nx = true};
		struct sums s = {.in_order = true};
		struct pt_root root;

		REQUIRE(pt_root_init(&root, NULL, &caps) == 0);
		EXPECT_EQ(pt_map(&root, GIB - 2 * MIB - PAGE_SIZE, pa(GIB - 2 * MIB - PAGE_SIZE), GIB + 4 * MIB, PROT),
			  0);
		EXPECT_EQ(walk_page_range_novma(&root, 0, ~0UL, &ops, &s), 0);
		EXPECT(s.in_order);
		EXPECT_EQ(s.last, kinds[i] == PT_LONG ? ~0UL : 2 * pt_half(&root) - 1);
		EXPECT(s.leaves[PT_PUD] == 1 && s.leaves[PT_PMD] == 1 && s.leaves[PT_PTE] > 2);
		for (unsigned l = 0; l < PT_LEVELS; l++)
			EXPECT_EQ(s.leaves[l], root.leaf_count[l]);
		pt_root_destroy(&root);
	}
	EXPECT_EQ(frame_stats().free_count, before);
}

/* ---- what it installs, the CPU sees ---- */

struct pages {
	pa_t pa[8];
	unsigned count;
};

static int install_page(ulong va, ulong *value, struct mm_walk *walk)
{
	struct pages *p = walk->private;
	pa_t pa;

	if (walk->vma->kind == VMA_ZERO) {
		*value = mm_zero_pfn() << PAGE_SHIFT | PTE_P | PTE_A | PTE_NX;
		return 0;
	}
	if (p->count == ARRAY_SIZE(p->pa))
		return 1;
	pa = frame_alloc_zeroed();
	if (!pa_ok(pa))
		return -ENOMEM;
	*(u64 *)pa_va(pa) = va;
	p->pa[p->count++] = pa;
	*value = pa_num(pa) | PROT;
	return 0;
}

static struct mm_struct mm;

static bool mm_begin(void)
{
	const struct vma_spec specs[] = {
		{.first = VA, .last = VA + 3 * PAGE_SIZE - 1, .kind = VMA_ANON, .flags = VMA_READ | VMA_WRITE},
		{.first = VA + 4 * PAGE_SIZE, .last = VA + 5 * PAGE_SIZE - 1, .kind = VMA_ZERO, .flags = VMA_READ},
		{.first = VA + 2 * MIB, .last = VA + 2 * MIB + 16 * PAGE_SIZE - 1, .kind = VMA_ANON},
	};
	const struct pt_caps caps = caps_here();
	int err = mm_init(&mm, &caps);

	mm_write_lock(&mm);
	for (unsigned i = 0; i < ARRAY_SIZE(specs) && !err; i++)
		err = vma_insert(&mm.vmas, &specs[i], NULL);
	EXPECT_EQ(err, 0);
	return !err;
}

static void mm_end(struct pages *p)
{
	mm_write_unlock(&mm);
	mm_destroy(&mm);
	while (p->count)
		frame_free(p->pa[--p->count]);
}

static const struct mm_walk_ops install_ops = {.install_pte = install_page, .walk_lock = WALK_WRLOCK};

TEST(mmu_walk_installs_what_the_cpu_sees)
{
	u64 before = frame_stats().free_count, seen[4] = {0};
	struct fault_record r = {.vector = FAULT_NONE};
	struct pages p = {.count = 0};
	struct walk_found found;
	bool wrote;
	u8 byte;
	ulong flags;

	if (!mm_begin())
		return;
	/* Three pages, the zero page, then five more and the sixth is one too many: 1 comes back. */
	EXPECT_EQ(walk_page_range(&mm, VA, VA + 4 * MIB - 1, &install_ops, &p), 1);
	EXPECT_EQ(p.count, 8);
	EXPECT_EQ(mm.root.leaf_count[PT_PTE], 9);
	flags = pv_irq_save();
	kspace_share(&mm.root);
	tlb_switch(&mm.root);
	for (unsigned i = 0; i < 3; i++)
		seen[i] = *(volatile u64 *)(VA + i * PAGE_SIZE);
	seen[3] = *(volatile u64 *)(VA + 4 * PAGE_SIZE + 8);
	wrote = fault_write8(VA + 4 * PAGE_SIZE, 1, &r);
	bool gap = fault_read8(VA + 3 * PAGE_SIZE, &byte, &r);

	kspace_activate();
	pv_irq_restore(flags);
	for (unsigned i = 0; i < 3; i++)
		EXPECT_EQ(seen[i], VA + i * PAGE_SIZE);
	EXPECT_EQ(seen[3], 0);
	EXPECT(!wrote && !gap);
	EXPECT_EQ(walk_lookup(vma_find(&mm.vmas, VA), VA + 9, 0, &found), 0);
	EXPECT_EQ(found.pfn, pa_pfn(p.pa[0]));
	EXPECT_EQ(walk_lookup(vma_find(&mm.vmas, VA + 4 * PAGE_SIZE), VA + 4 * PAGE_SIZE, 0, &found), -ENOENT);
	EXPECT_EQ(walk_lookup(vma_find(&mm.vmas, VA + 4 * PAGE_SIZE), VA + 4 * PAGE_SIZE, FW_ZEROPAGE, &found), 0);
	mm_end(&p);
	EXPECT_EQ(frame_stats().free_count, before);
}

/* ---- each allocation fails once ---- */

static int see_pte(pte_t *entry, ulong value, ulong va, struct mm_walk *walk)
{
	(void)entry;
	(void)value;
	(void)va;
	(void)walk;
	return 0;
}

static int do_map(struct pages *p)
{
	(void)p;
	return pt_map(&mm.root, 512 * GIB - 2 * MIB - PAGE_SIZE, pa(2 * MIB - PAGE_SIZE), 2 * MIB + 2 * PAGE_SIZE,
		      PROT);
}

static int do_split(struct pages *p)
{
	const struct mm_walk_ops ops = {.pte_entry = see_pte, .walk_lock = WALK_WRLOCK};

	(void)p;
	return walk_page_range(&mm, VA + 2 * MIB, VA + 2 * MIB + 16 * PAGE_SIZE - 1, &ops, NULL);
}

static int do_install(struct pages *p)
{
	return walk_page_range(&mm, VA, VA + 2 * MIB - 1, &install_ops, p);
}

static int do_nothing(struct pages *p)
{
	(void)p;
	return 0;
}

static int map_giant(struct pages *p)
{
	(void)p;
	return pt_map(&mm.root, VA, pa(0), GIB, PROT);
}

TEST(mmu_walk_every_allocation_fails_once)
{
	/* The tables on the way (a level more with five), the tables themselves, the pages. */
	static const struct {
		int (*before)(struct pages *p);
		int (*run)(struct pages *p);
		unsigned allocations, of_five;
	} rows[] = {{do_nothing, do_map, 6, 1}, {map_giant, do_split, 2, 0}, {do_nothing, do_install, 6, 1}};
	u64 before = frame_stats().free_count;

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		unsigned n = 0;
		int err;

		do {
			struct pages p = {.count = 0};
			u64 tables;
			pa_t reach;

			if (!mm_begin())
				return;
			EXPECT_EQ(rows[i].before(&p), 0);
			tables = mm.root.table_count;
			reach = frames_run_out_after(n);
			err = rows[i].run(&p);
			frame_set_reach(reach);
			EXPECT(err == 0 || err == -ENOMEM);
			if (err && !p.count && !rows[i].of_five)
				EXPECT(mm.root.table_count <= tables + n);
			if (err && !p.count && rows[i].of_five)
				EXPECT_EQ(mm.root.table_count, tables);
			mm_end(&p);
			EXPECT_EQ(frame_stats().free_count, before);
		} while (err && ++n < 12);
		EXPECT_EQ(n, rows[i].allocations + (mm.root.top_level == PT_PGD ? rows[i].of_five : 0));
	}
	EXPECT_EQ(vma_pool.frame_count, 0);
}
