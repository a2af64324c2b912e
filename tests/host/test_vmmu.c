/*
 * mmu/vmmu against the naive model (tests/host/vmmu_naive.h): random contexts, tables and accesses, in every mode; then
 * what random ones do not reach: entries that change under the walk, a memory that ends, PAE's registers, the names.
 * A difference prints the seed; with SEED=N in the environment that world is the first.
 */
#include "tests/host/host.h"
#include "tests/host/vmmu_naive.h"

#include "lib/errno.h"
#include "mmu/vmmu.c"
#include "mmu/vmmu_walk.c"

/* ---- the model's memory, for the walk under test ---- */

struct box {
	struct naive *n;
	unsigned reads, exchanges;
	int refuse;                                              /* what the next exchanges say */
	void (*before)(struct box *box, u8 *at, unsigned bytes); /* is called before an exchange */
};

static bool box_read(const struct vmmu_memory *mem, gpa_t at, unsigned bytes, u64 *value)
{
	struct box *box = mem->private;
	void *p = naive_at(box->n, gpa_num(at), bytes);

	assert_true(gpa_aligned(at, bytes));
	box->reads++;
	if (!p)
		return false;
	*value = bytes == 4 ? *(u32 *)p : *(u64 *)p;
	return true;
}

static int box_cmpxchg(const struct vmmu_memory *mem, gpa_t at, unsigned bytes, u64 old, u64 new)
{
	struct box *box = mem->private;
	u8 *p = naive_at(box->n, gpa_num(at), bytes);
	u64 now = 0;

	box->exchanges++;
	if (box->refuse || !p)
		return box->refuse ?: -EFAULT;
	if (box->before)
		box->before(box, p, bytes);
	memcpy(&now, p, bytes);
	if (now != old)
		return -EAGAIN;
	memcpy(p, &new, bytes);
	return 0;
}

static struct vmmu_memory memory_of(struct box *box)
{
	return (struct vmmu_memory){box_read, box_cmpxchg, box};
}

/* ---- random worlds ---- */

static u64 seed;

static u64 rnd(u64 below)
{
	return next_random(&seed) % below;
}

static bool odds(unsigned in)
{
	return rnd(in) == 0;
}

static u64 some_bits(u64 mask)
{
	return next_random(&seed) & mask;
}

enum mode { NONE, BITS32, PAE, LONG4, LONG5, MODES };

static struct vmmu_context random_context(enum mode mode)
{
	static const u8 widths[] = {32, 36, 39, 40, 46, 52};
	struct vmmu_context c = {
		.cr0 = BIT(0) | some_bits(BIT(16)) | (mode == NONE ? 0 : BIT(31)),
		.cr3 = NAIVE_BASE + rnd(NAIVE_PAGES) * 4096,
		.cr4 = some_bits(BIT(4) | BIT(7) | BIT(20) | BIT(21) | BIT(22)) | (mode >= PAE ? BIT(5) : 0) |
		       (mode == LONG5 ? BIT(12) : 0),
		.efer = some_bits(BIT(11)) | (mode >= LONG4 ? BIT(8) | BIT(10) : 0),
		.pkru = (u32)next_random(&seed),
		.maxphyaddr = widths[rnd(ARRAY_SIZE(widths))],
		.features = (u32)some_bits(VMMU_HAS_1G | VMMU_HAS_PSE36 | VMMU_AMD | VMMU_PDPTE_WALK),
	};

	if (mode == PAE)
		c.cr3 += rnd(128) * 32;
	return c;
}

/* Mostly present, mostly open, mostly leading to another of the pages; now and then anything. */
static u64 random_entry(enum mode mode)
{
	u64 e = some_bits(0xfff) | 1, page = NAIVE_BASE + rnd(NAIVE_PAGES) * 4096;

	if (odds(8))
		return next_random(&seed);
	if (!odds(8))
		e &= ~BIT(7);
	if (odds(16))
		e &= ~BIT(0);
	e |= some_bits(6) | some_bits(6);
	if (mode == BITS32)
		return e | (odds(16) ? (u32)next_random(&seed) << 12 : page);
	if (!odds(3))
		e &= ~BIT(8);
	if (odds(12))
		e |= BIT(63);
	if (mode >= LONG4 && odds(2))
		e |= some_bits(0x7ff0000000000000);
	if (odds(24))
		e |= BIT(12 + rnd(51));
	if (odds(8)) /* a large page's address */
		page &= ~0x1fffffUL;
	return e | page;
}

