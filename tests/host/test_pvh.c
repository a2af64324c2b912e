/*
 * boot/pvh.c: a small physical memory with a start_info in it, right or wrong. The memory is a copy
 * of exactly its size, so that the address sanitizer sees any step outside.
 */
#include "boot/pvh.h"
#include "tests/host/boot_check.h"
#include "tests/host/host.h"

/* Where things lie in the test's memory; offsets within a structure are start_info.h's, written a
 * second time. */
enum {
	SIZE = 0x4000,
	INFO = 0x100,
	MODULES = 0x200,
	MEMMAP = 0x400,
	CMDLINE = 0x1000,
	NAME = 0x3000,
};

static u8 memory[SIZE];
static struct boot_info bi;

static void set32(u32 at, u32 value)
{
	memcpy(&memory[at], &value, 4);
}

static void set64(u32 at, u64 value)
{
	memcpy(&memory[at], &value, 8);
}

static void set_module(u32 i, u64 pa, u64 size, u64 name_pa)
{
	set64(MODULES + i * 32, pa);
	set64(MODULES + i * 32 + 8, size);
	set64(MODULES + i * 32 + 16, name_pa);
}

static void set_range(u32 at, u64 base, u64 size, u32 type)
{
	set64(at, base);
	set64(at + 8, size);
	set32(at + 16, type);
	set32(at + 20, UINT32_MAX); /* reserved: no meaning */
}

/* A well-formed start_info of version 1. */
static void build(void)
{
	memset(memory, 0xee, sizeof(memory));
	set32(INFO, 0x336ec578);
	set32(INFO + 4, 1);
	set32(INFO + 8, 0);
	set32(INFO + 12, 2);
	set64(INFO + 16, MODULES);
	set64(INFO + 24, CMDLINE);
	set64(INFO + 32, 0xf5ad0);
	set64(INFO + 40, MEMMAP);
	set32(INFO + 48, 4);
	strcpy((char *)&memory[CMDLINE], "test=all");
	strcpy((char *)&memory[NAME], "initrd");
	set_module(0, 0x7f00000, 0x1234, NAME);
	set_module(1, 5 * GIB, GIB, 0); /* above what can be read, and without a name */
	set_range(MEMMAP, 0, 0x9fc00, 1);
	set_range(MEMMAP + 24, 0x9fc00, 0x400, 2);
	set_range(MEMMAP + 48, 0x100000, 0x7ee0000, 1);
	set_range(MEMMAP + 72, 0x100000000, 0x80000000, 1);
}

static int parse_at(u64 pa, u64 size)
{
	u8 *copy = exact_copy(memory, size);
	struct phys_view mem = {copy, size};
	int result;

	memset(&bi, 0xa5, sizeof(bi));
	result = pvh_parse(&mem, pa, &bi);
	free(copy);
	assert_no_fault(boot_info_fault(&bi));
	return result;
}

static void parse_ok(void)
{
	assert_int_equal(parse_at(INFO, SIZE), 0);
	for (u32 i = 0; i < bi.problem_count && i < BOOT_PROBLEM_MAX; i++)
		print_message("%s\n", bi.problem[i]);
}

static void boot_pvh_full(void **state)
{
	(void)state;
	build();
	parse_ok();
	assert_int_equal(bi.problem_count, 0);
	assert_string_equal(bi.protocol, "PVH");
	assert_string_equal(bi.cmdline, "test=all");
	assert_false(bi.cmdline_cut);
	assert_int_equal(bi.rsdp_pa, 0xf5ad0);
	assert_int_equal(bi.rsdp_len, 0);
	assert_false(bi.has_framebuffer);
	assert_int_equal(bi.module_count, 2);
	assert_int_equal(bi.module[0].base, 0x7f00000);
	assert_int_equal(bi.module[0].end, 0x7f01234);
	assert_string_equal(bi.module[0].name, "initrd");
	assert_int_equal(bi.module[1].base, 5 * GIB);
	assert_int_equal(bi.module[1].end, 6 * GIB);
	assert_string_equal(bi.module[1].name, "");
	assert_int_equal(bi.memmap.count, 4);
	assert_int_equal(memmap_bytes(&bi.memmap, MEM_USABLE), 0x9fc00 + 0x7ee0000 + 0x80000000UL);
	assert_int_equal(memmap_type_at(&bi.memmap, 0x9fc00), MEM_RESERVED);
}

static void boot_pvh_not_a_start_info(void **state)
{
	static const struct {
		u64 pa;
		const char *problem;
	} rows[] = {
		{INFO + 1, "magic"},          {SIZE - 39, "out of reach"},       {SIZE, "out of reach"},
		{UINT64_MAX, "out of reach"}, {UINT64_MAX - 39, "out of reach"}, {4 * GIB + INFO, "out of reach"},
	};

	(void)state;
	build();
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(parse_at(rows[i].pa, SIZE), -1);
		assert_int_equal(bi.problem_count, 1);
		assert_true(has_problem(&bi, rows[i].problem));
	}
	assert_int_equal(parse_at(0, 0), -1);
	set32(INFO, 0x336ec579);
	assert_int_equal(parse_at(INFO, SIZE), -1);
	assert_true(has_problem(&bi, "magic 0x336ec579, not 0x336ec578"));
	assert_int_equal(bi.memmap.count, 0);
}

