/*
 * What the kernel's own work costs: patching, booting, building page tables, a trap, a frame, a lock. One row of a
 * table each: what is timed, and into how many parts the time is divided. Everything is undone afterwards.
 */
#include "bench/bench.h"

#include "arch/section.h"
#include "boot/main.h"
#include "lib/log.h"
#include "lib/panic.h"
#include "machine/timer.h"
#include "machine/traps.h"
#include "mmu/frame.h"
#include "mmu/pt.h"
#include "mmu/walk.h"
#include "pvops/backend.h"
#include "pvops/patch.h"
#include "pvops/qspinlock.h"

static void empty_run(ulong count)
{
	(void)count;
}

/* As at boot: text as linked, no original kept yet. */
static void unpatch_and_forget(void)
{
	unsigned i;

	pv_unpatch(PV_ALL_TYPES);
	for (i = 0; i < pv_site_count(); i++)
		pv_site_state(i)->flags &= (u8)~PV_SITE_SAVED;
}

static void patch_all(ulong count)
{
	(void)count;
	pv_patch(PV_ALL_TYPES);
}

static void unpatch_if_off(void)
{
	if (!pv_patching)
		pv_unpatch(PV_ALL_TYPES);
}

static ulong sites(void)
{
	return pv_site_count();
}

/* Page tables of no CPU: 4 KiB leaves only, in full tables, at an address that nobody uses. */
#define PT_VA     0x10000000000UL
#define PT_TABLES 32

static struct pt_root root;
static const struct pt_caps small_leaves = {.nx = true, .global = true};

static void root_make(void)
{
	BUG_ON(pt_root_init(&root, NULL, &small_leaves));
}

static void root_drop(void)
{
	pt_root_destroy(&root);
}

static void build_range(void)
{
	BUG_ON(pt_map(&root, PT_VA, pa(0), PT_TABLES * PMD_SIZE, PT_PROT_RW));
}

static void build_tables(ulong count)
{
	(void)count;
	root_make();
	build_range();
}

static ulong built_pages(void)
{
	return PT_TABLES * PTE_ENTRIES;
}

static void root_built(void)
{
	root_make();
	build_range();
}

static void unmap_tables(ulong count)
{
	BUG_ON(pt_unmap(&root, PT_VA, count * PMD_SIZE));
}

/* Large leaves, of which each protect splits one. */
static void root_large(void)
{
	static const struct pt_caps large = {.pages_2m = true, .nx = true, .global = true};

	BUG_ON(pt_root_init(&root, NULL, &large));
	build_range();
}

static void split_leaves(ulong count)
{
	for (ulong i = 0; i < count; i++)
		pt_protect(&root, PT_VA + i * PMD_SIZE, PAGE_SIZE, PT_PROT_RW);
}

static void merge_leaves(ulong count)
{
	BUG_ON(pt_merge(&root, PT_VA, count * PMD_SIZE) != count);
}

static void root_split(void)
{
	root_large();
	split_leaves(PT_TABLES);
}

/* One page stays mapped at the end of the table, so that the others neither make nor free it. */
static void root_with_table(void)
{
	root_make();
	BUG_ON(pt_map(&root, PT_VA + PMD_SIZE - PAGE_SIZE, pa(0), PAGE_SIZE, PT_PROT_RW));
}

static int empty_pte(pte_t *entry, ulong value, ulong va, struct mm_walk *walk)
{
	(void)entry;
	(void)value;
	(void)va;
	(void)walk;
	return 0;
}

static int empty_hole(ulong va, ulong last, int depth, struct mm_walk *walk)
{
	(void)va;
	(void)last;
	(void)depth;
	(void)walk;
	return 0;
}

static void walk_built(ulong count)
{
	const struct mm_walk_ops ops = {.pte_entry = empty_pte, .walk_lock = WALK_NOLOCK};

	BUG_ON(walk_page_range_novma(&root, PT_VA, PT_VA + count * PMD_SIZE - 1, &ops, NULL));
}

static void walk_holes(ulong count)
{
	const struct mm_walk_ops ops = {.pte_hole = empty_hole, .walk_lock = WALK_NOLOCK};

	BUG_ON(walk_page_range_novma(&root, PT_VA, PT_VA + count * GIB - 1, &ops, NULL));
}

/* All pmds of a table but one. */
static ulong holes(void)
{
	return PTE_ENTRIES - 1;
}

