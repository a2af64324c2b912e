/*
 * lib/memmap.c: tables for what a person can check by eye, and the oracle of memmap_check.h for
 * everything else.
 */
#include "tests/host/host.h"
#include "tests/host/memmap_check.h"

#define TOP (UINT64_MAX - 4095) /* the list's end by contract */

struct expected {
	u64 base, end;
	enum mem_type type;
};

static void check_list(const struct memmap *m, const struct expected *want, u32 count)
{
	assert_no_fault(memmap_fault(m));
	assert_int_equal(m->count, count);
	for (u32 i = 0; i < count; i++) {
		assert_int_equal(m->range[i].base, want[i].base);
		assert_int_equal(m->range[i].end, want[i].end);
		assert_int_equal(m->range[i].type, want[i].type);
	}
}

#define U MEM_USABLE
#define R MEM_RESERVED

static const struct {
	const char *what;
	struct memmap_op op[4];
	struct expected want[5];
	u32 malformed, overlaps;
} cases[] = {
	{"one", {{16, 16, U}}, {{16, 32, U}}, 0, 0},
	{"sorted", {{64, 16, R}, {0, 16, U}}, {{0, 16, U}, {64, 80, R}}, 0, 0},
	{"neighbours merge", {{0, 16, U}, {32, 16, U}, {16, 16, U}}, {{0, 48, U}}, 0, 0},
	{"neighbours of two types do not", {{0, 16, U}, {16, 16, R}}, {{0, 16, U}, {16, 32, R}}, 0, 0},
	{"twice the same", {{0, 16, U}, {0, 16, U}}, {{0, 16, U}}, 0, 0},
	{"a hole in usable", {{0, 64, U}, {16, 16, R}}, {{0, 16, U}, {16, 32, R}, {32, 64, U}}, 0, 1},
	{"the same, other order", {{16, 16, R}, {0, 64, U}}, {{0, 16, U}, {16, 32, R}, {32, 64, U}}, 0, 1},
	{"head", {{16, 32, U}, {0, 32, R}}, {{0, 32, R}, {32, 48, U}}, 0, 1},
	{"tail", {{16, 32, U}, {32, 32, R}}, {{16, 32, U}, {32, 64, R}}, 0, 1},
	{"swallowed", {{16, 8, U}, {32, 8, U}, {0, 64, R}}, {{0, 64, R}}, 0, 1},
	{"gaps are filled",
	 {{16, 8, R}, {32, 8, R}, {8, 40, U}},
	 {{8, 16, U}, {16, 24, R}, {24, 32, U}, {32, 40, R}, {40, 48, U}},
	 0,
	 1},
	{"a hole closes again",
	 {{0, 16, U}, {32, 16, U}, {8, 32, MEM_BAD}, {0, 4, U}},
	 {{0, 8, U}, {8, 40, MEM_BAD}, {40, 48, U}},
	 0,
	 1},
	{"the greater type wins among reservations",
	 {{0, 32, MEM_ACPI_NVS}, {16, 32, MEM_ACPI_RECLAIMABLE}, {24, 4, MEM_BAD}},
	 {{0, 24, MEM_ACPI_NVS}, {24, 28, MEM_BAD}, {28, 32, MEM_ACPI_NVS}, {32, 48, MEM_ACPI_RECLAIMABLE}},
	 0,
	 2},
	{"unknown type is reserved", {{0, 16, (enum mem_type)77}}, {{0, 16, R}}, 0, 0},
	{"past 2^64 is cut", {{TOP - 16, 1UL << 40, R}}, {{TOP - 16, TOP, R}}, 1, 0},
	{"everything", {{0, UINT64_MAX, R}}, {{0, TOP, R}}, 1, 0},
	{"only the last page", {{TOP, 16, U}, {UINT64_MAX, 1, U}}, {{0}}, 2, 0},
	{"above 4 GiB", {{4 * GIB, GIB, U}, {0, 64 * KIB, U}}, {{0, 64 * KIB, U}, {4 * GIB, 5 * GIB, U}}, 0, 0},
};

