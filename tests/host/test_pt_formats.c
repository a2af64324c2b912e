/*
 * The formats of page tables, entry by entry as the manuals have them; where their addresses end; and merging, the
 * reverse of a split. The operations against a model: tests/host/test_pt.c.
 */
#include "tests/host/pt_fakes.h"

/* Each entry on the way to an address, from the top down; returns how many. */
static unsigned entries_to(ulong va, ulong entry[5])
{
	unsigned n = 0;
	pa_t table = root.top;

	for (int shift = root.top_level == PT_PGD ? 48 : 39; shift >= 12; shift -= 9) {
		entry[n] = ((ulong *)pa_va(table))[va >> shift & 511];
		table = pa(entry[n++] & 0xffffffffff000);
		if (shift == 12 || !(entry[n - 1] & 7) || (entry[n - 1] & 0x80))
			break;
	}
	return n;
}

/* Entries as the manuals have them: SDM 3A tables 4-15..20, 3C tables 28-1..7; APM 2 15.25.5. */
static void literal_entries(void **state)
{
	static const struct {
		enum pt_kind kind;
		ulong prot, table, small, large; /* bits; the last two are leaves' */
	} rows[] = {
		{PT_LONG, PT_PROT_RW, 0x23, 0x8000000000000163, 0x80000000000001e3},
		{PT_LONG, PT_PROT_RX & ~PTE_G, 0x23, 0x21, 0xa1},
		{PT_LONG, (PT_PROT_RW & ~PTE_G) | PTE_U, 0x27, 0x8000000000000067, 0x80000000000000e7},
		{PT_NPT, PT_PROT_RW, 0x27, 0x8000000000000067, 0x80000000000000e7},
		{PT_NPT, PT_PROT_RX, 0x27, 0x25, 0xa5},
		{PT_NPT, PT_PROT_IO, 0x27, 0x800000000000007f, 0x80000000000000ff},
		{PT_EPT, PT_PROT_RW, 7, 0x333, 0x3b3},
		{PT_EPT, PT_PROT_RO, 7, 0x131, 0x1b1},
		{PT_EPT, PT_PROT_RX, 7, 0x135, 0x1b5},
		{PT_EPT, PT_PROT_IO, 7, 0x303, 0x383},
		{PT_EPT, PT_PROT_WC, 7, 0x30b, 0x38b},
	};

	(void)state;
	for (unsigned i = 0; i < 2 * ARRAY_SIZE(rows); i++) {
		struct pt_caps c = caps;
		ulong entry[5], va = 0x7fffc0000000;
		unsigned n;

		c.kind = rows[i / 2].kind;
		c.five_levels = i % 2;
		begin(&c, NULL);
		if (c.five_levels)
			va += 1UL << 50;
		assert_int_equal(pt_map(&root, va, pa(0x123456000), PAGE_SIZE, rows[i / 2].prot), 0);
		assert_int_equal(pt_map(&root, va + 2 * MIB, pa(0x40000000), 2 * MIB, rows[i / 2].prot), 0);
		n = entries_to(va, entry);
		assert_int_equal(n, 4 + i % 2);
		assert_int_equal(entry[--n], 0x123456000 | rows[i / 2].small);
		while (n--)
			assert_int_equal(entry[n] & ~0xffffffffff000, rows[i / 2].table);
		assert_int_equal(entries_to(va + 2 * MIB, entry), 3 + i % 2);
		assert_int_equal(entry[2 + i % 2], 0x40000000 | rows[i / 2].large);
		end();
	}
}

/* What there is of addresses in each format, and that the last page of it can be had. */
static void ends_of_the_address_space(void **state)
{
	static const struct {
		struct pt_caps caps;
		ulong ok[3], bad[2]; /* pages; 0 in bad: no more */
	} rows[] = {
		{{.kind = PT_LONG}, {0, 0x7ffffffff000, 0xffff800000000000}, {0x800000000000, 0xffff7ffffffff000}},
		{{.kind = PT_LONG, .five_levels = true},
		 {0, 0xfffffffffff000, 0xff00000000000000},
		 {0x100000000000000, 0xfefffffffffff000}},
		{{.kind = PT_NPT}, {0, 0xfffffffff000, 0x800000000000}, {0x1000000000000, -4096UL}},
		{{.kind = PT_EPT, .five_levels = true},
		 {0, 0x1fffffffffff000, 0x100000000000000},
		 {0x200000000000000, -4096UL}},
	};
	pa_t got;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		begin(&rows[i].caps, NULL);
		for (unsigned k = 0; k < 3; k++) {
			assert_int_equal(pt_map(&root, rows[i].ok[k], pfn_pa(k), PAGE_SIZE, PT_PROT_RW), 0);
			assert_true(pt_translate(&root, rows[i].ok[k] + 5, &got, NULL));
			assert_pa(got, pa(k * PAGE_SIZE + 5));
		}
		for (unsigned k = 0; k < 2; k++) {
			assert_int_equal(pt_map(&root, rows[i].bad[k], pa(0), PAGE_SIZE, PT_PROT_RW), -EINVAL);
			assert_false(pt_translate(&root, rows[i].bad[k], &got, NULL));
		}
		assert_int_equal(pt_map(&root, rows[i].ok[1], pa(0), 2 * PAGE_SIZE, PT_PROT_RW), -EINVAL);
		end();
	}
}

