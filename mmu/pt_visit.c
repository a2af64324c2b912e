/*
 * Reading page tables without trusting them: one address (pt_translate, pt_describe) or all leaves
 * in a range (pt_for_each_leaf). A table is looked into only if its frame is RAM, so that whatever
 * a corrupt entry says, nothing faults and no device is read.
 *
 * Must not know: what is mapped and why. Read next: mmu/audit.c, its strictest customer.
 */
#include "arch/layout.h"
#include "arch/regs.h"
#include "lib/printf.h"
#include "mmu/frame.h"
#include "mmu/pt.h"
#include "mmu/pt_priv.h"

/* Rights narrow on the way down (SDM 3A 4.6): W and U hold where every level has them, NX where any
 * has. */
static ulong narrow(ulong rights, ulong entry)
{
	return (rights & (entry | PTE_NX)) | (entry & PTE_NX);
}

#define RIGHTS_TOP (PTE_P | PTE_W | PTE_U)

/* An entry that is no leaf must lead to a table in RAM; a large leaf stands only where there can be one. */
static bool entry_is_sane(enum pt_level level, ulong value)
{
	if (pt_is_leaf(level, value))
		return true;
	return frame_is_ram(pt_table_pa(value)) && !(value & PTE_PS);
}

/* The address with what the top table does not index: the sign, or nothing. */
static ulong canonical(const struct pt_root *root, ulong va)
{
	unsigned above = 64 - (pt_shift(root->top_level) + 9);

	return root->kind == PT_LONG ? (ulong)((long)(va << above) >> above) : va << above >> above;
}

struct pt_root pt_live_root(void)
{
	return (struct pt_root){
		.top = pt_table_pa(pv_read_cr3()),
		.top_level = pv_read_cr4() & X86_CR4_LA57 ? PT_PGD : PT_P4D,
	};
}

/* ---- one address ---- */

enum walk_end { WALK_LEAF, WALK_HOLE, WALK_BROKEN };

/* The entries from the top down to `level`, where the walk ended. */
struct walk {
	ulong entry[PT_LEVELS];
	enum pt_level level;
	enum walk_end end;
};

static struct walk walk(const struct pt_root *root, ulong va)
{
	const struct pt_format *f = pt_format_of(root);
	struct walk w = {.level = root->top_level};
	pa_t table = root->top;

	for (;; w.level--) {
		ulong value = pt_load(f, false, w.level, (const ulong *)pa_va(table) + pt_index(w.level, va));

		w.entry[w.level] = value;
		if (!(value & f->present))
			w.end = WALK_HOLE;
		else if (!entry_is_sane(w.level, value))
			w.end = WALK_BROKEN;
		else if (pt_is_leaf(w.level, value))
			w.end = WALK_LEAF;
		else {
			table = pt_table_pa(value);
			continue;
		}
		return w;
	}
}

bool pt_translate(const struct pt_root *root, ulong va, pa_t *pa, struct pt_leaf *leaf)
{
	ulong rights = RIGHTS_TOP, value;
	struct walk w;
	u64 span;

	if (va != canonical(root, va) || !frame_is_ram(root->top))
		return false;
	w = walk(root, va);
	if (w.end != WALK_LEAF)
		return false;
	for (int l = (int)root->top_level; l >= (int)w.level; l--)
		rights = narrow(rights, pt_decode(pt_format_of(root), w.entry[l]));
	value = w.entry[w.level];
	span = pt_span(w.level);
	*pa = pa_add(pt_leaf_pa(w.level, value), va & (span - 1));
	if (leaf)
		*leaf = (struct pt_leaf){
			.va = ALIGN_DOWN(va, span),
			.pa = pt_leaf_pa(w.level, value),
			.size = span,
			.entry = value,
			.rights = rights,
			.level = w.level,
		};
	return true;
}

/* ---- one address, in words ---- */

static const struct {
	ulong bit;
	const char *set, *clear;
} bit_words[] = {
	{PTE_P, " present", " NOT PRESENT"},
	{PTE_W, " writable", " read-only"},
	{PTE_U, " user", ""},
	{PTE_PWT, " write-through", ""},
	{PTE_PCD, " uncached", ""},
	{PTE_A, " accessed", ""},
	{PTE_D, " dirty", ""},
	{PTE_G, " global", ""},
	{PTE_NX, " no-execute", " executable"},
};