static void lib_memmap_cases(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct memmap m;
		u32 want = 0;

		memmap_init(&m);
		for (u32 k = 0; k < 4; k++)
			if (cases[i].op[k].length)
				memmap_add(&m, cases[i].op[k].base, cases[i].op[k].length, cases[i].op[k].type);
		while (want < 5 && cases[i].want[want].end)
			want++;
		print_message("case: %s\n", cases[i].what);
		check_list(&m, cases[i].want, want);
		assert_int_equal(m.malformed, cases[i].malformed);
		assert_int_equal(m.overlaps, cases[i].overlaps);
		assert_int_equal(m.dropped, 0);
	}
}

static void lib_memmap_zero_length(void **state)
{
	struct memmap m;

	(void)state;
	memmap_init(&m);
	memmap_add(&m, 4096, 0, MEM_USABLE);
	assert_int_equal(m.count, 0);
	assert_int_equal(m.malformed, 1);
}

/* @count random additions on a grid of @grid units, each unit then asked for. */
static void compare_with_model(u64 seed, size_t count, u64 grid, u64 unit, u64 longest)
{
	struct memmap_op op[600];
	struct memmap m;

	memmap_init(&m);
	for (size_t i = 0; i < count; i++) {
		op[i].base = next_random(&seed) % grid * unit;
		op[i].length = (1 + next_random(&seed) % longest) * unit;
		op[i].type = next_random(&seed) % MEM_TYPE_COUNT;
		memmap_add(&m, op[i].base, op[i].length, op[i].type);
		assert_no_fault(memmap_fault(&m));
	}
	for (u64 at = 0; at < grid + longest; at++)
		assert_no_fault(memmap_fault_at(&m, op, count, at * unit));
}

static void lib_memmap_model(void **state)
{
	(void)state;
	for (u64 seed = 1; seed <= 3000; seed++)
		compare_with_model(seed, seed % 40, 64, 512, 1 + seed % 20);
}

static void lib_memmap_model_full(void **state)
{
	(void)state;
	for (u64 seed = 1; seed <= 150; seed++)
		compare_with_model(seed, 600, 2000, PAGE_SIZE, 1 + seed % 12);
}

/* Alternating types never merge: the list is full, and has not dropped anything yet. */
static void fill_list(struct memmap *m, enum mem_type even, enum mem_type odd)
{
	memmap_init(m);
	for (u64 i = 0; i < MEMMAP_MAX; i++)
		memmap_add(m, MIB + i * 4 * PAGE_SIZE, (i == 7 ? 1 : 2) * PAGE_SIZE, i % 2 ? odd : even);
	assert_int_equal(m->count, MEMMAP_MAX);
	assert_int_equal(m->dropped, 0);
}

static void lib_memmap_full_drops_usable_for_reserved(void **state)
{
	struct memmap m;

	(void)state;
	fill_list(&m, MEM_RESERVED, MEM_USABLE);
	memmap_add(&m, 0, PAGE_SIZE, MEM_RESERVED);
	assert_no_fault(memmap_fault(&m));
	assert_int_equal(m.dropped, 1);
	assert_int_equal(memmap_type_at(&m, 0), MEM_RESERVED);
	/* Number 7, the smallest, is what went. */
	assert_int_equal(memmap_type_at(&m, MIB + 7 * 4 * PAGE_SIZE), NO_MEMORY);
	assert_int_equal(memmap_bytes(&m, MEM_USABLE), 63 * 2 * PAGE_SIZE);
	assert_int_equal(memmap_bytes(&m, MEM_RESERVED), (64 * 2 + 1) * PAGE_SIZE);
}

