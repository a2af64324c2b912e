/*
 * The walker against the model of tests/walk_model.h: random trees of VMAs, large leaves and holes, each callback of
 * each walk compared. Then what chance does not reach: the refusals, each allocation failing once, tables that go
 * while they are walked, one address.
 *
 * WALKS in the environment is how many random walks there shall be, in place of 20,000 (make soak).
 */
#include "tests/host/walk_fakes.h"

#include "tests/walk_model.c"
#include "tests/walk_random.c"
#include "tests/walk_run.c"

static void agrees_with_model(void **state)
{
	u64 walks = getenv("WALKS") ? strtoul(getenv("WALKS"), NULL, 0) : 20000;
	u64 seed = getenv("SEED") ? strtoul(getenv("SEED"), NULL, 0) : 0x9e3779b97f4a7c15;
	struct wm_tally t;

	(void)state;
	spaces_begin();
	assert_no_fault(wm_many(walks, seed, true, &t));
	assert_int_equal(t.walks, walks);
	assert_true(t.events > 20 * walks && t.skipped < walks / 20);
	for (unsigned i = 0; i < WM_KINDS; i++)
		assert_true(t.kind[i] > walks / 200);
	for (unsigned i = 0; i < 3; i++)
		assert_true(t.action[i] > walks / 100 && t.change[i] > walks / 100);
	assert_true(t.splits > walks / 200 && t.gaps > walks / 10 && t.endless > walks / 500);
	assert_true(t.positive > walks / 50 && t.negative > walks / 50);
	spaces_end();
}

/* ---- one address space, by hand ---- */

static struct mm_struct mm;

#define PROT   (PTE_P | PTE_W | PTE_U | PTE_A | PTE_D)
#define VA     0x40000000UL /* 1 GiB */
#define NO_END (~0UL)

static struct vm_area_struct *add_vma(ulong first, u64 size, enum vma_kind kind, u32 flags, u64 pfn)
{
	struct vma_spec s = {.first = first, .last = first + size - 1, .kind = kind, .flags = flags, .pfn = pfn};
	struct vm_area_struct *v;

	assert_int_equal(vma_insert(&mm.vmas, &s, &v), 0);
	return v;
}

static void mm_begin(void)
{
	spaces_begin();
	assert_int_equal(mm_init(&mm, &caps), 0);
	mm_write_lock(&mm);
}

static void mm_end(void)
{
	mm_write_unlock(&mm);
	mm_destroy(&mm);
	spaces_end();
}

static unsigned calls, pre_calls, post_calls;

static int count_hole(ulong va, ulong last, int depth, struct mm_walk *walk)
{
	(void)va;
	(void)last;
	(void)depth;
	(void)walk;
	calls++;
	return 0;
}

static int count_pte(pte_t *entry, ulong value, ulong va, struct mm_walk *walk)
{
	(void)entry;
	(void)value;
	(void)va;
	(void)walk;
	calls++;
	return 0;
}

static int count_pre(ulong va, ulong last, struct mm_walk *walk)
{
	(void)va;
	(void)last;
	(void)walk;
	pre_calls++;
	return 0;
}

static void count_post(struct mm_walk *walk)
{
	(void)walk;
	post_calls++;
}

static int install_same(ulong va, ulong *value, struct mm_walk *walk)
{
	(void)walk;
	*value = va | PROT | PTE_G | PTE_NX;
	return 0;
}