/* A GiB in small pages becomes one leaf again, and is then what it was: rights, frames, PAT, marks. */
static void merge_undoes_split(void **state)
{
	for (unsigned i = 0; i < 3; i++) {
		struct pt_caps c = {.kind = (enum pt_kind)i, .nx = true};
		const ulong va = 64 * GIB;
		struct pt_pos p;

		(void)state;
		begin(&c, NULL);
		assert_int_equal(
			pt_map(&root, va - PAGE_SIZE, pa(5 * GIB - PAGE_SIZE), GIB + 2 * PAGE_SIZE, PT_PROT_RW), 0);
		assert_int_equal(pt_merge(&root, va - PAGE_SIZE, GIB + 2 * PAGE_SIZE),
				 0); /* the root has no such leaves */
		root.max_leaf = PT_PUD;
		assert_int_equal(pt_merge(&root, va, GIB - PAGE_SIZE), 511);
		assert_int_equal(root.leaf_count[PT_PMD], 511);
		assert_int_equal(pt_merge(&root, va - PAGE_SIZE, GIB + 2 * PAGE_SIZE), 2);
		assert_int_equal(root.leaf_count[PT_PUD], 1);
		assert_int_equal(root.leaf_count[PT_PTE], 2);
		p = pt_descend(pt_format_of(&root), &root, va, PT_PUD);
		assert_int_equal(p.value & ~PTE_ADDR, pt_encode(pt_format_of(&root), PT_PROT_RW & ~PTE_G) | PTE_PS);
		end();
	}
}

/* What differs in rights, frame or presence stays; accessed and dirty do not count, and none is lost; nor is PAT. */
static void merge_is_exact(void **state)
{
	static const struct {
		ulong flip; /* in the entry in the middle */
		u64 merged;
		ulong then; /* the bits that the large leaf then has besides, of those flipped */
	} rows[] = {
		{0, 1, 0},         {PTE_A, 1, PTE_A}, {PTE_D, 1, PTE_D}, {PTE_W, 0, 0},   {PTE_U, 0, 0},
		{PTE_NX, 0, 0},    {PTE_G, 0, 0},     {PTE_P, 0, 0},     {PTE_PCD, 0, 0}, {PT_BIT_PAT, 0, 0},
		{PAGE_SIZE, 0, 0}, {1UL << 40, 0, 0}, {BIT(9), 0, 0},    {BIT(52), 0, 0}, {BIT(62), 0, 0},
	};
	const ulong va = 0x5000000000;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows) * 512; i += i % 512 == 0 ? 200 : i % 512 == 200 ? 311 : 1) {
		struct pt_caps c = {.nx = true, .global = true};
		struct pt_pos p;

		begin(&c, NULL);
		assert_int_equal(pt_map(&root, va, pa(6 * MIB), 2 * MIB, PT_PROT_RX & ~PTE_A), 0);
		root.max_leaf = PT_PMD;
		p = pt_long_find(&root, va, PT_PTE);
		for (unsigned k = 0; k < 512; k++)
			p.entry[k] |= PT_BIT_PAT;
		p.entry[i % 512] ^= rows[i / 512].flip;
		assert_int_equal(pt_merge(&root, va, 2 * MIB), rows[i / 512].merged);
		if (rows[i / 512].merged) {
			p = pt_long_find(&root, va, PT_PMD);
			assert_int_equal(p.value,
					 (6 * MIB) | PTE_P | PTE_G | PTE_PS | PT_BIT_PAT_LARGE | rows[i / 512].then);
		} else {
			p.entry[i % 512] |= PTE_P;
		}
		end();
	}
	begin(&caps, NULL); /* frames in order, but not from an aligned one on */
	assert_int_equal(pt_map(&root, va, pa(6 * MIB + PAGE_SIZE), 2 * MIB, PT_PROT_RW), 0);
	assert_int_equal(pt_merge(&root, va, 2 * MIB), 0);
	end();
}

