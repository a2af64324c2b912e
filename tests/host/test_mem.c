/*
 * lib/mem.c against the host's C library: every length up to two words and more, every alignment,
 * every overlap, with guard bytes around. The functions are renamed, since the host's own are what
 * the test is made of.
 */
#include "tests/host/host.h"

#define memcpy  our_memcpy
#define memmove our_memmove
#define memset  our_memset
#define memcmp  our_memcmp
#define strlen  our_strlen
#define strnlen our_strnlen
#define strcmp  our_strcmp
#define strncmp our_strncmp
#define strchr  our_strchr
#include "lib/mem.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr

#define AREA    96
#define LONGEST 40

static void fill(u8 *area, u8 seed)
{
	for (size_t i = 0; i < AREA; i++)
		area[i] = (u8)(seed + i * 7);
}

static void memcpy_copies_and_keeps_the_rest(void **state)
{
	u8 src[AREA], got[AREA], want[AREA];

	(void)state;
	for (size_t n = 0; n <= LONGEST; n++) {
		for (size_t at = 0; at < 64; at++) {
			fill(src, 1);
			fill(got, 100);
			fill(want, 100);
			memcpy(want + 8 + at % 8, src + at / 8, n);
			assert_ptr_equal(our_memcpy(got + 8 + at % 8, src + at / 8, n), got + 8 + at % 8);
			assert_memory_equal(got, want, AREA);
		}
	}
}

static void memmove_survives_any_overlap(void **state)
{
	u8 got[AREA], want[AREA];

	(void)state;
	for (size_t n = 0; n <= LONGEST; n++) {
		for (size_t from = 0; from + n <= AREA; from++) {
			for (size_t to = 0; to + n <= AREA; to++) {
				fill(got, 3);
				fill(want, 3);
				memmove(want + to, want + from, n);
				assert_ptr_equal(our_memmove(got + to, got + from, n), got + to);
				assert_memory_equal(got, want, AREA);
			}
		}
	}
}

static void memset_fills_and_keeps_the_rest(void **state)
{
	u8 got[AREA], want[AREA];

	(void)state;
	for (size_t n = 0; n <= LONGEST; n++) {
		for (size_t at = 0; at < 16; at++) {
			fill(got, 9);
			fill(want, 9);
			memset(want + at, 0x1a5, n);
			assert_ptr_equal(our_memset(got + at, 0x1a5, n), got + at);
			assert_memory_equal(got, want, AREA);
		}
	}
}

static int sign(int x)
{
	return (x > 0) - (x < 0);
}

static void memcmp_finds_the_first_difference(void **state)
{
	u8 a[AREA], b[AREA];

	(void)state;
	for (size_t n = 0; n <= LONGEST; n++) {
		for (size_t bad = 0; bad <= n; bad++) {
			fill(a, 0);
			fill(b, 0);
			b[bad] ^= 0x80; /* unsigned compare; at n: behind the end */
			assert_int_equal(sign(our_memcmp(a, b, n)), sign(memcmp(a, b, n)));
			assert_int_equal(sign(our_memcmp(b, a, n)), sign(memcmp(b, a, n)));
		}
	}
}

static void strings_are_as_the_hosts(void **state)
{
	static const char *const words[] = {"", "a", "b", "ab", "abc", "abd", "\x80", "abcdefghijklmnop"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		const char *a = words[i];

		assert_int_equal(our_strlen(a), strlen(a));
		for (size_t n = 0; n < 20; n++)
			assert_int_equal(our_strnlen(a, n), strnlen(a, n));
		for (int c = 0; c < 256; c++)
			assert_ptr_equal(our_strchr(a, c), strchr(a, c));
		for (size_t j = 0; j < ARRAY_SIZE(words); j++) {
			const char *b = words[j];

			assert_int_equal(sign(our_strcmp(a, b)), sign(strcmp(a, b)));
			for (size_t n = 0; n < 5; n++)
				assert_int_equal(sign(our_strncmp(a, b, n)), sign(strncmp(a, b, n)));
		}
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(memcpy_copies_and_keeps_the_rest), cmocka_unit_test(memmove_survives_any_overlap),
	cmocka_unit_test(memset_fills_and_keeps_the_rest),  cmocka_unit_test(memcmp_finds_the_first_difference),
	cmocka_unit_test(strings_are_as_the_hosts),
};
HOST_MAIN("lib_mem", tests)
