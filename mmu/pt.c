/*
 * Page tables: see mmu/pt.h for what each operation promises. Each is one always-inlined loop over
 * a format, instantiated once at the end of the file. A loop turns once per run: the entries that
 * lie side by side in one table and get the same treatment; between two runs the descent starts
 * again at the top, which costs a handful of loads per 512 entries.
 *
 * What keeps errors simple: everything that can fail (allocating, splitting) is done before the
 * first entry is cleared or changed; pt_map undoes what it did.
 *
 * Must not know: what is mapped and why. Read next: mmu/pt_visit.c, mmu/kspace.c.
 */
#include "mmu/pt.h"

#include "arch/layout.h"
#include "arch/native.h"
#include "lib/errno.h"
#include "lib/panic.h"
#include "mmu/frame.h"
#include "mmu/gather.h"
#include "mmu/pt_priv.h"

/* Entries of an upper level restrict nothing but U, which follows the leaves below (SDM 3A 4.6). */
#define TABLE_BITS     (PTE_P | PTE_W | PTE_A)

#define CANONICAL_HALF (1UL << 47)

/* Whole pages, not empty, within one canonical half: what every operation asks of its range. */
static bool range_ok(ulong va, u64 size)
{
	ulong last = va + size - 1;

	if (!size || !IS_ALIGNED(va | size, PAGE_SIZE) || last < va)
		return false;
	return last < CANONICAL_HALF || va >= -CANONICAL_HALF;
}

static bool prot_ok(ulong prot)
{
	return (prot & PTE_P) && !(prot & ~PT_PROT_MASK);
}

/* ---- tables come and go ---- */

/* A zeroed table for entries of @level, announced; 0: no frame. */
static __always_inline u64 table_new(const struct pt_format *f, struct pt_root *root, enum pt_level level)
{
	u64 table = frame_alloc_zeroed();

	if (!table)
		return 0;
	root->table_count++;
	f->table_added(root->mm, level, table >> PAGE_SHIFT);
	return table;
}

/* Makes the entry of @va at @level reachable: adds the tables that are missing. Leaves in the way are left alone. */
static __always_inline int grow(const struct pt_format *f, struct pt_root *root, ulong va, enum pt_level level,
				ulong user, struct pt_pos *p)
{
	for (;;) {
		u64 table;

		*p = f->find(root->top, va, level);
		if (p->hung)
			return -EBUSY;
		if (p->level == level)
			return 0;
		if (p->value)
			return -EEXIST;
		table = table_new(f, root, p->level - 1);
		if (!table)
			return -ENOMEM;
		f->store(root->mm, p->level, va, p->entry, table | TABLE_BITS | user);
	}
}

/* A user page below tables that so far led to kernel pages only: they must say U too. */
static __always_inline void open_to_user(const struct pt_format *f, struct pt_root *root, ulong va, enum pt_level level)
{
	for (enum pt_level l = f->top; l > level; l--) {
		struct pt_pos p = f->find(root->top, va, l);

		if (!(p.value & PTE_U))
			f->store(root->mm, l, va, p.entry, p.value | PTE_U);
	}
}

static __always_inline bool entries_empty(const struct pt_format *f, bool low, enum pt_level level, const ulong *table)
{
	for (unsigned i = 0; i < PTE_ENTRIES; i++) {
		if (pt_load(f, low, level, &table[i]))
			return false;
	}
	return true;
}

static __always_inline bool table_is_empty(const struct pt_format *f, enum pt_level level, const ulong *table)
{
	return level == PT_PTE ? entries_empty(f, true, PT_PTE, table) : entries_empty(f, false, level, table);
}

/* Takes the empty tables on the way to @va out of the tree, from the lowest up; the top table stays, and hung ones. */
static __always_inline void prune(const struct pt_format *f, struct pt_root *root, ulong va, struct mmu_gather *tlb)
{
	for (;;) {
		struct pt_pos low = f->find(root->top, va, PT_PTE), up;
		ulong *table = (ulong *)((ulong)low.entry & PAGE_MASK);

		if (low.level == f->top || low.hung || !table_is_empty(f, low.level, table))
			return;
		up = f->find(root->top, va, low.level + 1);
		f->store(root->mm, up.level, va, up.entry, 0);
		f->table_removed(low.level, (up.value & PTE_ADDR) >> PAGE_SHIFT);
		gather_table(tlb, va, up.value & PTE_ADDR);
		root->table_count--;
	}
}

