/*
 * boot/line.c before a fake terminal: the terminal understands text, BS, BEL, CR, LF and nothing
 * else, and its row must always be the prompt and the line, its cursor where the editor thinks.
 * Long random input is compared with a plain model.
 */
#include "tests/host/host.h"

#include "boot/line.c"

#define PROMPT  "pv> "
#define COLUMNS 400

/* The last row of the terminal. */
static struct {
	char row[COLUMNS];
	u32 column, bells, lines;
	bool escaped;
} term;

static struct line ed;

static void term_put(const char *text, size_t len)
{
	assert_true(len > 0);
	for (size_t i = 0; i < len; i++) {
		switch (text[i]) {
		case BEL:
			term.bells++;
			break;
		case BS:
			assert_true(term.column > 0);
			term.column--;
			break;
		case LF:
			memset(term.row, ' ', COLUMNS);
			term.column = 0;
			term.lines++;
			break;
		case ESC:
			term.escaped = true;
			break;
		default:
			assert_true(term.column < COLUMNS);
			term.row[term.column++] = text[i];
			break;
		}
	}
}

static void begin(void)
{
	memset(&term, 0, sizeof(term));
	memset(term.row, ' ', COLUMNS);
	line_init(&ed, PROMPT, term_put);
	line_begin(&ed);
}

/*
 * The row on the screen is prompt and @text, blank behind, and the cursor is at @cursor of the
 * text.
 */
static void expect_row(const char *text, size_t len, u32 cursor)
{
	size_t skip = strlen(PROMPT);

	assert_memory_equal(term.row, PROMPT, skip);
	assert_memory_equal(term.row + skip, text, len);
	for (size_t i = skip + len; i < COLUMNS; i++)
		assert_int_equal(term.row[i], ' ');
	assert_int_equal(term.column, skip + cursor);
}

/* Feeds; no line may end. */
static void type(const char *bytes)
{
	for (; *bytes; bytes++)
		assert_null(line_feed(&ed, *bytes));
}

/* Types what gives @want after Enter. */
static void expect_line(const char *bytes, const char *want)
{
	const char *got;

	type(bytes);
	got = line_feed(&ed, '\r');
	assert_non_null(got);
	assert_string_equal(got, want);
	assert_int_equal(term.column, 0);
	line_begin(&ed);
	expect_row("", 0, 0);
}

static void editing_keys(void **state)
{
	(void)state;
	begin();
	expect_line("help", "help");
	expect_line("help\b\b", "he");
	expect_line("helpx\x7f", "help");
	expect_line("elp\x01h", "help");
	expect_line("hlp\033[D\033[De", "help");
	expect_line("hlp\x02\x02"
		    "e\x05 x",
		    "help x");
	expect_line("abc\x01\x06\x0b"
		    "x",
		    "ax");
	expect_line("abc def\x02\x15"
		    "x",
		    "xf");
	expect_line("one two  \x17"
		    "x",
		    "one x");
	expect_line("one two\x17\x17\x17"
		    "x",
		    "x");
	expect_line("abc\x01\x04", "bc");
	expect_line("abc\033[H\033[3~\033[F!", "bc!");
	expect_line("abc\033[1~x\033[4~y", "xabcy");
	expect_line("abc\033OHx\033OFy", "xabcy");
	expect_line("ab\033[1;5Dx", "axb");
}

static void what_is_unknown_is_swallowed(void **state)
{
	(void)state;
	begin();
	expect_line("a\033[15~b\033[200~c\033[?25ld\033[[Ae\033Pf\033Xg", "abcdefg");
	expect_line("a\x07\x1c\x1f\x80\xff"
		    "b",
		    "ab");
	expect_line("\033[99999999999999999999~x", "x");
	/* A control character ends a broken sequence and is obeyed. */
	expect_line("ab\033[1\bc", "ac");
	expect_line("abc\033", "abc");
	expect_line("abc\033[12", "abc");
	expect_line("ab\033\033[Dc", "acb");
}

static void each_line_ends_once(void **state)
{
	static const char input[] = "a\rb\nc\r\nd\r\r\n\n\n";
	static const char *const want[] = {"a", "b", "c", "d", "", "", ""};
	u32 n = 0;

	(void)state;
	begin();
	for (const char *p = input; *p; p++) {
		const char *got = line_feed(&ed, *p);

		if (!got)
			continue;
		assert_true(n < ARRAY_SIZE(want));
		assert_string_equal(got, want[n++]);
		line_begin(&ed);
	}
	assert_int_equal(n, ARRAY_SIZE(want));
	assert_int_equal(term.lines, ARRAY_SIZE(want));
	/* An LF that does not directly follow the CR is one of its own. */
	assert_non_null(line_feed(&ed, '\r'));
	line_begin(&ed);
	assert_null(line_feed(&ed, 'x'));
	assert_non_null(line_feed(&ed, '\n'));
}

static void give_up_a_line(void **state)
{
	const char *got;

	(void)state;
	begin();
	type("reboot");
	got = line_feed(&ed, 3);
	assert_non_null(got);
	assert_string_equal(got, "");
	line_begin(&ed);
	type("\x10"); /* not in the history */
	expect_row("", 0, 0);
	assert_int_equal(term.bells, 1);
}

