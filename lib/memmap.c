/*
 * The physical memory map: adding ranges in any order and with any overlap, so that what comes out
 * is sorted, disjoint and merged, and every byte has the greatest type that anyone gave it.
 *
 * An addition is two steps: carve() cuts the new range out of all lesser ones, fill() puts it into
 * the gaps that are left. Where the list is full, the map errs on the safe side: usable memory is
 * dropped first, and when there is none, reservations swallow gaps; a byte that was reserved never
 * becomes usable.
 *
 * Must not know: boot protocols, frames. Read next: mmu/frame.c.
 */
#include "lib/memmap.h"

#include "lib/string.h"

/* Where the list ends: the last page is given up, so that no end and no rounding can wrap. */
#define MEMMAP_LIMIT ALIGN_DOWN(UINT64_MAX, PAGE_SIZE)

void memmap_init(struct memmap *m)
{
	memset(m, 0, sizeof(*m));
}

static void remove_at(struct memmap *m, u32 i)
{
	m->count--;
	memmove(&m->range[i], &m->range[i + 1], (m->count - i) * sizeof(m->range[0]));
}

/* There must be room. */
static void insert_at(struct memmap *m, u32 i, u64 base, u64 end, enum mem_type type)
{
	memmove(&m->range[i + 1], &m->range[i], (m->count - i) * sizeof(m->range[0]));
	m->range[i] = (struct mem_range){.base = base, .end = end, .type = type};
	m->count++;
}

/* Joins range @i with its right neighbour when they are one. */
static void join_right(struct memmap *m, u32 i)
{
	if (i + 1 >= m->count)
		return;

	struct mem_range *a = &m->range[i], *b = &m->range[i + 1];

	if (a->end == b->base && a->type == b->type) {
		a->end = b->end;
		remove_at(m, i + 1);
	}
}

/* Drops the smallest usable range that is smaller than @size. */
static bool drop_usable(struct memmap *m, u64 size)
{
	u32 victim = m->count;

	for (u32 i = 0; i < m->count; i++) {
		u64 length = m->range[i].end - m->range[i].base;

		if (m->range[i].type == MEM_USABLE && length < size) {
			size = length;
			victim = i;
		}
	}
	if (victim == m->count)
		return false;
	remove_at(m, victim);
	m->dropped++;
	return true;
}

/* Range @i has changed: joins it with both neighbours where they are one. */
static void join_around(struct memmap *m, u32 i)
{
	join_right(m, i);
	if (i > 0)
		join_right(m, i - 1);
}

/* No usable range is left: joins the two reservations with the smallest gap, gap included. */
static void coarsen(struct memmap *m)
{
	u64 best = UINT64_MAX;
	u32 at = 0;

	for (u32 i = 0; i + 1 < m->count; i++) {
		u64 gap = m->range[i + 1].base - m->range[i].end;

		if (gap < best) {
			best = gap;
			at = i;
		}
	}
	m->range[at].end = m->range[at + 1].end;
	m->range[at].type = max(m->range[at].type, m->range[at + 1].type);
	remove_at(m, at + 1);
	join_around(m, at);
	m->dropped++;
}

/* Frees at least one place for a range of @size and @type; false: that range is itself the one to
 * drop. */
static bool make_room(struct memmap *m, u64 size, enum mem_type type)
{
	if (type == MEM_USABLE) {
		if (drop_usable(m, size))
			return true;
		m->dropped++;
		return false;
	}
	if (!drop_usable(m, UINT64_MAX))
		coarsen(m);
	return true;
}

/*
 * Range @i lies around [base, *end): it becomes two. Without a place for the second one, a usable
 * range keeps its greater half, and a reservation gives its upper half to the new range, which
 * grows by it.
 */
static void split_at(struct memmap *m, u32 i, u64 base, u64 *end)
{
	struct mem_range *r = &m->range[i];

	if (m->count < MEMMAP_MAX) {
		insert_at(m, i + 1, *end, r->end, r->type);
		r->end = base;
		return;
	}
	m->dropped++;
	if (r->type != MEM_USABLE) {
		*end = r->end;
		r->end = base;
	} else if (base - r->base >= r->end - *end) {
		r->end = base;
	} else {
		r->base = *end;
	}
}

/* Cuts [base, *end) out of every range of a lesser type. *end may grow, see split_at(). */
static void carve(struct memmap *m, u64 base, u64 *end, enum mem_type type)
{
	for (u32 i = 0; i < m->count;) {
		struct mem_range *r = &m->range[i];

		if (r->type >= type || r->end <= base || r->base >= *end) {
			i++;
		} else if (r->base < base && r->end > *end) {
			if (m->count == MEMMAP_MAX && r->type != MEM_USABLE && drop_usable(m, UINT64_MAX)) {
				i = 0; /* places have moved */
				continue;
			}
			split_at(m, i, base, end);
			i++;
		} else if (r->base < base) {
			r->end = base;
			i++;
		} else if (r->end > *end) {
			r->base = *end;
			i++;
		} else {
			remove_at(m, i);
		}
	}
}