/* ---- split ---- */

/* What the first of the 512 leaves is that together say what the large leaf @value says. */
static __always_inline ulong split_value(const struct pt_format *f, enum pt_level level, ulong value)
{
	ulong bits = value & ~PTE_ADDR;

	if (level > PT_PMD)
		return pt_leaf_pa(f, level, value) | bits | (value & PT_BIT_PAT_LARGE);
	bits &= ~PTE_PS;
	if (value & PT_BIT_PAT_LARGE)
		bits |= PT_BIT_PAT;
	return pt_leaf_pa(f, level, value) | bits;
}

/* Splits until no leaf reaches across @va. */
static __always_inline int split_at(const struct pt_format *f, struct pt_root *root, ulong va, struct mmu_gather *tlb)
{
	for (;;) {
		struct pt_pos p = f->find(root->top, va, PT_PTE);
		ulong value, step;
		u64 table;

		if (!(p.value & PTE_P) || IS_ALIGNED(va, pt_span(f, p.level)))
			return 0;
		table = table_new(f, root, p.level - 1);
		if (!table)
			return -ENOMEM;
		value = split_value(f, p.level, p.value);
		step = pt_span(f, p.level - 1);
		for (unsigned i = 0; i < PTE_ENTRIES; i++, value += step)
			f->store(root->mm, p.level - 1, ALIGN_DOWN(va, pt_span(f, p.level)) + i * step,
				 (ulong *)pa_va(table) + i, value);
		f->store(root->mm, p.level, va, p.entry, table | TABLE_BITS | (p.value & PTE_U));
		gather_va(tlb, va);
		root->leaf_count[p.level]--;
		root->leaf_count[p.level - 1] += PTE_ENTRIES;
	}
}

/* True if a hung table spans a part of [va, va + size). */
static __always_inline bool hung_within(const struct pt_format *f, const struct pt_root *root, ulong va, u64 size)
{
	for (u64 done = 0; done < size;) {
		struct pt_pos p = f->find(root->top, va + done, PT_PTE);
		/* The ptes beside one that is not in a hung table are not either. */
		u64 span = pt_span(f, p.level == PT_PTE ? PT_PMD : p.level);

		if (p.hung)
			return true;
		done += span - ((va + done) & (span - 1));
	}
	return false;
}

/* ---- map ---- */

/* The largest leaf that can begin at @va and @pa and does not reach beyond @left bytes. */
static __always_inline enum pt_level best_level(const struct pt_format *f, const struct pt_root *root, ulong va, u64 pa,
						u64 left)
{
	enum pt_level level = root->max_leaf;

	while (level > PT_PTE && (!IS_ALIGNED(va | pa, pt_span(f, level)) || left < pt_span(f, level)))
		level--;
	return level;
}

/* Writes @n leaves from @p on, until one entry is taken; returns how many. */
static __always_inline u64 fill_entries(const struct pt_format *f, bool low, struct mm_struct *mm, struct pt_pos p,
					ulong va, u64 n, ulong value)
{
	const u64 step = low ? PAGE_SIZE : pt_span(f, p.level);
	u64 i;

	for (i = 0; i < n; i++, va += step, value += step) {
		if (pt_load(f, low, p.level, &p.entry[i]))
			break;
		pt_store(f, low, mm, p.level, va, &p.entry[i], value);
	}
	return i;
}

/* Fills from @p on, to the end of the table or of the range. Returns the bytes mapped; *taken: it ended early. */
static __always_inline u64 fill_run(const struct pt_format *f, struct pt_root *root, struct pt_pos p, ulong va,
				    u64 left, ulong value, bool *taken)
{
	u64 room = (u64)(PTE_ENTRIES - pt_index(f, p.level, va));
	u64 n = left >> f->level[p.level].shift, done;

	n = min(n, room);
	if (p.level == PT_PTE)
		done = fill_entries(f, true, root->mm, p, va, n, value);
	else
		done = fill_entries(f, false, root->mm, p, va, n, value);
	*taken = done < n;
	root->leaf_count[p.level] += done;
	return done << f->level[p.level].shift;
}