static void refuses(void **state)
{
	const struct mm_walk_ops look = {.pte_hole = count_hole};
	const struct mm_walk_ops free = {.pte_hole = count_hole, .walk_lock = WALK_NOLOCK};
	const struct mm_walk_ops put = {.install_pte = install_same, .walk_lock = WALK_WRLOCK};
	const struct mm_walk_ops put_read = {.install_pte = install_same};
	const struct mm_walk_ops put_free = {.install_pte = install_same, .walk_lock = WALK_NOLOCK};
	struct pt_root other = {.mm = NULL};
	struct vm_area_struct *v, *huge;

	(void)state;
	mm_begin();
	other = mm.root;
	other.mm = NULL;
	v = add_vma(VA, 4 * PAGE_SIZE, VMA_ANON, VMA_READ, 0);
	huge = add_vma(VA + 2 * MIB, 2 * MIB, VMA_ANON, VMA_READ | VMA_HUGETLB, 0);
	calls = 0;
	assert_int_equal(walk_page_range(&mm, VA + 1, VA + PAGE_SIZE - 1, &look, NULL), -EINVAL);
	assert_int_equal(walk_page_range(&mm, VA, VA + PAGE_SIZE, &look, NULL), -EINVAL);
	assert_int_equal(walk_page_range(&mm, VA + PAGE_SIZE, VA - 1, &look, NULL), -EINVAL);
	assert_int_equal(walk_page_range(&mm, VA, VA - 1, &look, NULL), -EINVAL);
	assert_int_equal(walk_page_range(&mm, VA, VA + PAGE_SIZE - 1, &free, NULL), -EINVAL);
	assert_int_equal(walk_page_range(&mm, VA, VA + PAGE_SIZE - 1, &put_read, NULL), -EINVAL);
	assert_int_equal(walk_page_vma(v, &put_read, NULL), -EINVAL);
	assert_int_equal(walk_page_range_vma(v, VA, VA + 5 * PAGE_SIZE - 1, &look, NULL), -EINVAL);
	assert_int_equal(walk_page_range_vma(v, VA - PAGE_SIZE, VA + PAGE_SIZE - 1, &look, NULL), -EINVAL);
	assert_int_equal(walk_page_range_vma(v, VA, VA + 1, &look, NULL), -EINVAL);
	assert_int_equal(walk_page_vma(huge, &put, NULL), -EINVAL);
	assert_int_equal(walk_page_range_novma(&mm.root, 0, 1, &free, NULL), -EINVAL);
	assert_int_equal(walk_page_range_novma(&mm.root, 0, NO_END, &put, NULL), -EINVAL);
	assert_int_equal(walk_page_range_novma(&mm.root, 0, NO_END, &put_free, NULL), -EINVAL);
	assert_int_equal(walk_page_range_novma(&other, 0, NO_END, &look, NULL), -EINVAL);
	assert_int_equal(walk_kernel_range(0, NO_END, &look, NULL), -EINVAL);
	assert_int_equal(calls, 0);
	assert_int_equal(walk_page_range_novma(&other, 0, NO_END, &free, NULL), 0);
	assert_int_equal(calls, 512);
	mm_end();
}

/* Each way in, for who does not hold the lock as it says. */
static int way_in(unsigned way, const struct mm_walk_ops *ops)
{
	struct vm_area_struct *v = mm.vmas.head;
	struct walk_found found;

	switch (way) {
	case 0:
		return walk_page_range(&mm, VA, VA + PAGE_SIZE - 1, ops, NULL);
	case 1:
		return walk_page_vma(v, ops, NULL);
	case 2:
		return walk_page_range_novma(&mm.root, VA, VA + PAGE_SIZE - 1, ops, NULL);
	case 3:
		return walk_lookup(v, VA, 0, &found) == -ENOENT ? 0 : -1;
	default:
		return vma_find(&mm.vmas, VA) == v ? 0 : -1;
	}
}

static bool way_panics(unsigned way, const struct mm_walk_ops *ops)
{
	return PANICS(way_in(way, ops));
}

static bool remove_panics(void)
{
	return PANICS(vma_remove(&mm.vmas, VA, VA + PAGE_SIZE - 1));
}

static bool unlock_panics(void)
{
	return PANICS(mm_read_unlock(&mm));
}

static void asserts_locks(void **state)
{
	const struct mm_walk_ops look = {.pte_hole = count_hole};
	const struct mm_walk_ops change = {.pte_hole = count_hole, .walk_lock = WALK_WRLOCK};

	(void)state;
	mm_begin();
	add_vma(VA, PAGE_SIZE, VMA_ANON, VMA_READ, 0);
	for (unsigned way = 0; way < 5; way++) {
		mm_write_unlock(&mm);
		assert_true(way_panics(way, &look));
		assert_true(way_panics(way, &change));
		mm_read_lock(&mm);
		assert_int_equal(way_in(way, &look), 0);
		assert_int_equal(way_panics(way, &change), way < 3);
		mm_read_unlock(&mm);
		mm_write_lock(&mm);
		assert_int_equal(way_in(way, &look), 0);
		assert_int_equal(way_in(way, &change), 0);
	}
	mm_write_unlock(&mm);
	mm_read_lock(&mm);
	assert_true(remove_panics());
	mm_read_unlock(&mm);
	assert_true(unlock_panics());
	mm_write_lock(&mm);
	mm_end();
}

