/*
 * The physical memory map: a short, sorted, non-overlapping list of ranges, whatever a boot loader
 * handed over. Pure; filled by the boot protocols, read by the frame allocator (mmu/frame.c).
 * Facts: multiboot2 3.6.8, PVH hvm_memmap_table_entry; both number the types as ACPI 6.5 table 15.2
 * does.
 */
#ifndef LIB_MEMMAP_H
#define LIB_MEMMAP_H

#include "lib/types.h"

/* Sorted by how much a range is *not* ours: where two ranges overlap, the greater type wins. */
enum mem_type {
	MEM_USABLE,           /* RAM, ours */
	MEM_ACPI_RECLAIMABLE, /* RAM holding ACPI tables */
	MEM_ACPI_NVS,
	MEM_RESERVED, /* not RAM, or not ours: also every type this list does not know */
	MEM_BAD,
	MEM_TYPE_COUNT
};

/* RAM, ours or the firmware's: it may be read, and is in the direct map. */
static inline bool mem_type_is_ram(enum mem_type type)
{
	return type <= MEM_ACPI_NVS;
}

struct mem_range {
	u64 base; /* physical, bytes */
	u64 end;  /* first byte behind, never wraps; base < end */
	enum mem_type type;
};

#define MEMMAP_MAX 128

struct memmap {
	u32 count;
	u32 dropped;   /* entries left out because the list was full */
	u32 malformed; /* entries of no length or running past 2^64: left out (or cut), counted */
	u32 overlaps;  /* entries that overlapped another of a different type */
	struct mem_range range[MEMMAP_MAX];
};

/* Empties @m. */
void memmap_init(struct memmap *m);

/*
 * Adds [base, base + length) as @type, keeping the list sorted and disjoint: the greater type wins
 * an overlap, neighbours of one type merge. Zero length and wrap-around are counted as malformed; a
 * range past 2^64 is cut. A full list drops *usable* memory before it forgets a reservation. Any
 * order, any overlap.
 */
void memmap_add(struct memmap *m, u64 base, u64 length, enum mem_type type);

/*
 * Rounds to whole pages: usable ranges shrink inward, all others grow outward. To be called once,
 * after the last memmap_add; ranges that vanish are removed.
 */
void memmap_page_align(struct memmap *m);

/* Bytes of @type in the list. */
u64 memmap_bytes(const struct memmap *m, enum mem_type type);

/* The type numbers of ACPI 6.5 table 15.2 (E820, multiboot2, PVH); one that is not known is
 * reserved. */
enum mem_type mem_type_from_acpi(u32 type);

/* "usable", "ACPI reclaimable", "ACPI NVS", "reserved", "bad". */
const char *mem_type_name(enum mem_type type);

#endif