/* Version 0 ends before the memory map's address: what lies there is not read. */
static void boot_pvh_version_0(void **state)
{
	(void)state;
	build();
	set32(INFO + 4, 0);
	parse_ok();
	assert_int_equal(bi.memmap.count, 0);
	assert_int_equal(bi.problem_count, 1);
	assert_true(has_problem(&bi, "no memory map"));
	assert_int_equal(bi.module_count, 2);
}

static void boot_pvh_versions_at_the_end_of_memory(void **state)
{
	u8 info[56];

	(void)state;
	build();
	memcpy(info, &memory[INFO], 56);
	memcpy(&memory[SIZE - 56], info, 56);
	assert_int_equal(parse_at(SIZE - 56, SIZE), 0);
	assert_int_equal(bi.problem_count, 0);
	assert_int_equal(bi.memmap.count, 4);

	memcpy(&memory[SIZE - 55], info, 55); /* one byte short for version 1 */
	assert_int_equal(parse_at(SIZE - 55, SIZE), 0);
	assert_true(has_problem(&bi, "version 1, but cut short"));
	assert_string_equal(bi.cmdline, "test=all");
	assert_int_equal(bi.memmap.count, 0);

	memcpy(&memory[SIZE - 40], info, 40);
	set32(SIZE - 40 + 4, 0);
	assert_int_equal(parse_at(SIZE - 40, SIZE), 0);
	assert_int_equal(bi.module_count, 2);
}

/* A version yet to come has everything that version 1 has. */
static void boot_pvh_later_version(void **state)
{
	(void)state;
	build();
	set32(INFO + 4, 77);
	parse_ok();
	assert_int_equal(bi.problem_count, 0);
	assert_int_equal(bi.memmap.count, 4);
}

static void boot_pvh_cmdline(void **state)
{
	static const struct {
		u64 pa;
		u32 len; /* expected */
		const char *problem;
	} rows[] = {
		{0, 0, NULL},
		{CMDLINE, 4095, NULL},
		{CMDLINE - 1, 4095, "command line: longer than 4095 bytes"},
		{SIZE - 5, 5, "command line: no NUL within its 5 bytes"},
		{SIZE - 1, 1, "command line: no NUL within its 1 bytes"},
		{SIZE, 0, "command line at 0x4000: out of reach"},
		{UINT64_MAX, 0, "command line at 0xffffffffffffffff: out of reach"},
	};

	(void)state;
	build();
	memset(&memory[CMDLINE - 1], 'a', 4096);
	memory[CMDLINE + 4095] = 0;
	memset(&memory[SIZE - 5], 'b', 5);
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		set64(INFO + 24, rows[i].pa);
		parse_ok();
		assert_int_equal(strlen(bi.cmdline), rows[i].len);
		assert_int_equal(bi.problem_count, !!rows[i].problem);
		if (rows[i].problem)
			assert_true(has_problem(&bi, rows[i].problem));
		assert_int_equal(bi.cmdline_cut, rows[i].problem && rows[i].len);
	}
}

static void boot_pvh_modules(void **state)
{
	static const struct {
		u64 list;
		u32 count, read;
		const char *problem;
	} rows[] = {
		{0, 0, 0, NULL},
		{MODULES, 0, 0, NULL},
		{0, 3, 0, "PVH modules: 3, but no list"},
		{SIZE - 32, 1, 1, NULL},
		{SIZE - 32, 2, 1, "module list at 0x3fe0: entry 1 out of reach"},
		{SIZE - 31, 1, 0, "module list at 0x3fe1: entry 0 out of reach"},
		{SIZE + 1, 1, 0, "module list at 0x4001: entry 0 out of reach"},
		{UINT64_MAX - 31, 2, 0, "entry 0 out of reach"},
		{SIZE - 17 * 32, UINT32_MAX, 16, "module 0x5000-0x6000: more than 16, ignored"},
	};

	(void)state;
	build();
	for (u32 at = SIZE - 17 * 32; at < SIZE; at += 32) {
		set64(at, 0x5000);
		set64(at + 8, 0x1000);
		set64(at + 16, 0);
	}
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		set64(INFO + 16, rows[i].list);
		set32(INFO + 12, rows[i].count);
		print_message("module list %u\n", i);
		parse_ok();
		assert_int_equal(bi.module_count, rows[i].read);
		assert_int_equal(bi.problem_count, !!rows[i].problem);
		if (rows[i].problem)
			assert_true(has_problem(&bi, rows[i].problem));
	}
}

