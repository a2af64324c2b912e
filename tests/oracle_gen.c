/*
 * Random cases for the oracle: see tests/oracle.h. A table has few entries in use, so that a case is made quickly: in
 * each level of an address one of a few indexes. An entry leads to a table of the next level or to the data pages, even
 * where a reserved bit is set or it is not what the CPU takes it for, so that no access ever goes elsewhere: it leaves
 * alone every address bit below MAXPHYADDR that it does not mean.
 */
#include "tests/oracle.h"

#include "arch/cpufeature.h"
#include "arch/layout.h"
#include "arch/pte.h"
#include "arch/regs.h"
#include "lib/string.h"
#include "mmu/frame.h"
#include "pvops/pvops.h"

#define PICKS    3  /* indexes in use per level */
#define WRITTEN  40 /* more than a case's entries */
#define HALF     (PAGE_SIZE / 2)
#define NULLS    8 /* null descriptors, at the end of the first half */
#define FETCHES  8 /* places to execute, in the second half of a page */
#define KEY_BITS 0x7800000000000000UL
#define IGNORED  0x07f0000000000000UL /* 58:52 in long mode */

/* What a case is made in. */
static struct {
	u64 state; /* of the random numbers */
	const struct oracle_cpu *cpu;
	struct oracle_case *oc;
	unsigned levels, bytes, own;         /* own: the root's entry that maps the block */
	unsigned root_at;                    /* where the root begins in its page */
	unsigned pick[ORACLE_LEVELS][PICKS]; /* [level - 1] */
	u32 written[WRITTEN];                /* entries to clear before the next case: table << 12 | offset */
	unsigned written_count;
} g;

static u8 shadow[ORACLE_TABLES][PAGE_SIZE] __aligned(8);

/* ---- random ---- */

u64 oracle_random(u64 *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 2685821657736338717UL;
}

static u32 rnd(u32 below)
{
	return (u32)((oracle_random(&g.state) >> 32) * below >> 32);
}

static bool odds(u32 in)
{
	return rnd(in) == 0;
}

static u64 some_bits(u64 mask)
{
	return oracle_random(&g.state) & mask;
}

u8 oracle_pattern(unsigned page, unsigned offset)
{
	if (offset >= HALF - NULLS * 8 && offset < HALF)
		return 0;
	return offset >= HALF ? 0xcc : (u8)(offset * 29 + (offset >> 8) * 7 + page * 101 + 1);
}

/* ---- what there is ---- */

unsigned oracle_levels(enum oracle_mode mode)
{
	return mode == ORACLE_NONE ? 0 : mode + 1;
}

unsigned oracle_entry_size(enum oracle_mode mode)
{
	return mode == ORACLE_32 ? 4 : 8;
}

/* 4 MiB of RAM above 4 GiB that PSE-36 reaches; read, and ORed with 0, never owned. */
static u64 find_high(void)
{
	const struct memmap *map = frame_memmap();

	for (u32 i = 0; i < map->count; i++) {
		u64 base = ALIGN_UP(max(map->range[i].base, 4 * GIB), 4 * MIB);

		if (map->range[i].type == MEM_USABLE && base + 4 * MIB <= min(map->range[i].end, pa_num(frame_reach())))
			return base;
	}
	return 0;
}

struct oracle_cpu oracle_cpu_here(void)
{
	struct oracle_cpu cpu = {
		.cr0 = pv_read_cr0() & ~(X86_CR0_WP | X86_CR0_PG | X86_CR0_AM),
		.cr4 = pv_read_cr4() & (X86_CR4_DE | X86_CR4_MCE | X86_CR4_UMIP),
		.efer = pv_read_msr(MSR_EFER) & ~(EFER_LME | EFER_LMA | EFER_NXE),
		.modes = {true, true, true, true, cpu_has(X86_FEATURE_LA57)},
		.pse = cpu_has(X86_FEATURE_PSE),
		.has_1g = cpu_has(X86_FEATURE_PDPE1GB),
		.maxphyaddr = (u8)cpu_info.phys_bits,
	};

	cpu.cr4_choice = (cpu_has(X86_FEATURE_SMEP) ? X86_CR4_SMEP : 0) |
			 (cpu_has(X86_FEATURE_SMAP) ? X86_CR4_SMAP : 0) | (cpu_has(X86_FEATURE_PKU) ? X86_CR4_PKE : 0);
	cpu.features = cpu.has_1g ? VMMU_HAS_1G : 0;
	if (cpu_has(X86_FEATURE_PSE36)) {
		cpu.features |= VMMU_HAS_PSE36;
		cpu.high = cpu.pse ? find_high() : 0;
	}
	return cpu;
}

