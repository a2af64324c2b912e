/*
 * The page-table builder against a model: random map, unmap and protect, on tables in the host's memory, every page
 * compared after every call; the counts of tables and frames after every round. With fault injection at each
 * allocation.
 */
#include "tests/host/pt_fakes.h"

/* ---- the model: a window of addresses that straddles a GiB's and a top-level entry's border ---- */

#define KERNEL_BASE (0xffffc90000000000UL - 3 * MIB) /* slot border inside */
#define PAGES       2048                             /* 8 MiB */

static ulong base = KERNEL_BASE;

static struct {
	u64 at;
	ulong prot; /* 0: not mapped */
} model[PAGES];

/* The bits of a leaf that mean @prot, by what the manuals say of each format; test literal_entries has them in full. */
static ulong rights_bits(ulong prot)
{
	prot &= root.prot_allowed;
	if (root.kind == PT_LONG)
		return prot;
	if (root.kind == PT_NPT)
		return (prot & ~PTE_G) | PTE_U;
	return 1 | (prot & PTE_W ? 2 : 0) | (prot & PTE_NX ? 0 : 4) | (prot & PTE_PCD ? 0 : 6 << 3) |
	       (prot & PTE_A ? 1 << 8 : 0) | (prot & PTE_D ? 1 << 9 : 0);
}