/* Every table below the top has an entry, and the root counts it. */
static u64 tables_below(pa_t table, enum pt_level level)
{
	const ulong *entry = pa_va(table);
	u64 sum = 0;
	bool any = false;

	for (unsigned i = 0; i < PTE_ENTRIES; i++) {
		any |= entry[i] != 0;
		if (level > PT_PTE && (entry[i] & PTE_P) && !(entry[i] & PTE_PS))
			sum += 1 + tables_below(pt_table_pa(entry[i]), level - 1);
	}
	assert_true(any || pa_eq(table, mm.root.top));
	return sum;
}

static void check_tables(void)
{
	u64 sum = tables_below(mm.root.top, mm.root.top_level);

	assert_int_equal(mm.root.table_count, sum + 1);
	assert_int_equal(announced_tables(), sum);
}

static int do_map(void)
{
	/* Ptes, a 2 MiB leaf, ptes, across the end of a top entry: five tables. */
	return pt_map(&mm.root, 512 * GIB - 2 * MIB - PAGE_SIZE, pa(2 * MIB - PAGE_SIZE), 2 * MIB + 2 * PAGE_SIZE,
		      PROT);
}

static int do_protect(void)
{
	return pt_protect(&mm.root, VA + 5 * PAGE_SIZE, GIB - 12 * PAGE_SIZE, PTE_P | PTE_U);
}

static int do_walk_split(void)
{
	const struct mm_walk_ops ops = {
		.pte_entry = count_pte, .pre_vma = count_pre, .post_vma = count_post, .walk_lock = WALK_WRLOCK};

	return walk_page_range(&mm, VA + 4 * MIB, VA + 8 * MIB - 1, &ops, NULL);
}

static int do_install(void)
{
	const struct mm_walk_ops ops = {
		.pre_vma = count_pre, .post_vma = count_post, .install_pte = install_same, .walk_lock = WALK_WRLOCK};

	return walk_page_range(&mm, 512 * GIB - 3 * MIB, 512 * GIB + 3 * MIB - 1, &ops, NULL);
}

/* The n-th allocation fails, for every n: an error, nothing lost, and what was there is there. */
static void every_allocation_fails_once(void **state)
{
	static const struct {
		int (*run)(void);
		unsigned allocations;
	} rows[] = {{do_map, 5}, {do_protect, 3}, {do_walk_split, 3}, {do_install, 7}};
	struct pt_leaf leaf;
	pa_t got;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		for (long n = 0;; n++) {
			int err;

			mm_begin();
			add_vma(VA, GIB, VMA_ANON, VMA_READ, 0);
			add_vma(512 * GIB - 4 * MIB, 8 * MIB, VMA_ANON, VMA_READ, 0);
			assert_int_equal(pt_map(&mm.root, VA, pa(GIB), GIB, PROT), 0);
			pre_calls = post_calls = 0;
			alloc_budget = n;
			err = rows[i].run();
			assert_int_equal(pre_calls, post_calls);
			check_tables();
			assert_true(pt_translate(&mm.root, VA + 7 * MIB, &got, &leaf));
			assert_pa(got, pa(GIB + 7 * MIB));
			alloc_budget = -1;
			mm_end();
			if (!err) {
				assert_int_equal(n, rows[i].allocations);
				break;
			}
			assert_int_equal(err, -ENOMEM);
		}
	}
}

/* ---- tables that go while they are walked ---- */

static struct {
	ulong hole_va, hole_last;
	int hole_depth;
	unsigned ptes;
} gone;

static int unmap_all(pte_t *entry, ulong value, ulong va, struct mm_walk *walk)
{
	(void)entry;
	(void)value;
	if (va == VA + 3 * PAGE_SIZE && !gone.hole_last) {
		assert_int_equal(pt_unmap(walk->root, VA, 2 * MIB), 0);
		walk->action = WALK_AGAIN;
	}
	gone.ptes++;
	return 0;
}

static int see_hole(ulong va, ulong last, int depth, struct mm_walk *walk)
{
	(void)walk;
	if (gone.hole_last)
		return 0;
	gone.hole_va = va;
	gone.hole_last = last;
	gone.hole_depth = depth;
	return 0;
}

