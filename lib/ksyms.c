/*
 * Lookup in the symbol table: a binary search over offsets, pure over a table pointer, and the one
 * table of this image between the linker script's two marks. It knows the table's format and
 * nothing of who asks. Read next: tools/ksyms.py, which writes the table.
 */
#include "lib/ksyms.h"

#include "lib/string.h"

/* linker.ld, section .ksyms; equal while there is no table. */
extern const char __ksyms_start[], __ksyms_end[];

static const u32 *table_offsets(const struct ksym_table *t)
{
	return t->words;
}

static const char *table_name(const struct ksym_table *t, u32 i)
{
	const char *names = (const char *)(t->words + 2 * (size_t)t->count);

	return names + t->words[t->count + i];
}

bool ksym_table_valid(const struct ksym_table *t, size_t size)
{
	const char *names;

	if (size < sizeof(*t) || (size - sizeof(*t)) / 8 < t->count ||
	    size - sizeof(*t) - 8 * (size_t)t->count < t->names_size)
		return false;
	if (!t->count)
		return true;
	names = (const char *)(t->words + 2 * (size_t)t->count);
	if (!t->names_size || names[t->names_size - 1])
		return false;
	for (u32 i = 0; i < t->count; i++) {
		if (t->words[t->count + i] >= t->names_size || (i && t->words[i] < t->words[i - 1]))
			return false;
	}
	return true;
}

/* How many offsets are at most @offset. */
static u32 count_up_to(const struct ksym_table *t, u32 offset)
{
	u32 low = 0, high = t->count;

	while (low < high) {
		u32 middle = low + (high - low) / 2;

		if (table_offsets(t)[middle] <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Of several names for one address, the first: tools/ksyms.py puts the best one there. */
bool ksym_table_lookup(const struct ksym_table *t, ulong addr, struct ksym *out)
{
	u32 i;

	if (!t || addr < KSYM_BASE || addr - KSYM_BASE > UINT32_MAX)
		return false;
	i = count_up_to(t, (u32)(addr - KSYM_BASE));
	if (!i)
		return false;
	i--;
	while (i && table_offsets(t)[i - 1] == table_offsets(t)[i])
		i--;
	out->name = table_name(t, i);
	out->base = KSYM_BASE + table_offsets(t)[i];
	out->offset = addr - out->base;
	return *out->name != '\0';
}

ulong ksym_table_address(const struct ksym_table *t, const char *name)
{
	for (u32 i = 0; t && *name && i < t->count; i++) {
		if (!strcmp(table_name(t, i), name))
			return KSYM_BASE + table_offsets(t)[i];
	}
	return 0;
}

/*
 * NULL while the image has no table, or one that is not whole: a lookup during a panic must not run astray. It is
 * checked at the first use. The marks are compared as numbers: two objects to the compiler.
 */
static const struct ksym_table *own_table(void)
{
	static enum { UNSEEN, GOOD, BAD } seen;
	const struct ksym_table *t = (const struct ksym_table *)(ulong)__ksyms_start;

	if (seen == UNSEEN)
		seen = ksym_table_valid(t, (ulong)__ksyms_end - (ulong)__ksyms_start) ? GOOD : BAD;
	return seen == GOOD ? t : NULL;
}

bool ksym_lookup(ulong addr, struct ksym *out)
{
	return ksym_table_lookup(own_table(), addr, out);
}

ulong ksym_address(const char *name)
{
	return ksym_table_address(own_table(), name);
}
