/*
 * One access of the oracle, judged: what mmu/vmmu says of it, with the shadow for its memory, against what the CPU did.
 * What a CPU may do and need not: set A in entries that a faulting walk has used (mmu/vmmu.h).
 *
 * Must not know: how cases come about. Read next: tests/test_mmu_oracle.c.
 */
#include "arch/layout.h"
#include "arch/pte.h"
#include "arch/regs.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mmu/frame.h"
#include "tests/ktest.h"
#include "tests/oracle.h"

static const struct oracle_case *oc;
static bool rsvd_without_p;                          /* this emulator's error code for reserved bits lacks P */
static bool pdpte_has_a;                             /* it sets A in PAE's PDPTEs */
static bool rsvd_has_a;                              /* and in a large leaf that has reserved bits set */
static u8 data_shadow[ORACLE_DATA_PAGES][PAGE_SIZE]; /* what the data pages must hold */

const char *const oracle_mode_names[ORACLE_MODES] = {"none", "32-bit", "PAE", "4-level", "5-level"};
u64 oracle_high_count;

/* ---- the shadow as vmmu's memory ---- */

/* True if an empty table lies at @at. */
static bool is_far(u64 at)
{
	for (unsigned i = 0; i < oracle_far_count; i++)
		if (pa_num(oracle_far[i]) == ALIGN_DOWN(at, PAGE_SIZE))
			return true;
	return false;
}

bool oracle_shadow_read(const struct vmmu_memory *mem, gpa_t at, unsigned bytes, u64 *value)
{
	const void *p = oracle_shadow(gpa_num(at));

	(void)mem;
	*value = 0;
	if (p)
		memcpy(value, p, bytes);
	return p || is_far(gpa_num(at));
}

static int shadow_cmpxchg(const struct vmmu_memory *mem, gpa_t at, unsigned bytes, u64 old, u64 new)
{
	u64 now;

	if (!oracle_shadow(gpa_num(at)) || !oracle_shadow_read(mem, at, bytes, &now))
		return -EFAULT;
	if (now != old)
		return -EAGAIN;
	memcpy(oracle_shadow(gpa_num(at)), &new, bytes);
	return 0;
}

const struct vmmu_memory oracle_memory = {oracle_shadow_read, shadow_cmpxchg, NULL};

/* ---- one access ---- */

const char *oracle_compare_outcome(const struct oracle_access *a, const struct vmmu_result *r)
{
	u32 error = a->error;

	if (r->verdict == VMMU_OK && a->kind == ORACLE_DESCRIPTOR) /* it was read, and is a null one */
		return a->vector == X86_TRAP_GP && a->error == 4 ? NULL : "fault";
	if (r->verdict == VMMU_OK)
		return a->vector == X86_TRAP_BP ? NULL : "fault";
	if (r->verdict == VMMU_NONCANONICAL)
		return a->vector == X86_TRAP_GP && a->error == 0 ? NULL : "#GP";
	if (r->verdict >= VMMU_FAULTS)
		return "walk outside the tables";
	if (a->vector != X86_TRAP_PF)
		return "no fault";
	if (rsvd_without_p && (error & X86_PF_RSVD))
		error |= X86_PF_PROT;
	if (error != r->error)
		return "error code";
	return a->cr2 == a->va ? NULL : "CR2";
}

/* The byte that a read must find; -1: not known. */
static int byte_at(pa_t pa)
{
	u64 at = pa_num(pa) - oracle_pa(oracle_block->data);

	if (at < sizeof(oracle_block->data))
		return data_shadow[at / PAGE_SIZE][at % PAGE_SIZE];
	return frame_is_ram(pa) ? *(volatile u8 *)pa_va(pa) : -1;
}

/* Does what a write should have done; false: vmmu says that it went elsewhere. */
static bool write_shadow(const struct oracle_access *a, gpa_t to)
{
	u64 at = gpa_num(to) - oracle_pa(oracle_block->data);

	if (at >= sizeof(data_shadow))
		return false;
	data_shadow[at / PAGE_SIZE][at % PAGE_SIZE] = (u8)a->byte;
	return true;
}

static const char *compare_place(const struct oracle_access *a, const struct vmmu_result *r)
{
	if (r->verdict != VMMU_OK)
		return NULL;
	if (a->kind == ORACLE_FETCH) /* behind the int3 that was executed */
		return a->rip == a->va + 1 ? NULL : "RIP";
	if (a->kind == ORACLE_WRITE)
		return write_shadow(a, r->gpa) ? NULL : "place written";
	oracle_high_count += gpa_num(r->gpa) >= 4 * GIB;
	return a->kind != ORACLE_READ || (int)a->value == byte_at(pa(gpa_num(r->gpa))) ? NULL : "byte read";
}

