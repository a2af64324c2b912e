/*
 * lib/ksyms.c: lookup in a table as tools/ksyms.py writes it, and the check that keeps lookups out of any other. Each
 * table is a heap block of its exact size, so that the sanitizer sees a byte read behind it.
 */
#include "lib/ksyms.h"

#include "tests/host/host.h"

/* f at 0x100, g and its alias h at 0x200, the end of the last at 0x300. */
static const u32 good[] = {4, 8, 0x100, 0x200, 0x200, 0x300, 0, 2, 4, 6};
static const char good_names[8] = "f\0g\0h\0\0";
#define GOOD_SIZE  (sizeof(good) + sizeof(good_names))
#define NAMES(i)   (sizeof(good) + (i)) /* where a byte of the names stands */
#define WORD(i)    ((i) * sizeof(u32))
#define OFFSET(i)  WORD(2 + (i))
#define NAME_AT(i) WORD(6 + (i))

/* This program has a table too, as an image has: one that is not whole. */
asm(".data\n.balign 8\n"
    ".globl __ksyms_start, __ksyms_end\n"
    "__ksyms_start: .long 2, 3, 0x10, 0x20, 0, 2\n.ascii \"a\\0\"\n.globl own_names_end\nown_names_end: .ascii \"x\"\n"
    "__ksyms_end: .byte 0\n.text\n");
extern char own_names_end;

static struct ksym_table *table(size_t size)
{
	u8 *t = calloc(1, size);

	assert_non_null(t);
	memcpy(t, good, min(size, sizeof(good)));
	if (size > sizeof(good))
		memcpy(t + sizeof(good), good_names, min(size - sizeof(good), sizeof(good_names)));
	return (struct ksym_table *)t;
}

static void lib_ksyms_lookup(void **state)
{
	static const struct {
		ulong addr;
		const char *name; /* NULL: none */
		ulong offset;
	} rows[] = {
		{KSYM_BASE, NULL, 0},
		{KSYM_BASE + 0xff, NULL, 0},
		{KSYM_BASE + 0x100, "f", 0},
		{KSYM_BASE + 0x1ff, "f", 0xff},
		{KSYM_BASE + 0x200, "g", 0}, /* of two names the first */
		{KSYM_BASE + 0x2ff, "g", 0xff},
		{KSYM_BASE + 0x300, NULL, 0},
		{KSYM_BASE - 1, NULL, 0},
		{0x100, NULL, 0},
		{~0UL, NULL, 0},
	};
	struct ksym_table *t = table(GOOD_SIZE);

	(void)state;
	assert_true(ksym_table_valid(t, GOOD_SIZE));
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ksym sym;

		assert_int_equal(ksym_table_lookup(t, rows[i].addr, &sym), rows[i].name != NULL);
		if (!rows[i].name)
			continue;
		assert_string_equal(sym.name, rows[i].name);
		assert_int_equal(sym.offset, rows[i].offset);
		assert_int_equal(sym.base, rows[i].addr - rows[i].offset);
	}
	assert_int_equal(ksym_table_address(t, "f"), KSYM_BASE + 0x100);
	assert_int_equal(ksym_table_address(t, "h"), KSYM_BASE + 0x200);
	assert_int_equal(ksym_table_address(t, ""), 0);
	assert_int_equal(ksym_table_address(t, "ff"), 0);
	assert_int_equal(ksym_table_address(NULL, "f"), 0);
	assert_false(ksym_table_lookup(NULL, KSYM_BASE + 0x100, NULL));
	free(t);
}

static void lib_ksyms_valid(void **state)
{
	static const struct {
		size_t size, at;
		u32 value;
		bool valid;
	} rows[] = {
		{GOOD_SIZE, WORD(0), 4, true},
		{GOOD_SIZE + 100, WORD(0), 4, true},
		{8, WORD(1), 0, false}, /* four symbols and no room for one */
		{8, WORD(0), 0, false}, /* names, but no room for them */
		{GOOD_SIZE - 1, WORD(0), 4, false},
		{sizeof(good) - 1, WORD(0), 4, false},
		{GOOD_SIZE, WORD(0), 5, false},
		{GOOD_SIZE, WORD(0), 0x20000000, false},
		{GOOD_SIZE, WORD(0), UINT32_MAX, false},
		{GOOD_SIZE, WORD(1), 9, false},
		{GOOD_SIZE, WORD(1), UINT32_MAX, false},
		{GOOD_SIZE, WORD(1), 0, false},
		{GOOD_SIZE, WORD(1), 7, true},  /* the last NUL is padding */
		{GOOD_SIZE, WORD(1), 6, false}, /* the end's empty name begins behind the names */
		{GOOD_SIZE, OFFSET(1), 0x201, false},
		{GOOD_SIZE, OFFSET(3), 0x1ff, false},
		{GOOD_SIZE, OFFSET(3), 0x200, true},
		{GOOD_SIZE, NAME_AT(0), 8, false},
		{GOOD_SIZE, NAME_AT(3), UINT32_MAX, false},
		{GOOD_SIZE, NAME_AT(3), 7, true},
		{GOOD_SIZE, NAMES(4), 0x78787878, false}, /* the last name does not end */
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ksym_table *t = table(rows[i].size);

		print_message("row %u\n", i);
		memcpy((u8 *)t + rows[i].at, &rows[i].value, sizeof(u32));
		assert_int_equal(ksym_table_valid(t, rows[i].size), rows[i].valid);
		free(t);
	}
	for (size_t size = 0; size < sizeof(struct ksym_table); size++)
		assert_false(ksym_table_valid(NULL, size));
}

/* The image's own table is not believed either: this one's last name does not end. */
static void lib_ksyms_own_table_must_be_whole(void **state)
{
	struct ksym sym;

	(void)state;
	assert_int_equal(own_names_end, 'x');
	assert_false(ksym_lookup(KSYM_BASE + 0x10, &sym));
	assert_int_equal(ksym_address("a"), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(lib_ksyms_lookup),
	cmocka_unit_test(lib_ksyms_valid),
	cmocka_unit_test(lib_ksyms_own_table_must_be_whole),
};

HOST_MAIN("lib_ksyms", tests)