static void tables_may_go(void **state)
{
	const struct mm_walk_ops ops = {.pte_entry = unmap_all, .pte_hole = see_hole, .walk_lock = WALK_WRLOCK};

	(void)state;
	/* The table of ptes goes; the hole is what its pmd leaves of the range. */
	mm_begin();
	memset(&gone, 0, sizeof(gone));
	add_vma(VA, 4 * MIB, VMA_ANON, VMA_READ, 0);
	assert_int_equal(pt_map(&mm.root, VA, pa(0x1000), 2 * MIB, PROT), 0);
	assert_int_equal(pt_map(&mm.root, VA + 2 * MIB, pa(0x1000), PAGE_SIZE, PROT), 0);
	assert_int_equal(walk_page_range(&mm, VA, VA + 4 * MIB - 1, &ops, NULL), 0);
	assert_int_equal(gone.hole_va, VA + 3 * PAGE_SIZE);
	assert_int_equal(gone.hole_last, VA + 2 * MIB - 1);
	assert_int_equal(gone.hole_depth, 3);
	assert_int_equal(gone.ptes, 4 + 512);
	mm_end();
	/* All tables but the top go. */
	mm_begin();
	memset(&gone, 0, sizeof(gone));
	add_vma(VA, 4 * MIB, VMA_ANON, VMA_READ, 0);
	assert_int_equal(pt_map(&mm.root, VA, pa(0x1000), 2 * MIB, PROT), 0);
	assert_int_equal(walk_page_range(&mm, VA, VA + 4 * MIB - 1, &ops, NULL), 0);
	assert_int_equal(mm.root.table_count, 1);
	assert_int_equal(gone.hole_va, VA + 3 * PAGE_SIZE);
	assert_int_equal(gone.hole_last, VA + 4 * MIB - 1);
	assert_int_equal(gone.hole_depth, 1);
	mm_end();
}

static int nothing(ulong va, ulong *value, struct mm_walk *walk)
{
	(void)va;
	(void)value;
	(void)walk;
	return 0;
}

static int leave_pmd(pmd_t *entry, ulong value, ulong va, ulong last, struct mm_walk *walk)
{
	static unsigned again;

	(void)entry;
	(void)va;
	(void)last;
	assert_true(value & PTE_P);
	walk->action = again++ % 3 ? WALK_CONTINUE : WALK_AGAIN;
	return 0;
}

/* Tables that are made and get nothing go again; user pages open the tables above; rights are masked as in pt_map(). */
static void install_leaves_no_empty_table(void **state)
{
	const struct mm_walk_ops none = {.install_pte = nothing, .walk_lock = WALK_WRLOCK};
	const struct mm_walk_ops leave = {
		.install_pte = install_same, .pmd_entry = leave_pmd, .walk_lock = WALK_WRLOCK};
	const struct mm_walk_ops all = {.install_pte = install_same, .walk_lock = WALK_WRLOCK};
	const struct pt_caps no_nx = {.pages_2m = true};
	struct vm_area_struct *v, *guard;
	struct pt_leaf leaf;
	pa_t got;

	(void)state;
	spaces_begin();
	assert_int_equal(mm_init(&mm, &no_nx), 0);
	mm_write_lock(&mm);
	v = add_vma(VA, 4 * GIB, VMA_ANON, VMA_READ, 0);
	guard = add_vma(VA + 4 * GIB, GIB, VMA_GUARD, 0, 0);
	assert_int_equal(walk_page_range_vma(v, VA, VA + 8 * MIB - 1, &none, NULL), 0);
	check_tables();
	assert_int_equal(mm.root.table_count, 1);
	assert_int_equal(walk_page_vma(v, &leave, NULL), 0);
	check_tables();
	assert_int_equal(mm.root.table_count, 1);
	assert_int_equal(walk_page_vma(guard, &all, NULL), 0);
	assert_int_equal(mm.root.table_count, 1);
	assert_int_equal(walk_page_range_vma(v, VA, VA + 3 * MIB - 1, &all, NULL), 0);
	check_tables();
	assert_int_equal(mm.root.table_count, 5);
	assert_int_equal(mm.root.leaf_count[PT_PTE], 768);
	assert_true(pt_translate(&mm.root, VA + 5 * PAGE_SIZE, &got, &leaf));
	assert_pa(got, pa(VA + 5 * PAGE_SIZE));
	assert_int_equal(leaf.rights, PTE_P | PTE_W | PTE_U);
	assert_int_equal(leaf.entry & (PTE_NX | PTE_G), 0);
	got = frame_alloc_zeroed(); /* a table of somebody's, empty: not ours to give back */
	assert_int_equal(pt_hang(&mm.root, VA + 8 * MIB, PT_PMD, got), 0);
	assert_int_equal(walk_page_range_vma(v, VA + 8 * MIB, VA + 9 * MIB - 1, &all, NULL), -EBUSY);
	assert_int_equal(pt_unhang(&mm.root, VA + 8 * MIB, PT_PMD), 0);
	frame_free(got);
	mm_end();
}

