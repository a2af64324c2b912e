/*
 * lib/printf.c against the host's printf: every conversion with every combination of flags, widths, precisions and
 * values. Where the two differ by contract (%p, a NULL string, unknown conversions), a table.
 */
#include "lib/printf.h"
#include "tests/host/host.h"

/* The formats are made here, at run time. */
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wformat-truncation"
#endif

static int kprint(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = kvsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return len;
}

static const char *const lengths[] = {"hh", "h", "", "l", "ll", "z"};
static const char *const widths[] = {"", "1", "2", "8", "25"};
static const char *const precisions[] = {"", ".", ".0", ".1", ".5", ".22"};
static const u64 values[] = {
	0,         1,         9,          10,         15,
	16,        0x7f,      0x80,       0xff,       0x7fff,
	0x8000,    0xffff,    INT32_MAX,  0x80000000, UINT32_MAX,
	INT64_MAX, 1UL << 63, UINT64_MAX, (u64)-2,    0x0123456789abcdef,
};

/* Both print @value by @fmt into the same size of buffer; everything must be the same. */
static void compare_u64(const char *fmt, bool wide, u64 value)
{
	char want[64], got[64];
	int want_len = wide ? snprintf(want, sizeof(want), fmt, value) : snprintf(want, sizeof(want), fmt, (u32)value);
	int got_len = wide ? kprint(got, sizeof(got), fmt, value) : kprint(got, sizeof(got), fmt, (u32)value);

	if (strcmp(got, want) != 0 || got_len != want_len)
		fail_msg("%s of %#lx: \"%s\" (%d), not \"%s\" (%d)", fmt, value, got, got_len, want, want_len);
}

/* All subsets of the flags, '#' only where it has a meaning. */
static void make_flags(char *flags, u32 set, char conversion)
{
	for (u32 i = 0; i < 5; i++)
		if (set & BIT(i) && !("-0+ #"[i] == '#' && !strchr("xX", conversion)))
			*flags++ = "-0+ #"[i];
	*flags = '\0';
}

static void compare_lengths(const char *head, char conversion)
{
	for (u32 l = 0; l < ARRAY_SIZE(lengths); l++) {
		char fmt[48];

		snprintf(fmt, sizeof(fmt), "%s%s%c", head, lengths[l], conversion);
		for (u32 v = 0; v < ARRAY_SIZE(values); v++)
			compare_u64(fmt, strpbrk(lengths[l], "lz"), values[v]);
	}
}

static void lib_printf_integers(void **state)
{
	(void)state;
	for (const char *c = "diuxX"; *c; c++)
		for (u32 set = 0; set < 32; set++)
			for (u32 w = 0; w < ARRAY_SIZE(widths); w++)
				for (u32 p = 0; p < ARRAY_SIZE(precisions); p++) {
					char flags[8], head[32];

					make_flags(flags, set, *c);
					snprintf(head, sizeof(head), "%%%s%s%s", flags, widths[w], precisions[p]);
					compare_lengths(head, *c);
				}
}

#define COMPARE(...)                                                                                                   \
	do {                                                                                                           \
		char want_[256], got_[256];                                                                            \
		int want_len_ = snprintf(want_, sizeof(want_), __VA_ARGS__);                                           \
		int got_len_ = kprint(got_, sizeof(got_), __VA_ARGS__);                                                \
		assert_string_equal(got_, want_);                                                                      \
		assert_int_equal(got_len_, want_len_);                                                                 \
	} while (0)

static void lib_printf_text(void **state)
{
	static const char *const texts[] = {"", "a", "hello", "100%", "with\nline"};
	static const char no_nul[3] = {'a', 'b', 'c'};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(texts); i++) {
		COMPARE("%s", texts[i]);
		COMPARE("[%10s]", texts[i]);
		COMPARE("[%-10s]", texts[i]);
		COMPARE("[%.2s]", texts[i]);
		COMPARE("[%-8.3s]", texts[i]);
		COMPARE("[%.s]", texts[i]);
		COMPARE("[%.*s]", 4, texts[i]);
		COMPARE("[%.*s]", -1, texts[i]);
		COMPARE("[%*s]", 7, texts[i]);
		COMPARE("[%*s]", -7, texts[i]);
		COMPARE("[%-*.*s]", 9, 1, texts[i]);
	}
	COMPARE("[%.3s]", no_nul); /* the fourth byte is not read: the sanitizer sees it */
	COMPARE("[%.2s]", no_nul);
	COMPARE("%c%c[%3c][%-3c]", 'a', '%', 'b', 'c');
	COMPARE("100%%, %d%%", 5);
	COMPARE("no conversion at all");
	COMPARE("%s", "");
}

static void lib_printf_star_numbers(void **state)
{
	(void)state;
	for (int width = -12; width <= 12; width++)
		for (int precision = -3; precision <= 12; precision++) {
			COMPARE("[%*.*d]", width, precision, -42);
			COMPARE("[%0*d]", width, 42);
			COMPARE("[%#*.*x]", width, precision, 0xabc);
			COMPARE("[%+-*.*ld]", width, precision, 0L);
		}
}

