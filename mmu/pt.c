/*
 * Page tables: see mmu/pt.h for what each operation promises. Each is one always-inlined loop over a format,
 * instantiated for each at the end of the file. A loop turns once per run: the entries that lie side by side in one
 * table and get the same treatment; between two runs the descent starts again at the top, which costs a handful of
 * loads per 512 entries.
 *
 * What keeps errors simple: everything that can fail (allocating, splitting) is done before the first entry is cleared
 * or changed; pt_map undoes what it did.
 *
 * Must not know: what is mapped and why. Read next: mmu/pt_table.c, mmu/pt_visit.c.
 */
#include "mmu/pt.h"

#include "arch/layout.h"
#include "lib/errno.h"
#include "mmu/gather.h"
#include "mmu/pt_priv.h"

static bool prot_ok(ulong prot)
{
	return (prot & PTE_P) && !(prot & ~PT_PROT_MASK);
}

/* A user page below tables that so far led to kernel pages only: they must say U too. */
static __always_inline void open_to_user(const struct pt_format *f, struct pt_root *root, ulong va, enum pt_level level)
{
	for (enum pt_level l = root->top_level; l > level; l--) {
		struct pt_pos p = f->find(root, va, l);

		if (!(p.value & f->table_user))
			pt_store(f, false, root->mm, l, va, p.entry, p.value | f->table_user);
	}
}

/* True if a hung table spans a part of [va, va + size). */
static __always_inline bool hung_within(const struct pt_format *f, const struct pt_root *root, ulong va, u64 size)
{
	for (u64 done = 0; f->by_ops && done < size;) {
		struct pt_pos p = f->find(root, va + done, PT_PTE);
		/* The ptes beside one that is not in a hung table are not either. */
		u64 span = pt_span(p.level == PT_PTE ? PT_PMD : p.level);

		if (p.hung)
			return true;
		done += span - ((va + done) & (span - 1));
	}
	return false;
}

/* ---- map ---- */

/* The largest leaf that can begin at @va and @pa and does not reach beyond @left bytes. */
static __always_inline enum pt_level best_level(const struct pt_root *root, ulong va, pa_t pa, u64 left)
{
	enum pt_level level = root->max_leaf;

	while (level > PT_PTE && (!IS_ALIGNED(va | pa_num(pa), pt_span(level)) || left < pt_span(level)))
		level--;
	return level;
}

/*
 * Writes @n leaves from @p on, until one entry is taken; returns how many. What is constant makes the loop short: @low,
 * @fresh (all entries are free), @mm where it is NULL.
 */
static __always_inline u64 fill_entries(const struct pt_format *f, bool low, bool fresh, struct mm_struct *mm,
					enum pt_level level, ulong *entry, ulong va, u64 n, ulong value)
{
	const u64 step = low ? PAGE_SIZE : pt_span(level);
	ulong *const first = entry, *const end = entry + n;

	for (; entry < end; entry++, va += step, value += step) {
		if (!fresh && pt_load(f, low, level, entry))
			break;
		pt_store(f, low, mm, level, va, entry, value);
	}
	return (u64)(entry - first);
}

static __always_inline u64 fill_ptes(const struct pt_format *f, struct mm_struct *mm, const struct pt_pos *p, ulong va,
				     u64 n, ulong value)
{
	if (p->fresh)
		return mm ? fill_entries(f, true, true, mm, PT_PTE, p->entry, va, n, value)
			  : fill_entries(f, true, true, NULL, PT_PTE, p->entry, va, n, value);
	return mm ? fill_entries(f, true, false, mm, PT_PTE, p->entry, va, n, value)
		  : fill_entries(f, true, false, NULL, PT_PTE, p->entry, va, n, value);
}

