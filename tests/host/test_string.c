/*
 * lib/string.c: what the C library has no name for. (lib/mem.c has test_mem.c.)
 */
#include "lib/string.h"
#include "tests/host/host.h"

static void lib_string_copy(void **state)
{
	static const struct {
		const char *src;
		size_t size;
		const char *want;
	} rows[] = {
		{"", 1, ""},      {"", 8, ""},     {"abc", 8, "abc"}, {"abc", 4, "abc"},
		{"abc", 3, "ab"}, {"abc", 2, "a"}, {"abc", 1, ""},
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		char *dst = malloc(rows[i].size);

		memset(dst, '#', rows[i].size);
		assert_int_equal(str_copy(dst, rows[i].src, rows[i].size), strlen(rows[i].src));
		assert_string_equal(dst, rows[i].want);
		free(dst);
	}
	assert_int_equal(str_copy(NULL, "abc", 0), 3); /* nowhere to write, not even the NUL */
}

static void lib_string_to_u64(void **state)
{
	static const struct {
		const char *text;
		bool good;
		u64 value;
	} rows[] = {
		{"0", true, 0},
		{"00", true, 0},
		{"7", true, 7},
		{"0123", true, 123}, /* not octal */
		{"4294967296", true, 1UL << 32},
		{"18446744073709551615", true, UINT64_MAX},
		{"18446744073709551616", false, 0},
		{"18446744073709551620", false, 0},
		{"99999999999999999999", false, 0},
		{"28446744073709551615", false, 0},
		{"0x0", true, 0},
		{"0xff", true, 255},
		{"0XfF", true, 255},
		{"0xffffffffffffffff", true, UINT64_MAX},
		{"0x10000000000000000", false, 0},
		{"0x00000000000000000001", true, 1},
		{"", false, 0},
		{"0x", false, 0},
		{"x1", false, 0},
		{"ff", false, 0},
		{"0xg", false, 0},
		{"0x@", false, 0},
		{"0x`", false, 0},
		{"1/", false, 0},
		{"1:", false, 0},
		{"-1", false, 0},
		{"+1", false, 0},
		{" 1", false, 0},
		{"1 ", false, 0},
		{"1\n", false, 0},
		{"1k", false, 0},
		{"0x-1", false, 0},
		{"0x0x1", false, 0},
		{"1\x10", false, 0},
		{"1\x80", false, 0},
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		u64 value = 4711;

		print_message("number: %s\n", rows[i].text);
		assert_int_equal(str_to_u64(rows[i].text, &value), rows[i].good);
		assert_int_equal(value, rows[i].good ? rows[i].value : 4711);
	}
}

/* Every 64-bit value comes back from what the host prints. */
static void lib_string_to_u64_round_trip(void **state)
{
	u64 random = 1;

	(void)state;
	for (u32 i = 0; i < 100000; i++) {
		u64 value = next_random(&random) >> (i % 64), back;
		char text[32];

		snprintf(text, sizeof(text), i % 2 ? "%lu" : "0x%lx", value);
		assert_true(str_to_u64(text, &back));
		assert_int_equal(back, value);
	}
}

static void lib_string_glob(void **state)
{
	static const struct {
		const char *pattern, *s;
		bool match;
	} rows[] = {
		{"", "", true},
		{"", "a", false},
		{"a", "", false},
		{"*", "", true},
		{"*", "anything at all", true},
		{"**", "", true},
		{"?", "", false},
		{"?", "a", true},
		{"?", "ab", false},
		{"??*", "a", false},
		{"??*", "ab", true},
		{"abc", "abc", true},
		{"abc", "abcd", false},
		{"abcd", "abc", false},
		{"abc", "Abc", false},
		{"lib_*", "lib_string_glob", true},
		{"lib_*", "lib", false},
		{"*_glob", "lib_string_glob", true},
		{"*_glob", "lib_string_globe", false},
		{"*a*b*", "xxaxxbxx", true},
		{"*a*b*", "xxbxxaxx", false},
		{"a*a", "a", false},
		{"a*a", "aa", true},
		{"*ab", "aab", true},
		{"*aab", "aaaab", true},
		{"a*bc*d", "abxbcxbcd", true},
		{"*?", "", false},
		{"*?", "abc", true},
		{"[ab]", "a", false}, /* no classes */
		{"[ab]", "[ab]", true},
		{"a?c*e", "abcde", true},
		{"mmu_*_pte?", "mmu_set_pte", false},
		{"mmu_*_pte?", "mmu_set_ptes", true},
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		print_message("glob: %s %s\n", rows[i].pattern, rows[i].s);
		assert_int_equal(glob_match(rows[i].pattern, rows[i].s), rows[i].match);
	}
}

/* Straight from the definition, and exponential: the oracle. */
static bool glob_by_definition(const char *p, const char *s)
{
	if (!*p)
		return !*s;
	if (*p == '*')
		return glob_by_definition(p + 1, s) || (*s && glob_by_definition(p, s + 1));
	return *s && (*p == '?' || *p == *s) && glob_by_definition(p + 1, s + 1);
}

/* All patterns of up to 5 out of "ab*?" against all texts of up to 5 out of "ab". */
static void lib_string_glob_exhaustive(void **state)
{
	(void)state;
	for (u32 p = 0; p < 1024 * 6; p++) {
		char pattern[6] = "", text[6] = "";

		for (u32 i = 0; i < p / 1024; i++)
			pattern[i] = "ab*?"[p >> 2 * i & 3];
		for (u32 t = 0; t < 32 * 6; t++) {
			memset(text, 0, sizeof(text));
			for (u32 i = 0; i < t / 32; i++)
				text[i] = "ab"[t >> i & 1];
			assert_int_equal(glob_match(pattern, text), glob_by_definition(pattern, text));
		}
	}
}

/* What costs a backtracking matcher the age of the universe. */
static void lib_string_glob_does_not_blow_up(void **state)
{
	char pattern[201], text[4001];

	(void)state;
	for (u32 i = 0; i < 200; i++)
		pattern[i] = i % 2 ? 'a' : '*';
	pattern[200] = '\0';
	memset(text, 'a', 4000);
	text[4000] = '\0';
	assert_true(glob_match(pattern, text));
	pattern[199] = 'b';
	assert_false(glob_match(pattern, text));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(lib_string_copy),
	cmocka_unit_test(lib_string_to_u64),
	cmocka_unit_test(lib_string_to_u64_round_trip),
	cmocka_unit_test(lib_string_glob),
	cmocka_unit_test(lib_string_glob_exhaustive),
	cmocka_unit_test(lib_string_glob_does_not_blow_up),
};

HOST_MAIN("lib_string", tests)