/* Arguments are taken in order and in the right number, behind every kind of conversion. */
static void lib_printf_many_arguments(void **state)
{
	(void)state;
	COMPARE("%d %s %lx %c %u %hhd %hu %lld %zu %5.3d|%-5s|%*d %%", -1, "two", 3UL, '4', 5U, (char)44,
		(unsigned short)4464, -8LL, (size_t)9, 10, "e", 4, 12);
	COMPARE("%d %d %d %d %d %d %d %d %d %d", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
}

/* Cut at every size: the front of the text, always a NUL, the length of the whole. */
static void lib_printf_sizes(void **state)
{
	const char *whole = "value 0x001f, name    left, -7";

	(void)state;
	for (size_t size = 0; size <= strlen(whole) + 2; size++) {
		char *buf = malloc(size ? size : 1);

		*buf = '#';
		assert_int_equal(kprint(buf, size, "value %#06x, name %7s, %d", 31, "left", -7), strlen(whole));
		if (size == 0) {
			assert_int_equal(*buf, '#');
		} else {
			assert_int_equal(strlen(buf), min(size - 1, strlen(whole)));
			assert_memory_equal(buf, whole, strlen(buf));
		}
		free(buf);
	}
	assert_int_equal(kprint(NULL, 0, "%d", 12345), 5);
}

/* Where lib/printf.h says something of its own. */
static void lib_printf_own_contract(void **state)
{
	char buf[64];

	(void)state;
#define IS(want, ...)                                                                                                  \
	do {                                                                                                           \
		assert_int_equal(kprint(buf, sizeof(buf), __VA_ARGS__), strlen(want));                                 \
		assert_string_equal(buf, want);                                                                        \
	} while (0)
	IS("0xffffffff80000000", "%p", (void *)0xffffffff80000000UL);
	IS("[    0x1000]", "[%10p]", (void *)0x1000);
	IS("0x0", "%p", (void *)0);
	IS("(null)", "%s", (char *)NULL);
	IS("[(n]", "[%.2s]", (char *)NULL);
	IS("%q 1", "%q %d", 1); /* unknown: shown, and takes no argument */
	IS("%f 2", "%f %d", 2);
	IS("%-5y 3", "%-5y %d", 3);
	IS("%", "%");
	IS("cut %l", "cut %l");
	IS("cut %08", "cut %08");
#undef IS
}

/* A width that no line needs is neither a crash nor an endless loop, and the length stays an int. */
static void lib_printf_huge_width(void **state)
{
	char buf[32];

	(void)state;
	assert_int_equal(kprint(buf, sizeof(buf), "%99999d", 1), 99999);
	assert_int_equal(strlen(buf), 31);
	assert_int_equal(kprint(buf, sizeof(buf), "%.99999d", 1), 99999);
	assert_int_equal(buf[30], '0');
	assert_true(kprint(buf, sizeof(buf), "%99999999999999999999d", 1) > 0);
}

static void lib_printf_ksnprintf(void **state)
{
	char buf[8];

	(void)state;
	assert_int_equal(ksnprintf(buf, sizeof(buf), "%s-%d", "abc", 12345), 9);
	assert_string_equal(buf, "abc-123");
}

static char collected[512];
static size_t collected_len, flushes;

static void collect(const char *text, size_t len)
{
	assert_true(collected_len + len < sizeof(collected));
	memcpy(collected + collected_len, text, len);
	collected_len += len;
	flushes++;
}

static void format_to(struct printf_out *out, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf_format(out, fmt, ap);
	va_end(ap);
}

/* The flushing form gives the same text, whatever the size of the pieces. */
static void lib_printf_flush(void **state)
{
	const char *whole = "head 00000000000000000042 tail      x 0xdeadbeef";

	(void)state;
	for (size_t size = 1; size < 60; size++) {
		char *buf = malloc(size);
		struct printf_out out = {.buf = buf, .size = size, .flush = collect};

		collected_len = flushes = 0;
		format_to(&out, "head %020d tail %6s %#x", 42, "x", 0xdeadbeefU);
		collect(out.buf, out.used);
		collected[collected_len] = '\0';
		assert_string_equal(collected, whole);
		assert_int_equal(out.total, strlen(whole));
		free(buf);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(lib_printf_integers),     cmocka_unit_test(lib_printf_text),
	cmocka_unit_test(lib_printf_star_numbers), cmocka_unit_test(lib_printf_many_arguments),
	cmocka_unit_test(lib_printf_sizes),        cmocka_unit_test(lib_printf_own_contract),
	cmocka_unit_test(lib_printf_huge_width),   cmocka_unit_test(lib_printf_ksnprintf),
	cmocka_unit_test(lib_printf_flush),
};

HOST_MAIN("lib_printf", tests)
