/*
 * Reading page tables without trusting them: one address (pt_translate, pt_describe) or all leaves
 * in a range (pt_for_each_leaf). A table is looked into only if its frame is RAM, so that whatever
 * a corrupt entry says, nothing faults and no device is read.
 *
 * Must not know: what is mapped and why. Read next: mmu/audit.c, its strictest customer.
 */
#include "arch/layout.h"
#include "lib/printf.h"
#include "mmu/frame.h"
#include "mmu/pt.h"
#include "mmu/pt_priv.h"

static const struct pt_format *const format = &pt_long4;

/* Rights narrow on the way down (SDM 3A 4.6): W and U hold where every level has them, NX where any
 * has. */
static ulong narrow(ulong rights, ulong entry)
{
	return (rights & (entry | PTE_NX)) | (entry & PTE_NX);
}

#define RIGHTS_TOP (PTE_P | PTE_W | PTE_U)

/* An entry that is no leaf must lead to a table in RAM; a large leaf stands only where the format
 * knows one. */
static bool entry_is_sane(enum pt_level level, ulong value)
{
	if (pt_is_leaf(format, level, value))
		return true;
	return frame_is_ram(value & PTE_ADDR) && !(value & PTE_PS);
}

static ulong load(u64 table, enum pt_level level, unsigned index)
{
	return format->load(level, (const ulong *)pa_va(table) + index);
}

static ulong canonical(ulong va)
{
	return (ulong)((long)(va << 16) >> 16);
}

u64 pt_live_top(void)
{
	return pv_read_cr3() & PTE_ADDR;
}

/* ---- one address ---- */

enum walk_end { WALK_LEAF, WALK_HOLE, WALK_BROKEN };

/* The entries from the top down to `level`, where the walk ended. */
struct walk {
	ulong entry[PT_LEVELS];
	enum pt_level level;
	enum walk_end end;
};

static struct walk walk(u64 top, ulong va)
{
	struct walk w = {.level = format->top};
	u64 table = top;

	for (;; w.level--) {
		ulong value = load(table, w.level, pt_index(format, w.level, va));

		w.entry[w.level] = value;
		if (!(value & PTE_P))
			w.end = WALK_HOLE;
		else if (!entry_is_sane(w.level, value))
			w.end = WALK_BROKEN;
		else if (pt_is_leaf(format, w.level, value))
			w.end = WALK_LEAF;
		else {
			table = value & PTE_ADDR;
			continue;
		}
		return w;
	}
}

bool pt_translate(const struct pt_root *root, ulong va, u64 *pa, struct pt_leaf *leaf)
{
	ulong rights = RIGHTS_TOP, seen = 0, value;
	struct walk w;
	u64 span;

	if (va != canonical(va) || !frame_is_ram(root->top))
		return false;
	w = walk(root->top, va);
	if (w.end != WALK_LEAF)
		return false;
	for (int l = (int)format->top; l >= (int)w.level; l--) {
		rights = narrow(rights, w.entry[l]);
		seen |= w.entry[l];
	}
	value = w.entry[w.level];
	span = pt_span(format, w.level);
	*pa = pt_leaf_pa(format, w.level, value) + (va & (span - 1));
	if (leaf)
		*leaf = (struct pt_leaf){
			.va = ALIGN_DOWN(va, span),
			.pa = pt_leaf_pa(format, w.level, value),
			.size = span,
			.entry = value,
			.rights = rights,
			.seen = seen,
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

static void describe_entry(enum pt_level level, ulong value, unsigned index, void (*print)(const char *fmt, ...))
{
	bool leaf = pt_is_leaf(format, level, value);

	print("  %s[%3u] %016lx", format->level[level].name, index, value);
	if (!(value & PTE_P)) {
		print(value ? " not present\n" : " empty\n");
		return;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(bit_words); i++) {
		/* Dirty and global mean nothing above a leaf. */
		if (!leaf && (bit_words[i].bit & (PTE_D | PTE_G)))
			continue;
		print("%s", value & bit_words[i].bit ? bit_words[i].set : bit_words[i].clear);
	}
	if (leaf && level > PT_PTE)
		print(", %lu %s page", pt_span(format, level) >> (level == PT_PUD ? 30 : 20),
		      level == PT_PUD ? "GiB" : "MiB");
	print(value & PT_HUNG && !leaf ? ", hung\n" : "\n");
}

void pt_describe(u64 top, ulong va, void (*print)(const char *fmt, ...))
{
	struct walk w;

	print("walk of %016lx, top table %#lx\n", va, top);
	if (va != canonical(va)) {
		print("  -> not canonical: bits 63..47 differ\n");
		return;
	}
	if (!frame_is_ram(top)) {
		print("  -> the top table does not lie in RAM\n");
		return;
	}
	w = walk(top, va);
	for (int l = (int)format->top; l >= (int)w.level; l--)
		describe_entry((enum pt_level)l, w.entry[l], pt_index(format, (enum pt_level)l, va), print);
	switch (w.end) {
	case WALK_LEAF:
		print("  -> physical %#lx\n",
		      pt_leaf_pa(format, w.level, w.entry[w.level]) + (va & (pt_span(format, w.level) - 1)));
		break;
	case WALK_HOLE:
		print("  -> not mapped: no %s\n", format->level[w.level].name);
		break;
	case WALK_BROKEN:
		print("  -> corrupt: this %s leads to no table in RAM\n", format->level[w.level].name);
		break;
	}
}

/* ---- all leaves ---- */

struct scan {
	ulong first, last;
	int (*fn)(const struct pt_leaf *leaf, void *private);
	void *private;
};

/* The table at @table, whose first entry spans @base; recursion is as deep as the format. */
static int scan_table(const struct scan *s, u64 table, enum pt_level level, ulong base, ulong rights, ulong seen)
{
	const u64 span = pt_span(format, level);
	const ulong *entries = pa_va(table);

	for (unsigned i = 0; i < PTE_ENTRIES; i++) {
		ulong va = canonical(base + i * span), value;
		int stop;

		if (va + (span - 1) < s->first)
			continue;
		if (va > s->last)
			return 0;
		value = level == PT_PTE ? pt_load(format, true, PT_PTE, &entries[i]) : format->load(level, &entries[i]);
		if (!(value & PTE_P))
			continue;
		if (entry_is_sane(level, value) && !pt_is_leaf(format, level, value)) {
			stop = scan_table(s, value & PTE_ADDR, level - 1, va, narrow(rights, value), seen | value);
		} else {
			struct pt_leaf leaf = {
				.va = va,
				.pa = pt_leaf_pa(format, level, value),
				.size = span,
				.entry = value,
				.rights = narrow(rights, value),
				.seen = seen | value,
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
	struct scan s = {first, last, fn, private};

	return scan_table(&s, root->top, format->top, 0, RIGHTS_TOP, 0);
}
