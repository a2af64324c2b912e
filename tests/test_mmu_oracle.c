/*
 * The oracle: what mmu/vmmu says of an access is what the CPU does. Random contexts, page tables and accesses
 * (tests/oracle_gen.c) are executed for real (tests/oracle_world.c): fault or none, vector, error code, CR2, the byte
 * that is read, and A and D of every entry on the way must agree, access by access. A difference prints all that is
 * needed to repeat it: `seed=CASE oracle=32` on the command line.
 *
 * What a CPU may do and need not: set A in entries that a faulting walk has used (mmu/vmmu.h). What is left out:
 * tests/deviations.def.
 */
#include "arch/cpufeature.h"
#include "arch/layout.h"
#include "arch/pte.h"
#include "arch/regs.h"
#include "boot/main.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "machine/lockup.h"
#include "mmu/frame.h"
#include "pvops/pvops.h"
#include "tests/ktest.h"
#include "tests/oracle.h"

#define DEFAULT_COUNT 50000
#define KVM_COUNT     10000 /* where the way to another mode and back takes some ten exits */
#define FULL_COVERAGE 10000 /* so many that no cell of the coverage may be empty */
#define DEFAULT_SEED  0x9e3779b97f4a7c15UL
#define FAULT_AT_MOST 1000 /* accesses within which a planted bug must show */

static struct oracle_case oc;
static bool rsvd_without_p;                         /* this emulator's error code for reserved bits lacks P */
static bool pdpte_has_a;                            /* it sets A in PAE's PDPTEs */
static bool rsvd_has_a;                             /* and in a large leaf that has reserved bits set */
static u64 coverage[ORACLE_MODES][VMMU_FAULTS + 1]; /* the last: not canonical */
static u64 high_count;                              /* accesses above 4 GiB, by PSE-36 */

static const char *const mode_names[ORACLE_MODES] = {"none", "32-bit", "PAE", "4-level", "5-level"};

/* ---- the shadow as vmmu's memory ---- */

static bool shadow_read(const struct vmmu_memory *mem, gpa_t at, unsigned bytes, u64 *value)
{
	const void *p = oracle_shadow(gpa_num(at));

	(void)mem;
	*value = 0;
	if (p)
		memcpy(value, p, bytes);
	return p != NULL;
}

static int shadow_cmpxchg(const struct vmmu_memory *mem, gpa_t at, unsigned bytes, u64 old, u64 new)
{
	u64 now;

	if (!shadow_read(mem, at, bytes, &now))
		return -EFAULT;
	if (now != old)
		return -EAGAIN;
	memcpy(oracle_shadow(gpa_num(at)), &new, bytes);
	return 0;
}

static const struct vmmu_memory shadow_memory = {shadow_read, shadow_cmpxchg, NULL};

/* ---- one access ---- */

/* What the CPU must say where vmmu says @r; NULL if it does, else what differs. */
static const char *compare_outcome(const struct oracle_access *a, const struct vmmu_result *r)
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
		return oracle_pattern((unsigned)(at / PAGE_SIZE), at % PAGE_SIZE);
	return frame_is_ram(pa) ? *(volatile u8 *)pa_va(pa) : -1;
}

static const char *compare_place(const struct oracle_access *a, const struct vmmu_result *r)
{
	if (r->verdict != VMMU_OK)
		return NULL;
	if (a->kind == ORACLE_FETCH) /* behind the int3 that was executed */
		return a->rip == a->va + 1 ? NULL : "RIP";
	high_count += gpa_num(r->gpa) >= 4 * GIB;
	return a->kind != ORACLE_READ || (int)a->value == byte_at(pa(gpa_num(r->gpa))) ? NULL : "byte read";
}