/* A and D, entry by entry. Where the walk faulted, A that the CPU has set all the same is taken over. */
static const char *compare_entries(const struct oracle_access *a, const struct vmmu_result *r)
{
	unsigned bytes = oracle_entry_size(oc->mode), levels = oracle_levels(oc->mode);
	u64 mask = bytes == 4 ? 0xffffffff : ~0UL;

	for (unsigned i = 0; i < levels && a->snap[i]; i++) {
		u64 want = 0, seen = a->seen[i] & mask;
		bool may_a = r->verdict != VMMU_OK && (r->accessed >> (levels - 1 - i) & 1);

		may_a |= rsvd_has_a && r->verdict == VMMU_RESERVED && levels - i == r->level;

		if (pdpte_has_a && oc->mode == ORACLE_PAE && i == 0)
			seen &= ~PTE_A;

		memcpy(&want, oracle_shadow(a->snap[i]), bytes);
		if (seen == want)
			continue;
		if (!may_a || seen != (want | PTE_A))
			return "A or D";
		memcpy(oracle_shadow(a->snap[i]), &seen, bytes);
	}
	return NULL;
}

/* ---- a difference, in words ---- */

static void print_entries(const struct oracle_access *a, const u64 *before)
{
	u64 mask = oracle_entry_size(oc->mode) == 4 ? 0xffffffff : ~0UL;

	for (unsigned i = 0; i < oracle_levels(oc->mode) && a->snap[i]; i++) {
		u64 want = 0;

		memcpy(&want, oracle_shadow(a->snap[i]), oracle_entry_size(oc->mode));
		printk("# level %u entry at %#x: %#lx; behind it CPU %#lx, vmmu %#lx\n", oracle_levels(oc->mode) - i,
		       a->snap[i], before[i], a->seen[i] & mask, want);
	}
}

static void print_difference(unsigned n, const struct vmmu_result *r, const char *what, const u64 *before)
{
	const struct oracle_access *a = &oracle_block->access[n];
	static const char *const kinds[] = {"read", "write", "fetch", "descriptor"};

	printk("# oracle: %s differs: case %#lx, access %u, %s\n", what, oc->seed, n, oracle_mode_names[oc->mode]);
	printk("# cr0 %#lx cr3 %#lx cr4 %#lx efer %#lx pkru %#x maxphyaddr %u features %#x\n", oc->ctx.cr0, oc->ctx.cr3,
	       oc->ctx.cr4, oc->ctx.efer, oc->ctx.pkru, oc->ctx.maxphyaddr, oc->ctx.features);
	printk("# %s of %#lx at CPL %u, EFLAGS %#x\n", kinds[a->kind], a->va, a->user ? 3 : 0, a->flags);
	print_entries(a, before);
	printk("# CPU: vector %u error %#x cr2 %#lx rip %#lx byte %#x\n", a->vector, a->error, a->cr2, a->rip,
	       a->value);
	printk("# vmmu: %s error %#x level %u gpa %#lx page %#lx used %#x\n", vmmu_verdict_name(r->verdict), r->error,
	       r->level, gpa_num(r->gpa), r->page_size, r->accessed);
}

static void remember(const struct oracle_access *a, u64 *before)
{
	for (unsigned i = 0; i < ORACLE_LEVELS; i++) {
		before[i] = 0;
		if (a->snap[i])
			memcpy(&before[i], oracle_shadow(a->snap[i]), oracle_entry_size(oc->mode));
	}
}

void oracle_note_deviations(void)
{
	rsvd_without_p = ktest_deviates("tcg_rsvd_error");
	rsvd_has_a = ktest_deviates("tcg_rsvd_accessed");
	pdpte_has_a = ktest_deviates("tcg_pdpte_accessed");
}

void oracle_check_begin(const struct oracle_case *of)
{
	oc = of;
	memcpy(data_shadow, oracle_block->data, sizeof(data_shadow));
}

bool oracle_check(unsigned n, const struct vmmu *mmu, struct vmmu_result *r, bool quiet)
{
	const struct oracle_access *a = &oracle_block->access[n];
	u64 before[ORACLE_LEVELS];
	const char *what;

	remember(a, before);
	mmu->gva_to_gpa(mmu, &oracle_memory, gva(a->va), oc->access[n], r);
	what = oracle_compare_outcome(a, r) ?: compare_place(a, r) ?: compare_entries(a, r);
	if (what && !quiet)
		print_difference(n, r, what, before);
	return !what;
}

bool oracle_writes_agree(void)
{
	const u64 *want = (const u64 *)data_shadow, *is = (const u64 *)oracle_block->data;

	for (unsigned i = 0; i < sizeof(data_shadow) / 8; i++)
		if (is[i] != want[i]) {
			printk("# oracle: data at %#lx differs behind case %#lx: CPU %#lx, vmmu %#lx\n", i * 8UL,
			       oc->seed, is[i], want[i]);
			return false;
		}
	return true;
}
