/*
 * The audit: see mmu/audit.h. Two passes over the live root. The first joins neighbouring leaves into ranges and
 * collects the frames that are executable anywhere; the second judges each range by itself, by its region, and against
 * those frames. What it proves rests on the entries alone: it does not ask the code that wrote them.
 *
 * Must not know: how the tables came to be.
 */
#include "mmu/audit.h"

#include "arch/layout.h"
#include "arch/regs.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mmu/frame.h"
#include "mmu/pat.h"
#include "mmu/pt.h"
#include "mmu/region.h"
#include "pvops/pvops.h"

/* Executable frames, as ranges: text is one. More than fit is a violation in itself. */
#define EXEC_MAX 16

/* Leaves joined: address, frame and rights go on without a gap. */
struct run {
	ulong va;
	pa_t pa;
	u64 size;
	ulong rights, user; /* user: PTE_U if the leaf says so */
	enum mem_cache type;
	bool broken;
};

struct exec_range {
	pa_t base, end;
};

struct audit {
	struct audit_report *report;
	void (*judge)(struct audit *a, const struct run *run);
	struct run run; /* being joined; size 0: none */
	struct exec_range exec[EXEC_MAX];
	u32 exec_count;
	u64 leaf_count; /* of this pass */
	u32 printed;
};

#define PRINT_MAX 24 /* violations printed; the rest is counted */

static const char *const violation_names[AUDIT_KINDS] = {
	[AUDIT_WX_ALIAS] = "writable alias of an executable frame",
	[AUDIT_OUTSIDE] = "mapped outside the layout",
	[AUDIT_PAGE_ZERO] = "page zero is mapped",
	[AUDIT_USER] = "user bit in kernel space",
	[AUDIT_RIGHTS] = "more rights than the region allows",
	[AUDIT_GUARD] = "stack guard is mapped",
	[AUDIT_READONLY] = "read-only frame is writable",
	[AUDIT_WRONG_FRAME] = "linear region maps another frame",
	[AUDIT_NOT_RAM] = "region for RAM maps no RAM",
	[AUDIT_SHUT] = "poke window is open",
	[AUDIT_BROKEN] = "corrupt entry",
	[AUDIT_TYPE] = "memory type does not fit",
	[AUDIT_CPU] = "CPU does not enforce rights",
};

const char *audit_violation_name(enum audit_violation v)
{
	return v < AUDIT_KINDS ? violation_names[v] : "?";
}

static void violation(struct audit *a, enum audit_violation kind, const struct run *run, ulong va, pa_t pa)
{
	struct region region;
	const char *name = region_find(va, &region) ? region.name : "no region";

	a->report->violation_count++;
	a->report->count[kind]++;
	if (a->report->quiet || a->printed++ >= PRINT_MAX)
		return;
	log_line("audit", "%s: va %016lx pa %#lx, %#lx bytes from va %016lx, %s%s %s, in %s",
		 audit_violation_name(kind), va, pa_num(pa), run->size, run->va, region_rights_text(run->rights),
		 run->user ? " user" : "", run->size ? pat_name(run->type) : "", name);
}

/* ---- joining ---- */

static void finish_run(struct audit *a)
{
	if (a->run.size || a->run.broken)
		a->judge(a, &a->run);
	a->run.size = 0;
	a->run.broken = false;
}

static int join_leaf(const struct pt_leaf *leaf, void *private)
{
	struct audit *a = private;
	struct run *run = &a->run;
	ulong user = leaf->entry & PTE_U; /* only with it do upper levels' matter */
	enum mem_cache type = pat_type(leaf->entry, leaf->level);

	a->leaf_count += !leaf->broken;
	if (run->size && !run->broken && !leaf->broken && leaf->va == run->va + run->size &&
	    pa_eq(leaf->pa, pa_add(run->pa, run->size)) && leaf->rights == run->rights && user == run->user &&
	    type == run->type) {
		run->size += leaf->size;
	} else {
		finish_run(a);
		*run = (struct run){leaf->va, leaf->pa, leaf->size, leaf->rights, user, type, leaf->broken};
	}
	return 0;
}

static void pass(struct audit *a, const struct pt_root *root, void (*judge)(struct audit *a, const struct run *run))
{
	a->judge = judge;
	a->leaf_count = 0;
	a->run = (struct run){.size = 0};
	pt_for_each_leaf(root, 0, ~0UL, join_leaf, a);
	finish_run(a);
}

/* ---- first pass: what can be executed ---- */

static void collect_executable(struct audit *a, const struct run *run)
{
	if (run->broken || (run->rights & PTE_NX))
		return;
	a->report->executable_bytes += run->size;
	for (u32 i = 0; i < a->exec_count; i++) {
		if (pa_eq(a->exec[i].end, run->pa)) {
			a->exec[i].end = pa_add(run->pa, run->size);
			return;
		}
	}
	if (a->exec_count == EXEC_MAX) {
		violation(a, AUDIT_RIGHTS, run, run->va, run->pa);
		return;
	}
	a->exec[a->exec_count++] = (struct exec_range){run->pa, pa_add(run->pa, run->size)};
}

/* ---- second pass ---- */

