/*
 * The machine under the page-table builder: mmu_fakes.h's memory, an allocator that can fail, ops that do as native
 * does and count, and mmu/'s sources themselves; a root to work on, whose frames are counted. Included once by a test.
 */
#ifndef TESTS_HOST_PT_FAKES_H
#define TESTS_HOST_PT_FAKES_H

#include "tests/host/mmu_fakes.h"

/* mmu/'s own allocator, with a switch that makes the n-th allocation fail. */
#define frame_alloc_zeroed real_frame_alloc_zeroed
#include "mmu/frame.c"
#undef frame_alloc_zeroed

static long alloc_budget = -1; /* allocations left; -1: no limit */

pa_t frame_alloc_zeroed(void);
pa_t frame_alloc_zeroed(void)
{
	if (!alloc_budget)
		return PA_NONE;
	if (alloc_budget > 0)
		alloc_budget--;
	return real_frame_alloc_zeroed();
}

/* ---- the ops ---- */

static long tables[4];       /* announced and not withdrawn, by level */
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
VALUE_OPS(pgd)

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
TABLE_OPS(p4d, 3)

static struct mm_struct *some_mm = (struct mm_struct *)0x10; /* whose ptes are set; NULL: anybody's */
static unsigned set_at_count;

void pv_set_pte_at(struct mm_struct *mm, ulong va, pte_t *p, pte_t v)
{
	assert_true(mm && (mm == some_mm || !some_mm));
	assert_int_equal((va >> 12) % 512, ((ulong)p % 4096) / 8);
	set_at_count++;
	*p = v;
}

pte_t pv_ptep_modify_prot_start(struct vm_area_struct *vma, ulong va, pte_t *p)
{
	pte_t old = *p;

	(void)vma, (void)va;
	*p = (pte_t){0};
	return old;
}

void pv_ptep_modify_prot_commit(struct vm_area_struct *vma, ulong va, pte_t *p, pte_t v)
{
	(void)vma;
	assert_int_equal(p->pte, 0); /* away meanwhile */
	assert_int_equal((va >> 12) % 512, ((ulong)p % 4096) / 8);
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

static ulong fake_cr3 = 0x1018; /* with PWT and PCD set */

void pv_write_cr3(ulong cr3)
{
	fake_cr3 = cr3;
}

ulong pv_read_cr3(void)
{
	return fake_cr3;
}

static ulong cr4;

ulong pv_read_cr4(void)
{
	return cr4;
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
static const struct cpumask *others_asked;
static u32 others_flush_count;

void pv_flush_tlb_others(const struct cpumask *cpus, const struct flush_tlb_info *info)
{
	others_asked = cpus;
	others_flushed = *info;
	others_flush_count++;
}

/* The CPU that does it all, without PCIDs. */
#define ARCH_CPU_LOCAL_H
struct cpu_local {
	unsigned id;
};
static struct cpu_local fake_cpu_local;
static struct cpu_local *cpu_local(void)
{
	return &fake_cpu_local;
}
#include "arch/cpufeature.h"
struct cpu_info cpu_info;
#include "mmu/tlb.c"
#include "mmu/gather.c"
#include "arch/regs.h"
#include "mmu/pt_long.c"
#include "mmu/pt_table.c"
#include "mmu/pt.c"
#include "mmu/pt_visit.c"

/* ---- a root ---- */

static struct memmap map;
static struct pt_root root;
static const struct pt_caps caps = {.pages_2m = true, .pages_1g = true, .nx = true, .global = true};
static u64 frames_free;

/* Fresh memory of so many bytes, nothing announced, and no allocation that fails. */
static inline void frames_begin(u64 bytes)
{
	fake_ram_reset();
	memmap_init(&map);
	memmap_add(&map, MIB, bytes, MEM_USABLE);
	assert_int_equal(frame_init(&map, NULL, 0), 0);
	memset(tables, 0, sizeof(tables));
	frames_free = frame_stats().free_count;
	alloc_budget = -1;
}

static inline void begin(const struct pt_caps *c, struct mm_struct *mm)
{
	frames_begin(63 * MIB);
	assert_int_equal(pt_root_init(&root, mm, c), 0);
}

/* Announced, counted and taken are the same tables. */
static inline void check_counts(void)
{
	u64 sum = 1;

	for (unsigned i = 0; i < ARRAY_SIZE(tables); i++)
		sum += (u64)tables[i];
	if (root.kind == PT_LONG)
		assert_int_equal(root.table_count, sum);
	else
		assert_int_equal(sum, 1); /* nobody is told of those */
	assert_int_equal(frames_free - frame_stats().free_count, root.table_count);
}

static inline void end(void)
{
	check_counts();
	pt_root_destroy(&root);
	assert_int_equal(frame_stats().free_count, frames_free);
	for (unsigned i = 0; i < ARRAY_SIZE(tables); i++)
		assert_int_equal(tables[i], 0);
	for (unsigned i = 0; i < PT_LEVELS; i++)
		assert_int_equal(root.leaf_count[i], 0);
	munmap(fake_ram, FAKE_RAM_END);
	fake_ram = NULL;
}

#endif