static void boot_pvh_bad_module(void **state)
{
	static const struct {
		u64 pa, size, name;
		const char *problem;
		u32 read;
	} rows[] = {
		{0x5000, 0, 0, "module 0x5000-0x5000: empty", 1},
		{0x5000, UINT64_MAX, 0, "module 0x5000-0x4fff: empty", 1},
		{UINT64_MAX - 4, 8, 0, "empty", 1},
		{0x5000, 16, SIZE, "PVH module 0: name at 0x4000 out of reach", 2},
		{0x5000, 16, UINT64_MAX, "PVH module 0: name at", 2},
		{0x5000, 16, SIZE - 3, "module name: no NUL within its 3 bytes", 2},
		{0x5000, 16, NAME + 0x100, "module name: longer than 127", 2},
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		build();
		set_module(0, rows[i].pa, rows[i].size, rows[i].name);
		parse_ok();
		assert_int_equal(bi.problem_count, 1);
		assert_true(has_problem(&bi, rows[i].problem));
		assert_int_equal(bi.module_count, rows[i].read); /* the second one is good */
	}
}

static void boot_pvh_memmap(void **state)
{
	static const struct {
		u64 pa;
		u32 count, ranges;
		const char *problem;
	} rows[] = {
		{0, 4, 0, "no memory map"},
		{MEMMAP, 0, 0, "no memory map"},
		{MEMMAP, 4, 4, NULL},
		{SIZE - 24, 1, 1, NULL},
		{SIZE - 24, 2, 1, "memory map at 0x3fe8: entry 1 out of reach"},
		{SIZE - 23, 1, 0, "memory map at 0x3fe9: entry 0 out of reach"},
		{UINT64_MAX - 23, 2, 0, "entry 0 out of reach"},
		{UINT64_MAX, UINT32_MAX, 0, "PVH memory map: 4294967295 entries, the first 4096"},
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		build();
		set_range(SIZE - 24, 0x100000, 0x1000, 1);
		set64(INFO + 40, rows[i].pa);
		set32(INFO + 48, rows[i].count);
		print_message("memory map %u\n", i);
		parse_ok();
		assert_int_equal(bi.memmap.count, rows[i].ranges);
		if (rows[i].problem)
			assert_true(has_problem(&bi, rows[i].problem));
		else
			assert_int_equal(bi.problem_count, 0);
	}
}

static void boot_pvh_memmap_bad_entries(void **state)
{
	(void)state;
	build();
	set_range(MEMMAP, 0, 0x9000, 1);
	set_range(MEMMAP + 24, 0x8000, 0x2000, 99);
	set_range(MEMMAP + 48, 0x300, 0, 1);
	set_range(MEMMAP + 72, UINT64_MAX - 0x1fff, UINT64_MAX, 2);
	parse_ok();
	assert_int_equal(memmap_type_at(&bi.memmap, 0x7fff), MEM_USABLE);
	assert_int_equal(memmap_type_at(&bi.memmap, 0x8000), MEM_RESERVED);
	assert_int_equal(memmap_type_at(&bi.memmap, 0x9fff), MEM_RESERVED);
	assert_true(has_problem(&bi, "memory map: 2 entries empty or past 2^64"));
	assert_true(has_problem(&bi, "memory map: 1 entries overlap another type"));
}

/* Everything within reach is also found when memory ends anywhere: no read outside, no crash. */
static void boot_pvh_memory_cut_anywhere(void **state)
{
	(void)state;
	build();
	for (u64 size = 0; size < SIZE; size += size < CMDLINE + 32 ? 1 : 97)
		assert_int_equal(parse_at(INFO, size), size < INFO + 40 ? -1 : 0);
}

static void boot_pvh_any_byte_wrong(void **state)
{
	static const u8 values[] = {0x00, 0x01, 0x3f, 0x40, 0x7f, 0x80, 0xff};

	(void)state;
	for (u32 at = INFO; at < MEMMAP + 96; at += at == INFO + 55 ? MODULES - INFO - 55 : 1) {
		for (u32 i = 0; i < ARRAY_SIZE(values); i++) {
			build();
			memory[at] = values[i];
			parse_at(INFO, SIZE);
		}
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(boot_pvh_full),
	cmocka_unit_test(boot_pvh_not_a_start_info),
	cmocka_unit_test(boot_pvh_version_0),
	cmocka_unit_test(boot_pvh_versions_at_the_end_of_memory),
	cmocka_unit_test(boot_pvh_later_version),
	cmocka_unit_test(boot_pvh_cmdline),
	cmocka_unit_test(boot_pvh_modules),
	cmocka_unit_test(boot_pvh_bad_module),
	cmocka_unit_test(boot_pvh_memmap),
	cmocka_unit_test(boot_pvh_memmap_bad_entries),
	cmocka_unit_test(boot_pvh_memory_cut_anywhere),
	cmocka_unit_test(boot_pvh_any_byte_wrong),
};

HOST_MAIN("boot_pvh", tests)