static void judge_writable(struct audit *a, const struct run *run)
{
	pa_t end = pa_add(run->pa, run->size);
	/*
	 * Said here again and not asked of mmu/region.c, by which the tables were built: who judges must not share its
	 * mistake.
	 */
	const struct {
		pa_t base, end;
	} readonly[] = {
		{image_pa(__image_start), image_pa(__rodata_end)},
		{image_pa(__ksyms_start), image_pa(__image_end)},
	};

	a->report->writable_bytes += run->size;
	for (u32 i = 0; i < a->exec_count; i++) {
		pa_t at = pa_max(run->pa, a->exec[i].base);

		if (pa_below(at, pa_min(end, a->exec[i].end)))
			violation(a, AUDIT_WX_ALIAS, run, run->va + pa_diff(at, run->pa), at);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(readonly); i++) {
		pa_t at = pa_max(run->pa, readonly[i].base);

		if (pa_below(at, pa_min(end, readonly[i].end)))
			violation(a, AUDIT_READONLY, run, run->va + pa_diff(at, run->pa), at);
	}
}

/* The first address from @base on, below @end, that is not RAM; @end: all of it is. */
static pa_t first_not_ram(pa_t from, pa_t end)
{
	const struct memmap *map = frame_memmap();
	u64 base = pa_num(from);

	for (u32 i = 0; i < map->count && base < pa_num(end); i++) {
		const struct mem_range *r = &map->range[i];

		if (mem_type_is_ram(r->type) && base >= r->base && base < r->end)
			base = r->end;
	}
	return pa_min(pa(base), end);
}

static bool touches_ram(pa_t base, pa_t end)
{
	const struct memmap *map = frame_memmap();

	for (u32 i = 0; i < map->count; i++)
		if (mem_type_is_ram(map->range[i].type) && pa_num(base) < map->range[i].end &&
		    map->range[i].base < pa_num(end))
			return true;
	return false;
}

/* One frame has one type, whoever maps it: RAM is mapped WB elsewhere (SDM 3A 11.12.4). */
static void judge_type(struct audit *a, const struct run *run)
{
	bool ram = touches_ram(run->pa, pa_add(run->pa, run->size)), device = run->va - MMIO_BASE < MMIO_SIZE && !ram;

	if (run->type == CACHE_WB ? device : ram)
		violation(a, AUDIT_TYPE, run, run->va, run->pa);
}

/* The part [va, va + size) of a run that lies in one region. */
static void judge_in_region(struct audit *a, const struct run *run, const struct region *region, ulong va, u64 size)
{
	pa_t pa = pa_add(run->pa, va - run->va), bad;

	if (((run->rights & PTE_W) && !(region->rights & REGION_W)) ||
	    (!(run->rights & PTE_NX) && !(region->rights & REGION_X)))
		violation(a, AUDIT_RIGHTS, run, va, pa);
	if (region->rights & REGION_SHUT)
		violation(a, AUDIT_SHUT, run, va, pa);
	if (region->linear && va - pa_num(pa) != region->offset)
		violation(a, AUDIT_WRONG_FRAME, run, va, pa);
	if (region->linear) {
		bad = first_not_ram(pa, pa_add(pa, size));
		if (pa_diff(bad, pa) < size)
			violation(a, AUDIT_NOT_RAM, run, va + pa_diff(bad, pa), bad);
	}
}

/* Cuts a run at the borders of the regions. */
static void judge_regions(struct audit *a, const struct run *run)
{
	for (u64 done = 0; done < run->size;) {
		ulong va = run->va + done;
		u64 size = run->size - done;
		struct region region;

		if (region_find(va, &region)) {
			size = min(size, (u64)((ulong)region.end - va));
			judge_in_region(a, run, &region, va, size);
		} else {
			size = min(size, region_next(va) - va);
			violation(a, AUDIT_OUTSIDE, run, va, pa_add(run->pa, done));
		}
		done += size;
	}
}

static void judge_guards(struct audit *a, const struct run *run)
{
	const ulong va = run->va;
	ulong guard;

	for (unsigned i = 0; (guard = region_guard(i)); i++) {
		ulong at = max(va, guard);

		if (at < guard + KSTACK_GUARD && at - va < run->size)
			violation(a, AUDIT_GUARD, run, at, pa_add(run->pa, at - va));
	}
}

static void judge_run(struct audit *a, const struct run *run)
{
	a->report->range_count++;
	if (run->broken) {
		violation(a, AUDIT_BROKEN, run, run->va, run->pa);
		return;
	}
	if (run->va == 0)
		violation(a, AUDIT_PAGE_ZERO, run, 0, run->pa);
	if (run->user)
		violation(a, AUDIT_USER, run, run->va, run->pa);
	judge_type(a, run);
	judge_regions(a, run);
	judge_guards(a, run);
	if (run->rights & PTE_W)
		judge_writable(a, run);
}

int audit_kernel_space(struct audit_report *r)
{
	struct pt_root live = pt_live_root();
	struct run none = {.size = 0};
	struct audit a = {.report = r};
	bool quiet = r->quiet;

	memset(r, 0, sizeof(*r));
	r->quiet = quiet;
	if (!(pv_read_cr0() & X86_CR0_WP) || !(pv_read_msr(MSR_EFER) & EFER_NXE))
		violation(&a, AUDIT_CPU, &none, 0, PA_NONE);
	pass(&a, &live, collect_executable);
	pass(&a, &live, judge_run);
	r->leaf_count = a.leaf_count;
	if (a.printed > PRINT_MAX)
		log_line("audit", "%u more violations", a.printed - PRINT_MAX);
	return (int)r->violation_count;
}