/* ---- entries ---- */

static unsigned table_of(unsigned level, unsigned which)
{
	return level == g.levels ? 0 : 1 + (level - 1) * 2 + which;
}

static u64 table_pa(unsigned table)
{
	return oracle_pa(oracle_block->table[table]) + (table ? 0 : g.root_at);
}

void *oracle_shadow(u64 pa)
{
	u64 at = pa - oracle_pa(oracle_block->table);

	return at < sizeof(shadow) ? (u8 *)shadow + at : NULL;
}

static void set_entry(unsigned table, unsigned index, u64 value)
{
	unsigned offset = (table ? 0 : g.root_at) + index * g.bytes;

	memcpy(&oracle_block->table[table][offset], &value, g.bytes);
	memcpy(&shadow[table][offset], &value, g.bytes);
	g.written[g.written_count++] = table << 12 | offset;
}

static void clear_entries(void)
{
	while (g.written_count) {
		u32 at = g.written[--g.written_count];

		memset(&oracle_block->table[at >> 12][at & 4095], 0, g.bytes); /* still the former case's */
		memset(&shadow[at >> 12][at & 4095], 0, g.bytes);
	}
}

/* True if the CPU takes an entry of @level with PS for a leaf. */
static bool may_be_large(unsigned level)
{
	if (level == 2)
		return g.levels > 2 || (g.oc->ctx.cr4 & X86_CR4_PSE);
	return level == 3 && g.levels > 3 && g.cpu->has_1g;
}

static u64 span(unsigned level)
{
	return 1UL << (12 + (level - 1) * (g.bytes == 4 ? 10 : 9));
}

/*
 * A bit that must be 0, or 0 if there is none: never one that would be part of an address. Of a 4 MiB page's, bit 21 is
 * the one that all CPUs reserve; which of 20:13 they do besides is MAXPHYADDR's and PSE-36's matter (SDM 3A table 4-4),
 * but QEMU reads them all as address. tests/host/test_vmmu.c has all cases.
 */
static u64 reserved_bit(unsigned level, bool large)
{
	if (g.bytes == 4)
		return large ? BIT(21) : 0;
	if ((level >= 4 || (level == 3 && !g.cpu->has_1g)) && odds(2))
		return PTE_PS;
	if (large && odds(2))
		return BIT(13 + rnd(level == 3 ? 17 : 8));
	if (g.levels == 3 && odds(3))
		return BIT(52 + rnd(12));
	return g.cpu->maxphyaddr < 52 ? BIT(g.cpu->maxphyaddr + rnd(52 - g.cpu->maxphyaddr)) : PTE_NX;
}

static u64 leaf_address(unsigned level)
{
	u64 data = oracle_pa(oracle_block->data[rnd(ORACLE_DATA_PAGES)]);

	if (g.bytes == 4 && level == 2 && g.cpu->high && odds(2)) /* SDM 3A table 4-4: 39:32 in bits 20:13 */
		return (u32)g.cpu->high | (g.cpu->high >> 32) << 13;
	return data & ~(span(level) - 1);
}

static u64 random_entry(unsigned level)
{
	bool large = may_be_large(level) && odds(4), leaf = large || level == 1;
	u64 e = leaf ? leaf_address(level) : table_pa(table_of(level - 1, rnd(2)));

	e |= some_bits(PTE_PWT | PTE_PCD | PTE_A | PTE_D | (leaf || level == 2 ? PTE_G : 0) | 0xe00) |
	     (large ? PTE_PS : 0);
	e |= (odds(5) ? 0 : PTE_W) | (odds(4) ? 0 : PTE_U) | (odds(16) ? 0 : PTE_P);
	if (level == 1 || (level == 2 && !may_be_large(level)))
		e |= some_bits(PTE_PS); /* PAT; ignored */
	if (g.bytes == 8 && odds(g.oc->ctx.efer & EFER_NXE ? 6 : 64))
		e |= PTE_NX;
	if (g.levels > 3)
		e |= some_bits(KEY_BITS | IGNORED);
	if (odds(large ? 8 : 24))
		e |= reserved_bit(level, large);
	if (!(e & PTE_P) && odds(2)) /* then it is nobody's */
		e ^= some_bits(~(u64)PTE_P);
	return e;
}

