/*
 * boot/multiboot2.c, tag by tag: command line, modules, memory map, framebuffer, RSDP, each with what can be wrong
 * inside it.
 */
#include "tests/host/mb2_parse.h"

static void boot_multiboot2_cmdline_lengths(void **state)
{
	static const struct {
		u32 len;
		bool cut;
	} rows[] = {{0, false}, {1, false}, {4094, false}, {4095, false}, {4096, true}, {9000, true}};
	char line[9001];

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		struct mb2 b;

		memset(line, 'a', sizeof(line));
		line[rows[i].len] = '\0';
		mb2_begin(&b);
		mb2_memory_map(&b, 24, mb2_pc_map, 6);
		mb2_tag(&b, 1, line, rows[i].len + 1);
		mb2_end(&b);
		parse_ok(&b);
		assert_int_equal(strlen(bi.cmdline), min(rows[i].len, BOOT_CMDLINE_MAX - 1U));
		assert_int_equal(bi.cmdline_cut, rows[i].cut);
		assert_int_equal(bi.problem_count, rows[i].cut);
		assert_int_equal(has_problem(&bi, "command line: longer than 4095"), rows[i].cut);
	}
}

static void boot_multiboot2_text_without_nul(void **state)
{
	struct mb2 b;

	(void)state;
	mb2_begin(&b);
	mb2_memory_map(&b, 24, mb2_pc_map, 6);
	mb2_tag(&b, 1, "test=all", 8);
	mb2_tag(&b, 2, "GRUB\n\x1b[2J", 9);
	mb2_head(&b, 3, 20);
	mb2_u32(&b, 4096);
	mb2_u32(&b, 8192);
	mb2_bytes(&b, "name", 4);
	mb2_end(&b);
	parse_ok(&b);
	assert_string_equal(bi.cmdline, "test=all");
	assert_true(bi.cmdline_cut);
	assert_string_equal(bi.module[0].name, "name");
	assert_string_equal(bi.loader, "GRUB  [2J");
	assert_true(has_problem(&bi, "command line: no NUL within its 8 bytes"));
	assert_true(has_problem(&bi, "boot loader name: no NUL"));
	assert_true(has_problem(&bi, "module name: no NUL within its 4 bytes"));
}

static void boot_multiboot2_modules(void **state)
{
	char name[200];
	struct mb2 b;

	(void)state;
	memset(name, 'n', sizeof(name));
	name[199] = '\0';
	mb2_begin(&b);
	mb2_memory_map(&b, 24, mb2_pc_map, 6);
	mb2_module(&b, 0x5000, 0x5000, "empty");
	mb2_module(&b, 0x5000, 0x4000, "backward");
	mb2_module(&b, 0x5000, 0x6000, name);
	for (u32 i = 0; i < BOOT_MODULE_MAX + 1; i++)
		mb2_module(&b, i << 20, (i + 1) << 20, "m");
	mb2_end(&b);
	parse_ok(&b);
	assert_int_equal(bi.module_count, BOOT_MODULE_MAX);
	assert_int_equal(strlen(bi.module[0].name), BOOT_MODNAME_MAX - 1);
	assert_int_equal(bi.module[15].base, 14 << 20);
	assert_true(has_problem(&bi, "module 0x5000-0x5000: empty"));
	assert_true(has_problem(&bi, "module 0x5000-0x4000: empty"));
	assert_true(has_problem(&bi, "module name: longer than 127"));
	assert_true(has_problem(&bi, "module 0xf00000-0x1000000: more than 16"));
	assert_true(has_problem(&bi, "module 0x1000000-0x1100000: more than 16"));
	assert_int_equal(bi.problem_count, 5);
}

static void boot_modules_that_overlap_the_kernel(void **state)
{
	struct mb2 b;

	(void)state;
	mb2_begin(&b);
	mb2_memory_map(&b, 24, mb2_pc_map, 6);
	mb2_module(&b, 0xff000, 0x100000, "below");
	mb2_module(&b, 0xff000, 0x100001, "into its first byte");
	mb2_module(&b, 0x180000, 0x181000, "inside");
	mb2_module(&b, 0x1fffff, 0x300000, "from its last byte");
	mb2_module(&b, 0x200000, 0x300000, "above");
	mb2_module(&b, 0x1000, 0x900000, "around");
	mb2_end(&b);
	parse_ok(&b);
	boot_drop_modules(&bi, 0x100000, 0x200000);
	assert_int_equal(bi.module_count, 2);
	assert_string_equal(bi.module[0].name, "below");
	assert_string_equal(bi.module[1].name, "above");
	assert_int_equal(bi.problem_count, 4);
	assert_true(has_problem(&bi, "module 0x180000-0x181000: overlaps the kernel"));
}