static void check_model(void)
{
	const ulong seen = root.kind == PT_EPT ? EPT_A | EPT_D : PTE_A | PTE_D;
	const ulong rights_mask = root.kind == PT_EPT ? 0x33f | BIT(63) : PT_PROT_MASK;

	u64 leaves[PT_LEVELS] = {0};
	pa_t got;

	for (unsigned i = 0; i < PAGES; i++) {
		ulong va = base + i * PAGE_SIZE;
		struct pt_leaf leaf;
		bool mapped = pt_translate(&root, va + 7, &got, &leaf);

		assert_int_equal(mapped, model[i].prot != 0);
		if (!mapped)
			continue;
		assert_int_equal(pa_num(got), model[i].at + 7);
		assert_int_equal(leaf.rights & (PTE_W | PTE_NX), model[i].prot & (PTE_W | PTE_NX));
		assert_int_equal(leaf.entry & rights_mask & ~seen, rights_bits(model[i].prot) & ~seen);
		assert_int_equal(rights_bits(model[i].prot) & seen & ~leaf.entry, 0); /* a merge marks neighbours too */
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

static void model_set(unsigned first, unsigned n, u64 at, ulong prot)
{
	for (unsigned i = first; i < first + n; i++, at += PAGE_SIZE) {
		model[i].at = at;
		model[i].prot = prot;
	}
}

static void random_call(u64 *seed)
{
	static const ulong prots[] = {PT_PROT_RO, PT_PROT_RW, PT_PROT_RX, PT_PROT_IO};
	u64 r = next_random(seed);
	unsigned first = (r >> 8) % PAGES, n = 1 + (r >> 24) % 1200;
	ulong va, prot = prots[(r >> 40) % 4];
	u64 at;
	int err;

	if (r & 0x80) /* whole large pages */
		first &= ~511U, n = (n + 511) & ~511U;
	n = min(n, PAGES - first);
	va = base + first * PAGE_SIZE;
	/* Now congruent modulo 2 MiB, now not. */
	at = (1UL << 40) + first * PAGE_SIZE - 3 * MIB + (r & 0x40 ? PAGE_SIZE : 0);
	if ((r >> 48) % 4 == 0)
		alloc_budget = (long)((r >> 50) % 6);
	if (r % 8 < 4) {
		err = pt_map(&root, va, pa(at), n * PAGE_SIZE, prot);
		if (model_any(first, n, true))
			assert_true(err == -EEXIST || (err == -ENOMEM && alloc_budget >= 0));
		else if (err)
			assert_true(err == -ENOMEM && alloc_budget == 0);
		else
			model_set(first, n, at, prot);
	} else if (r % 8 < 6 && (r >> 56) % 4 == 0) {
		pt_merge(&root, va, n * PAGE_SIZE); /* no translation changes */
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
			model[i].prot = model[i].prot ? prot | (model[i].prot & (PTE_A | PTE_D)) : 0;
	}
	alloc_budget = -1;
}

static void agrees_with_model(void **state)
{
	u64 seed = 0x9e3779b97f4a7c15;

	(void)state;
	for (unsigned round = 0; round < 24; round++) {
		struct pt_caps c = caps;

		c.kind = round % 12 < 6 ? PT_LONG : round % 12 < 9 ? PT_NPT : PT_EPT;
		c.five_levels = round % 2;
		memset(model, 0, sizeof(model));
		begin(&c, c.kind == PT_LONG && round % 4 < 2 ? some_mm : NULL);
		base = c.kind == PT_LONG ? KERNEL_BASE : KERNEL_BASE & ((1UL << 47) - 1);
		root.live = round % 3;
		for (unsigned i = 0; i < 250; i++) {
			random_call(&seed);
			check_model();
		}
		root.live = false;
		end();
	}
	base = KERNEL_BASE;
	assert_true(set_at_count > 0);
	assert_true(flush_count > 0);
}

static void gigabyte_leaves_split_twice(void **state)
{
	const ulong va = 0xffffc80000000000;
	struct pt_leaf leaf;
	pa_t got;

	(void)state;
	begin(&caps, NULL);
	assert_int_equal(pt_map(&root, va, pa(5 * GIB), 3 * GIB, PT_PROT_RW), 0);
	assert_int_equal(root.leaf_count[PT_PUD], 3);
	assert_int_equal(root.table_count, 2);
	assert_int_equal(pt_protect(&root, va + GIB + 5 * PAGE_SIZE, PAGE_SIZE, PT_PROT_RO), 0);
	assert_int_equal(root.leaf_count[PT_PUD], 2);
	assert_int_equal(root.leaf_count[PT_PMD], 511);
	assert_int_equal(root.leaf_count[PT_PTE], 512);
	for (u64 i = 0; i < 3 * GIB; i += 123 * PAGE_SIZE) {
		assert_true(pt_translate(&root, va + i + 1, &got, &leaf));
		assert_pa(got, pa(5 * GIB + i + 1));
		assert_int_equal(leaf.entry & PT_PROT_MASK, PT_PROT_RW);
	}
	assert_true(pt_translate(&root, va + GIB + 5 * PAGE_SIZE, &got, &leaf));
	assert_int_equal(leaf.entry & PT_PROT_MASK, PT_PROT_RO | PTE_D); /* dirty it was */
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
	pa_t got;

	(void)state;
	begin(&caps, NULL);
	assert_int_equal(pt_map(&root, va, pa(4 * GIB), GIB, PT_PROT_RW), 0);
	p = pt_long_find(&root, va, PT_PUD);
	*p.entry |= PT_BIT_PAT_LARGE;
	assert_true(pt_translate(&root, va + 0x1234567, &got, NULL));
	assert_pa(got, pa(4 * GIB + 0x1234567));
	assert_int_equal(pt_protect(&root, va, PAGE_SIZE, PT_PROT_RO), 0);
	assert_true(pt_translate(&root, va + 3 * PAGE_SIZE, &got, &leaf));
	assert_pa(got, pa(4 * GIB + 3 * PAGE_SIZE));
	assert_int_equal(leaf.entry & (PT_BIT_PAT | PT_BIT_PAT_LARGE), PT_BIT_PAT | (pa_num(got) & PT_BIT_PAT_LARGE));
	assert_true(pt_translate(&root, va + 6 * MIB + 5, &got, &leaf));
	assert_pa(got, pa(4 * GIB + 6 * MIB + 5));
	assert_int_equal(leaf.entry & (PTE_PS | PT_BIT_PAT_LARGE), PTE_PS | PT_BIT_PAT_LARGE);
	end();
}

static void capabilities_are_kept(void **state)
{
	const struct pt_caps none = {.pages_2m = false};
	const struct pt_caps only_2m = {.pages_2m = true, .nx = true};
	struct pt_leaf leaf;
	pa_t got;

	(void)state;
	begin(&none, NULL);
	assert_int_equal(pt_map(&root, GIB, pa(GIB), 2 * MIB, PT_PROT_RW), 0);
	assert_int_equal(root.leaf_count[PT_PTE], 512);
	assert_true(pt_translate(&root, GIB, &got, &leaf));
	assert_int_equal(leaf.entry & (PTE_G | PTE_NX), 0);
	end();
	begin(&only_2m, NULL);
	assert_int_equal(pt_map(&root, GIB, pa(GIB), GIB, PT_PROT_RW), 0);
	assert_int_equal(root.leaf_count[PT_PMD], 512);
	assert_true(pt_translate(&root, GIB, &got, &leaf));
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
	pa_t table, got;
	u64 *entries;

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
	assert_true(pt_translate(&root, va + PAGE_SIZE, &got, NULL));
	assert_pa(got, pa(GIB + PAGE_SIZE));
	/* Inside it, all of it, and from outside into it: nothing is done, in the root neither. */
	assert_int_equal(pt_map(&root, va - 2 * MIB, pa(4 * GIB), PAGE_SIZE, PT_PROT_RW), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(ranges); i++) {
		assert_int_equal(pt_map(&root, ranges[i].va, pa(0), ranges[i].size, PT_PROT_RW), -EBUSY);
		assert_int_equal(pt_unmap(&root, ranges[i].va, ranges[i].size), -EBUSY);
		assert_int_equal(pt_protect(&root, ranges[i].va, ranges[i].size, PT_PROT_RO), -EBUSY);
	}
	assert_int_equal(pt_unmap(&root, va - 2 * MIB, 4 * MIB), -EBUSY);
	assert_int_equal(entries[0], 0);
	for (unsigned i = 1; i < 4; i++)
		assert_int_equal(entries[i], (GIB + i * PAGE_SIZE) | PT_PROT_RW);
	assert_true(pt_translate(&root, va - 2 * MIB, &got, NULL));
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
	assert_int_equal(pa_num(pt_live_root().top), 0x1000);
	assert_int_equal(pt_live_root().top_level, PT_P4D);
	cr4 = X86_CR4_LA57;
	assert_int_equal(pt_live_root().top_level, PT_PGD);
	cr4 = 0;
	begin(&caps, NULL);
	assert_int_equal(pt_map(&root, 0x1000, pa(GIB), PAGE_SIZE, PT_PROT_RW), 0);
	assert_int_equal(pt_map(&root, 2 * MIB, pa(2 * MIB), 2 * MIB, PT_PROT_RW), 0);
	assert_int_equal(pt_map(&root, 0x7ffffffff000, pa(GIB), PAGE_SIZE, PT_PROT_RW), 0);
	assert_int_equal(pt_map(&root, 0xffff800000000000, pa(GIB), PAGE_SIZE, PT_PROT_RW), 0);
	assert_int_equal(pt_map(&root, -PAGE_SIZE, pa(GIB), PAGE_SIZE, PT_PROT_RW), 0);
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