static void lib_memmap_full_keeps_the_larger_usable(void **state)
{
	struct memmap m;

	(void)state;
	fill_list(&m, MEM_RESERVED, MEM_USABLE);
	memmap_add(&m, 0, 512, MEM_USABLE); /* smaller than all: not taken */
	assert_int_equal(memmap_type_at(&m, 0), NO_MEMORY);
	assert_int_equal(m.dropped, 1);
	memmap_add(&m, GIB, GIB, MEM_USABLE);
	assert_int_equal(memmap_type_at(&m, GIB), MEM_USABLE);
	assert_int_equal(memmap_type_at(&m, MIB + 7 * 4 * PAGE_SIZE), NO_MEMORY);
	assert_int_equal(m.dropped, 2);
	assert_no_fault(memmap_fault(&m));
}

static void lib_memmap_full_never_forgets_a_reservation(void **state)
{
	struct memmap m;

	(void)state;
	fill_list(&m, MEM_RESERVED, MEM_ACPI_NVS);
	memmap_add(&m, GIB, PAGE_SIZE, MEM_RESERVED);
	assert_no_fault(memmap_fault(&m));
	assert_true(m.dropped > 0);
	memmap_add(&m, 0, 2 * GIB, MEM_USABLE);
	assert_no_fault(memmap_fault(&m));
	assert_int_equal(memmap_type_at(&m, GIB), MEM_RESERVED);
	for (u64 i = 0; i < MEMMAP_MAX; i++)
		assert_true(memmap_type_at(&m, MIB + i * 4 * PAGE_SIZE) > (int)MEM_USABLE);
}

/* A reservation inside another, of which no second half can be kept. */
static void lib_memmap_full_split(void **state)
{
	struct memmap m;

	(void)state;
	fill_list(&m, MEM_RESERVED, MEM_ACPI_NVS);
	memmap_add(&m, MIB + 512, 512, MEM_BAD);
	assert_no_fault(memmap_fault(&m));
	assert_int_equal(memmap_type_at(&m, MIB + 512), MEM_BAD);
	assert_true(memmap_type_at(&m, MIB) >= (int)MEM_RESERVED);
	assert_true(memmap_type_at(&m, MIB + 2 * PAGE_SIZE - 1) >= (int)MEM_RESERVED);

	fill_list(&m, MEM_RESERVED, MEM_USABLE);
	memmap_add(&m, MIB + 4 * PAGE_SIZE + 512, 512, MEM_BAD); /* inside a usable one */
	assert_no_fault(memmap_fault(&m));
	assert_int_equal(memmap_type_at(&m, MIB + 4 * PAGE_SIZE + 512), MEM_BAD);
	assert_int_equal(memmap_type_at(&m, MIB + 6 * PAGE_SIZE - 1), MEM_USABLE);
}

static const struct {
	struct memmap_op op[3];
	struct expected want[3];
} page_cases[] = {
	{{{0x800, 0x2000, U}}, {{0x1000, 0x2000, U}}},
	{{{0x800, 0x800, U}, {0x1800, 0x100, U}}, {{0}}},
	{{{0x1800, 0x100, R}}, {{0x1000, 0x2000, R}}},
	{{{0x0, 0x9fc00, U}, {0x9fc00, 0x400, R}, {0xf0000, 0x10000, R}},
	 {{0, 0x9f000, U}, {0x9f000, 0xa0000, R}, {0xf0000, 0x100000, R}}},
	{{{0x1000, 0x100, R}, {0x1200, 0x100, R}}, {{0x1000, 0x2000, R}}},
	{{{0x1000, 0x100, R}, {0x1200, 0x100, MEM_BAD}}, {{0x1000, 0x2000, MEM_BAD}}},
	{{{0x0, 0x1100, MEM_BAD}, {0x1200, 0x1000, R}}, {{0, 0x2000, MEM_BAD}, {0x2000, 0x3000, R}}},
	{{{0x0, 0x1100, R}, {0x1200, 0x1000, MEM_BAD}}, {{0, 0x1000, R}, {0x1000, 0x3000, MEM_BAD}}},
};

