/*
 * Random cases for the oracle: see tests/oracle.h. A table has few entries in use, so that a case is made quickly: in
 * each level of an address one of a few indexes. An entry leads to a table of the next level or to the data pages, even
 * where a reserved bit is set or it is not what the CPU takes it for, so that no access ever goes elsewhere: it leaves
 * alone every address bit below MAXPHYADDR that it does not mean. Address bits that no memory answers to are in entries
 * that are never used: leaves without U, which only user mode is sent to.
 *
 * Rights are chosen from below: upper entries are mostly open, leaves are anything, and an access looks for a page with
 * the rights it wants. So a thousand accesses come to every cell of permissions[].
 */
#include "tests/oracle.h"

#include "arch/layout.h"
#include "arch/pte.h"
#include "arch/regs.h"
#include "lib/string.h"

#define PICKS    4  /* indexes in use per level */
#define WRITTEN  40 /* more than a case's entries */
#define HALF     (PAGE_SIZE / 2)
#define NULLS    8  /* null descriptors, at the end of the first half */
#define FETCHES  8  /* places to execute, in the second half of a page */
#define TRIES    24 /* addresses looked at for wanted rights */
#define NOWHERE  (~0UL)
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
	unsigned leaf_count; /* from a random number on: the next leaf's rights */
	unsigned third;      /* of what an access may want: see make_access() */
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

/* Physical bits that a 4 MiB page reaches: SDM 3A table 4-4. */
static unsigned pse_reach(void)
{
	return g.cpu->features & VMMU_HAS_PSE36 ? min((unsigned)g.cpu->maxphyaddr, 40U) : 32;
}

/* A bit that must be 0, or 0 if there is none: never one that would be part of an address. */
static u64 reserved_bit(unsigned level, bool large)
{
	unsigned low = g.cpu->strict_pse ? 13 + pse_reach() - 32 : 21;

	if (g.bytes == 4)
		return large ? BIT(low + rnd(22 - low)) : 0;
	if (level >= 4 && (g.cpu->features & VMMU_AMD) && odds(3))
		return PTE_G;
	if ((level >= 4 || (level == 3 && !g.cpu->has_1g)) && odds(2))
		return PTE_PS;
	if (large && !odds(4))
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
	if (g.bytes == 8 && level <= 2 && g.cpu->high && odds(8))
		return g.cpu->high;
	return data & ~(span(level) - 1);
}

/* Anywhere, with or without memory: for a leaf that nobody gets through. */
static u64 nowhere_address(unsigned level)
{
	u64 to = some_bits((BIT(g.cpu->maxphyaddr) - 1) & PTE_ADDR) & ~(span(level) - 1);

	if (g.bytes == 8)
		return to;
	return (u32)to | (level == 2 ? some_bits(BIT(pse_reach() - 32) - 1) << 13 : 0);
}

/* The next table, or an empty one far away. */
static u64 next_table(unsigned level)
{
	pa_t far = oracle_far_count && odds(32) ? oracle_far[rnd(oracle_far_count)] : PA_NONE;

	if (pa_ok(far) && (g.bytes == 8 || pa_num(far) < 4 * GIB))
		return pa_num(far);
	return table_pa(table_of(level - 1, rnd(2)));
}

static bool has_nx(void)
{
	return g.bytes == 8 && (g.oc->ctx.efer & EFER_NXE);
}

/* Set @n of the eight; NX only where it means something. */
static u64 rights_of(unsigned n)
{
	return (n & 1 ? PTE_W : 0) | (n & 2 ? PTE_U : 0) | (n & 4 && has_nx() ? PTE_NX : 0);
}

static u64 random_rights(bool leaf)
{
	u64 reserved_nx = g.bytes == 8 && !has_nx() && odds(64) ? PTE_NX : 0;

	if (leaf)
		return rights_of(g.leaf_count++) | reserved_nx;
	return (odds(20) ? 0 : PTE_W) | (odds(20) ? 0 : PTE_U) | (has_nx() && odds(32) ? PTE_NX : 0) | reserved_nx;
}