/* Fills from @p on, to the end of the table or of the range. Returns the bytes mapped; *taken: it ended early. */
static __always_inline u64 fill_run(const struct pt_format *f, struct pt_root *root, const struct pt_pos *p, ulong va,
				    u64 left, ulong value, bool *taken)
{
	u64 room = (u64)(PTE_ENTRIES - pt_index(p->level, va));
	u64 n = left >> pt_shift(p->level), done;

	n = min(n, room);
	if (p->level == PT_PTE)
		done = fill_ptes(f, root->mm, p, va, n, value);
	else
		done = fill_entries(f, false, false, root->mm, p->level, p->entry, va, n, value);
	*taken = done < n;
	root->leaf_count[p->level] += done;
	return done << pt_shift(p->level);
}

static __always_inline int map_range(const struct pt_format *f, struct pt_root *root, ulong va, pa_t pa, u64 size,
				     ulong prot)
{
	u64 done = 0;
	int err = 0;

	while (done < size && !err) {
		enum pt_level level = best_level(root, va + done, pa_add(pa, done), size - done);
		ulong value = (pa_num(pa) + done) | pt_encode(f, prot) | (level > PT_PTE ? PTE_PS : 0);
		struct pt_pos p;
		bool taken;

		err = f->grow(root, va + done, level, prot & f->table_user, &p);
		if (err)
			break;
		if (prot & f->table_user)
			open_to_user(f, root, va + done, level);
		done += fill_run(f, root, &p, va + done, size - done, value, &taken);
		if (taken)
			err = hung_within(f, root, va + done, size - done) ? -EBUSY : -EEXIST;
	}
	if (err) {
		struct mmu_gather tlb;

		gather_init(&tlb, root);
		f->prune(root, va + done, &tlb, false);
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

/* A pte that is neither present nor empty (mmu/soft_pte.h) is cleared with the others, but no leaf and in no TLB. */
static __always_inline bool is_soft(const struct pt_format *f, bool pte, bool clear, ulong value)
{
	return pte && clear && value && !(value & f->present);
}

/* The leaf @old with other rights: what was seen of it stays. */
static __always_inline ulong pt_with_prot(const struct pt_format *f, ulong old, ulong prot)
{
	return (old & (~f->prot_bits | f->seen_bits)) | prot;
}

/* The same for a pte of a process, which another CPU may be marking: it is away from prot_start to commit. */
static __always_inline void pt_modify_pte(ulong va, ulong *entry, ulong prot)
{
	ulong old = pv_pte_val(pv_ptep_modify_prot_start(NULL, va, (pte_t *)entry));

	pv_ptep_modify_prot_commit(NULL, va, (pte_t *)entry, pv_make_pte(pt_with_prot(&pt_long, old, prot)));
}

/*
 * Changes @n entries from @p on, until one leads to a table; returns how many were passed, in *gone the leaves of
 * these.
 */
static __always_inline u64 change_entries(const struct pt_format *f, bool low, bool clear, struct mm_struct *mm,
					  const struct pt_pos *p, ulong va, u64 n, ulong prot, u64 *gone)
{
	const u64 step = low ? PAGE_SIZE : pt_span(p->level);
	ulong *entry = p->entry, *const end = entry + n;
	u64 holes = 0;

	for (; entry < end; entry++, va += step) {
		ulong old = pt_load(f, low, p->level, entry);

		if (!(old & f->present)) {
			holes++;
			if (!is_soft(f, low, clear, old))
				continue;
		}
		if (!low && !pt_is_leaf(p->level, old))
			break;
		if (clear)
			pt_store(f, low, mm, p->level, va, entry, 0);
		else if (low && mm && f->by_ops)
			pt_modify_pte(va, entry, prot);
		else
			pt_store(f, low, mm, p->level, va, entry, pt_with_prot(f, old, prot));
	}
	n = (u64)(entry - p->entry);
	*gone = n - holes;
	return n;
}

/* Changes from @p on, to the end of the table or of the range. Returns the bytes passed. */
static __always_inline u64 change_run(const struct pt_format *f, struct pt_root *root, const struct pt_pos *p, ulong va,
				      u64 left, struct change *c, bool clear)
{
	u64 room = (u64)(PTE_ENTRIES - pt_index(p->level, va));
	u64 n = left >> pt_shift(p->level), passed, gone;

	n = min(n, room);
	if (p->level != PT_PTE)
		passed = change_entries(f, false, clear, root->mm, p, va, n, c->prot, &gone);
	else if (root->mm)
		passed = change_entries(f, true, clear, root->mm, p, va, n, c->prot, &gone);
	else
		passed = change_entries(f, true, clear, NULL, p, va, n, c->prot, &gone);
	if (gone)
		gather_run(&c->tlb, va, passed, pt_span(p->level));
	if (clear)
		root->leaf_count[p->level] -= gone;
	c->holes |= gone < passed;
	return passed << pt_shift(p->level);
}

/* Both ends are split first, so that no leaf in between sticks out, and nothing can fail any more. */
static __always_inline int change_range(const struct pt_format *f, struct pt_root *root, ulong va, u64 size, bool clear,
					ulong prot)
{
	struct change c = {.prot = pt_encode(f, prot)};
	u64 passed;
	int err;

	if (hung_within(f, root, va, size))
		return -EBUSY;
	gather_init(&c.tlb, root);
	err = f->split_at(root, va, &c.tlb);
	if (!err)
		err = f->split_at(root, va + size, &c.tlb);
	for (u64 done = 0; done < size && !err;) {
		ulong at = va + done;
		struct pt_pos p = f->find(root, at, PT_PTE);

		if (!(p.value & f->present) && !is_soft(f, p.level == PT_PTE, clear, p.value)) {
			u64 span = pt_span(p.level);

			c.holes = true;
			done += span - (at & (span - 1));
			continue;
		}
		if (!clear && (prot & f->table_user))
			open_to_user(f, root, at, p.level);
		passed = change_run(f, root, &p, at, size - done, &c, clear);
		done += passed;
		if (clear)
			f->prune(root, at, &c.tlb, passed == PTE_ENTRIES * pt_span(p.level));
	}
	gather_flush(&c.tlb);
	if (err)
		return err;
	return c.holes && !clear ? -ENOENT : 0;
}

/* ---- the instances ---- */

int pt_map(struct pt_root *root, ulong va, pa_t pa, u64 size, ulong prot)
{
	if (!pt_range_ok(root, va, size) || !prot_ok(prot) || !pa_aligned(pa, PAGE_SIZE) || pa_num(pa) > PTE_ADDR ||
	    size - 1 > (PTE_ADDR | ~PAGE_MASK) - pa_num(pa))
		return -EINVAL;
	prot &= root->prot_allowed;
	switch (root->kind) {
	case PT_LONG:
		return map_range(&pt_long, root, va, pa, size, prot);
	case PT_NPT:
		return map_range(&pt_npt, root, va, pa, size, prot);
	case PT_EPT:
		return map_range(&pt_ept, root, va, pa, size, prot);
	}
	return -EINVAL;
}

/* @clear is a constant. */
static __always_inline int change(struct pt_root *root, ulong va, u64 size, bool clear, ulong prot)
{
	switch (root->kind) {
	case PT_LONG:
		return change_range(&pt_long, root, va, size, clear, prot);
	case PT_NPT:
		return change_range(&pt_npt, root, va, size, clear, prot);
	case PT_EPT:
		return change_range(&pt_ept, root, va, size, clear, prot);
	}
	return -EINVAL;
}

int pt_unmap(struct pt_root *root, ulong va, u64 size)
{
	if (!pt_range_ok(root, va, size))
		return -EINVAL;
	return change(root, va, size, true, 0);
}

int pt_protect(struct pt_root *root, ulong va, u64 size, ulong prot)
{
	if (!pt_range_ok(root, va, size) || !prot_ok(prot))
		return -EINVAL;
	return change(root, va, size, false, prot & root->prot_allowed);
}