/* A and D, entry by entry. Where the walk faulted, A that the CPU has set all the same is taken over. */
static const char *compare_entries(const struct oracle_access *a, const struct vmmu_result *r)
{
	unsigned bytes = oracle_entry_size(oc.mode), levels = oracle_levels(oc.mode);
	u64 mask = bytes == 4 ? 0xffffffff : ~0UL;

	for (unsigned i = 0; i < levels && a->snap[i]; i++) {
		u64 want = 0, seen = a->seen[i] & mask;
		bool may_a = r->verdict != VMMU_OK && (r->accessed >> (levels - 1 - i) & 1);

		may_a |= rsvd_has_a && r->verdict == VMMU_RESERVED && levels - i == r->level;

		if (pdpte_has_a && oc.mode == ORACLE_PAE && i == 0)
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
	u64 mask = oracle_entry_size(oc.mode) == 4 ? 0xffffffff : ~0UL;

	for (unsigned i = 0; i < oracle_levels(oc.mode) && a->snap[i]; i++) {
		u64 want = 0;

		memcpy(&want, oracle_shadow(a->snap[i]), oracle_entry_size(oc.mode));
		printk("# level %u entry at %#x: %#lx; behind it CPU %#lx, vmmu %#lx\n", oracle_levels(oc.mode) - i,
		       a->snap[i], before[i], a->seen[i] & mask, want);
	}
}

static void print_difference(unsigned n, const struct vmmu_result *r, const char *what, const u64 *before)
{
	const struct oracle_access *a = &oracle_block->access[n];
	static const char *const kinds[] = {"read", "write", "fetch", "descriptor"};

	printk("# oracle: %s differs: case %#lx, access %u, %s\n", what, oc.seed, n, mode_names[oc.mode]);
	printk("# cr0 %#lx cr3 %#lx cr4 %#lx efer %#lx pkru %#x maxphyaddr %u features %#x\n", oc.ctx.cr0, oc.ctx.cr3,
	       oc.ctx.cr4, oc.ctx.efer, oc.ctx.pkru, oc.ctx.maxphyaddr, oc.ctx.features);
	printk("# %s of %#lx at CPL %u, EFLAGS %#x\n", kinds[a->kind], a->va, a->user ? 3 : 0, a->flags);
	print_entries(a, before);
	printk("# CPU: vector %u error %#x cr2 %#lx rip %#lx byte %#x\n", a->vector, a->error, a->cr2, a->rip,
	       a->value);
	printk("# vmmu: %s error %#x level %u gpa %#lx page %#lx used %#x\n", vmmu_verdict_name(r->verdict), r->error,
	       r->level, gpa_num(r->gpa), r->page_size, r->accessed);
}

/* ---- cases ---- */

static void remember(const struct oracle_access *a, u64 *before)
{
	for (unsigned i = 0; i < ORACLE_LEVELS; i++) {
		before[i] = 0;
		if (a->snap[i])
			memcpy(&before[i], oracle_shadow(a->snap[i]), oracle_entry_size(oc.mode));
	}
}

/* Runs the case @oc with @mmu for it. How many accesses agree, up to the first that does not. */
static unsigned run_case(struct vmmu *mmu, unsigned count, bool quiet)
{
	oracle_run(&oc.ctx, count);
	for (unsigned n = 0; n < count; n++) {
		const struct oracle_access *a = &oracle_block->access[n];
		const char *what;
		struct vmmu_result r;
		u64 before[ORACLE_LEVELS];

		remember(a, before);
		mmu->gva_to_gpa(mmu, &shadow_memory, gva(a->va), oc.access[n], &r);
		what = compare_outcome(a, &r) ?: compare_place(a, &r) ?: compare_entries(a, &r);
		if (what) {
			if (!quiet)
				print_difference(n, &r, what, before);
			return n;
		}
		coverage[oc.mode][min((unsigned)r.verdict, (unsigned)VMMU_FAULTS)]++;
	}
	return count;
}

/* Random cases from @seed until @count accesses are done or one differs, or, quietly, @plant has made that certain. */
static u64 run_cases(u64 seed, u64 count, void (*plant)(struct vmmu *mmu))
{
	struct oracle_cpu cpu = oracle_cpu_here();
	u64 done = 0, state = seed;

	oracle_case_begin();
	while (done < count) {
		unsigned n = (unsigned)min(count - done, (u64)ORACLE_BATCH), agreed;
		struct vmmu mmu;

		lockup_touch();
		/* The seed itself is the first case's: a case that differs is repeated as the first. */
		oracle_case_make(&oc, &cpu, state);
		oracle_random(&state);
		vmmu_init(&mmu, &oc.ctx);
		if (!vmmu_load_pdptrs(&mmu, &shadow_memory)) {
			ktest_fail(__FILE__, __LINE__, "case %#lx: CR3 would be refused", oc.seed);
			return done;
		}
		if (plant)
			plant(&mmu);
		agreed = run_case(&mmu, n, plant != NULL);
		done += agreed;
		if (agreed < n)
			break;
	}
	return done;
}

/* ---- coverage ---- */

/* What the mode and this CPU can produce at all. */
static bool possible(enum oracle_mode mode, enum vmmu_verdict v, const struct oracle_cpu *cpu)
{
	if (!cpu->modes[mode])
		return false;
	if (mode == ORACLE_NONE)
		return v == VMMU_OK;
	switch (v) {
	case VMMU_RESERVED:
		return mode != ORACLE_32 || cpu->pse;
	case VMMU_NO_EXECUTE:
		return mode != ORACLE_32;
	case VMMU_SMEP:
		return cpu->cr4_choice & X86_CR4_SMEP;
	case VMMU_SMAP:
		return cpu->cr4_choice & X86_CR4_SMAP;
	case VMMU_PKU:
		return mode >= ORACLE_LONG4 && (cpu->cr4_choice & X86_CR4_PKE);
	case VMMU_NONCANONICAL:
		return mode >= ORACLE_LONG4;
	default:
		return true;
	}
}

static void print_coverage(void)
{
	struct oracle_cpu cpu = oracle_cpu_here();

	printk("# oracle  ");
	for (unsigned v = 0; v <= VMMU_FAULTS; v++)
		printk(" %8s", vmmu_verdict_name(v));
	printk("\n");
	for (unsigned mode = 0; mode < ORACLE_MODES; mode++) {
		printk("# %-8s", mode_names[mode]);
		for (unsigned v = 0; v <= VMMU_FAULTS; v++) {
			bool can = possible(mode, v, &cpu);

			if (can)
				printk(" %8lu", coverage[mode][v]);
			else
				printk(" %8s", "-");
			if ((coverage[mode][v] > 0) != can)
				ktest_fail(__FILE__, __LINE__, "%s: %s was seen %lu times", mode_names[mode],
					   vmmu_verdict_name(v), coverage[mode][v]);
		}
		printk("\n");
	}
	if (cpu.high)
		printk("# oracle: %lu accesses above 4 GiB by PSE-36\n", high_count);
	EXPECT(!cpu.high || high_count);
}

/* ---- the tests ---- */

static void note_deviations(void)
{
	rsvd_without_p = ktest_deviates("tcg_rsvd_error");
	rsvd_has_a = ktest_deviates("tcg_rsvd_accessed");
	pdpte_has_a = ktest_deviates("tcg_pdpte_accessed");
}

/* As many as the command line says, from another seed each time, or from the one that it gives. */
static u64 choose_count(void)
{
	if (boot_options.oracle)
		return boot_options.oracle;
	return strcmp(cpu_info.hypervisor, "KVMKVMKVM") == 0 ? KVM_COUNT : DEFAULT_COUNT;
}

static u64 choose_seed(void)
{
	if (boot_options.seed)
		return boot_options.seed;
	return boot_options.oracle ? pv_read_tsc() | 1 : DEFAULT_SEED;
}

TEST(mmu_oracle_agrees_with_the_cpu)
{
	u64 count = choose_count(), seed = choose_seed(), before = frame_stats().free_count, done;

	REQUIRE(oracle_open());
	memset(coverage, 0, sizeof(coverage));
	high_count = 0;
	note_deviations();
	done = run_cases(seed, count, NULL);
	printk("# oracle: %lu accesses from seed %#lx agree\n", done, seed);
	EXPECT_EQ(done, count);
	if (done >= FULL_COVERAGE)
		print_coverage();
	oracle_close();
	EXPECT_EQ(frame_stats().free_count, before);
}

/* Bugs planted in the tables of struct vmmu: the oracle must see each soon. */
static void writes_are_reads(struct vmmu *mmu)
{
	for (unsigned i = 0; i < 16; i++)
		mmu->permissions[i | VMMU_WRITE >> 1] = mmu->permissions[i & ~(VMMU_WRITE >> 1)];
}

static void supervisor_is_user(struct vmmu *mmu)
{
	for (unsigned i = 0; i < 16; i++)
		mmu->permissions[i & ~(VMMU_USER >> 1)] = mmu->permissions[i | VMMU_USER >> 1];
}

static void one_permission(struct vmmu *mmu) /* user mode may read what is not user mode's, if it may execute it */
{
	mmu->permissions[VMMU_USER >> 1] &= (u8)~BIT(VMMU_ACC_EXEC | VMMU_ACC_WRITE);
}

static void nothing_reserved(struct vmmu *mmu)
{
	memset(mmu->rsvd_bits_mask, 0, sizeof(mmu->rsvd_bits_mask));
}

static void large_pages_have_no_reserved_bits(struct vmmu *mmu)
{
	mmu->rsvd_bits_mask[1][1] &= ~0x3fe000UL;
}

static void no_large_pages(struct vmmu *mmu)
{
	mmu->last_pte_bitmap &= (u32) ~(BIT(8 + 2) | BIT(8 + 3));
}

static const struct {
	const char *name;
	void (*plant)(struct vmmu *mmu);
} bugs[] = {
	{"writes are as free as reads", writes_are_reads},
	{"the supervisor has user mode's rights", supervisor_is_user},
	{"one bit of one permission", one_permission},
	{"no bit is reserved", nothing_reserved},
	{"a large page's low bits are not reserved", large_pages_have_no_reserved_bits},
	{"no entry is a large page", no_large_pages},
};

TEST(mmu_oracle_sees_planted_bugs)
{
	REQUIRE(oracle_open());
	note_deviations();
	for (unsigned i = 0; i < ARRAY_SIZE(bugs); i++) {
		u64 agreed = run_cases(boot_options.seed ?: DEFAULT_SEED, FAULT_AT_MOST, bugs[i].plant);

		printk("# oracle: \"%s\" is seen at access %lu\n", bugs[i].name, agreed);
		EXPECT(agreed < FAULT_AT_MOST);
	}
	oracle_close();
}