static __always_inline int map_range(const struct pt_format *f, struct pt_root *root, ulong va, u64 pa, u64 size,
				     ulong prot)
{
	u64 done = 0;
	int err = 0;

	while (done < size && !err) {
		enum pt_level level = best_level(f, root, va + done, pa + done, size - done);
		ulong value = (pa + done) | prot | (level > PT_PTE ? PTE_PS : 0);
		struct pt_pos p;
		bool taken;

		err = f->grow(root, va + done, level, prot & PTE_U, &p);
		if (err)
			break;
		if (prot & PTE_U)
			open_to_user(f, root, va + done, level);
		done += fill_run(f, root, p, va + done, size - done, value, &taken);
		if (taken)
			err = hung_within(f, root, va + done, size - done) ? -EBUSY : -EEXIST;
	}
	if (err) {
		struct mmu_gather tlb;

		gather_init(&tlb, root);
		f->prune(root, va + done, &tlb);
		gather_flush(&tlb);
		if (done)
			pt_unmap(root, va, done);
	}
	return err;
}

/* ---- unmap and protect ---- */

struct change {
	ulong prot;
	bool holes; /* out: something was not mapped */
	struct mmu_gather tlb;
};

/*
 * Changes @n entries from @p on, until one leads to a table; returns how many were passed, in *gone the leaves of
 * these.
 */
static __always_inline u64 change_entries(const struct pt_format *f, bool low, bool clear, struct mm_struct *mm,
					  struct pt_pos p, ulong va, u64 n, struct change *c, u64 *gone)
{
	const u64 step = low ? PAGE_SIZE : pt_span(f, p.level);
	u64 i;

	*gone = 0;
	for (i = 0; i < n; i++, va += step) {
		ulong old = pt_load(f, low, p.level, &p.entry[i]);

		if (!(old & PTE_P)) {
			c->holes = true;
			continue;
		}
		if (!low && !pt_is_leaf(f, p.level, old))
			break;
		pt_store(f, low, mm, p.level, va, &p.entry[i], clear ? 0 : (old & ~PT_PROT_MASK) | c->prot);
		gather_va(&c->tlb, va);
		++*gone;
	}
	return i;
}

/* Changes from @p on, to the end of the table or of the range. Returns the bytes passed. */
static __always_inline u64 change_run(const struct pt_format *f, struct pt_root *root, struct pt_pos p, ulong va,
				      u64 left, struct change *c, bool clear)
{
	u64 room = (u64)(PTE_ENTRIES - pt_index(f, p.level, va));
	u64 n = left >> f->level[p.level].shift, passed, gone;

	n = min(n, room);
	if (p.level == PT_PTE)
		passed = change_entries(f, true, clear, root->mm, p, va, n, c, &gone);
	else
		passed = change_entries(f, false, clear, root->mm, p, va, n, c, &gone);
	if (clear)
		root->leaf_count[p.level] -= gone;
	return passed << f->level[p.level].shift;
}

/* Both ends are split first, so that no leaf in between sticks out, and nothing can fail any more. */
static __always_inline int change_range(const struct pt_format *f, struct pt_root *root, ulong va, u64 size, bool clear,
					ulong prot)
{
	struct change c = {.prot = prot};
	int err;

	if (hung_within(f, root, va, size))
		return -EBUSY;
	gather_init(&c.tlb, root);
	err = f->split_at(root, va, &c.tlb);
	if (!err)
		err = f->split_at(root, va + size, &c.tlb);
	for (u64 done = 0; done < size && !err;) {
		ulong at = va + done;
		struct pt_pos p = f->find(root->top, at, PT_PTE);

		if (!(p.value & PTE_P)) {
			u64 span = pt_span(f, p.level);

			c.holes = true;
			done += span - (at & (span - 1));
			continue;
		}
		if (!clear && (prot & PTE_U))
			open_to_user(f, root, at, p.level);
		done += change_run(f, root, p, at, size - done, &c, clear);
		if (clear)
			f->prune(root, at, &c.tlb);
	}
	gather_flush(&c.tlb);
	if (err)
		return err;
	return c.holes && !clear ? -ENOENT : 0;
}

/* ---- the instances ---- */

struct pt_pos pt_long4_find(u64 top, ulong va, enum pt_level stop)
{
	return pt_find(&pt_long4, top, va, stop);
}

int pt_long4_grow(struct pt_root *root, ulong va, enum pt_level level, ulong user, struct pt_pos *p)
{
	return grow(&pt_long4, root, va, level, user, p);
}

