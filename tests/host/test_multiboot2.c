/*
 * boot/multiboot2.c, the walk: good input is copied, and whatever is wrong with sizes, order and ends is named and
 * survived. What is in a single tag: test_multiboot2_tags.c.
 */
#include "tests/host/mb2_parse.h"

static void boot_multiboot2_full(void **state)
{
	struct mb2 b;

	(void)state;
	mb2_full(&b);
	parse_ok(&b);
	assert_int_equal(bi.problem_count, 0);
	assert_string_equal(bi.protocol, "multiboot2");
	assert_string_equal(bi.cmdline, "test=all patch=off");
	assert_false(bi.cmdline_cut);
	assert_string_equal(bi.loader, "GRUB 2.06");
	assert_int_equal(bi.module_count, 2);
	assert_int_equal(bi.module[0].base, 0x400000);
	assert_int_equal(bi.module[0].end, 0x480000);
	assert_string_equal(bi.module[0].name, "paravane.elf");
	assert_string_equal(bi.module[1].name, "");
	assert_int_equal(bi.memmap.count, 6);
	assert_int_equal(memmap_bytes(&bi.memmap, MEM_USABLE), 0x9fc00 + 0xfee0000);
	assert_int_equal(memmap_type_at(&bi.memmap, 0xffe0000), MEM_ACPI_RECLAIMABLE);
	assert_int_equal(bi.efi_system_table, 0x123456789);
	assert_int_equal(bi.rsdp_len, 36);
	assert_memory_equal(bi.rsdp, "RSD PTR xOEMID\2", 15);
	assert_int_equal(bi.rsdp_pa, 0);
	assert_true(bi.has_framebuffer);
	assert_int_equal(bi.framebuffer.base, 0xfd000000);
	assert_int_equal(bi.framebuffer.pitch, 4096);
	assert_int_equal(bi.framebuffer.width, 1024);
	assert_int_equal(bi.framebuffer.height, 768);
	assert_int_equal(bi.framebuffer.bpp, 32);
	assert_int_equal(bi.framebuffer.kind, 1);
	assert_int_equal(bi.framebuffer.red_pos, 16);
	assert_int_equal(bi.framebuffer.green_pos, 8);
	assert_int_equal(bi.framebuffer.blue_size, 8);
}

/* A loader that aligns nothing is read all the same (undefined behaviour would stop the test). */
static void boot_multiboot2_unaligned_pointer(void **state)
{
	struct mb2 b;
	u8 *copy;

	(void)state;
	mb2_full(&b);
	copy = malloc(b.len + 1);
	memcpy(copy + 1, b.data, b.len);
	assert_int_equal(multiboot2_parse(copy + 1, b.len, &bi), 0);
	free(copy);
	assert_int_equal(bi.problem_count, 0);
	assert_int_equal(bi.module_count, 2);
}

/* The fixed part: what cannot be trusted at all. */
static void boot_multiboot2_bad_total(void **state)
{
	static const struct {
		u32 total;
		size_t limit;
	} rows[] = {{0, 4096},          {7, 4096}, {8, 4096}, {15, 4096}, {64, 63},
		    {UINT32_MAX, 4096}, {64, 0},   {64, 4},   {64, 7},    {64, 8}};
	struct mb2 b;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		mb2_full(&b);
		mb2_set_total(&b, rows[i].total);
		assert_int_equal(parse(&b, rows[i].limit), -1);
		assert_int_equal(bi.problem_count, 1);
		assert_true(has_problem(&bi, "multiboot2 information: size"));
		assert_int_equal(bi.memmap.count, 0);
		assert_int_equal(bi.module_count, 0);
	}
	assert_int_equal(multiboot2_parse(NULL, 4096, &bi), -1);
	assert_int_equal(bi.problem_count, 1);
}

/* Cut anywhere, it is survived, and what stood before the cut is kept. */
static void boot_multiboot2_cut_anywhere(void **state)
{
	struct mb2 b;
	u32 full;

	(void)state;
	mb2_full(&b);
	full = b.len;
	for (u32 len = 0; len < full; len++) {
		mb2_set_total(&b, len);
		assert_int_equal(parse(&b, len), len < 16 ? -1 : 0);
		assert_true(bi.problem_count > 0);
		if (len >= 8 + 32)
			assert_string_equal(bi.cmdline, "test=all patch=off");
	}
}

/* Every byte set to every extreme: no crash, no read outside, the invariants hold (checked in
 * parse()). */
static void boot_multiboot2_any_byte_wrong(void **state)
{
	static const u8 values[] = {0x00, 0x01, 0x07, 0x08, 0x7f, 0x80, 0xff};
	struct mb2 good, b;

	(void)state;
	mb2_full(&good);
	for (u32 at = 0; at < good.len; at++) {
		for (u32 i = 0; i < ARRAY_SIZE(values); i++) {
			b = good;
			b.data[at] = values[i];
			parse(&b, b.len);
		}
	}
}

