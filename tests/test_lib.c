/*
 * lib in the image's own build: the host tests (tests/host) go deep, but with the host's compiler flags and libc. Here
 * is, in short, that the same functions do the same on this CPU without floating point, red zone and library.
 */
#include "lib/bits.h"
#include "lib/ksyms.h"
#include "lib/log.h"
#include "lib/memmap.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "tests/ktest.h"

static char buf[128];

static void expect_text(const char *got, const char *want)
{
	if (strcmp(got, want) != 0)
		ktest_fail(__FILE__, __LINE__, "'%s', not '%s'", got, want);
}

TEST(lib_printf)
{
	const char *volatile nothing = NULL; /* the compiler would warn of it */

	ksnprintf(buf, sizeof(buf), "%d %u %x %#x %p", -5, 5u, 0xabcu, 0xabcu, (void *)0x1234);
	expect_text(buf, "-5 5 abc 0xabc 0x1234");
	ksnprintf(buf, sizeof(buf), "%016lx|%-6s|%6s|%.2s|%c|%%", 0x12ab000000000001UL, "ab", "cd", "efgh", 'x');
	expect_text(buf, "12ab000000000001|ab    |    cd|ef|x|%");
	ksnprintf(buf, sizeof(buf), "%ld %lu", (long)(1UL << 63), ~0UL);
	expect_text(buf, "-9223372036854775808 18446744073709551615");
	ksnprintf(buf, sizeof(buf), "%hhu %hd %zu %*d %s", (u8)0x1ff, (short)0x18000, (size_t)7, 4, 42, nothing);
	expect_text(buf, "255 -32768 7   42 (null)");
}

TEST(lib_printf_says_how_long_it_would_be)
{
	memset(buf, 'z', sizeof(buf));
	EXPECT_EQ(ksnprintf(buf, 5, "%s", "0123456789"), 10);
	EXPECT(memcmp(buf, "0123\0zzz", 8) == 0);
	EXPECT_EQ(ksnprintf(buf, 0, "abc"), 3);
	EXPECT_EQ(buf[0], '0');
}

TEST(lib_glob)
{
	EXPECT(glob_match("*", ""));
	EXPECT(glob_match("mmu_*_4k", "mmu_pt_map_4k"));
	EXPECT(glob_match("a?c", "abc"));
	EXPECT(glob_match("*a*b", "xaybzb"));
	EXPECT(!glob_match("a?c", "ac"));
	EXPECT(!glob_match("mmu_*_4k", "mmu_pt_map_4k_"));
	EXPECT(!glob_match("", "a"));
	EXPECT(!glob_match("[a]", "a"));
}

TEST(lib_numbers)
{
	u64 v = 7;

	EXPECT(str_to_u64("0x10", &v) && v == 16);
	EXPECT(str_to_u64("18446744073709551615", &v) && v == ~0UL);
	EXPECT(!str_to_u64("18446744073709551616", &v));
	EXPECT(!str_to_u64("12a", &v));
	EXPECT(!str_to_u64("", &v));
	EXPECT_EQ(popcount64(0), 0);
	EXPECT_EQ(popcount64(~0UL), 64);
	EXPECT_EQ(popcount64(0x8000000000000101), 3);
}

/* Copies of every small length at every offset, overlapping both ways: what the compiler calls by itself. */
TEST(lib_mem_functions)
{
	static u8 data[96], want[96];
	unsigned from, to, len, i;

	for (from = 0; from < 24; from++) {
		for (to = 0; to < 24; to += 5) {
			for (len = 0; len < 40; len += 3) {
				for (i = 0; i < sizeof(data); i++)
					data[i] = want[i] = (u8)(i * 3 + len);
				for (i = 0; i < len; i++)
					want[to + i] = (u8)((from + i) * 3 + len);
				memmove(data + to, data + from, len);
				if (memcmp(data, want, sizeof(data)) != 0) {
					ktest_fail(__FILE__, __LINE__, "memmove of %u from %u to %u", len, from, to);
					return;
				}
			}
		}
	}
	memset(data, 0xaa, sizeof(data));
	memset(data + 3, 0, 17);
	EXPECT_EQ(data[2], 0xaa);
	EXPECT_EQ(data[3] | data[19], 0);
	EXPECT_EQ(data[20], 0xaa);
	EXPECT(memcmp("abc\xff", "abc\x01", 4) > 0);
	EXPECT_EQ(strnlen("abc", 2), 2);
	EXPECT(strchr("abc", 'd') == NULL);
	EXPECT_EQ(str_copy(buf, "abcdef", 4), 6);
	expect_text(buf, "abc");
}

TEST(lib_memmap)
{
	static struct memmap m;

	memmap_init(&m);
	memmap_add(&m, 0x100000, 0xf00000, MEM_USABLE);
	memmap_add(&m, 0, 0x9fc00, MEM_USABLE);
	memmap_add(&m, 0x200800, 0x1000, MEM_RESERVED);
	memmap_add(&m, 0x300000, 0, MEM_RESERVED);
	memmap_page_align(&m);
	EXPECT_EQ(m.count, 4);
	EXPECT_EQ(m.overlaps, 1);
	EXPECT_EQ(m.malformed, 1);
	EXPECT_EQ(m.range[0].end, 0x9f000);
	EXPECT_EQ(m.range[1].end, 0x200000);
	EXPECT_EQ(m.range[2].base, 0x200000);
	EXPECT_EQ(m.range[2].end, 0x202000);
	EXPECT_EQ(m.range[3].base, 0x202000);
	EXPECT_EQ(memmap_bytes(&m, MEM_USABLE), 0x9f000 + 0xf00000 - 0x2000);
}

TEST(lib_ksyms)
{
	struct ksym sym;

	REQUIRE(ksym_lookup((ulong)ksnprintf + 1, &sym));
	expect_text(sym.name, "ksnprintf");
	EXPECT_EQ(sym.base, (ulong)ksnprintf);
	EXPECT_EQ(sym.offset, 1);
	EXPECT_EQ(ksym_address("ksnprintf"), (ulong)ksnprintf);
	EXPECT_EQ(ksym_address("no_such_symbol"), 0);
	EXPECT(!ksym_lookup(0x1000, &sym));
	EXPECT(!ksym_lookup(~0UL, &sym));
}

/* ---- the log ---- */

TEST(lib_log_capture)
{
	u64 pos = log_ram_pos();

	log_capture(buf, 24);
	log_line("topic", "text %d", 1);
	printk("and more than fits");
	EXPECT_EQ(log_capture_end(), 12 + 7 + 18);
	expect_text(buf, "topic       text 1\nand ");
	EXPECT_EQ(log_ram_pos(), pos);
}

/*
 * The positions go on for ever; what is read in pieces at a position is what was written there, across the ring's end.
 */
TEST(lib_log_ram_is_readable_from_any_position)
{
	char first[32], rest[32];
	u64 start, at;
	size_t n, none;

	printk("# the log ring: %s\n", "0123456789");
	start = at = log_ram_pos() - 27;
	n = log_ram_read(&at, first, 10);
	first[n] = '\0';
	n = log_ram_read(&at, rest, sizeof(rest) - 1);
	rest[n] = '\0';
	none = log_ram_read(&at, rest + n, 1);
	EXPECT_EQ(at, start + 27);
	expect_text(first, "# the log ");
	expect_text(rest, "ring: 0123456789\n");
	EXPECT_EQ(none, 0);
	at = 0; /* from the oldest that is kept */
	EXPECT_EQ(log_ram_read(&at, first, 1), 1);
	EXPECT(log_ram_pos() - at < LOG_RAM_SIZE);
}