/* SDM 3A table 4-8. No reserved bit: CR3 could not be loaded. */
static u64 random_pdpte(void)
{
	return (table_pa(table_of(2, rnd(2))) | some_bits(PTE_PWT | PTE_PCD | 0xe00)) | (odds(16) ? 0 : PTE_P);
}

/* ---- tables ---- */

static void choose_indexes(void)
{
	for (unsigned level = 1; level <= g.levels; level++)
		for (unsigned i = 0; i < PICKS; i++) {
			unsigned *pick = &g.pick[level - 1][i], count = g.bytes == 4 ? 1024 : 512;

			if (level == 3 && g.levels == 3)
				count = 4;
			do
				*pick = rnd(count);
			while (level == g.levels && *pick == g.own);
		}
}

static void make_tables(void)
{
	for (unsigned level = g.levels; level; level--)
		for (unsigned which = 0; which < (level == g.levels ? 1U : 2U); which++)
			for (unsigned i = 0; i < PICKS; i++)
				set_entry(table_of(level, which), g.pick[level - 1][i],
					  level == 3 && g.levels == 3 ? random_pdpte() : random_entry(level));
	if (g.levels)
		set_entry(0, g.own, oracle_own_entry(g.levels));
}

static void make_context(struct vmmu_context *ctx)
{
	const struct oracle_cpu *cpu = g.cpu;

	*ctx = (struct vmmu_context){
		.cr0 = cpu->cr0 | some_bits(X86_CR0_WP) | (g.levels ? X86_CR0_PG : 0),
		.cr3 = table_pa(0) | (g.levels == 3 ? 0 : some_bits(PTE_PWT | PTE_PCD)),
		.cr4 = cpu->cr4 | some_bits(cpu->cr4_choice) | (cpu->pse ? some_bits(X86_CR4_PSE) : 0),
		.efer = cpu->efer | some_bits(EFER_NXE),
		.pkru = (u32)(some_bits(0xffffffff) & some_bits(0xffffffff)),
		.maxphyaddr = cpu->maxphyaddr,
		.features = cpu->features,
	};
	if (g.levels >= 3)
		ctx->cr4 |= X86_CR4_PAE;
	if (g.levels >= 4)
		ctx->efer |= EFER_LME | EFER_LMA;
	if (g.levels == 5)
		ctx->cr4 |= X86_CR4_LA57;
}

/* ---- accesses ---- */

static u64 load(u64 pa)
{
	u64 value = 0;

	memcpy(&value, oracle_shadow(pa), g.bytes);
	return value;
}

static u64 random_va(u32 offset)
{
	unsigned index_bits = g.bytes == 4 ? 10 : 9;
	u64 va = 0;

	if (!g.levels)
		return oracle_pa(oracle_block->data[rnd(ORACLE_DATA_PAGES)]) + offset;
	for (unsigned level = g.levels; level; level--)
		va = va << index_bits | g.pick[level - 1][rnd(PICKS)];
	va = va << PAGE_SHIFT | offset;
	if (g.levels == 4)
		va = (u64)((s64)(va << 16) >> 16);
	return g.levels == 5 ? (u64)((s64)(va << 7) >> 7) : va;
}

/*
 * Follows the tables, minding nothing but P and PS: notes the entries, top first, and makes the address below a large
 * leaf one of the data pages'. The physical address; 0: none; above 4 GiB only reading is harmless.
 */
static u64 follow(struct oracle_access *a, u32 offset)
{
	u64 table = table_pa(0), data = oracle_pa(oracle_block->data[rnd(ORACLE_DATA_PAGES)]) + offset;

	for (unsigned level = g.levels, i = 0; level; level--, i++) {
		u64 index = a->va / span(level) & (level == 3 && g.levels == 3 ? 3 : g.bytes == 4 ? 1023 : 511), e;

		a->snap[i] = (u32)(table + index * g.bytes);
		e = load(a->snap[i]);
		if (!(e & PTE_P))
			return 0;
		if (level == 1)
			return (e & PTE_ADDR & (BIT(g.cpu->maxphyaddr) - 1)) + offset;
		if (may_be_large(level) && (e & PTE_PS)) {
			if (g.bytes == 4 && g.cpu->high && (e & 0x1fe000) && !(e & BIT(21)))
				return g.cpu->high;
			a->va = ALIGN_DOWN(a->va, span(level)) | (data & (span(level) - 1));
			return data;
		}
		table = e & PTE_ADDR & (BIT(g.cpu->maxphyaddr) - 1);
		if (!oracle_shadow(table))
			return 0;
	}
	return a->va;
}