/* A wrong size in one tag between two good ones: where it is, and what is read on. */
static void boot_multiboot2_wrong_tag_size(void **state)
{
	static const struct {
		u32 type, size;
		const char *problem;
		bool goes_on;
	} rows[] = {
		{1, 0, "tag at 0x8, type 1, size 0: too small", false},
		{1, 7, "tag at 0x8, type 1, size 7: too small", false},
		{99, 4, "tag at 0x8, type 99, size 4: too small", false},
		{0, 3, "tag at 0x8, type 0, size 3: too small", false},
		{0, 24, "tag at 0x8, type 0, size 24: end tag", false},
		{1, 8, "tag at 0x8, type 1, size 8: needs 9", true},
		{2, 8, "tag at 0x8, type 2, size 8: needs 9", true},
		{3, 16, "tag at 0x8, type 3, size 16: needs 17", true},
		{4, 12, "tag at 0x8, type 4, size 12: needs 16", true},
		{6, 12, "tag at 0x8, type 6, size 12: needs 16", true},
		{8, 31, "tag at 0x8, type 8, size 31: needs 32", true},
		{12, 12, "tag at 0x8, type 12, size 12: needs 16", true},
		{14, 27, "tag at 0x8, type 14, size 27: needs 28", true},
		{15, 43, "tag at 0x8, type 15, size 43: needs 44", true},
		{1, 1000, "tag at 0x8, type 1, size 1000: runs past the end", false},
		{6, UINT32_MAX, "size 4294967295: runs past the end", false},
		{99, 0xfffffff8, "runs past the end", false},
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		struct mb2 b;

		mb2_begin(&b);
		mb2_head(&b, rows[i].type, rows[i].size);
		while (b.len < 8 + ALIGN_UP(min(rows[i].size, 48U), 8) || b.len < 16)
			mb2_bytes(&b, "\0", 1);
		mb2_module(&b, MIB, 2 * MIB, "after");
		mb2_end(&b);
		print_message("type %u size %u\n", rows[i].type, rows[i].size);
		parse_ok(&b);
		assert_true(has_problem(&bi, rows[i].problem));
		assert_int_equal(bi.module_count, rows[i].goes_on);
		assert_false(has_problem(&bi, "no end tag"));
	}
}

static void boot_multiboot2_no_end_tag(void **state)
{
	struct mb2 b;

	(void)state;
	mb2_begin(&b);
	mb2_memory_map(&b, 24, mb2_pc_map, 6);
	mb2_set_total(&b, b.len);
	parse_ok(&b);
	assert_true(has_problem(&bi, "no end tag within its 168 bytes"));
	assert_int_equal(bi.problem_count, 1);
	assert_int_equal(bi.memmap.count, 6);
}

/* What follows the end tag is not read, however good it looks. */
static void boot_multiboot2_ends_at_the_end_tag(void **state)
{
	struct mb2 b;

	(void)state;
	mb2_begin(&b);
	mb2_memory_map(&b, 24, mb2_pc_map, 6);
	mb2_head(&b, 0, 8);
	mb2_module(&b, MIB, 2 * MIB, "behind");
	mb2_end(&b);
	parse_ok(&b);
	assert_int_equal(bi.module_count, 0);
	assert_int_equal(bi.problem_count, 0);
}

static void boot_multiboot2_unaligned_total(void **state)
{
	struct mb2 b;

	(void)state;
	mb2_begin(&b);
	mb2_memory_map(&b, 24, mb2_pc_map, 6);
	mb2_end(&b);
	mb2_bytes(&b, "xyz", 3);
	mb2_set_total(&b, b.len);
	parse_ok(&b);
	assert_int_equal(bi.problem_count, 1);
	assert_true(has_problem(&bi, "size 179 is not a multiple of 8"));
	assert_int_equal(bi.memmap.count, 6);
}

static void boot_multiboot2_tags_twice(void **state)
{
	static const u32 once[] = {1, 2, 4, 6, 8, 12, 14, 15};
	struct mb2 b;

	(void)state;
	mb2_full(&b);
	b.len -= 8; /* the end tag */
	for (u32 i = 0; i < ARRAY_SIZE(once); i++)
		mb2_tag(&b, once[i], "11111111111111111111111111111111111", 36);
	mb2_end(&b);
	parse_ok(&b);
	assert_int_equal(bi.problem_count, ARRAY_SIZE(once));
	for (u32 i = 0; i < ARRAY_SIZE(once); i++) {
		char text[64];

		snprintf(text, sizeof(text), "type %u, size 44: occurs again", once[i]);
		assert_true(has_problem(&bi, text));
	}
	assert_string_equal(bi.cmdline, "test=all patch=off");
	assert_int_equal(bi.efi_system_table, 0x123456789);
	assert_int_equal(bi.memmap.count, 6);
}

/* More problems than places: counted, not stored; and 4 GiB of them are not waited for. */
static void boot_multiboot2_many_problems(void **state)
{
	struct mb2 b;

	(void)state;
	mb2_begin(&b);
	for (u32 i = 0; i < 500; i++)
		mb2_tag(&b, 1, "", 0);
	mb2_end(&b);
	parse_ok(&b);
	assert_int_equal(bi.problem_count, 501); /* and no memory map */
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(boot_multiboot2_full),
	cmocka_unit_test(boot_multiboot2_unaligned_pointer),
	cmocka_unit_test(boot_multiboot2_bad_total),
	cmocka_unit_test(boot_multiboot2_cut_anywhere),
	cmocka_unit_test(boot_multiboot2_any_byte_wrong),
	cmocka_unit_test(boot_multiboot2_wrong_tag_size),
	cmocka_unit_test(boot_multiboot2_no_end_tag),
	cmocka_unit_test(boot_multiboot2_ends_at_the_end_tag),
	cmocka_unit_test(boot_multiboot2_unaligned_total),
	cmocka_unit_test(boot_multiboot2_tags_twice),
	cmocka_unit_test(boot_multiboot2_many_problems),
};

HOST_MAIN("boot_multiboot2", tests)