static void random_tables(struct naive *n, enum mode mode)
{
	u32 *narrow = (u32 *)n->memory;
	u64 *wide = (u64 *)n->memory;

	if (mode == BITS32)
		for (unsigned i = 0; i < sizeof(n->memory) / 4; i++)
			narrow[i] = (u32)random_entry(mode);
	else
		for (unsigned i = 0; i < sizeof(n->memory) / 8; i++)
			wide[i] = random_entry(mode);
	if (mode == PAE) { /* entries that a CR3 could be loaded with, most of the time */
		wide = naive_at(n, n->c.cr3, 32);
		for (unsigned i = 0; i < 4; i++)
			wide[i] = odds(16) ? wide[i] : wide[i] & (0x000ffffffffff019 & (BIT(n->c.maxphyaddr) - 1));
	}
}

static u64 random_gva(enum mode mode)
{
	u64 gva = next_random(&seed);

	if (mode <= PAE)
		return odds(8) ? gva : (u32)gva;
	if (odds(16))
		return gva;
	return mode == LONG5 ? (u64)((s64)(gva << 7) >> 7) : (u64)((s64)(gva << 16) >> 16);
}

static u32 random_access(void)
{
	static const u32 kinds[] = {0, VMMU_WRITE, VMMU_FETCH};
	u32 access = kinds[rnd(3)] | (u32)some_bits(VMMU_AC);

	return access | (odds(2) ? VMMU_USER : odds(4) ? VMMU_IMPLICIT : 0);
}

/* ---- the comparison ---- */

static unsigned coverage[MODES][VMMU_VERDICTS];

/* The entries that the naive walk used, in both memories. All else is compared when a world ends. */
static bool same_path(struct naive *n, struct naive *walked)
{
	for (unsigned i = 0; i < n->steps; i++)
		if (memcmp(naive_at(n, n->path[i], 4), naive_at(walked, n->path[i], 4), 4) != 0)
			return false;
	return true;
}

static void check(const struct vmmu_result *r, struct naive *n, struct naive *walked, u64 was_seed)
{
	bool gpa_counts = r->verdict == VMMU_OK || r->verdict == VMMU_NO_TABLE;

	if (r->verdict == n->verdict && r->error == n->error && (!gpa_counts || gpa_num(r->gpa) == n->gpa) &&
	    r->page_size == n->size && same_path(n, walked) &&
	    r->level == (n->verdict == VMMU_NONCANONICAL ? 0 : n->level))
		return;
	fail_msg("SEED=%#lx cr0 %#lx cr3 %#lx cr4 %#lx efer %#lx pkru %#x maxphyaddr %u features %#x\n"
		 "gva %#lx access %#x last entry %#lx\n"
		 "vmmu: %s error %#x gpa %#lx size %#lx level %u; naive: %s error %#x gpa %#lx size %#lx level %u; "
		 "memory %s",
		 was_seed, n->c.cr0, n->c.cr3, n->c.cr4, n->c.efer, n->c.pkru, n->c.maxphyaddr, n->c.features, n->gva,
		 n->access, n->last, vmmu_verdict_name(r->verdict), r->error, gpa_num(r->gpa), r->page_size, r->level,
		 vmmu_verdict_name(n->verdict), n->error, n->gpa, n->size, n->level,
		 same_path(n, walked) ? "is the same" : "differs");
}

/* Loads PDPTEs; true if a CPU would take this CR3: PAE's entries (SDM 3A 4.4.1), asked of the naive rules. */
static bool cr3_is_taken(struct naive *n)
{
	for (unsigned i = 0; i < 4; i++) {
		u64 *e = naive_at(n, n->c.cr3 + i * 8, 8);

		if (bit(*e, 0) && bad_pae(n, 3, *e))
			return false;
		n->pdpte[i] = *e;
	}
	return true;
}