/* Where in a page to execute: its last byte, or some places before. */
static u32 fetch_offset(u32 i)
{
	return PAGE_SIZE - 1 - i * 0x91;
}

/* SDM 3A 3.5, 7.2.3: an LDT of one entry, in 8 bytes or, in long mode, 16. FS is loaded with that entry. */
static void make_ldt(struct oracle_access *a)
{
	a->byte = a->user ? 7 : 4;
	a->ldt[0] = 7 | (a->va & 0xffffff) << 16 | 0x82UL << 40 | (a->va >> 24 & 0xff) << 56;
	a->ldt[1] = a->va >> 32;
}

static u32 make_access(struct oracle_access *a)
{
	static const u32 words[] = {[ORACLE_READ] = 0, [ORACLE_WRITE] = VMMU_WRITE, [ORACLE_FETCH] = VMMU_FETCH};
	u32 offset = rnd(HALF);
	u64 place = 0;
	bool ac = odds(2);

	*a = (struct oracle_access){.vector = ORACLE_NO_VECTOR};
	a->kind = odds(12) ? ORACLE_DESCRIPTOR : rnd(3);
	a->user = odds(2);
	ac &= a->kind != ORACLE_DESCRIPTOR; /* it must not open SMAP then (SDM 3A 4.6.1); in QEMU and Bochs it does */
	a->flags = (u32)(X86_EFLAGS_FIXED | (ac ? X86_EFLAGS_AC : 0));
	if (a->kind == ORACLE_FETCH)
		offset = fetch_offset(rnd(FETCHES));
	if (a->kind == ORACLE_DESCRIPTOR)
		offset = HALF - (1 + rnd(NULLS)) * 8;
	a->va = random_va(offset);
	if (g.levels >= 4 && a->kind < ORACLE_FETCH && odds(40))
		a->va ^= BIT((g.levels == 5 ? 57 : 48) + rnd(7)); /* not canonical */
	else
		place = follow(a, offset);
	if (place >= 4 * GIB)
		a->kind = ORACLE_READ;
	place -= oracle_pa(oracle_block->data);
	a->byte = oracle_pattern((unsigned)(place / PAGE_SIZE), place % PAGE_SIZE);
	if (a->kind == ORACLE_DESCRIPTOR) {
		make_ldt(a);
		return VMMU_IMPLICIT; /* at any CPL */
	}
	return words[a->kind] | (a->user ? VMMU_USER : 0) | (ac ? VMMU_AC : 0);
}

/* ---- the case ---- */

void oracle_case_begin(void)
{
	memset(shadow, 0, sizeof(shadow));
	g.written_count = 0;
	for (unsigned page = 0; page < ORACLE_DATA_PAGES; page++)
		for (unsigned i = 0; i < PAGE_SIZE; i++)
			oracle_block->data[page][i] = oracle_pattern(page, i);
}

/*
 * Writes again what is executed. It is the same; but QEMU keeps a translation for each virtual address that a byte was
 * executed at, and looks through all of a page's at every write to it: so they are dropped.
 */
static void refresh_code(void)
{
	for (unsigned page = 0; page < ORACLE_DATA_PAGES; page++)
		for (u32 i = 0; i < FETCHES; i++)
			*(volatile u8 *)&oracle_block->data[page][fetch_offset(i)] = 0xcc;
}

void oracle_case_make(struct oracle_case *oc, const struct oracle_cpu *cpu, u64 seed)
{
	clear_entries();
	refresh_code();
	oc->seed = seed;
	g.state = seed ?: 1;
	g.cpu = cpu;
	g.oc = oc;
	do
		oc->mode = odds(32) ? ORACLE_NONE : 1 + rnd(ORACLE_MODES - 1);
	while (!cpu->modes[oc->mode]);
	g.levels = oracle_levels(oc->mode);
	g.bytes = oracle_entry_size(oc->mode);
	g.root_at = g.levels == 3 ? rnd(PAGE_SIZE / 32) * 32 : 0;
	g.own = g.levels ? oracle_own_index(g.levels) : 0;
	make_context(&oc->ctx);
	choose_indexes();
	make_tables();
	for (unsigned i = 0; i < ORACLE_BATCH; i++)
		oc->access[i] = make_access(&oracle_block->access[i]);
}