static void lib_memmap_page_align_cases(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(page_cases); i++) {
		struct memmap m;
		u32 want = 0;

		memmap_init(&m);
		for (u32 k = 0; k < 3; k++)
			if (page_cases[i].op[k].length)
				memmap_add(&m, page_cases[i].op[k].base, page_cases[i].op[k].length,
					   page_cases[i].op[k].type);
		memmap_page_align(&m);
		while (want < 3 && page_cases[i].want[want].end)
			want++;
		print_message("case: %u\n", i);
		check_list(&m, page_cases[i].want, want);
	}
}

/* A page is usable if all of its bytes are; else it is what the greatest reservation in it is. */
static int model_page(const struct memmap_op *op, size_t count, u64 page)
{
	int best = NO_MEMORY;
	bool whole = true;

	for (u64 at = page; at < page + PAGE_SIZE; at += 512) {
		int type = memmap_model_at(op, count, at);

		whole &= type == (int)MEM_USABLE;
		if (type != (int)MEM_USABLE)
			best = max(best, type);
	}
	return whole ? (int)MEM_USABLE : best;
}

static void lib_memmap_page_align_model(void **state)
{
	(void)state;
	for (u64 seed = 1; seed <= 3000; seed++) {
		struct memmap_op op[40];
		size_t count = 1 + seed % 40;
		u64 random = seed;
		struct memmap m;

		memmap_init(&m);
		for (size_t i = 0; i < count; i++) {
			op[i].base = next_random(&random) % 128 * 512;
			op[i].length = (1 + next_random(&random) % 16) * 512;
			op[i].type = next_random(&random) % MEM_TYPE_COUNT;
			memmap_add(&m, op[i].base, op[i].length, op[i].type);
		}
		memmap_page_align(&m);
		assert_no_fault(memmap_fault(&m));
		for (u64 page = 0; page < 160 * 512; page += PAGE_SIZE) {
			assert_int_equal(memmap_type_at(&m, page), model_page(op, count, page));
			assert_int_equal(memmap_type_at(&m, page + PAGE_SIZE - 1), memmap_type_at(&m, page));
		}
	}
}

static void lib_memmap_page_align_at_the_top(void **state)
{
	struct memmap m;

	(void)state;
	memmap_init(&m);
	memmap_add(&m, TOP - 100, 1, MEM_RESERVED);
	memmap_add(&m, TOP - 5000, 100, MEM_USABLE);
	memmap_page_align(&m);
	check_list(&m, (struct expected[]){{TOP - PAGE_SIZE, TOP, R}}, 1);
}

static void lib_memmap_names_and_numbers(void **state)
{
	static const struct {
		u32 acpi;
		enum mem_type type;
		const char *name;
	} rows[] = {
		{1, MEM_USABLE, "usable"},
		{2, MEM_RESERVED, "reserved"},
		{3, MEM_ACPI_RECLAIMABLE, "ACPI reclaimable"},
		{4, MEM_ACPI_NVS, "ACPI NVS"},
		{5, MEM_BAD, "bad"},
		{0, MEM_RESERVED, "reserved"},
		{7, MEM_RESERVED, "reserved"},
		{UINT32_MAX, MEM_RESERVED, "reserved"},
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(mem_type_from_acpi(rows[i].acpi), rows[i].type);
		assert_string_equal(mem_type_name(rows[i].type), rows[i].name);
	}
	assert_string_equal(mem_type_name((enum mem_type)99), "?");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(lib_memmap_cases),
	cmocka_unit_test(lib_memmap_zero_length),
	cmocka_unit_test(lib_memmap_model),
	cmocka_unit_test(lib_memmap_model_full),
	cmocka_unit_test(lib_memmap_full_drops_usable_for_reserved),
	cmocka_unit_test(lib_memmap_full_keeps_the_larger_usable),
	cmocka_unit_test(lib_memmap_full_never_forgets_a_reservation),
	cmocka_unit_test(lib_memmap_full_split),
	cmocka_unit_test(lib_memmap_page_align_cases),
	cmocka_unit_test(lib_memmap_page_align_model),
	cmocka_unit_test(lib_memmap_page_align_at_the_top),
	cmocka_unit_test(lib_memmap_names_and_numbers),
};

HOST_MAIN("lib_memmap", tests)
