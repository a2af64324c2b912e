/*
 * The page-table builder against a model: random map, unmap and protect, on tables in the host's memory, every page
 * compared after every call; the counts of tables and frames after every round. With fault injection at each
 * allocation.
 */
#include "tests/host/mmu_fakes.h"

/* mmu/'s own allocator, with a switch that makes the n-th allocation fail. */
#define frame_alloc_zeroed real_frame_alloc_zeroed
#include "mmu/frame.c"
#undef frame_alloc_zeroed

static long alloc_budget = -1; /* allocations left; -1: no limit */

u64 frame_alloc_zeroed(void);
u64 frame_alloc_zeroed(void)
{
	if (!alloc_budget)
		return 0;
	if (alloc_budget > 0)
		alloc_budget--;
	return real_frame_alloc_zeroed();
}

/* ---- the ops ---- */

static long tables[3];       /* announced and not withdrawn, by level */
static unsigned flush_count; /* of any kind */

#define VALUE_OPS(x)                                                                                                   \
	ulong pv_##x##_val(x##_t v)                                                                                    \
	{                                                                                                              \
		return v.x;                                                                                            \
	}                                                                                                              \
	x##_t pv_make_##x(ulong v)                                                                                     \
	{                                                                                                              \
		return (x##_t){v};                                                                                     \
	}                                                                                                              \
	void pv_set_##x(x##_t *p, x##_t v)                                                                             \
	{                                                                                                              \
		*p = v;                                                                                                \
	}
VALUE_OPS(pte)
VALUE_OPS(pmd)
VALUE_OPS(pud)
VALUE_OPS(p4d)

#define TABLE_OPS(x, level)                                                                                            \
	void pv_alloc_##x(struct mm_struct *mm, ulong pfn)                                                             \
	{                                                                                                              \
		(void)mm;                                                                                              \
		assert_false(zone_is_free(zone_of(pfn), pfn - zone_of(pfn)->first));                                   \
		tables[level]++;                                                                                       \
	}                                                                                                              \
	void pv_release_##x(ulong pfn)                                                                                 \
	{                                                                                                              \
		assert_false(zone_is_free(zone_of(pfn), pfn - zone_of(pfn)->first));                                   \
		tables[level]--;                                                                                       \
	}
TABLE_OPS(pte, 0)
TABLE_OPS(pmd, 1)
TABLE_OPS(pud, 2)

static struct mm_struct *const some_mm = (struct mm_struct *)0x10;
static unsigned set_at_count;

void pv_set_pte_at(struct mm_struct *mm, ulong va, pte_t *p, pte_t v)
{
	assert_ptr_equal(mm, some_mm);
	assert_int_equal((va >> 12) % 512, ((ulong)p % 4096) / 8);
	set_at_count++;
	*p = v;
}

int pv_pgd_alloc(struct mm_struct *mm)
{
	(void)mm;
	return 0;
}

void pv_pgd_free(struct mm_struct *mm, pgd_t *pgd)
{
	(void)mm;
	(void)pgd;
}

ulong pv_read_cr3(void)
{
	return 0x1018; /* with PWT and PCD set */
}

void pv_flush_tlb_kernel(void)
{
	flush_count++;
}

void pv_flush_tlb_user(void)
{
	flush_count++;
}

void pv_flush_tlb_one_kernel(ulong va)
{
	(void)va;
	flush_count++;
}

void pv_flush_tlb_one_user(ulong va)
{
	(void)va;
	flush_count++;
}

#include "arch/native.h"

void pv_tlb_remove_table(struct mmu_gather *tlb, void *table)
{
	native_tlb_remove_table(tlb, table);
}

#undef frame_alloc_zeroed
/* One CPU, until a test says otherwise. */
#include "arch/cpumask.h"
struct cpumask cpu_online = {{1}};
unsigned cpu_online_count = 1;
static struct flush_tlb_info others_flushed;
static u32 others_flush_count;

void pv_flush_tlb_others(const struct cpumask *cpus, const struct flush_tlb_info *info)
{
	assert_ptr_equal(cpus, &cpu_online);
	others_flushed = *info;
	others_flush_count++;
}

#include "mmu/gather.c"
#include "mmu/pt_long.c"
#include "mmu/pt.c"
#include "mmu/pt_visit.c"

/* ---- the model: a window of addresses that straddles a GiB's and a top-level entry's border ---- */

#define BASE  (0xffffc90000000000UL - 3 * MIB) /* slot border inside */
#define PAGES 2048                             /* 8 MiB */

static struct {
	u64 pa;
	ulong prot; /* 0: not mapped */
} model[PAGES];

static struct memmap map;
static struct pt_root root;
static const struct pt_caps caps = {.pages_2m = true, .pages_1g = true, .nx = true, .global = true};
static u64 frames_free;

static void begin(const struct pt_caps *c, struct mm_struct *mm)
{
	fake_ram_reset();
	memmap_init(&map);
	memmap_add(&map, MIB, 63 * MIB, MEM_USABLE);
	assert_int_equal(frame_init(&map, NULL, 0), 0);
	memset(model, 0, sizeof(model));
	memset(tables, 0, sizeof(tables));
	frames_free = frame_stats().free_count;
	alloc_budget = -1;
	assert_int_equal(pt_root_init(&root, mm, c), 0);
}

/* Announced, counted and taken are the same tables. */
static void check_counts(void)
{
	u64 sum = (u64)(tables[0] + tables[1] + tables[2]) + 1;

	assert_int_equal(root.table_count, sum);
	assert_int_equal(frames_free - frame_stats().free_count, sum);
}

static void end(void)
{
	check_counts();
	pt_root_destroy(&root);
	assert_int_equal(frame_stats().free_count, frames_free);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(tables[i], 0);
	for (unsigned i = 0; i < PT_LEVELS; i++)
		assert_int_equal(root.leaf_count[i], 0);
	munmap(fake_ram, FAKE_RAM_END);
	fake_ram = NULL;
}

static void check_model(void)
{
	u64 pa, leaves[PT_LEVELS] = {0};

	for (unsigned i = 0; i < PAGES; i++) {
		ulong va = BASE + i * PAGE_SIZE;
		struct pt_leaf leaf;
		bool mapped = pt_translate(&root, va + 7, &pa, &leaf);

		assert_int_equal(mapped, model[i].prot != 0);
		if (!mapped)
			continue;
		assert_int_equal(pa, model[i].pa + 7);
		assert_int_equal(leaf.rights & (PTE_W | PTE_NX), model[i].prot & (PTE_W | PTE_NX));
		assert_int_equal(leaf.entry & PT_PROT_MASK, model[i].prot);
		leaves[leaf.level] += leaf.va == va;
	}
	for (unsigned i = 0; i < PT_LEVELS; i++)
		assert_int_equal(root.leaf_count[i], leaves[i]);
	check_counts();
}

static bool model_any(unsigned first, unsigned n, bool mapped)
{
	for (unsigned i = first; i < first + n; i++) {
		if (!!model[i].prot == mapped)
			return true;
	}
	return false;
}

static void model_set(unsigned first, unsigned n, u64 pa, ulong prot)
{
	for (unsigned i = first; i < first + n; i++, pa += PAGE_SIZE) {
		model[i].pa = pa;
		model[i].prot = prot;
	}
}

static void random_call(u64 *seed)
{
	static const ulong prots[] = {PT_PROT_RO, PT_PROT_RW, PT_PROT_RX, PT_PROT_IO};
	u64 r = next_random(seed);
	unsigned first = (r >> 8) % PAGES, n = 1 + (r >> 24) % 1200;
	ulong va, prot = prots[(r >> 40) % 4];
	u64 pa;
	int err;

	if (r & 0x80) /* whole large pages */
		first &= ~511U, n = (n + 511) & ~511U;
	n = min(n, PAGES - first);
	va = BASE + first * PAGE_SIZE;
	/* Now congruent modulo 2 MiB, now not. */
	pa = (1UL << 40) + first * PAGE_SIZE - 3 * MIB + (r & 0x40 ? PAGE_SIZE : 0);
	if ((r >> 48) % 4 == 0)
		alloc_budget = (long)((r >> 50) % 6);
	if (r % 8 < 4) {
		err = pt_map(&root, va, pa, n * PAGE_SIZE, prot);
		if (model_any(first, n, true))
			assert_true(err == -EEXIST || (err == -ENOMEM && alloc_budget >= 0));
		else if (err)
			assert_true(err == -ENOMEM && alloc_budget == 0);
		else
			model_set(first, n, pa, prot);
	} else if (r % 8 < 6) {
		err = pt_unmap(&root, va, n * PAGE_SIZE);
		assert_true(!err || (err == -ENOMEM && alloc_budget == 0));
		if (!err)
			model_set(first, n, 0, 0);
	} else {
		err = pt_protect(&root, va, n * PAGE_SIZE, prot);
		if (err == -ENOMEM)
			assert_int_equal(alloc_budget, 0);
		else
			assert_int_equal(err, model_any(first, n, false) ? -ENOENT : 0);
		for (unsigned i = first; i < first + n && err != -ENOMEM; i++)
			model[i].prot = model[i].prot ? prot : 0;
	}
	alloc_budget = -1;
}

static void agrees_with_model(void **state)
{
	u64 seed = 0x9e3779b97f4a7c15;

	(void)state;
	for (unsigned round = 0; round < 12; round++) {
		begin(&caps, round % 2 ? some_mm : NULL);
		root.live = round % 3;
		for (unsigned i = 0; i < 250; i++) {
			random_call(&seed);
			check_model();
		}
		root.live = false;
		end();
	}
	assert_true(set_at_count > 0);
	assert_true(flush_count > 0);
}

static void gigabyte_leaves_split_twice(void **state)
{
	const ulong va = 0xffffc80000000000;
	struct pt_leaf leaf;
	u64 pa;

	(void)state;
	begin(&caps, NULL);
	assert_int_equal(pt_map(&root, va, 5 * GIB, 3 * GIB, PT_PROT_RW), 0);
	assert_int_equal(root.leaf_count[PT_PUD], 3);
	assert_int_equal(root.table_count, 2);
	assert_int_equal(pt_protect(&root, va + GIB + 5 * PAGE_SIZE, PAGE_SIZE, PT_PROT_RO), 0);
	assert_int_equal(root.leaf_count[PT_PUD], 2);
	assert_int_equal(root.leaf_count[PT_PMD], 511);
	assert_int_equal(root.leaf_count[PT_PTE], 512);
	for (u64 i = 0; i < 3 * GIB; i += 123 * PAGE_SIZE) {
		assert_true(pt_translate(&root, va + i + 1, &pa, &leaf));
		assert_int_equal(pa, 5 * GIB + i + 1);
		assert_int_equal(leaf.entry & PT_PROT_MASK, PT_PROT_RW);
	}
	assert_true(pt_translate(&root, va + GIB + 5 * PAGE_SIZE, &pa, &leaf));
	assert_int_equal(leaf.entry & PT_PROT_MASK, PT_PROT_RO);
	assert_int_equal(pt_unmap(&root, va + GIB, GIB), 0);
	assert_int_equal(root.table_count, 2);
	end();
}

/* PAT is bit 12 of a large leaf and bit 7 of a pte; at no level may it become part of the address. */
static void split_moves_pat(void **state)
{
	const ulong va = 0xffffc80000000000;
	struct pt_leaf leaf;
	struct pt_pos p;
	u64 pa;

	(void)state;
	begin(&caps, NULL);
	assert_int_equal(pt_map(&root, va, 4 * GIB, GIB, PT_PROT_RW), 0);
	p = pt_long4_find(root.top, va, PT_PUD);
	*p.entry |= PT_BIT_PAT_LARGE;
	assert_true(pt_translate(&root, va + 0x1234567, &pa, NULL));
	assert_int_equal(pa, 4 * GIB + 0x1234567);
	assert_int_equal(pt_protect(&root, va, PAGE_SIZE, PT_PROT_RO), 0);
	assert_true(pt_translate(&root, va + 3 * PAGE_SIZE, &pa, &leaf));
	assert_int_equal(pa, 4 * GIB + 3 * PAGE_SIZE);
	assert_int_equal(leaf.entry & (PT_BIT_PAT | PT_BIT_PAT_LARGE), PT_BIT_PAT | (pa & PT_BIT_PAT_LARGE));
	assert_true(pt_translate(&root, va + 6 * MIB + 5, &pa, &leaf));
	assert_int_equal(pa, 4 * GIB + 6 * MIB + 5);
	assert_int_equal(leaf.entry & (PTE_PS | PT_BIT_PAT_LARGE), PTE_PS | PT_BIT_PAT_LARGE);
	end();
}

static void capabilities_are_kept(void **state)
{
	const struct pt_caps none = {.pages_2m = false};
	const struct pt_caps only_2m = {.pages_2m = true, .nx = true};
	struct pt_leaf leaf;
	u64 pa;

	(void)state;
	begin(&none, NULL);
	assert_int_equal(pt_map(&root, GIB, GIB, 2 * MIB, PT_PROT_RW), 0);
	assert_int_equal(root.leaf_count[PT_PTE], 512);
	assert_true(pt_translate(&root, GIB, &pa, &leaf));
	assert_int_equal(leaf.entry & (PTE_G | PTE_NX), 0);
	end();
	begin(&only_2m, NULL);
	assert_int_equal(pt_map(&root, GIB, GIB, GIB, PT_PROT_RW), 0);
	assert_int_equal(root.leaf_count[PT_PMD], 512);
	assert_true(pt_translate(&root, GIB, &pa, &leaf));
	assert_int_equal(leaf.entry & (PTE_G | PTE_NX), PTE_NX);
	end();
}

static void hung_tables_stay(void **state)
{
	const ulong va = 0xffffffffff800000;
	const struct {
		ulong va;
		u64 size;
	} ranges[] = {
		{va, PAGE_SIZE}, {va + PAGE_SIZE, PAGE_SIZE}, {va + 2 * MIB - PAGE_SIZE, PAGE_SIZE},
		{va, 2 * MIB},   {va - MIB, MIB + PAGE_SIZE}, {va + MIB, 3 * MIB},
	};
	u64 table, pa, *entries;

	(void)state;
	begin(&caps, NULL);
	table = frame_alloc();
	memset(pa_va(table), 0, PAGE_SIZE);
	alloc_budget = 1;
	assert_int_equal(pt_hang(&root, va, PT_PMD, table), -ENOMEM);
	assert_int_equal(root.table_count, 1);
	alloc_budget = -1;
	assert_int_equal(pt_hang(&root, va, PT_PMD, table), 0);
	assert_int_equal(pt_hang(&root, va, PT_PMD, table), -EEXIST);
	assert_int_equal(pt_hang(&root, va + PAGE_SIZE, PT_PMD, table), -EINVAL);
	assert_int_equal(root.table_count, 3);
	entries = pa_va(table);
	for (unsigned i = 1; i < 4; i++)
		entries[i] = (GIB + i * PAGE_SIZE) | PT_PROT_RW;
	assert_true(pt_translate(&root, va + PAGE_SIZE, &pa, NULL));
	assert_int_equal(pa, GIB + PAGE_SIZE);
	/* Inside it, all of it, and from outside into it: nothing is done, in the root neither. */
	assert_int_equal(pt_map(&root, va - 2 * MIB, 4 * GIB, PAGE_SIZE, PT_PROT_RW), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(ranges); i++) {
		assert_int_equal(pt_map(&root, ranges[i].va, 0, ranges[i].size, PT_PROT_RW), -EBUSY);
		assert_int_equal(pt_unmap(&root, ranges[i].va, ranges[i].size), -EBUSY);
		assert_int_equal(pt_protect(&root, ranges[i].va, ranges[i].size, PT_PROT_RO), -EBUSY);
	}
	assert_int_equal(pt_unmap(&root, va - 2 * MIB, 4 * MIB), -EBUSY);
	assert_int_equal(entries[0], 0);
	for (unsigned i = 1; i < 4; i++)
		assert_int_equal(entries[i], (GIB + i * PAGE_SIZE) | PT_PROT_RW);
	assert_true(pt_translate(&root, va - 2 * MIB, &pa, NULL));
	assert_int_equal(root.leaf_count[PT_PTE], 1);
	assert_int_equal(root.leaf_count[PT_PMD] + root.leaf_count[PT_PUD], 0);
	assert_int_equal(root.table_count, 4);
	assert_int_equal(pt_unmap(&root, va - 2 * MIB, 2 * MIB), 0);
	assert_int_equal(root.table_count, 3);
	assert_int_equal(pt_unhang(&root, va + 2 * MIB, PT_PMD), -EINVAL);
	assert_int_equal(pt_unhang(&root, va, PT_PMD), 0);
	assert_int_equal(root.table_count, 1);
	frame_free(table);
	end();
}

static int count_and_order(const struct pt_leaf *leaf, void *private)
{
	ulong *last = private;

	assert_true(leaf->va >= last[0]);
	last[0] = leaf->va;
	return ++last[1] == last[2] ? 77 : 0;
}

static void leaves_in_order(void **state)
{
	ulong last[3] = {0, 0, 0};

	(void)state;
	assert_int_equal(pt_live_top(), 0x1000);
	begin(&caps, NULL);
	assert_int_equal(pt_map(&root, 0x1000, GIB, PAGE_SIZE, PT_PROT_RW), 0);
	assert_int_equal(pt_map(&root, 2 * MIB, 2 * MIB, 2 * MIB, PT_PROT_RW), 0);
	assert_int_equal(pt_map(&root, 0x7ffffffff000, GIB, PAGE_SIZE, PT_PROT_RW), 0);
	assert_int_equal(pt_map(&root, 0xffff800000000000, GIB, PAGE_SIZE, PT_PROT_RW), 0);
	assert_int_equal(pt_map(&root, -PAGE_SIZE, GIB, PAGE_SIZE, PT_PROT_RW), 0);
	assert_int_equal(pt_for_each_leaf(&root, 0, ~0UL, count_and_order, last), 0);
	assert_int_equal(last[1], 5);
	assert_int_equal(last[0], -PAGE_SIZE);
	last[0] = last[1] = 0;
	assert_int_equal(pt_for_each_leaf(&root, 0x2000, 3 * MIB, count_and_order, last), 0);
	assert_int_equal(last[1], 1);
	last[0] = last[1] = 0;
	last[2] = 2;
	assert_int_equal(pt_for_each_leaf(&root, 0, ~0UL, count_and_order, last), 77);
	assert_int_equal(last[1], 2);
	end();
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(agrees_with_model), cmocka_unit_test(gigabyte_leaves_split_twice),
	cmocka_unit_test(split_moves_pat),   cmocka_unit_test(capabilities_are_kept),
	cmocka_unit_test(hung_tables_stay),  cmocka_unit_test(leaves_in_order),
};

HOST_MAIN("mmu_pt", tests)
