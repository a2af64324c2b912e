/*
 * machine/term.c: text in, cells out. What is painted is kept in a screen of the test's own, which must always be what
 * the cells say; random bytes may never leave the screen.
 */
#include "tests/host/host.h"

#include "machine/term.c"

static struct term term;
static struct term_cell screen[TERM_ROWS_MAX][TERM_COLS_MAX];
static u32 painted;

static void paint(void *driver, u32 x, u32 y, struct term_cell cell)
{
	assert_ptr_equal(driver, &painted);
	assert_true(x < term.cols && y < term.rows);
	screen[y][x] = cell;
	painted++;
}

static void flush(void)
{
	painted = 0;
	term_flush(&term, paint, &painted);
	for (u32 y = 0; y < term.rows; y++)
		for (u32 x = 0; x < term.cols; x++) {
			struct term_cell cell = cell_at(&term, x, y);

			assert_int_equal(screen[y][x].c, cell.c);
			assert_int_equal(screen[y][x].attr, cell.attr);
		}
}

static void start(u32 cols, u32 rows)
{
	term_init(&term, cols, rows);
	flush();
	assert_int_equal(painted, term.cols * term.rows);
}

static void say(const char *text)
{
	term_write(&term, text, strlen(text));
	flush();
}

/* The rows, blanks at their ends left out, must be @rows; the cursor at x, y. */
static void expect(u32 x, u32 y, const char *const *rows, u32 count)
{
	assert_int_equal(term.x, x);
	assert_int_equal(term.y, y);
	for (u32 row = 0; row < term.rows; row++) {
		char text[TERM_COLS_MAX + 1];
		u32 len = 0;

		for (u32 col = 0; col < term.cols; col++) {
			text[col] = (char)screen[row][col].c;
			len = text[col] == ' ' ? len : col + 1;
		}
		text[len] = '\0';
		assert_string_equal(text, row < count ? rows[row] : "");
	}
}

#define EXPECT_ROWS(x, y, ...)                                                                                         \
	do {                                                                                                           \
		static const char *const rows_[] = {__VA_ARGS__};                                                      \
		expect(x, y, rows_, ARRAY_SIZE(rows_));                                                                \
	} while (0)

static void lines_and_scrolling(void **state)
{
	(void)state;
	start(6, 3);
	say("one\ntwo\n");
	EXPECT_ROWS(0, 2, "one", "two", "");
	say("three");
	EXPECT_ROWS(5, 2, "one", "two", "three");
	say("\n4\n5");
	EXPECT_ROWS(1, 2, "three", "4", "5");
}

static void a_full_line_and_its_end_are_one(void **state)
{
	(void)state;
	start(4, 3);
	say("abcd");
	EXPECT_ROWS(4, 0, "abcd");
	assert_int_equal(screen[0][3].attr, 0x70); /* the cursor waits on the last column */
	say("\nef");
	EXPECT_ROWS(2, 1, "abcd", "ef");
	say("ghi");
	EXPECT_ROWS(1, 2, "abcd", "efgh", "i");
}

static void controls(void **state)
{
	(void)state;
	start(20, 3);
	say("abc\b\bX");
	EXPECT_ROWS(2, 0, "aXc");
	say("\rY\b\b\b");
	EXPECT_ROWS(0, 0, "YXc");
	say("\ta\tb\a\v\f");
	EXPECT_ROWS(17, 0, "        a       b");
	start(4, 2);
	say("abcd\b");
	EXPECT_ROWS(2, 0, "abcd");
	say("\033[H\t");
	assert_int_equal(term.x, 4);
	say("\xe4");
	assert_int_equal(screen[1][0].c, BOX);
}

static void sequences(void **state)
{
	(void)state;
	start(8, 3);
	say("abcdefg\nhijk\nlmn\033[H");
	EXPECT_ROWS(0, 0, "abcdefg", "hijk", "lmn");
	say("\033[2;3H\033[K");
	EXPECT_ROWS(2, 1, "abcdefg", "hi", "lmn");
	say("\033[1;3H\033[1K");
	EXPECT_ROWS(2, 0, "   defg", "hi", "lmn");
	say("\033[2;2H\033[J");
	EXPECT_ROWS(1, 1, "   defg", "h");
	say("zz\033[1J");
	EXPECT_ROWS(3, 1);
	say("\033[99;99Hq\033[H\033[2J");
	EXPECT_ROWS(0, 0);
	say("\033[1;31mred\033[0m\033[?25l\033Mx\033[12345678901;;;;5Ay");
	EXPECT_ROWS(5, 0, "redxy");
	say("\033[\n\033\nz");
	EXPECT_ROWS(1, 2, "redxy", "", "z");
}

static void only_changes_are_painted(void **state)
{
	(void)state;
	start(10, 4);
	say("abc\n");
	assert_int_equal(painted, 4); /* three letters, the first where the cursor was; and the cursor */
	flush();
	assert_int_equal(painted, 0);
	say("\033[Hab");
	assert_int_equal(painted, 2); /* the cursor to the c and away from the second line */
	say("\033[2J\033[H");
	assert_int_equal(painted, 3);
}

/* From the alarm on its first line stays, whatever comes behind. */
static void an_alarm_stays(void **state)
{
	(void)state;
	start(8, 4);
	say("a\nb\nc\n");
	term_alarm(&term);
	say("panic 1\n");
	EXPECT_ROWS(0, 3, "b", "c", "panic 1", "");
	assert_int_equal(screen[2][0].attr, TERM_ALARM);
	assert_int_equal(screen[1][0].attr, TERM_NORMAL);
	say("2\n3\n4");
	EXPECT_ROWS(1, 3, "panic 1", "2", "3", "4");
	say("\n5\n6");
	EXPECT_ROWS(0, 3, "panic 1", "2", "3", "4");
	say("\033[H\033[2Jx");
	EXPECT_ROWS(0, 3, "panic 1", "2", "3", "4");
}

static void sizes_are_cut(void **state)
{
	(void)state;
	term_init(&term, 1000, 1000);
	assert_int_equal(term.cols, TERM_COLS_MAX);
	assert_int_equal(term.rows, TERM_ROWS_MAX);
	start(1, 1);
	say("abc\n\033[5;5H\tx\b");
	EXPECT_ROWS(0, 0, "x");
}

static void random_bytes(void **state)
{
	static const char likely[] = "\n\r\b\t\033\033[[;;HJK0123abc";
	u64 seed = 12345;

	(void)state;
	for (u32 round = 0; round < 300; round++) {
		start(1 + (u32)(next_random(&seed) % 12), 1 + (u32)(next_random(&seed) % 6));
		for (u32 i = 0; i < 400; i++) {
			u64 r = next_random(&seed);
			char c = r & 0x100 ? (char)r : likely[(r >> 16) % (sizeof(likely) - 1)];

			if (i == 300 && (round & 1))
				term_alarm(&term);
			term_write(&term, &c, 1);
			assert_true(term.x <= term.cols && term.y < term.rows);
			flush();
		}
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(lines_and_scrolling),
	cmocka_unit_test(a_full_line_and_its_end_are_one),
	cmocka_unit_test(controls),
	cmocka_unit_test(sequences),
	cmocka_unit_test(only_changes_are_painted),
	cmocka_unit_test(an_alarm_stays),
	cmocka_unit_test(sizes_are_cut),
	cmocka_unit_test(random_bytes),
};
HOST_MAIN("machine_term", tests)
