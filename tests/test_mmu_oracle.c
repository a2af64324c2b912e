/*
 * The oracle: what mmu/vmmu says of an access is what the CPU does. Random contexts, page tables and accesses
 * (tests/oracle_gen.c) are executed for real (tests/oracle_world.c): fault or none, vector, error code, CR2, the byte
 * that is read, and A and D of every entry on the way must agree, access by access, and behind each case the data that
 * was written. A difference prints all that is needed to repeat it: `seed=CASE oracle=32` on the command line.
 *
 * What is left out because an emulator deviates: tests/deviations.def and tests/oracle_cpu.c. What no CPU is asked:
 * docs/TESTING.md. Read next: tests/oracle_check.c.
 */
#include "arch/cpufeature.h"
#include "arch/regs.h"
#include "boot/main.h"
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
static struct oracle_cpu cpu;
static u64 coverage[ORACLE_MODES][VMMU_FAULTS + 1]; /* the last: not canonical */

/* ---- flipped bits ---- */

/*
 * Each bit of permissions[] and of pkru_mask is flipped in turn, and accesses that the CPU has done are judged anew:
 * the number of the first that is judged otherwise, from 1; 0: none yet.
 */
static struct {
	bool wanted;
	u32 now;
	u32 permission[16][8], key[16][2];
} flips;

static int keep_entry(const struct vmmu_memory *mem, gpa_t at, unsigned bytes, u64 old, u64 new)
{
	(void)mem, (void)at, (void)bytes, (void)old, (void)new;
	return 0;
}

static bool is_seen(const struct vmmu *mmu, const struct oracle_access *a, u32 access)
{
	static const struct vmmu_memory memory = {oracle_shadow_read, keep_entry, NULL};
	struct vmmu_result r;

	mmu->gva_to_gpa(mmu, &memory, gva(a->va), access, &r);
	return oracle_compare_outcome(a, &r) != NULL;
}

/* Only this kind of access can look at the bits of its index. */
static void judge_flips(const struct vmmu *mmu, const struct oracle_access *a, u32 access)
{
	unsigned index = vmmu_permission_index(access);
	struct vmmu flipped = *mmu;

	flips.now++;
	for (unsigned acc = 0; acc < 8; acc++) {
		flipped.permissions[index] = mmu->permissions[index] ^ (u8)BIT(acc);
		if (!flips.permission[index][acc] && is_seen(&flipped, a, access))
			flips.permission[index][acc] = flips.now;
	}
	flipped.permissions[index] = mmu->permissions[index];
	for (unsigned bit = 0; bit < 2; bit++) {
		flipped.pkru_mask = mmu->pkru_mask ^ 1U << (index * 2 + bit);
		if (!flips.key[index][bit] && is_seen(&flipped, a, access))
			flips.key[index][bit] = flips.now;
	}
}

/* ---- cases ---- */

/* Runs the case @oc with @mmu for it. How many accesses agree, up to the first that does not. */
static unsigned run_case(const struct vmmu *mmu, unsigned count, bool quiet)
{
	oracle_run(&oc.ctx, count);
	for (unsigned n = 0; n < count; n++) {
		struct vmmu_result r;

		if (flips.wanted)
			judge_flips(mmu, &oracle_block->access[n], oc.access[n]);
		if (!oracle_check(n, mmu, &r, quiet))
			return n;
		coverage[oc.mode][min((unsigned)r.verdict, (unsigned)VMMU_FAULTS)]++;
	}
	return oracle_writes_agree() ? count : 0;
}