static void one_world(enum mode mode, unsigned accesses)
{
	static struct naive n, walked;
	u64 was_seed = seed;
	struct box box = {.n = &walked};
	struct vmmu_memory mem = memory_of(&box);
	struct vmmu mmu;

	n.c = random_context(mode);
	random_tables(&n, mode);
	walked = n;
	vmmu_init(&mmu, &n.c);
	if (mode == PAE && !(n.c.features & VMMU_PDPTE_WALK)) {
		bool taken = vmmu_load_pdptrs(&mmu, &mem);

		assert_int_equal(taken, cr3_is_taken(&n));
		if (!taken)
			return;
	} else {
		assert_true(vmmu_load_pdptrs(&mmu, &mem));
	}
	while (accesses--) {
		struct vmmu_result r;
		enum vmmu_verdict v;

		n.gva = random_gva(mode);
		n.access = random_access();
		box.reads = 0;
		v = mmu.gva_to_gpa(&mmu, &mem, gva(n.gva), n.access, &r);
		assert_int_equal(v, r.verdict);
		naive_translate(&n);
		check(&r, &n, &walked, was_seed);
		/* An entry that is used at two levels changes under its own walk, which then begins again. */
		assert_true(box.reads <= 3 * VMMU_LEVELS);
		coverage[mode][r.verdict]++;
	}
	assert_memory_equal(n.memory, walked.memory, sizeof(n.memory));
}

static void agrees_with_the_naive_model(void **state)
{
	static const char *const names[MODES] = {"none", "32-bit", "PAE", "4 levels", "5 levels"};

	(void)state;
	seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : 0x76a1d5b2c3e4f607;
	for (unsigned world = 0; world < 2500; world++)
		one_world(world % MODES, 200);
	for (unsigned mode = NONE; mode < MODES; mode++) {
		print_message("%-8s", names[mode]);
		for (unsigned v = VMMU_OK; v < VMMU_BUSY; v++) {
			bool possible = mode == NONE                              ? v == VMMU_OK
					: v == VMMU_NONCANONICAL || v == VMMU_PKU ? mode >= LONG4
					: v == VMMU_NO_EXECUTE                    ? mode >= PAE
										  : true;

			print_message(" %s %u", vmmu_verdict_name(v), coverage[mode][v]);
			if (!getenv("SEED"))
				assert_int_equal(coverage[mode][v] > 0, possible);
		}
		print_message("\n");
	}
}

/* ---- one page of long mode, for what is not random ---- */

#define ENTRY_AT(level) (NAIVE_BASE + (5 - (level)) * 4096UL)

static struct naive simple;

static void simple_world(struct vmmu *mmu)
{
	simple = (struct naive){.c = {.cr0 = BIT(31) | BIT(16), .cr4 = BIT(5), .efer = BIT(10), .maxphyaddr = 40}};
	simple.c.cr3 = ENTRY_AT(4);
	for (unsigned level = 4; level > 1; level--)
		*(u64 *)naive_at(&simple, ENTRY_AT(level), 8) = ENTRY_AT(level - 1) | 7;
	*(u64 *)naive_at(&simple, ENTRY_AT(1), 8) = 0x123000 | 7;
	vmmu_init(mmu, &simple.c);
}

static void unmap_leaf(struct box *box, u8 *at, unsigned bytes)
{
	(void)at, (void)bytes;
	*(u64 *)naive_at(box->n, ENTRY_AT(1), 8) = 0;
}

/* The leaf goes away while A is set above: the walk begins again, and what it says is of the tables as they are now. */
static void begins_again_where_an_entry_changed(void **state)
{
	struct box box = {.n = &simple, .before = unmap_leaf};
	struct vmmu_memory mem = memory_of(&box);
	struct vmmu_result r;
	struct vmmu mmu;

	(void)state;
	simple_world(&mmu);
	mmu.gva_to_gpa(&mmu, &mem, gva(0x18), VMMU_WRITE, &r);
	assert_int_equal(r.verdict, VMMU_NOT_PRESENT);
	assert_int_equal(r.error, X86_PF_WRITE);
	assert_int_equal(r.level, 1);
	assert_int_equal(box.reads, 8);
	assert_int_equal(*(u64 *)naive_at(&simple, ENTRY_AT(1), 8), 0);
}

static void gives_up_where_entries_never_rest(void **state)
{
	struct box box = {.n = &simple, .refuse = -EAGAIN};
	struct vmmu_memory mem = memory_of(&box);
	struct vmmu_result r;
	struct vmmu mmu;

	(void)state;
	simple_world(&mmu);
	assert_int_equal(mmu.gva_to_gpa(&mmu, &mem, gva(0), 0, &r), VMMU_BUSY);
	assert_in_range(box.exchanges, 2, 100);
}

/* Memory that was there for reading and is not for writing: said as such, with its address. */
static void a_table_may_vanish(void **state)
{
	struct box box = {.n = &simple, .refuse = -EFAULT};
	struct vmmu_memory mem = memory_of(&box);
	struct vmmu_result r;
	struct vmmu mmu;

	(void)state;
	simple_world(&mmu);
	mmu.gva_to_gpa(&mmu, &mem, gva(0), 0, &r);
	assert_int_equal(r.verdict, VMMU_NO_TABLE);
	assert_int_equal(gpa_num(r.gpa), ENTRY_AT(4));
}