void pt_long4_prune(struct pt_root *root, ulong va, struct mmu_gather *tlb)
{
	prune(&pt_long4, root, va, tlb);
}

int pt_long4_split_at(struct pt_root *root, ulong va, struct mmu_gather *tlb)
{
	return split_at(&pt_long4, root, va, tlb);
}

int pt_root_init(struct pt_root *root, struct mm_struct *mm, const struct pt_caps *caps)
{
	int err;

	*root = (struct pt_root){
		.mm = mm,
		.max_leaf = !caps->pages_2m  ? PT_PTE
			    : caps->pages_1g ? PT_PUD
					     : PT_PMD,
		.prot_allowed = PT_PROT_MASK & ~(caps->nx ? 0 : PTE_NX) & ~(caps->global ? 0 : PTE_G),
		.table_count = 1,
	};
	root->top = frame_alloc_zeroed();
	if (!root->top)
		return -ENOMEM;
	err = pv_pgd_alloc(mm);
	if (err) {
		frame_free(root->top);
		root->top = 0;
	}
	return err;
}

void pt_root_destroy(struct pt_root *root)
{
	int err;

	ASSERT(!root->live);
	err = pt_unmap(root, 0, CANONICAL_HALF);
	ASSERT(!err);
	err = pt_unmap(root, -CANONICAL_HALF, CANONICAL_HALF);
	ASSERT(!err);
	pv_pgd_free(root->mm, pa_va(root->top));
	frame_free(root->top);
	root->top = 0;
	root->table_count = 0;
}

int pt_map(struct pt_root *root, ulong va, u64 pa, u64 size, ulong prot)
{
	if (!range_ok(va, size) || !prot_ok(prot) || !IS_ALIGNED(pa, PAGE_SIZE) || pa > PTE_ADDR ||
	    size - 1 > (PTE_ADDR | ~PAGE_MASK) - pa)
		return -EINVAL;
	return map_range(&pt_long4, root, va, pa, size, prot & root->prot_allowed);
}

int pt_unmap(struct pt_root *root, ulong va, u64 size)
{
	if (!range_ok(va, size))
		return -EINVAL;
	return change_range(&pt_long4, root, va, size, true, 0);
}

int pt_protect(struct pt_root *root, ulong va, u64 size, ulong prot)
{
	if (!range_ok(va, size) || !prot_ok(prot))
		return -EINVAL;
	return change_range(&pt_long4, root, va, size, false, prot & root->prot_allowed);
}

int pt_hang(struct pt_root *root, ulong va, enum pt_level level, u64 table)
{
	struct mmu_gather tlb;
	struct pt_pos p;
	int err;

	if (level == PT_PTE || level > PT_PUD || !IS_ALIGNED(va, pt_span(&pt_long4, level)) ||
	    !range_ok(va, PAGE_SIZE) || !IS_ALIGNED(table, PAGE_SIZE))
		return -EINVAL;
	err = pt_long4_grow(root, va, level, 0, &p);
	if (!err && p.value)
		err = -EEXIST;
	if (err) {
		gather_init(&tlb, root);
		pt_long4_prune(root, va, &tlb);
		gather_flush(&tlb);
		return err;
	}
	pt_long_table_added(root->mm, level - 1, table >> PAGE_SHIFT);
	pt_long_store(root->mm, level, va, p.entry, table | TABLE_BITS | PT_HUNG);
	return 0;
}

int pt_unhang(struct pt_root *root, ulong va, enum pt_level level)
{
	struct pt_pos p = pt_long4_find(root->top, va, level);
	struct mmu_gather tlb;

	if (p.level != level || level == PT_PTE || !(p.value & PT_HUNG) || pt_is_leaf(&pt_long4, level, p.value))
		return -EINVAL;
	gather_init(&tlb, root);
	pt_long_store(root->mm, level, va, p.entry, 0);
	pt_long_table_removed(level - 1, (p.value & PTE_ADDR) >> PAGE_SHIFT);
	gather_all(&tlb); /* whatever its owner mapped there */
	pt_long4_prune(root, va, &tlb);
	gather_flush(&tlb);
	return 0;
}

/* The op pgd_alloc on bare hardware: a top table needs nothing. */
int native_pgd_alloc(struct mm_struct *mm)
{
	(void)mm;
	return 0;
}