/* A table has room for twice as many, and the one that stays. */
#define PT_PAGES 128

static void map_and_unmap(ulong count)
{
	ulong i;

	for (i = 0; i < count; i++) {
		pt_map(&root, PT_VA + i * PAGE_SIZE, pa(i * PAGE_SIZE), PAGE_SIZE, PT_PROT_RW);
		pt_unmap(&root, PT_VA + i * PAGE_SIZE, PAGE_SIZE);
	}
}

static void take_frames(ulong count)
{
	do {
		pa_t pa = frame_alloc();

		BUG_ON(!pa_ok(pa));
		frame_free(pa);
	} while (--count);
}

static void take_lock(ulong count)
{
	static struct qspinlock lock;

	do {
		ulong flags = spin_lock_irq_save(&lock);

		spin_unlock_irq_restore(&lock, flags);
	} while (--count);
}

/* #UD, through the IDT, the fixup table and iretq back. */
static void trap(ulong count)
{
	do {
		asm volatile("1: ud2\n2:\n" EXTABLE("1b", "2b")::: "memory", "cc", "rax");
		asm volatile("" : "+r"(count));
	} while (--count);
}

/* Into an empty queue, and out again; what it arms is beyond the run. */
static void start_and_cancel(ulong count)
{
	static struct timer timer;

	do {
		timer_start(&timer, 1000000000);
		timer_cancel(&timer);
	} while (--count);
}

static void expired(void *unused)
{
	(void)unused;
}

/* INT takes its vector as an immediate: a stub for each, of 4 bytes. */
extern const u8 int_stubs[];
asm(".pushsection .text.bench, \"ax\"\n"
    "int_stubs:\n"
    ".set vector, 0\n"
    ".rept 256\n"
    "	.byte 0xcd, vector\n"
    "	ret\n"
    "	nop\n"
    ".set vector, vector + 1\n"
    ".endr\n"
    ".popsection\n");

/* The interrupt is made by INT: when a chip's comes, in instructions, is not the same every time. */
static void timer_expires(ulong count)
{
	static struct timer timer = {.fn = expired};
	const u8 *stub = int_stubs + 4 * timer_vector();

	do {
		timer_start(&timer, 0);
		asm volatile("call *%0" ::"r"(stub) : "memory");
	} while (--count);
}

static void timers_on(void)
{
	timer_resume();
}

/* What a chip has under way comes now, and finds nothing to do. */
static void timers_off(void)
{
	timer_suspend();
	asm volatile("sti\n\tnop\n\tcli" ::: "memory");
}

#define LOOPS 500

enum division {
	WHOLE,   /* run() once, less an empty function */
	BY_PART, /* the same, divided by parts() */
	BY_TURN, /* what twice as many turns take longer, divided by turns: all but the loop cancels */
};

