/*
 * Builds multiboot2 boot information byte by byte, right or wrong, for tests. It takes nothing from
 * abi/multiboot2.h: offsets and numbers are the specification's, written down a second time.
 *
 * Must not know: the parser. Read next: tests/host/test_multiboot2.c.
 */
#ifndef TESTS_HOST_MB2_BUILD_H
#define TESTS_HOST_MB2_BUILD_H

#include "tests/host/host.h"

struct mb2 {
	u8 data[16384];
	u32 len;
};

static inline void mb2_bytes(struct mb2 *b, const void *data, size_t size)
{
	assert_true(b->len + size <= sizeof(b->data));
	memcpy(b->data + b->len, data, size);
	b->len += size;
}

static inline void mb2_u32(struct mb2 *b, u32 value)
{
	mb2_bytes(b, &value, 4);
}

static inline void mb2_u64(struct mb2 *b, u64 value)
{
	mb2_bytes(b, &value, 8);
}

/* A tag whose size field says @size, whatever follows. Returns its offset. */
static inline u32 mb2_head(struct mb2 *b, u32 type, u32 size)
{
	while (b->len % 8)
		mb2_bytes(b, "\xee", 1); /* padding need not be zero */
	mb2_u32(b, type);
	mb2_u32(b, size);
	return b->len - 8;
}

/* An honest tag. */
static inline u32 mb2_tag(struct mb2 *b, u32 type, const void *body, size_t size)
{
	u32 at = mb2_head(b, type, 8 + size);

	mb2_bytes(b, body, size);
	return at;
}

static inline void mb2_begin(struct mb2 *b)
{
	memset(b, 0, sizeof(*b));
	mb2_u32(b, 0); /* total size: mb2_end() */
	mb2_u32(b, 0xdeadbeef);
}

static inline void mb2_set_total(struct mb2 *b, u32 total)
{
	memcpy(b->data, &total, 4);
}

static inline void mb2_end(struct mb2 *b)
{
	mb2_head(b, 0, 8);
	mb2_set_total(b, b->len);
}

static inline void mb2_module(struct mb2 *b, u32 start, u32 end, const char *name)
{
	mb2_head(b, 3, 16 + strlen(name) + 1);
	mb2_u32(b, start);
	mb2_u32(b, end);
	mb2_bytes(b, name, strlen(name) + 1);
}

struct mb2_range {
	u64 base, length;
	u32 type;
};

/* A memory map with entries of @entry_size bytes, at least 24. */
static inline u32 mb2_memory_map(struct mb2 *b, u32 entry_size, const struct mb2_range *r, u32 count)
{
	u32 at = mb2_head(b, 6, 16 + count * entry_size);

	mb2_u32(b, entry_size);
	mb2_u32(b, 0);
	for (u32 i = 0; i < count; i++) {
		u32 end = b->len + entry_size;

		mb2_u64(b, r[i].base);
		mb2_u64(b, r[i].length);
		mb2_u32(b, r[i].type);
		while (b->len < end)
			mb2_bytes(b, "\xff", 1);
	}
	return at;
}

struct mb2_screen {
	u64 base;
	u32 pitch, width, height;
	u8 bpp, kind;
	const char *extra; /* six bytes of colour fields, or NULL */
};

static inline u32 mb2_framebuffer(struct mb2 *b, const struct mb2_screen *s)
{
	u32 at = mb2_head(b, 8, s->extra ? 38 : 32);

	mb2_u64(b, s->base);
	mb2_u32(b, s->pitch);
	mb2_u32(b, s->width);
	mb2_u32(b, s->height);
	mb2_bytes(b, &s->bpp, 1);
	mb2_bytes(b, &s->kind, 1);
	mb2_bytes(b, "\0\0", 2);
	if (s->extra)
		mb2_bytes(b, s->extra, 6);
	return at;
}

static const struct mb2_range mb2_pc_map[] = {
	{0, 0x9fc00, 1},          {0x9fc00, 0x400, 2},     {0xf0000, 0x10000, 2},
	{0x100000, 0xfee0000, 1}, {0xffe0000, 0x20000, 3}, {0xfffc0000, 0x40000, 2},
};

/* One of each tag that is read, and some that are not; well-formed. */
static inline void mb2_full(struct mb2 *b)
{
	static const struct mb2_screen screen = {0xfd000000, 4096, 1024, 768, 32, 1, "\x10\x08\x08\x08\x00\x08"};
	u8 rsdp[36] = "RSD PTR xOEMID\2";

	mb2_begin(b);
	mb2_tag(b, 1, "test=all patch=off", 19);
	mb2_tag(b, 2, "GRUB 2.06", 10);
	mb2_tag(b, 10, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20); /* APM */
	mb2_module(b, 0x400000, 0x480000, "paravane.elf");
	mb2_module(b, 0x500000, 0x500001, "");
	mb2_head(b, 4, 16);
	mb2_u32(b, 639);
	mb2_u32(b, 261000);
	mb2_memory_map(b, 24, mb2_pc_map, ARRAY_SIZE(mb2_pc_map));
	mb2_framebuffer(b, &screen);
	mb2_head(b, 12, 16);
	mb2_u64(b, 0x123456789);
	mb2_tag(b, 14, rsdp, 20);
	mb2_tag(b, 15, rsdp, 36);
	mb2_tag(b, 4711, "?", 1);
	mb2_end(b);
}

#endif