/* Random cases from @seed until @count accesses are done or one differs, or, quietly, @plant has made that certain. */
static u64 run_cases(u64 seed, u64 count, void (*plant)(struct vmmu *mmu))
{
	u64 done = 0, cases = 0, state = seed;

	oracle_case_begin();
	oracle_check_begin(&oc);
	while (done < count) {
		unsigned n = (unsigned)min(count - done, (u64)ORACLE_BATCH), agreed;
		struct vmmu mmu;

		lockup_touch();
		/* The seed itself is the first case's: a case that differs is repeated as the first. */
		oracle_case_make(&oc, &cpu, state - state % 3 + (seed + cases++) % 3);
		oracle_random(&state);
		vmmu_init(&mmu, &oc.ctx);
		if (!vmmu_load_pdptrs(&mmu, &oracle_memory)) {
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
static bool possible(enum oracle_mode mode, enum vmmu_verdict v)
{
	if (!cpu.modes[mode])
		return false;
	if (mode == ORACLE_NONE)
		return v == VMMU_OK;
	switch (v) {
	case VMMU_RESERVED:
		return mode != ORACLE_32 || cpu.pse;
	case VMMU_NO_EXECUTE:
		return mode != ORACLE_32;
	case VMMU_SMEP:
		return cpu.cr4_choice & X86_CR4_SMEP;
	case VMMU_SMAP:
		return cpu.cr4_choice & X86_CR4_SMAP;
	case VMMU_PKU:
		return mode >= ORACLE_LONG4 && (cpu.cr4_choice & X86_CR4_PKE);
	case VMMU_NONCANONICAL:
		return mode >= ORACLE_LONG4;
	default:
		return true;
	}
}

static void print_coverage(void)
{
	printk("# oracle  ");
	for (unsigned v = 0; v <= VMMU_FAULTS; v++)
		printk(" %8s", vmmu_verdict_name(v));
	printk("\n");
	for (unsigned mode = 0; mode < ORACLE_MODES; mode++) {
		printk("# %-8s", oracle_mode_names[mode]);
		for (unsigned v = 0; v <= VMMU_FAULTS; v++) {
			bool can = possible(mode, v);

			if (can)
				printk(" %8lu", coverage[mode][v]);
			else
				printk(" %8s", "-");
			if ((coverage[mode][v] > 0) != can)
				ktest_fail(__FILE__, __LINE__, "%s: %s was seen %lu times", oracle_mode_names[mode],
					   vmmu_verdict_name(v), coverage[mode][v]);
		}
		printk("\n");
	}
	if (cpu.high)
		printk("# oracle: %lu accesses above 4 GiB\n", oracle_high_count);
	EXPECT(!cpu.high || oracle_high_count);
}

/* ---- the tests ---- */

static bool begin(void)
{
	if (!oracle_open())
		return false;
	cpu = oracle_cpu_here();
	oracle_note_deviations();
	return true;
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

	REQUIRE(begin());
	memset(coverage, 0, sizeof(coverage));
	oracle_high_count = 0;
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

/* Says when the last of the bits in @seen was seen; those of accesses that both write and fetch do not count. */
static void judge_last(const char *name, const u32 *seen, unsigned per_index)
{
	unsigned last = 0, bits = 0;

	for (unsigned i = 0; i < 16 * per_index; i++) {
		unsigned index = i / per_index, both = (VMMU_WRITE | VMMU_FETCH) >> 1;

		if ((index & both) == both)
			continue;
		bits++;
		last = max(last, seen[i]);
		if (!seen[i])
			ktest_fail(__FILE__, __LINE__, "%s: index %u, bit %u flipped is not seen", name, index,
				   i % per_index);
	}
	printk("# oracle: each of %u bits of %s flipped is seen, the last at access %u\n", bits, name, last - 1);
}

TEST(mmu_oracle_sees_flipped_bits)
{
	REQUIRE(begin());
	memset(&flips, 0, sizeof(flips));
	flips.wanted = true;
	EXPECT_EQ(run_cases(boot_options.seed ?: DEFAULT_SEED, FAULT_AT_MOST, NULL), FAULT_AT_MOST);
	flips.wanted = false;
	judge_last("permissions[]", flips.permission[0], 8);
	judge_last("pkru_mask", flips.key[0], 2);
	oracle_close();
}

TEST(mmu_oracle_sees_planted_bugs)
{
	REQUIRE(begin());
	for (unsigned i = 0; i < ARRAY_SIZE(bugs); i++) {
		u64 agreed = run_cases(boot_options.seed ?: DEFAULT_SEED, FAULT_AT_MOST, bugs[i].plant);

		printk("# oracle: \"%s\" is seen at access %lu\n", bugs[i].name, agreed);
		EXPECT(agreed < FAULT_AT_MOST);
	}
	oracle_close();
}