const char *pt_level_name(enum pt_level level)
{
	static const char *const names[PT_LEVELS] = {"pte", "pmd", "pud", "p4d", "pgd"};

	return level < PT_LEVELS ? names[level] : "?";
}

static void describe_entry(const struct pt_format *f, enum pt_level level, ulong value, unsigned index,
			   void (*print)(const char *fmt, ...))
{
	ulong bits = pt_decode(f, value);
	bool leaf = pt_is_leaf(level, value);

	print("  %s[%3u] %016lx", pt_level_name(level), index, value);
	if (!(value & f->present)) {
		print(value ? " not present\n" : " empty\n");
		return;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(bit_words); i++) {
		/* Dirty and global mean nothing above a leaf. */
		if (!leaf && (bit_words[i].bit & (PTE_D | PTE_G)))
			continue;
		print("%s", bits & bit_words[i].bit ? bit_words[i].set : bit_words[i].clear);
	}
	if (leaf && level > PT_PTE)
		print(", %lu %s page", pt_span(level) >> (level == PT_PUD ? 30 : 20), level == PT_PUD ? "GiB" : "MiB");
	print(f->by_ops && (value & PT_HUNG) && !leaf ? ", hung\n" : "\n");
}

void pt_describe(const struct pt_root *root, ulong va, void (*print)(const char *fmt, ...))
{
	struct walk w;

	print("walk of %016lx, top table %#lx\n", va, pa_num(root->top));
	if (va != canonical(root, va)) {
		print("  -> not canonical: bits 63..%u differ\n", pt_shift(root->top_level) + 8);
		return;
	}
	if (!frame_is_ram(root->top)) {
		print("  -> the top table does not lie in RAM\n");
		return;
	}
	w = walk(root, va);
	for (int l = (int)root->top_level; l >= (int)w.level; l--)
		describe_entry(pt_format_of(root), (enum pt_level)l, w.entry[l], pt_index((enum pt_level)l, va), print);
	switch (w.end) {
	case WALK_LEAF:
		print("  -> physical %#lx\n",
		      pa_num(pt_leaf_pa(w.level, w.entry[w.level])) + (va & (pt_span(w.level) - 1)));
		break;
	case WALK_HOLE:
		print("  -> not mapped: no %s\n", pt_level_name(w.level));
		break;
	case WALK_BROKEN:
		print("  -> corrupt: this %s leads to no table in RAM\n", pt_level_name(w.level));
		break;
	}
}

/* ---- all leaves ---- */

struct scan {
	const struct pt_root *root;
	const struct pt_format *f;
	ulong first, last;
	int (*fn)(const struct pt_leaf *leaf, void *private);
	void *private;
};

/* The table at @table, whose first entry spans @base; recursion is as deep as the format. */
static int scan_table(const struct scan *s, pa_t table, enum pt_level level, ulong base, ulong rights)
{
	const u64 span = pt_span(level);
	const ulong *entries = pa_va(table);

	for (unsigned i = 0; i < PTE_ENTRIES; i++) {
		ulong va = canonical(s->root, base + i * span), value;
		int stop;

		if (va + (span - 1) < s->first)
			continue;
		if (va > s->last)
			return 0;
		value = pt_load(s->f, false, level, &entries[i]);
		if (!(value & s->f->present))
			continue;
		if (entry_is_sane(level, value) && !pt_is_leaf(level, value)) {
			stop = scan_table(s, pt_table_pa(value), level - 1, va, narrow(rights, pt_decode(s->f, value)));
		} else {
			struct pt_leaf leaf = {
				.va = va,
				.pa = pt_leaf_pa(level, value),
				.size = span,
				.entry = value,
				.rights = narrow(rights, pt_decode(s->f, value)),
				.level = level,
				.broken = !entry_is_sane(level, value),
			};

			stop = s->fn(&leaf, s->private);
		}
		if (stop)
			return stop;
	}
	return 0;
}

int pt_for_each_leaf(const struct pt_root *root, ulong first, ulong last,
		     int (*fn)(const struct pt_leaf *leaf, void *private), void *private)
{
	struct scan s = {root, pt_format_of(root), first, last, fn, private};

	return scan_table(&s, root->top, root->top_level, 0, RIGHTS_TOP);
}
