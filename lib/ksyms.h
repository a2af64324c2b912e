/*
 * Kernel symbols: address to name for backtraces, name to address for the monitor. The table is made by tools/ksyms.py
 * from the linked image and lies in section .ksyms; before that link the section is empty, and every lookup answers
 * "no". Any context, no lock: the table never changes.
 *
 *	struct ksym_table	count, names_size
 *	u32 offset[count]	from KSYM_BASE, ascending; the last entry has an empty name and ends the one before
 *	u32 name[count]		where in names
 *	char names[names_size]	NUL-terminated
 */
#ifndef LIB_KSYMS_H
#define LIB_KSYMS_H

#include "lib/types.h"

/* The lowest address that the table can name: KBASE, as arch/layout.c makes sure. */
#define KSYM_BASE 0xffffffff80000000UL

struct ksym_table {
	u32 count;
	u32 names_size;
	u32 words[]; /* offset[count], name[count], names */
};

struct ksym {
	const char *name;
	ulong base;   /* the symbol's address */
	ulong offset; /* of the address asked for, from base */
};

/* The symbol that @addr lies in. False: below the first, at or above the end of the last, or no (whole) table. */
bool ksym_lookup(ulong addr, struct ksym *out);

/* The address of the first symbol of that name, 0: none. Linear; for people, not for loops. */
ulong ksym_address(const char *name);

/*
 * The same over any table of @size bytes. ksym_table_valid() checks it once for all: sizes, order,
 * and that each name begins inside the names and ends there; lookup and address expect a valid one,
 * or NULL for none.
 */
bool ksym_table_valid(const struct ksym_table *table, size_t size);
bool ksym_table_lookup(const struct ksym_table *table, ulong addr, struct ksym *out);
ulong ksym_table_address(const struct ksym_table *table, const char *name);

#endif
