/*
 * A memory map's oracle, for the host tests and the fuzzer: the additions themselves, asked one
 * address at a time. It is slow, keeps no ranges, and shares no code with lib/memmap.c.
 *
 * Must not know: how the list is kept. Read next: tests/host/test_memmap.c.
 */
#ifndef TESTS_HOST_MEMMAP_CHECK_H
#define TESTS_HOST_MEMMAP_CHECK_H

#include "lib/memmap.h"

#define NO_MEMORY (-1) /* in the place of a type: nothing there */

struct memmap_op {
	u64 base, length;
	enum mem_type type;
};

/* Sorted, disjoint, merged, within bounds. */
static inline const char *memmap_fault(const struct memmap *m)
{
	if (m->count > MEMMAP_MAX)
		return "more ranges than places";
	for (u32 i = 0; i < m->count; i++) {
		const struct mem_range *r = &m->range[i];

		if (r->base >= r->end)
			return "an empty range";
		if ((u32)r->type >= MEM_TYPE_COUNT)
			return "an unknown type";
		if (i == 0)
			continue;
		if (r[-1].end > r->base)
			return "not sorted or not disjoint";
		if (r[-1].end == r->base && r[-1].type == r->type)
			return "neighbours of one type not merged";
	}
	return NULL;
}

static inline int memmap_type_at(const struct memmap *m, u64 at)
{
	for (u32 i = 0; i < m->count; i++)
		if (at >= m->range[i].base && at < m->range[i].end)
			return (int)m->range[i].type;
	return NO_MEMORY;
}

/* The greatest type that any addition gave the byte; the last page below 2^64 is given up by
 * contract. */
static inline int memmap_model_at(const struct memmap_op *op, size_t count, u64 at)
{
	int best = NO_MEMORY;

	for (size_t i = 0; i < count && at < UINT64_MAX - 4095; i++)
		if (at >= op[i].base && at - op[i].base < op[i].length && (int)op[i].type > best)
			best = (int)op[i].type;
	return best;
}

/* What memmap_add() promises about one byte: exact as long as nothing was dropped, else on the safe
 * side. */
static inline const char *memmap_fault_at(const struct memmap *m, const struct memmap_op *op, size_t count, u64 at)
{
	int is = memmap_type_at(m, at), must = memmap_model_at(op, count, at);

	if (is == must)
		return NULL;
	if (!m->dropped)
		return "a byte has the wrong type";
	if (must > (int)MEM_USABLE)
		return is < must ? "a full list forgot a reservation" : NULL;
	if (must == NO_MEMORY && is == (int)MEM_USABLE)
		return "a full list made memory up";
	return NULL;
}

#endif
