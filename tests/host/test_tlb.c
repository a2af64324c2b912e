/*
 * Keeping of the TLB against a model of the hardware: CPUs with PCIDs or without, whose TLBs keep whatever the manual
 * lets them keep (SDM 3A 4.10). CPUs switch among more spaces than they have slots for, look at pages and change tables
 * at random; none may ever translate by an entry that is no longer there, and none may be asked in vain.
 */
#define ARCH_CPU_LOCAL_H
#define PARAVANE_HOST
#define ARCH_LAYOUT_H
#include "tests/host/host.h"
#include "tests/host/fakes.h"

#include "arch/cpufeature.h"
#include "arch/cpumask.h"
#include "pvops/pvops.h"

#define CPUS    3
#define SPACES  16
#define PAGES   48 /* of each space; as many again are the kernel's, global, the same in all */
#define PCIDS   8
#define NOTHING 0

struct cpu_local {
	unsigned id;
};
static struct cpu_local me;
static struct cpu_local *cpu_local(void)
{
	return &me;
}

struct cpu_info cpu_info;
struct cpumask cpu_online;
unsigned cpu_online_count;

#include "mmu/tlb.c"

/* ---- the hardware ---- */

static u64 table[SPACES + 1][PAGES]; /* what is mapped now; the last is the kernel's */
static struct pt_root roots[SPACES + 1];
static struct {
	ulong cr3;
	u64 cached[PCIDS][PAGES], global[PAGES];
} cpus[CPUS];
static unsigned kept, flushed, asked, page_flushes;

static unsigned pcid(void)
{
	return cpus[me.id].cr3 & 0xfff;
}

static unsigned space_here(void)
{
	return (cpus[me.id].cr3 >> 12) - 1;
}

void pv_write_cr3(ulong cr3)
{
	unsigned former = space_here();

	assert_true((cr3 & 0xfff) < PCIDS);
	if (cpus[me.id].cr3 && former < SPACES) /* others must ask this CPU still: it walks there until now */
		assert_true(cpumask_has(&roots[former].tlb.cpus, me.id));
	if (!cpu_has(X86_FEATURE_PCID))
		assert_int_equal(cr3 & (0xfff | BIT(63)), 0); /* reserved: #GP */
	cpus[me.id].cr3 = cr3 & ~BIT(63);
	if (cr3 & BIT(63)) {
		kept++;
		return;
	}
	flushed++;
	memset(cpus[me.id].cached[pcid()], 0, sizeof(cpus[0].cached[0]));
}

void pv_flush_tlb_user(void)
{
	memset(cpus[me.id].cached[pcid()], 0, sizeof(cpus[0].cached[0]));
}

void pv_flush_tlb_kernel(void)
{
	memset(cpus[me.id].cached, 0, sizeof(cpus[0].cached));
	memset(cpus[me.id].global, 0, sizeof(cpus[0].global));
}

/* Addresses are those of page numbers; the kernel's lie behind the users'. INVLPG drops globals whatever the PCID. */
void pv_flush_tlb_one_user(ulong va)
{
	page_flushes++;
	if (va / 4096 < PAGES)
		cpus[me.id].cached[pcid()][va / 4096] = NOTHING;
}

void pv_flush_tlb_one_kernel(ulong va)
{
	cpus[me.id].global[va / 4096 - PAGES] = NOTHING;
}

void pv_flush_tlb_others(const struct cpumask *mask, const struct flush_tlb_info *info)
{
	unsigned sender = me.id;

	for (me.id = 0; me.id < CPUS; me.id++) {
		if (me.id == sender || !cpumask_has(mask, me.id))
			continue;
		if (info->space) { /* asked for nothing if it is not there */
			asked++;
			assert_int_equal(roots[space_here()].tlb.id, info->space);
		}
		tlb_flush_local(info);
	}
	me.id = sender;
}

ulong pv_save_fl(void)
{
	return 0;
}

void pv_irq_disable(void)
{
}

void pv_restore_fl(ulong flags)
{
	(void)flags;
}

/* ---- what CPUs do ---- */

static void look(unsigned page)
{
	u64 *user = &cpus[me.id].cached[pcid()][page], *global = &cpus[me.id].global[page];
	unsigned s = space_here();

	if (s < SPACES) {
		if (!*user)
			*user = table[s][page];
		assert_int_equal(*user, table[s][page]);
	}
	if (!*global)
		*global = table[SPACES][page];
	assert_int_equal(*global, table[SPACES][page]);
}

/* Changes @count pages of a space, some of them twice, and says so as the gather does. */
static void change(unsigned s, unsigned page, u32 count)
{
	static u64 frame = 1;
	ulong va[TLB_FLUSH_MAX];

	for (u32 i = 0; i < count; i++) {
		unsigned at = (page + i * 7) % PAGES;

		table[s][at] = ++frame;
		if (i < TLB_FLUSH_MAX)
			va[i] = 4096UL * (s == SPACES ? PAGES + at : at);
	}
	tlb_flush(&roots[s], va, count);
}