/* ---- one address ---- */

static void put_pte(ulong va, ulong value)
{
	struct pt_pos p;

	assert_int_equal(pt_format_of(&mm.root)->grow(&mm.root, va, PT_PTE, 0, &p), 0);
	*p.entry = value;
	mm.root.leaf_count[PT_PTE] += value & PTE_P;
}

static void finds_one(void **state)
{
	struct vm_area_struct *v, *phys;
	struct walk_found found;
	struct pt_pos p;

	(void)state;
	mm_begin();
	v = add_vma(VA, 4 * MIB, VMA_ANON, VMA_READ, 0);
	phys = add_vma(VA + 4 * MIB, MIB, VMA_PHYS, VMA_READ, 5);
	assert_int_equal(walk_lookup(v, VA, 0, &found), -ENOENT);
	assert_int_equal(walk_lookup(v, VA - 1, 0, &found), -EINVAL);
	assert_int_equal(walk_lookup(v, VA + 4 * MIB, 0, &found), -EINVAL);
	put_pte(VA, 0x123000 | PROT);
	put_pte(VA + PAGE_SIZE, mm_zero_pfn() << PAGE_SHIFT | PTE_P);
	put_pte(VA + 2 * PAGE_SIZE, soft_pte(SOFT_PTE_MIGRATION, 0x456));
	put_pte(VA + 3 * PAGE_SIZE, 0x8000000000000020);
	put_pte(VA + 4 * MIB, 0x5000 | PROT);
	assert_int_equal(pt_map(&mm.root, VA + 2 * MIB, pa(6 * MIB), 2 * MIB, PROT), 0);

	assert_int_equal(walk_lookup(v, VA + 5, 0, &found), 0);
	assert_int_equal(found.pfn, 0x123);
	assert_int_equal(found.level, PT_PTE);
	assert_int_equal(found.value, 0x123000 | PROT);
	assert_int_equal(*found.entry, found.value);
	assert_int_equal(walk_lookup(v, VA + PAGE_SIZE, FW_MIGRATION, &found), -ENOENT);
	assert_int_equal(walk_lookup(v, VA + PAGE_SIZE, FW_ZEROPAGE, &found), 0);
	assert_int_equal(found.pfn, mm_zero_pfn());
	assert_false(found.migration);
	assert_int_equal(walk_lookup(v, VA + 2 * PAGE_SIZE, FW_ZEROPAGE, &found), -ENOENT);
	assert_int_equal(walk_lookup(v, VA + 2 * PAGE_SIZE, FW_MIGRATION, &found), 0);
	assert_int_equal(found.pfn, 0x456);
	assert_true(found.migration);
	assert_int_equal(walk_lookup(v, VA + 3 * PAGE_SIZE, FW_MIGRATION, &found), -ENOENT);
	assert_int_equal(walk_lookup(v, VA + 4 * MIB - 1, 0, &found), 0);
	assert_int_equal(found.level, PT_PMD);
	assert_int_equal(found.pfn, (8 * MIB - 1) >> PAGE_SHIFT);
	assert_int_equal(walk_lookup(phys, VA + 4 * MIB, FW_MIGRATION | FW_ZEROPAGE, &found), -ENOENT);
	/* A table that lies nowhere. */
	p = pt_format_of(&mm.root)->find(&mm.root, VA + 6 * MIB, PT_PMD);
	*p.entry = 0x7fffffff000 | PTE_P;
	phys->last = VA + 8 * MIB - 1;
	assert_int_equal(walk_lookup(phys, VA + 6 * MIB, 0, &found), -EIO);
	*p.entry = 0x40;
	assert_int_equal(walk_lookup(phys, VA + 6 * MIB, 0, &found), -EIO);
	*p.entry = 0;
	mm_end();
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(agrees_with_model), cmocka_unit_test(refuses),
	cmocka_unit_test(asserts_locks),     cmocka_unit_test(every_allocation_fails_once),
	cmocka_unit_test(tables_may_go),     cmocka_unit_test(install_leaves_no_empty_table),
	cmocka_unit_test(finds_one),
};

HOST_MAIN("mmu_walk", tests)