static void boot_multiboot2_memory_map_entry_sizes(void **state)
{
	static const struct {
		u32 entry_size, spare; /* bytes behind the last entry */
		u32 ranges;
		const char *problem;
	} rows[] = {
		{24, 0, 6, NULL},
		{32, 0, 6, NULL},
		{4096 / 8, 0, 6, NULL},
		{24, 8, 6, "8 bytes behind the last entry"},
		{40, 39, 6, "39 bytes behind the last entry"},
		{0, 0, 0, "entry size 0"},
		{20, 0, 0, "entry size 20"},
		{23, 0, 0, "entry size 23"},
		{UINT32_MAX, 0, 0, "144 bytes behind the last entry"},
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		bool honest = rows[i].entry_size >= 24 && rows[i].entry_size < 4096;
		struct mb2 b;
		u32 at, size;

		mb2_begin(&b);
		at = mb2_memory_map(&b, honest ? rows[i].entry_size : 24, mb2_pc_map, 6);
		memcpy(&b.data[at + 8], &rows[i].entry_size, 4);
		for (u32 k = 0; k < rows[i].spare; k++)
			mb2_bytes(&b, "\1", 1);
		size = b.len - at;
		memcpy(&b.data[at + 4], &size, 4);
		mb2_end(&b);
		print_message("entry size %u\n", rows[i].entry_size);
		parse_ok(&b);
		assert_int_equal(bi.memmap.count, rows[i].ranges);
		assert_int_equal(bi.problem_count, !!rows[i].problem + !rows[i].ranges);
		assert_int_equal(has_problem(&bi, "no memory map"), !rows[i].ranges);
		if (rows[i].problem)
			assert_true(has_problem(&bi, rows[i].problem));
	}
}

/* Overlapping, unaligned, empty, wrapping and unknown entries end as one sorted list. */
static void boot_multiboot2_memory_map_bad_entries(void **state)
{
	static const struct mb2_range bad[] = {
		{0x100000, 0x10000000, 1},
		{0x200123, 0x1000, 2},
		{0x50, 0, 1},
		{0x8000, 0x1000, 12345},
		{UINT64_MAX - 0x2fff, UINT64_MAX, 2},
		{0, 0x9000, 1},
	};
	struct mb2 b;

	(void)state;
	mb2_begin(&b);
	mb2_memory_map(&b, 24, bad, ARRAY_SIZE(bad));
	mb2_end(&b);
	parse_ok(&b);
	assert_int_equal(memmap_type_at(&bi.memmap, 0x200122), MEM_USABLE);
	assert_int_equal(memmap_type_at(&bi.memmap, 0x200123), MEM_RESERVED);
	assert_int_equal(memmap_type_at(&bi.memmap, 0x201123), MEM_USABLE);
	assert_int_equal(memmap_type_at(&bi.memmap, 0x8000), MEM_RESERVED);
	assert_int_equal(memmap_type_at(&bi.memmap, 0x7fff), MEM_USABLE);
	assert_int_equal(memmap_type_at(&bi.memmap, 0x9000), NO_MEMORY);
	assert_true(has_problem(&bi, "memory map: 2 entries empty or past 2^64"));
	assert_true(has_problem(&bi, "memory map: 2 entries overlap another type"));
}

static void boot_multiboot2_memory_map_too_long(void **state)
{
	struct mb2_range r[200];
	struct mb2 b;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(r); i++)
		r[i] = (struct mb2_range){i * 0x10000UL, 0x8000, i % 2 ? 2 : 1};
	mb2_begin(&b);
	mb2_memory_map(&b, 24, r, ARRAY_SIZE(r));
	mb2_end(&b);
	parse_ok(&b);
	assert_true(has_problem(&bi, "memory map: over 128 ranges, 72 dropped"));
	for (u32 i = 1; i < ARRAY_SIZE(r); i += 2)
		assert_int_equal(memmap_type_at(&bi.memmap, r[i].base), MEM_RESERVED);
}

static void boot_multiboot2_no_memory_map(void **state)
{
	struct mb2 b;

	(void)state;
	mb2_begin(&b);
	mb2_tag(&b, 1, "x", 2);
	mb2_end(&b);
	parse_ok(&b);
	assert_true(has_problem(&bi, "no memory map"));
	assert_int_equal(bi.memmap.count, 0);

	mb2_begin(&b);
	mb2_head(&b, 4, 16);
	mb2_u32(&b, 639);
	mb2_u32(&b, 0xffffffff); /* KiB: 4 TiB, beyond 32 bits of bytes */
	mb2_end(&b);
	parse_ok(&b);
	assert_true(has_problem(&bi, "basic memory information is used"));
	assert_int_equal(bi.memmap.count, 2);
	assert_int_equal(bi.memmap.range[0].end, 639 * KIB);
	assert_int_equal(bi.memmap.range[1].base, MIB);
	assert_int_equal(bi.memmap.range[1].end, MIB + 0xffffffffUL * KIB);

	mb2_begin(&b);
	mb2_memory_map(&b, 24, &mb2_pc_map[1], 1);
	mb2_end(&b);
	parse_ok(&b);
	assert_true(has_problem(&bi, "memory map: 1 ranges, none of them usable"));
}