static void begin(bool with_pcid)
{
	memset(&cpu_info, 0, sizeof(cpu_info));
	if (with_pcid)
		cpu_info.words[X86_FEATURE_PCID / 32] |= 1U << X86_FEATURE_PCID % 32;
	memset(cpus, 0, sizeof(cpus));
	memset(tlb_cpus, 0, sizeof(tlb_cpus));
	for (unsigned id = 0; id < CPUS; id++)
		cpumask_set(&cpu_online, id);
	cpu_online_count = CPUS;
	kept = flushed = asked = page_flushes = 0;
	for (unsigned s = 0; s <= SPACES; s++) {
		roots[s] = (struct pt_root){.top = pfn_pa(s + 1)};
		tlb_space_init(&roots[s].tlb, s == SPACES);
		for (unsigned page = 0; page < PAGES; page++)
			table[s][page] = (s + 1) << 20 | (page + 1);
	}
	for (me.id = 0; me.id < CPUS; me.id++)
		tlb_switch(&roots[SPACES]);
	me.id = 0;
}

static void random_life(u64 seed, unsigned steps)
{
	for (unsigned i = 0; i < steps; i++) {
		u64 r = next_random(&seed);

		me.id = r % CPUS;
		switch (r >> 8 & 15) {
		case 0 ... 3:
			tlb_switch(&roots[(r >> 16) % (r >> 40 & 1 ? 4 : SPACES + 1)]);
			break;
		case 4:
		case 5:
			change((r >> 16) % (SPACES + 1), (r >> 24) % PAGES, 1 + (r >> 32) % 40);
			break;
		default:
			look((r >> 16) % PAGES);
		}
	}
}

static void nobody_sees_the_old(void **state)
{
	(void)state;
	for (unsigned with_pcid = 0; with_pcid < 2; with_pcid++) {
		begin(with_pcid);
		random_life(7 + with_pcid, 300000);
		assert_true(asked > 1000);
		assert_true(page_flushes > 1000);
		assert_true(flushed > 1000);
		assert_int_equal(kept > 10000, with_pcid);
	}
}

/* What is worth keeping is kept: a return to a space in which nothing changed costs no flush. */
static void unchanged_spaces_are_kept(void **state)
{
	(void)state;
	begin(true);
	for (unsigned s = 0; s < TLB_SLOTS; s++)
		tlb_switch(&roots[s]);
	kept = flushed = 0;
	for (unsigned i = 0; i < 5 * TLB_SLOTS; i++) {
		tlb_switch(&roots[i % TLB_SLOTS]);
		tlb_switch(&roots[SPACES]);
	}
	assert_int_equal(kept, 10 * TLB_SLOTS);
	assert_int_equal(flushed, 0);
	change(0, 1, 1);
	tlb_switch(&roots[0]);
	tlb_switch(&roots[1]);
	assert_int_equal(flushed, 1);
	change(SPACES, 1, 1); /* a kernel's page that is not global may be behind PCID 0 */
	tlb_switch(&roots[SPACES]);
	assert_int_equal(flushed, 2);
}

/* Told of the second of two changes only, a CPU cannot know what the first was about: it flushes all. */
static void missed_flush(void **state)
{
	struct flush_tlb_info second = {.start = 4096, .end = 2 * 4096, .generation = 2};

	(void)state;
	begin(true);
	tlb_switch(&roots[0]);
	look(1);
	look(2);
	table[0][1] = table[0][2] = 99;
	second.space = roots[0].tlb.id;
	tlb_flush_local(&second);
	look(1);
	look(2);
	assert_int_equal(page_flushes, 0);
	tlb_flush_local(&second); /* twice is once */
	assert_int_equal(cpus[0].cached[pcid()][2], 99);
}

/* The range that others are told has all the pages, the last one that there is too. */
static void range_for_others(void **state)
{
	static const ulong va[][2] = {{-4096UL, -8192UL}, {-8192UL, -8192UL}, {4096, 3 * 4096}};
	static const ulong start[] = {-8192UL, -8192UL, 4096}, end[] = {TLB_FLUSH_ALL, -4096UL, 4 * 4096};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(va); i++) {
		struct flush_tlb_info info = {.end = 0};

		set_range(&info, va[i], 2);
		assert_int_equal(info.start, start[i]);
		assert_int_equal(info.end, end[i]);
	}
}

/* Few pages one by one, more of them, or nobody knows which, all at once. */
static void threshold(void **state)
{
	(void)state;
	begin(false);
	tlb_switch(&roots[0]);
	change(0, 0, TLB_FLUSH_MAX);
	assert_int_equal(page_flushes, TLB_FLUSH_MAX);
	change(0, 0, TLB_FLUSH_MAX + 1);
	assert_int_equal(page_flushes, TLB_FLUSH_MAX);
	me.id = 1;
	tlb_switch(&roots[0]);
	page_flushes = 0;
	change(0, 3, 1); /* here, and there */
	assert_int_equal(page_flushes, 2);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(nobody_sees_the_old), cmocka_unit_test(unchanged_spaces_are_kept),
	cmocka_unit_test(missed_flush),        cmocka_unit_test(range_for_others),
	cmocka_unit_test(threshold),
};

HOST_MAIN("mmu_tlb", tests)