static void long_lines_ring(void **state)
{
	char want[LINE_SIZE];

	(void)state;
	begin();
	memset(want, 'x', sizeof(want));
	want[LINE_SIZE - 1] = '\0';
	for (u32 i = 0; i < LINE_SIZE - 1; i++)
		type("x");
	assert_int_equal(term.bells, 0);
	type("y\x01z");
	assert_int_equal(term.bells, 2);
	expect_row(want, LINE_SIZE - 1, 0);
	expect_line("", want);
	/* One deleted makes room for one. */
	want[LINE_SIZE - 2] = 'w';
	expect_line("\x10\bwv", want);
}

static void history_up_and_down(void **state)
{
	char text[8];

	(void)state;
	begin();
	type("\033[A\033[B");
	assert_int_equal(term.bells, 2);
	expect_line("one", "one");
	expect_line("two", "two");
	expect_line("two", "two"); /* kept once */
	expect_line("", "");
	expect_line("\033[A", "two");
	expect_line("\033[A\033[A", "one");
	expect_line("dra\033[A\033[A\033[B\033[Bft", "draft");
	expect_line("\033[A\033[A!", "one!");
	for (char c = 'a'; c < 'a' + LINE_HISTORY + 4; c++) {
		text[0] = c;
		text[1] = '\0';
		expect_line(text, text);
	}
	term.bells = 0;
	for (u32 i = 0; i < LINE_HISTORY; i++)
		type("\x10");
	assert_int_equal(term.bells, 0);
	expect_row("e", 1, 1);
	type("\x10");
	assert_int_equal(term.bells, 1);
	expect_line("", "e");
}

static void screen_is_cleared_on_request_only(void **state)
{
	(void)state;
	begin();
	type("abc\x02");
	assert_false(term.escaped);
	memset(&term, 0, sizeof(term));
	type("\x0c");
	assert_true(term.escaped);
	assert_memory_equal(term.row + strlen("[H[2J"), PROMPT "abc", strlen(PROMPT) + 3);
	assert_int_equal(term.column, strlen("[H[2J" PROMPT) + 2);
}

/* The line as a person would think of it. */
static struct {
	char text[LINE_SIZE];
	u32 len, cursor;
} model;

static void model_cut(u32 from, u32 to)
{
	memmove(model.text + from, model.text + to, model.len - to);
	model.len -= to - from;
	model.cursor = from;
}

static void model_key(char c)
{
	switch (c) {
	case CTRL('A'):
		model.cursor = 0;
		break;
	case CTRL('E'):
		model.cursor = model.len;
		break;
	case CTRL('B'):
		model.cursor -= model.cursor > 0;
		break;
	case CTRL('F'):
		model.cursor += model.cursor < model.len;
		break;
	case CTRL('D'):
		model_cut(model.cursor, model.cursor + (model.cursor < model.len));
		break;
	case BS:
		model_cut(model.cursor - (model.cursor > 0), model.cursor);
		break;
	case CTRL('K'):
		model_cut(model.cursor, model.len);
		break;
	case CTRL('U'):
		model_cut(0, model.cursor);
		break;
	default:
		if (model.len == LINE_SIZE - 1)
			break;
		memmove(model.text + model.cursor + 1, model.text + model.cursor, model.len - model.cursor);
		model.text[model.cursor++] = c;
		model.len++;
		break;
	}
}

static void random_typing_matches_the_model(void **state)
{
	static const char keys[] = "\x01\x02\x02\x02\x04\x05\x06\x06\b\b\x0b\x15";
	u32 seed = 1;

	(void)state;
	begin();
	memset(&model, 0, sizeof(model));
	for (u32 i = 0; i < 200000; i++) {
		char c;

		seed = seed * 1103515245 + 12345;
		c = (char)('a' + (seed >> 16) % 26);
		/* A cut of the whole line is rare, so that lines get long. */
		if (seed >> 30 == 0)
			c = keys[(seed >> 8) % ((seed >> 20) % 64 ? 10 : 12)];
		model_key(c);
		assert_null(line_feed(&ed, c));
		expect_row(model.text, model.len, model.cursor);
	}
}

static void random_bytes_do_no_harm(void **state)
{
	u32 seed = 7;

	(void)state;
	begin();
	for (u32 i = 0; i < 300000; i++) {
		seed = seed * 1103515245 + 12345;
		if (line_feed(&ed, (char)(seed >> 16)))
			line_begin(&ed);
		assert_true(ed.cursor <= ed.len && ed.len < LINE_SIZE);
		if (term.column > 300)
			term.column = 300; /* random Ctrl-L leaves rubbish before the prompt */
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(editing_keys),
	cmocka_unit_test(what_is_unknown_is_swallowed),
	cmocka_unit_test(each_line_ends_once),
	cmocka_unit_test(give_up_a_line),
	cmocka_unit_test(long_lines_ring),
	cmocka_unit_test(history_up_and_down),
	cmocka_unit_test(screen_is_cleared_on_request_only),
	cmocka_unit_test(random_typing_matches_the_model),
	cmocka_unit_test(random_bytes_do_no_harm),
};
HOST_MAIN("boot_line", tests)