/* A and D that are set already are not written. */
static void writes_only_what_is_not_set(void **state)
{
	struct box box = {.n = &simple};
	struct vmmu_memory mem = memory_of(&box);
	struct vmmu_result r;
	struct vmmu mmu;

	(void)state;
	simple_world(&mmu);
	mmu.gva_to_gpa(&mmu, &mem, gva(0x18), 0, &r);
	assert_int_equal(r.verdict, VMMU_OK);
	assert_int_equal(gpa_num(r.gpa), 0x123018);
	assert_int_equal(box.exchanges, 4);
	mmu.gva_to_gpa(&mmu, &mem, gva(0x20), VMMU_USER, &r);
	assert_int_equal(box.exchanges, 4);
	mmu.gva_to_gpa(&mmu, &mem, gva(0x20), VMMU_WRITE, &r);
	assert_int_equal(box.exchanges, 5);
	assert_int_equal(*(u64 *)naive_at(&simple, ENTRY_AT(1), 8), 0x123000 | 7 | 0x60);
}

/* PAE: what the registers were loaded with counts, whatever the memory says later; AMD's nested walk reads it anew. */
static void pdptes_are_registers(void **state)
{
	static const u32 features[] = {0, VMMU_PDPTE_WALK};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct box box = {.n = &simple};
		struct vmmu_memory mem = memory_of(&box);
		struct vmmu_result r;
		struct vmmu mmu;

		simple_world(&mmu);
		simple.c = (struct vmmu_context){
			.cr0 = BIT(31), .cr3 = ENTRY_AT(3), .cr4 = BIT(5), .maxphyaddr = 40, .features = features[i]};
		*(u64 *)naive_at(&simple, ENTRY_AT(3), 8) = ENTRY_AT(2) | 1;
		vmmu_init(&mmu, &simple.c);
		assert_true(vmmu_load_pdptrs(&mmu, &mem));
		*(u64 *)naive_at(&simple, ENTRY_AT(3), 8) = 0;
		assert_int_equal(mmu.gva_to_gpa(&mmu, &mem, gva(0), 0, &r), i ? VMMU_NOT_PRESENT : VMMU_OK);
	}
}

/* APM 2 5.3.3: AMD reserves bit 8 where an entry leads to PDPEs or higher; Intel ignores it, and so does AMD below. */
static void bit_8_is_reserved_in_amds_upper_levels(void **state)
{
	static const u32 features[] = {0, VMMU_AMD};

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		for (unsigned level = 1; level <= VMMU_LEVELS; level++) {
			struct box box = {.n = &simple};
			struct vmmu_memory mem = memory_of(&box);
			struct vmmu_result r;
			struct vmmu mmu;

			simple_world(&mmu);
			simple.c.cr4 |= BIT(12);
			simple.c.cr3 = NAIVE_BASE + 5 * PAGE_SIZE;
			simple.c.features = features[i];
			*(u64 *)naive_at(&simple, simple.c.cr3, 8) = ENTRY_AT(4) | 7 | (level == 5 ? BIT(8) : 0);
			if (level < 5)
				*(u64 *)naive_at(&simple, ENTRY_AT(level), 8) |= BIT(8);
			vmmu_init(&mmu, &simple.c);
			assert_int_equal(mmu.gva_to_gpa(&mmu, &mem, gva(0), 0, &r),
					 i && level >= 4 ? VMMU_RESERVED : VMMU_OK);
		}
}

static void verdicts_have_names(void **state)
{
	(void)state;
	for (unsigned v = 0; v < VMMU_VERDICTS; v++)
		assert_non_null(vmmu_verdict_name(v));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(agrees_with_the_naive_model),
	cmocka_unit_test(begins_again_where_an_entry_changed),
	cmocka_unit_test(gives_up_where_entries_never_rest),
	cmocka_unit_test(a_table_may_vanish),
	cmocka_unit_test(writes_only_what_is_not_set),
	cmocka_unit_test(pdptes_are_registers),
	cmocka_unit_test(bit_8_is_reserved_in_amds_upper_levels),
	cmocka_unit_test(verdicts_have_names),
};

HOST_MAIN("mmu_vmmu", tests)