static void boot_multiboot2_framebuffers(void **state)
{
	static const char rgb565[] = "\x0b\x05\x05\x06\x00\x05", rgb888[] = "\x10\x08\x08\x08\x00\x08";
	static const struct {
		struct mb2_screen screen;
		const char *problem;
	} rows[] = {
		{{0xfd000000, 3200, 800, 600, 32, 1, rgb888}, NULL},
		{{0xfd000000, 1600, 800, 600, 16, 1, rgb565}, NULL},
		{{0xfd000000, 2000, 800, 600, 15, 1, rgb565}, "colours outside"},
		{{1UL << 40, 2400, 800, 600, 24, 1, rgb888}, NULL},
		{{0xa0000, 320, 320, 200, 8, 0, NULL}, NULL},
		{{0xb8000, 160, 80, 25, 16, 2, NULL}, NULL},
		{{0xfd000000, 3200, 800, 600, 32, 1, NULL}, "without colour fields"},
		{{0xfd000000, 3199, 800, 600, 32, 1, rgb888}, "longer than the pitch"},
		{{0xfd000000, 3200, 800, 600, 24, 1, "\x11\x08\x08\x08\x00\x08"}, "colours outside"},
		{{0xfd000000, 3200, 800, 600, 32, 1, "\x10\x08\xff\xff\x00\x08"}, "colours outside"},
		{{0, 3200, 800, 600, 32, 1, rgb888}, "without a place or a size"},
		{{0xfd000000, 3200, 0, 600, 32, 1, rgb888}, "without a place or a size"},
		{{0xfd000000, 3200, 800, 0, 32, 1, rgb888}, "without a place or a size"},
		{{0xfd000000, 3200, 800, 600, 0, 1, rgb888}, "without a place or a size"},
		{{0xfd000000, 3200, 800, 600, 32, 3, NULL}, "unknown kind"},
		{{UINT64_MAX - 4096, 3200, 800, 600, 32, 1, rgb888}, "past 2^64"},
		{{UINT64_MAX - UINT32_MAX, 1 << 16, 800, 1 << 16, 32, 1, rgb888}, "past 2^64"},
		{{0xfd000000, UINT32_MAX, UINT32_MAX, UINT32_MAX, 64, 1, rgb888}, "than the pitch"},
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		struct mb2 b;

		mb2_begin(&b);
		mb2_memory_map(&b, 24, mb2_pc_map, 6);
		mb2_framebuffer(&b, &rows[i].screen);
		mb2_end(&b);
		print_message("framebuffer %u\n", i);
		parse_ok(&b);
		assert_int_equal(bi.has_framebuffer, !rows[i].problem);
		assert_int_equal(bi.problem_count, !!rows[i].problem);
		if (rows[i].problem)
			assert_true(has_problem(&bi, rows[i].problem));
		else
			assert_int_equal(bi.framebuffer.kind, rows[i].screen.kind);
	}
}

static void boot_multiboot2_rsdp(void **state)
{
	u8 old[20] = "RSD PTR old", new[50] = "RSD PTR new";
	struct mb2 b;

	(void)state;
	for (u32 order = 0; order < 2; order++) {
		mb2_begin(&b);
		mb2_memory_map(&b, 24, mb2_pc_map, 6);
		if (order)
			mb2_tag(&b, 15, new, 50); /* longer than any RSDP: cut to 36 */
		mb2_tag(&b, 14, old, 20);
		if (!order)
			mb2_tag(&b, 15, new, 36);
		mb2_end(&b);
		parse_ok(&b);
		assert_int_equal(bi.problem_count, 0);
		assert_int_equal(bi.rsdp_len, 36);
		assert_memory_equal(bi.rsdp, new, 36);
	}
	mb2_begin(&b);
	mb2_memory_map(&b, 24, mb2_pc_map, 6);
	mb2_tag(&b, 14, new, 40);
	mb2_end(&b);
	parse_ok(&b);
	assert_int_equal(bi.rsdp_len, 20);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(boot_multiboot2_cmdline_lengths),
	cmocka_unit_test(boot_multiboot2_text_without_nul),
	cmocka_unit_test(boot_multiboot2_modules),
	cmocka_unit_test(boot_modules_that_overlap_the_kernel),
	cmocka_unit_test(boot_multiboot2_memory_map_entry_sizes),
	cmocka_unit_test(boot_multiboot2_memory_map_bad_entries),
	cmocka_unit_test(boot_multiboot2_memory_map_too_long),
	cmocka_unit_test(boot_multiboot2_no_memory_map),
	cmocka_unit_test(boot_multiboot2_framebuffers),
	cmocka_unit_test(boot_multiboot2_rsdp),
};

HOST_MAIN("boot_multiboot2_tags", tests)