/* Puts [base, end), which touches nothing else, at place @i, joined with its neighbours; false: no
 * place. */
static bool put(struct memmap *m, u32 i, u64 base, u64 end, enum mem_type type)
{
	struct mem_range *left = i > 0 ? &m->range[i - 1] : NULL;
	struct mem_range *right = i < m->count ? &m->range[i] : NULL;

	if (left && left->end == base && left->type == type) {
		left->end = end;
		join_right(m, i - 1);
	} else if (right && right->base == end && right->type == type) {
		right->base = base;
	} else if (m->count < MEMMAP_MAX) {
		insert_at(m, i, base, end, type);
	} else {
		return false;
	}
	return true;
}

/*
 * Gives @type to all of [at, end) that no range covers. What is covered has that type or a greater
 * one after carve(), unless coarsen() has covered it since: then all of that range gets it.
 */
static void fill(struct memmap *m, u64 at, u64 end, enum mem_type type)
{
	while (at < end) {
		u64 stop = end;
		u32 i = 0;

		while (i < m->count && m->range[i].end <= at)
			i++;
		if (i < m->count && m->range[i].base <= at) {
			at = m->range[i].end;
			if (m->range[i].type < type) {
				m->range[i].type = type;
				join_around(m, i);
			}
			continue;
		}
		if (i < m->count)
			stop = min(stop, m->range[i].base);
		if (!put(m, i, at, stop, type) && make_room(m, stop - at, type))
			continue; /* the list has changed: look again */
		at = stop;
	}
}

static bool overlaps_other_type(const struct memmap *m, u64 base, u64 end, enum mem_type type)
{
	for (u32 i = 0; i < m->count; i++)
		if (m->range[i].base < end && m->range[i].end > base && m->range[i].type != type)
			return true;
	return false;
}

void memmap_add(struct memmap *m, u64 base, u64 length, enum mem_type type)
{
	u64 end;

	if ((u32)type >= MEM_TYPE_COUNT)
		type = MEM_RESERVED;
	if (length == 0 || base >= MEMMAP_LIMIT) {
		m->malformed++;
		return;
	}
	if (length > MEMMAP_LIMIT - base) {
		m->malformed++;
		length = MEMMAP_LIMIT - base;
	}
	end = base + length;
	if (overlaps_other_type(m, base, end, type))
		m->overlaps++;
	carve(m, base, &end, type);
	fill(m, base, end, type);
}

/*
 * Appends @r behind the @count ranges already rounded. Disjoint ranges that were rounded outward
 * share one page at most; the greater type gets it.
 */
static u32 append_rounded(struct mem_range *list, u32 count, struct mem_range r)
{
	while (count > 0 && list[count - 1].end > r.base) {
		struct mem_range *last = &list[count - 1];

		if (r.type <= last->type) {
			r.base = last->end;
			break;
		}
		last->end = r.base;
		if (last->base < last->end)
			break;
		count--;
	}
	if (r.base >= r.end)
		return count;
	if (count > 0 && list[count - 1].end == r.base && list[count - 1].type == r.type) {
		list[count - 1].end = r.end;
		return count;
	}
	list[count] = r;
	return count + 1;
}

void memmap_page_align(struct memmap *m)
{
	u32 count = 0;

	for (u32 i = 0; i < m->count; i++) {
		struct mem_range r = m->range[i];

		if (r.type == MEM_USABLE) {
			r.base = ALIGN_UP(r.base, PAGE_SIZE);
			r.end = ALIGN_DOWN(r.end, PAGE_SIZE);
		} else {
			r.base = ALIGN_DOWN(r.base, PAGE_SIZE);
			r.end = ALIGN_UP(r.end, PAGE_SIZE);
		}
		if (r.base < r.end)
			count = append_rounded(m->range, count, r);
	}
	m->count = count;
}

u64 memmap_bytes(const struct memmap *m, enum mem_type type)
{
	u64 bytes = 0;

	for (u32 i = 0; i < m->count; i++)
		if (m->range[i].type == type)
			bytes += m->range[i].end - m->range[i].base;
	return bytes;
}

const char *mem_type_name(enum mem_type type)
{
	static const char *const name[MEM_TYPE_COUNT] = {"usable", "ACPI reclaimable", "ACPI NVS", "reserved", "bad"};

	return (u32)type < MEM_TYPE_COUNT ? name[type] : "?";
}

enum mem_type mem_type_from_acpi(u32 type)
{
	switch (type) {
	case 1:
		return MEM_USABLE;
	case 3:
		return MEM_ACPI_RECLAIMABLE;
	case 4:
		return MEM_ACPI_NVS;
	case 5:
		return MEM_BAD;
	default:
		return MEM_RESERVED; /* 2, and everything newer: disabled, persistent, ... */
	}
}
