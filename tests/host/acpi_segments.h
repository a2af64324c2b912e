/*
 * Physical memory in pieces, for the ACPI parser: a file or an input is a row of segments, each its physical address (8
 * bytes), its length (4) and its bytes; the first holds the RSDP. Each becomes a block of exactly its size, so that the
 * address sanitizer sees any step outside. Used by the host test and the fuzz target; recorded machines lie in
 * tests/fuzz/corpus/fuzz_acpi.
 *
 * Must not know: tables. Read next: tests/host/test_acpi.c.
 */
#ifndef TESTS_HOST_ACPI_SEGMENTS_H
#define TESTS_HOST_ACPI_SEGMENTS_H

#include <stdlib.h>
#include <string.h>

#include "machine/acpi.h"

#define SEGMENT_MAX 64

static struct segment {
	u64 pa;
	u32 len;
	u8 *bytes;
} segments[SEGMENT_MAX];
static u32 segment_count;
static int segments_mapped; /* maps that were not given back */

static inline void segments_clear(void)
{
	while (segment_count)
		free(segments[--segment_count].bytes);
	segments_mapped = 0;
}

/* The new segment's bytes, all 0. */
static inline u8 *segment_add(u64 pa, u32 len)
{
	struct segment *s = &segments[segment_count++];

	*s = (struct segment){pa, len, calloc(len ? len : 1, 1)};
	if (!s->bytes || segment_count > SEGMENT_MAX)
		abort();
	return s->bytes;
}

/* A length past the end is cut to what is there. */
static inline void segments_load(const u8 *data, size_t size)
{
	u64 pa;
	u32 len;

	segments_clear();
	while (size >= 12 && segment_count < SEGMENT_MAX) {
		memcpy(&pa, data, 8);
		memcpy(&len, data + 8, 4);
		data += 12, size -= 12;
		len = len < size ? len : (u32)size;
		memcpy(segment_add(pa, len), data, len);
		data += len, size -= len;
	}
}

static inline const void *segments_map(u64 pa, u64 size)
{
	for (u32 i = 0; i < segment_count; i++) {
		struct segment *s = &segments[i];

		if (pa < s->pa || pa - s->pa > s->len || size > s->len - (pa - s->pa))
			continue;
		segments_mapped++;
		return s->bytes + (pa - s->pa);
	}
	return NULL;
}

static inline void segments_unmap(const void *at, u64 size)
{
	(void)size;
	segments_mapped -= at != NULL;
}

static inline void segment_seal_range(u8 *bytes, u32 len, u32 checksum_at)
{
	u8 total = 0;

	bytes[checksum_at] = 0;
	for (u32 i = 0; i < len; i++)
		total = (u8)(total + bytes[i]);
	bytes[checksum_at] = (u8)-total;
}

/* Makes the checksums right: of the RSDP, and of each segment that is as long as its header says, or longer. */
static inline void segments_seal(void)
{
	for (u32 i = 0; i < segment_count; i++) {
		u8 *bytes = segments[i].bytes;
		u32 len = segments[i].len, said;

		if (len >= 20 && memcmp(bytes, "RSD PTR ", 8) == 0) {
			segment_seal_range(bytes, 20, 8);
			if (len >= 36)
				segment_seal_range(bytes, 36, 32);
		} else if (len >= 36) {
			memcpy(&said, bytes + 4, 4);
			if (said >= 36 && said <= len)
				segment_seal_range(bytes, said, 9);
		}
	}
}

static const struct acpi_memory segments_memory = {segments_map, segments_unmap};

#endif