static const struct row {
	const char *name, *text;
	struct bench_work work;
	enum division division;
	ulong count;          /* given to run() */
	ulong (*parts)(void); /* for BY_PART */
} rows[] = {
	{"patch.total",
	 "all sites as at boot: keep the original, patch, read back",
	 {unpatch_and_forget, patch_all, unpatch_if_off},
	 WHOLE,
	 1,
	 NULL},
	{"patch.per_site",
	 "the same, for one site",
	 {unpatch_and_forget, patch_all, unpatch_if_off},
	 BY_PART,
	 1,
	 sites},
	{"patch.again_per_site",
	 "patched once more: the original is kept already",
	 {NULL, patch_all, unpatch_if_off},
	 BY_PART,
	 1,
	 sites},
	{"pt.build_per_4k",
	 "building page tables: per 4 KiB leaf, table pages and their zeroing included",
	 {NULL, build_tables, root_drop},
	 BY_PART,
	 PT_TABLES,
	 built_pages},
	{"pt.unmap_per_4k",
	 "the reverse: per leaf, the tables given back",
	 {root_built, unmap_tables, root_drop},
	 BY_PART,
	 PT_TABLES,
	 built_pages},
	{"pt.split_2m",
	 "a large leaf made 512 small ones, one of them changed",
	 {root_large, split_leaves, root_drop},
	 BY_TURN,
	 PT_TABLES / 2,
	 NULL},
	{"pt.merge_2m",
	 "512 small leaves made a large one",
	 {root_split, merge_leaves, root_drop},
	 BY_TURN,
	 PT_TABLES / 2,
	 NULL},
	{"pt.map_unmap",
	 "one 4 KiB page mapped and unmapped, in a table that is there",
	 {root_with_table, map_and_unmap, root_drop},
	 BY_TURN,
	 PT_PAGES,
	 NULL},
	{"walk.per_pte",
	 "the walker's empty callback for ptes: per pte, all tables above included",
	 {root_built, walk_built, root_drop},
	 BY_PART,
	 PT_TABLES,
	 built_pages},
	{"walk.per_hole",
	 "the same for holes: per empty pmd",
	 {root_with_table, walk_holes, root_drop},
	 BY_PART,
	 1,
	 holes},
	{"frame.alloc_free", "one frame allocated and freed", {NULL, take_frames, NULL}, BY_TURN, LOOPS, NULL},
	{"lock.irq_pair",
	 "an uncontended lock taken and given back, interrupts saved and restored",
	 {NULL, take_lock, NULL},
	 BY_TURN,
	 LOOPS,
	 NULL},
	{"timer.start_cancel",
	 "a timer started and cancelled, the clock event armed",
	 {timers_on, start_and_cancel, timers_off},
	 BY_TURN,
	 LOOPS,
	 NULL},
	{"timer.interrupt",
	 "a timer started, its interrupt (by INT), called, and back",
	 {timers_on, timer_expires, timers_off},
	 BY_TURN,
	 LOOPS,
	 NULL},
	{"trap.roundtrip", "ud2, caught by a fixup, and back", {NULL, trap, NULL}, BY_TURN, LOOPS, NULL},
};

static struct bench_figure measure(const struct row *row)
{
	const struct bench_work empty = {.run = empty_run};
	struct bench_ticks ticks, less;

	if (row->work.prepare == timers_on && !timer_usable())
		return (struct bench_figure){.reason = "there is no timer"};
	if (row->division == BY_TURN) {
		bench_time(&row->work, row->count, &less);
		bench_time(&row->work, 2 * row->count, &ticks);
		return bench_figure(&ticks, &less, row->count);
	}
	bench_time(&empty, row->count, &less);
	bench_time(&row->work, row->count, &ticks);
	return bench_figure(&ticks, &less, row->division == WHOLE ? 1 : row->parts());
}

/* Once per boot, so there is nothing to repeat. The TSC begins with 0 at reset, but an emulator may show its host's. */
static const u64 reset_tsc;
static const struct once {
	const char *name, *text;
	const u64 *from, *to;
	bool exact_only;
} onces[] = {
	{"boot.before_entry", "from reset to the kernel's first C line: firmware and loader", &reset_tsc, &boot_tsc,
	 true},
	{"boot.to_prompt", "from there to the prompt, timed waits included", &boot_tsc, &prompt_tsc, false},
};

static struct bench_figure once_figure(const struct once *once)
{
	if (once->exact_only && !bench_counts_insns())
		return (struct bench_figure){.reason = "here the TSC need not have begun at reset"};
	return (struct bench_figure){.value = (s64)(*once->to - *once->from) * 100, .single = true};
}

static void print_row(const char *name, const char *text, const struct bench_figure *figure)
{
	char value[BENCH_VALUE_TEXT];

	printk("%-36s%10s  %s\n", name, bench_value_text(figure, value), text);
}

struct bench_outcome bench_system(const char *glob)
{
	struct bench_figure once[ARRAY_SIZE(onces)], figure[ARRAY_SIZE(rows)];
	struct bench_outcome outcome = {0, 0};
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(onces); i++) {
		once[i] = once_figure(&onces[i]);
		if (bench_wanted(glob, onces[i].name))
			print_row(onces[i].name, onces[i].text, &once[i]);
	}
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!bench_wanted(glob, rows[i].name))
			continue;
		figure[i] = measure(&rows[i]);
		print_row(rows[i].name, rows[i].text, &figure[i]);
	}
	for (i = 0; i < ARRAY_SIZE(onces); i++) {
		if (!bench_wanted(glob, onces[i].name))
			continue;
		bench_line(onces[i].name, &once[i]);
		outcome.figures++;
	}
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!bench_wanted(glob, rows[i].name))
			continue;
		bench_line(rows[i].name, &figure[i]);
		outcome.figures++;
	}
	return outcome;
}