/* Other rights take nothing from what the CPU has marked, and mark nothing that @prot does not. */
static void protect_keeps_marks(void **state)
{
	static const ulong marks[] = {0, PTE_A, PTE_D, PTE_A | PTE_D};
	struct mm_struct *const mms[] = {NULL, some_mm};

	(void)state;
	for (unsigned i = 0; i < 2 * ARRAY_SIZE(marks); i++) {
		struct pt_pos p;

		begin(&caps, mms[i % 2]);
		assert_int_equal(pt_map(&root, 0, pa(0), PAGE_SIZE, PTE_P | PTE_W | marks[i / 2]), 0);
		assert_int_equal(pt_protect(&root, 0, PAGE_SIZE, PTE_P | PTE_NX), 0);
		p = pt_long_find(&root, 0, PT_PTE);
		assert_int_equal(p.value, PTE_P | PTE_NX | marks[i / 2]);
		end();
	}
}

/* A space of its own cannot have global pages: nothing would flush them when the CPU goes elsewhere. */
static void no_global_pages_for_a_process(void **state)
{
	(void)state;
	begin(&caps, some_mm);
	assert_int_equal(pt_map(&root, 0, pa(0), PAGE_SIZE, PT_PROT_RW), 0);
	assert_int_equal(pt_long_find(&root, 0, PT_PTE).value & PTE_G, 0);
	end();
}

/* Of a root that CPUs run on nothing of what the table said may be left, anywhere. */
static void merge_flushes_all(void **state)
{
	(void)state;
	begin(&caps, some_mm);
	assert_int_equal(pt_map(&root, 0, pa(0), 2 * MIB, PT_PROT_RW), 0);
	assert_int_equal(pt_protect(&root, 0, PAGE_SIZE, PT_PROT_RO), 0);
	assert_int_equal(pt_protect(&root, 0, PAGE_SIZE, PT_PROT_RW), 0);
	cpu_online_count = 2;
	tlb_switch(&root);
	root.tlb.cpus.bits[0] |= 2;
	others_flushed.end = flush_count = 0;
	assert_int_equal(pt_merge(&root, 0, 2 * MIB), 1);
	assert_int_equal(flush_count, 1);
	assert_int_equal(others_flushed.end, TLB_FLUSH_ALL);
	cpu_online_count = 1;
	root.tlb.cpus.bits[0] = 0;
	tlb_cpus[0].root = NULL;
	end();
}

/* A table of the kernel's may be known by every PCID: it is not given back before all of these are flushed. */
static void freed_tables_flush_all(void **state)
{
	struct mm_struct *const mms[] = {NULL, some_mm};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(mms); i++) {
		begin(&caps, mms[i]);
		assert_int_equal(pt_map(&root, 0, pa(0), 2 * PAGE_SIZE, PT_PROT_RW), 0);
		root.live = !mms[i];
		tlb_switch(&root);
		cpu_online_count = 2;
		root.tlb.cpus.bits[0] |= 2;
		assert_int_equal(pt_unmap(&root, 0, PAGE_SIZE), 0);
		assert_int_equal(others_flushed.end, PAGE_SIZE);
		assert_int_equal(pt_unmap(&root, PAGE_SIZE, PAGE_SIZE), 0);
		if (mms[i])
			assert_int_equal(others_flushed.end,
					 2 * PAGE_SIZE); /* and what else the PCID knows goes with it */
		else
			assert_int_equal(others_flushed.end, TLB_FLUSH_ALL);
		cpu_online_count = 1;
		root.tlb.cpus.bits[0] = 0;
		root.live = false;
		tlb_cpus[0].root = NULL;
		end();
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(literal_entries),
	cmocka_unit_test(ends_of_the_address_space),
	cmocka_unit_test(merge_undoes_split),
	cmocka_unit_test(merge_is_exact),
	cmocka_unit_test(merge_flushes_all),
	cmocka_unit_test(protect_keeps_marks),
	cmocka_unit_test(no_global_pages_for_a_process),
	cmocka_unit_test(freed_tables_flush_all),
};

HOST_MAIN("mmu_pt_formats", tests)