static u64 random_entry(unsigned level)
{
	bool large = may_be_large(level) && odds(4), leaf = large || level == 1, nowhere = leaf && odds(16);
	bool may_g = level < 4 || !(g.cpu->features & VMMU_AMD); /* global, or ignored */
	u64 e = nowhere ? nowhere_address(level) : leaf ? leaf_address(level) : next_table(level);

	e |= some_bits(PTE_PWT | PTE_PCD | PTE_A | PTE_D | (may_g ? PTE_G : 0) | 0xe00) | (large ? PTE_PS : 0);
	e |= (random_rights(leaf) & (nowhere ? ~PTE_U : ~0UL)) | (odds(24) ? 0 : PTE_P);
	if (level == 1 || (level == 2 && !may_be_large(level)))
		e |= some_bits(PTE_PS); /* PAT; ignored */
	if (g.levels > 3)
		e |= some_bits(KEY_BITS | IGNORED);
	if (odds(large ? 7 : 64))
		e |= reserved_bit(level, large);
	if (!(e & PTE_P) && odds(2)) /* then it is nobody's */
		e ^= some_bits(~(u64)PTE_P);
	return e;
}

/* SDM 3A table 4-8. No reserved bit: CR3 could not be loaded. */
static u64 random_pdpte(void)
{
	return (next_table(3) | some_bits(PTE_PWT | PTE_PCD | 0xe00)) | (odds(24) ? 0 : PTE_P);
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
		.efer = cpu->efer | (odds(12) ? 0 : EFER_NXE),
		.pkru = (u32)(some_bits(0xffffffff) & (odds(4) ? ~0UL : some_bits(0xffffffff))),
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

static bool is_leaf(unsigned level, u64 e)
{
	return level == 1 || (may_be_large(level) && (e & PTE_PS));
}

/* Where a leaf leads to: the frame of a page as large as its level says. */
static u64 frame_of(unsigned level, u64 e)
{
	u64 frame = e & PTE_ADDR & (BIT(g.cpu->maxphyaddr) - 1) & ~(span(level) - 1);

	return g.bytes == 4 && level == 2 ? frame | (e >> 13 & (BIT(pse_reach() - 32) - 1)) << 32 : frame;
}

/*
 * Follows the tables, minding nothing but P and PS. True: up to a leaf, which is *@e, of *@level; *@rights is what all
 * entries allow. Notes in @snap, top first, where the entries are.
 */
static bool follow(u64 va, u32 *snap, unsigned *level, u64 *e, u64 *rights)
{
	u64 table = table_pa(0);

	*rights = PTE_W | PTE_U;
	for (*level = g.levels; oracle_shadow(table); --*level) {
		unsigned indexes = *level == 3 && g.levels == 3 ? 4 : g.bytes == 4 ? 1024 : 512;

		*snap = (u32)(table + va / span(*level) % indexes * g.bytes);
		*e = load(*snap++);
		if (!(*e & PTE_P))
			return false;
		if (!(*level == 3 && g.levels == 3))
			*rights = (*rights & (*e | PTE_NX)) | (*e & PTE_NX);
		if (is_leaf(*level, *e))
			return true;
		table = *e & PTE_ADDR & (BIT(g.cpu->maxphyaddr) - 1);
	}
	return false;
}

/* An address with the rights @wanted, if one is soon found. */
static u64 choose_va(u32 offset, u64 wanted)
{
	u64 va = random_va(offset), e, rights;
	u32 snap[ORACLE_LEVELS];
	unsigned level;

	if (!g.levels || odds(16))
		return va;
	for (unsigned i = 0; i < TRIES && (!follow(va, snap, &level, &e, &rights) || rights != wanted); i++)
		va = random_va(offset);
	return va;
}

/*
 * The physical address that the access goes to; 0: none; NOWHERE: by a leaf that may not be used; above 4 GiB only
 * reading is harmless. Notes the entries on the way, and makes the address below a large leaf one of the data pages'.
 */
static u64 destination(struct oracle_access *a, u32 offset)
{
	u64 data = oracle_pa(oracle_block->data[rnd(ORACLE_DATA_PAGES)]) + offset, e, rights, frame;
	unsigned level;

	if (!g.levels)
		return a->va;
	if (!follow(a->va, a->snap, &level, &e, &rights))
		return 0;
	frame = frame_of(level, e);
	if (g.cpu->high && frame == g.cpu->high)
		return frame;
	if (level == 1 && frame - oracle_pa(oracle_block->data) < sizeof(oracle_block->data))
		return frame + offset;
	if (level == 1 || frame != ALIGN_DOWN(data, span(level)))
		return NOWHERE;
	a->va = ALIGN_DOWN(a->va, span(level)) | (data & (span(level) - 1));
	return data;
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

/*
 * Access @n of the case. Three kinds, two privileges, AC or not, eight sets of rights: 96 things to want, of which a
 * case takes every third. What cannot be had without NX is wanted twice as often where there is NX.
 */
static u32 make_access(struct oracle_access *a, unsigned n)
{
	static const u32 words[] = {[ORACLE_READ] = 0, [ORACLE_WRITE] = VMMU_WRITE, [ORACLE_FETCH] = VMMU_FETCH};
	unsigned want = n * 3 + g.third, what = want >> 3;
	u64 place = 0, rights = rights_of(want | (odds(3) ? 4 : 0));
	u32 offset = rnd(HALF - NULLS * 8);
	bool ac = what & 1;

	*a = (struct oracle_access){.vector = ORACLE_NO_VECTOR, .byte = rnd(256)};
	a->kind = odds(12) ? ORACLE_DESCRIPTOR : what >> 2;
	a->user = what >> 1 & 1;
	if (a->kind == ORACLE_FETCH)
		offset = fetch_offset(rnd(FETCHES));
	if (a->kind == ORACLE_DESCRIPTOR)
		offset = HALF - (1 + rnd(NULLS)) * 8;
	a->va = choose_va(offset, rights);
	if (g.levels >= 4 && a->kind <= ORACLE_FETCH && odds(40))
		a->va ^= BIT((g.levels == 5 ? 57 : 48) + rnd(7)); /* not canonical */
	else
		place = destination(a, offset);
	if (place >= 4 * GIB && (place != NOWHERE || a->kind == ORACLE_DESCRIPTOR))
		a->kind = ORACLE_READ;
	a->user |= place == NOWHERE;
	ac &= a->kind != ORACLE_DESCRIPTOR || g.cpu->implicit_ac[a->user]; /* SDM 3A 4.6.1: it opens nothing then */
	a->flags = (u32)(X86_EFLAGS_FIXED | (ac ? X86_EFLAGS_AC : 0));
	if (a->kind == ORACLE_DESCRIPTOR) {
		make_ldt(a);
		return VMMU_IMPLICIT | (ac ? VMMU_AC : 0); /* at any CPL */
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
	oc->mode = odds(32) ? ORACLE_NONE : odds(8) ? ORACLE_32 : ORACLE_PAE + rnd(3);
	if (!cpu->modes[oc->mode])
		oc->mode = ORACLE_LONG4;
	g.levels = oracle_levels(oc->mode);
	g.bytes = oracle_entry_size(oc->mode);
	g.root_at = g.levels == 3 ? rnd(PAGE_SIZE / 32) * 32 : 0;
	g.own = g.levels ? oracle_own_index(g.levels) : 0;
	make_context(&oc->ctx);
	choose_indexes();
	g.third = seed % 3;
	g.leaf_count = rnd(8);
	make_tables();
	for (unsigned i = 0; i < ORACLE_BATCH; i++)
		oc->access[i] = make_access(&oracle_block->access[i], i);
}
