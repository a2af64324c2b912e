/*
 * The monitor's frame, its numbers, help and log, over commands of this file's own and a sink that
 * keeps what is printed. The linker's command table is stood in for by an array that two symbols
 * are laid over.
 */
#include "tests/host/host.h"

#include "boot/line.c"
#include "boot/monitor.c"
#include "boot/monitor_args.c"
#undef MONITOR_CMD
#define MONITOR_CMD(id, usage_text, help_text, function)                                                               \
	static const struct monitor_cmd monitor_cmd_##id = {#id, usage_text, help_text, function}
#include "boot/monitor_cmds.c"

#define COMMANDS 5
#define TABLE    "fake_commands"

static int echo_args(int argc, char **argv);

static int wants_usage(int argc, char **argv)
{
	(void)argv;
	return argc > 1 ? MONITOR_USAGE : MONITOR_DONE;
}

/* Not in the order of names. */
struct monitor_cmd fake_commands[COMMANDS] = {
	{"walk", "walk ADDRESS", "a page walk", wants_usage},
	{"help", "help [COMMAND...]", "the commands, or what one is good for", cmd_help},
	{"args", "args WORD...", "shows its words", echo_args},
	{"reboot", "reboot", "starts again", wants_usage},
	{"log", "log [LINES]", "the log", cmd_log},
};
asm(".globl __monitor_cmds_start, __monitor_cmds_end\n"
    ".set __monitor_cmds_start, " TABLE "\n"
    ".set __monitor_cmds_end, " TABLE " + 5 * 32\n"
    /* And a symbol table: f at +0x100, g at +0x200, the end at +0x300. */
    ".section .rodata\n.balign 8\n"
    ".globl __ksyms_start, __ksyms_end\n"
    "__ksyms_start: .long 3, 8, 0x100, 0x200, 0x300, 0, 2, 4\n.asciz \"f\", \"g\", \"\"\n.skip "
    "3\n"
    "__ksyms_end:\n.text\n");
_Static_assert(sizeof(struct monitor_cmd) == 32, "the size above");

static char shown[LOG_RAM_SIZE * 2];
static size_t shown_len;

static void keep(struct log_sink *sink, const char *text, size_t len)
{
	(void)sink;
	assert_true(shown_len + len < sizeof(shown));
	memcpy(shown + shown_len, text, len);
	shown_len += len;
}

static struct log_sink sink = {.name = "test", .write = keep};

static void expect_shown(const char *want)
{
	shown[shown_len] = '\0';
	assert_string_equal(shown, want);
	shown_len = 0;
}

static int setup(void **state)
{
	(void)state;
	log_add_sink(&sink);
	shown_len = 0;
	return 0;
}

static int echo_args(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		printk("<%s>", argv[i]);
	assert_null(argv[argc]);
	printk("\n");
	return MONITOR_DONE;
}

static void lines_are_split_into_words(void **state)
{
	(void)state;
	assert_true(monitor_execute("args a  bc\td "));
	expect_shown("<a><bc><d>\n");
	assert_true(monitor_execute("  args"));
	expect_shown("\n");
	assert_true(monitor_execute(""));
	assert_true(monitor_execute(" \t "));
	expect_shown("");
	assert_true(monitor_execute("args 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15"));
	expect_shown("<1><2><3><4><5><6><7><8><9><10><11><12><13><14><15>\n");
	assert_false(monitor_execute("args 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"));
	expect_shown("too many words: 16 at most\n");
}

static void long_lines_are_refused(void **state)
{
	char text[LINE_SIZE + 1];

	(void)state;
	memset(text, ' ', sizeof(text));
	text[LINE_SIZE - 1] = '\0';
	assert_true(monitor_execute(text));
	text[LINE_SIZE - 1] = ' ';
	text[LINE_SIZE] = '\0';
	assert_false(monitor_execute(text));
	expect_shown("line too long: 255 characters at most\n");
}

static void a_wrong_word_is_answered(void **state)
{
	(void)state;
	assert_false(monitor_execute("x"));
	expect_shown("unknown command 'x': try help\n");
	assert_false(monitor_execute("hlep me"));
	expect_shown("unknown command 'hlep': did you mean 'help'?\n");
	assert_false(monitor_execute("reb"));
	expect_shown("unknown command 'reb': did you mean 'reboot'?\n");
	assert_false(monitor_execute("rebbott"));
	expect_shown("unknown command 'rebbott': did you mean 'reboot'?\n");
	assert_false(monitor_execute("lag"));
	expect_shown("unknown command 'lag': did you mean 'log'?\n");
	assert_false(monitor_execute("bench"));
	expect_shown("unknown command 'bench': try help\n");
	assert_false(monitor_execute("averyveryverylongword"));
	expect_shown("unknown command 'averyveryverylongword': try help\n");
}

static void wrong_arguments_show_the_usage(void **state)
{
	(void)state;
	assert_true(monitor_execute("walk x"));
	expect_shown("usage: walk ADDRESS\n");
	assert_true(monitor_execute("log x"));
	expect_shown("usage: log [LINES]\n");
	assert_true(monitor_execute("log 1 2"));
	expect_shown("usage: log [LINES]\n");
}

static void distances(void **state)
{
	(void)state;
	assert_int_equal(edit_distance("", ""), 0);
	assert_int_equal(edit_distance("abc", ""), 3);
	assert_int_equal(edit_distance("", "abcd"), 4);
	assert_int_equal(edit_distance("kitten", "sitting"), 3);
	assert_int_equal(edit_distance("ab", "ba"), 1);
	assert_int_equal(edit_distance("0123456789abcdef", "fedcba9876543210"), 15);
	assert_int_equal(edit_distance("0123456789abcdef", "0123456789abcdef"), 0);
}

static void help_is_sorted_and_aligned(void **state)
{
	(void)state;
	assert_true(monitor_execute("help"));
	expect_shown("  args WORD...       shows its words\n"
		     "  help [COMMAND...]  the commands, or what one is good for\n"
		     "  log [LINES]        the log\n"
		     "  reboot             starts again\n"
		     "  walk ADDRESS       a page walk\n");
	assert_true(monitor_execute("help walk nothing"));
	expect_shown("  walk ADDRESS  a page walk\nhelp: no command 'nothing'\n");
}

static void expect_number(const char *word, u64 want)
{
	u64 value = ~want;

	assert_true(monitor_addr(word, &value));
	assert_int_equal(value, want);
}

static void numbers_and_symbols(void **state)
{
	static const char *const bad[] = {"",
					  "x",
					  "0x",
					  "12z",
					  "h",
					  "f+",
					  "+1",
					  "f+g",
					  "f+1+1",
					  "0x1-",
					  "ffff",
					  "18446744073709551616",
					  "ffffffff8000000g",
					  "0x10000000000000000"};
	u64 value;

	(void)state;
	expect_number("0", 0);
	expect_number("0x1000", 4096);
	expect_number("4096", 4096);
	expect_number("0xFFFFFFFFFFFFFFFF", UINT64_MAX);
	expect_number("ffffffff80000000", KSYM_BASE);
	expect_number("f", KSYM_BASE + 0x100);
	expect_number("g+0x10", KSYM_BASE + 0x210);
	expect_number("g-16", KSYM_BASE + 0x1f0);
	expect_number("10+5", 15);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(monitor_addr(bad[i], &value));
	assert_false(monitor_number("walk", "nope", &value));
	expect_shown("walk: not a number or symbol: 'nope'\n");
}

static void the_log_shows_its_last_lines(void **state)
{
	u64 before;

	(void)state;
	printk("one\ntwo\nthree\n");
	shown_len = 0;
	before = log_ram_pos();
	assert_true(monitor_execute("log 2"));
	expect_shown("two\nthree\n");
	assert_true(monitor_execute("log 0"));
	expect_shown("");
	printk("fo");
	shown_len = 0;
	assert_true(monitor_execute("log 2"));
	expect_shown("three\nfo");
	printk("ur\n");
	shown_len = 0;
	/* Shown, not logged again. */
	assert_int_equal(log_ram_pos(), before + 5);
}

static void the_whole_log_is_the_ring(void **state)
{
	(void)state;
	for (u32 i = 0; i < 20000; i++) {
		printk("line %u\n", i);
		shown_len = 0;
	}
	assert_true(monitor_execute("log"));
	assert_int_equal(shown_len, LOG_RAM_SIZE);
	assert_memory_equal(shown + shown_len - 11, "line 19999\n", 11);
	shown_len = 0;
	assert_true(monitor_execute("log 1000000"));
	assert_int_equal(shown_len, LOG_RAM_SIZE);
	shown_len = 0;
	assert_true(monitor_execute("log 100"));
	shown[11] = '\0';
	assert_string_equal(shown, "line 19900\n");
	shown_len = 0;
}

/* monitor_run() never returns: the last call of idle() leaves it. */
static const char *input;
static u32 idle_count;
static jmp_buf out;

static int next_byte(void)
{
	if (!*input || *input == '~') {
		input += *input != '\0';
		return -1;
	}
	return *input++;
}

static void idle(void)
{
	idle_count++;
	if (!*input)
		longjmp(out, 1);
}

static void a_whole_conversation(void **state)
{
	(void)state;
	input = "args a b\r\n~args c~\nnope\x7f\rwalk\n\n";
	idle_count = 0;
	monitor_set_input(next_byte, idle);
	printk("unfinished");
	shown_len = 0;
	if (!setjmp(out))
		monitor_run();
	assert_int_equal(idle_count, 3);
	expect_shown("\npv> args a b\n<a><b>\n"
		     "pv> args c\n<c>\n"
		     "pv> nope\b \b\nunknown command 'nop': try help\n"
		     "pv> walk\npv> \npv> ");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(lines_are_split_into_words),
	cmocka_unit_test(long_lines_are_refused),
	cmocka_unit_test(a_wrong_word_is_answered),
	cmocka_unit_test(wrong_arguments_show_the_usage),
	cmocka_unit_test(distances),
	cmocka_unit_test(help_is_sorted_and_aligned),
	cmocka_unit_test(numbers_and_symbols),
	cmocka_unit_test(the_log_shows_its_last_lines),
	cmocka_unit_test(the_whole_log_is_the_ring),
	cmocka_unit_test(a_whole_conversation),
};

int main(void)
{
	if (getenv("T"))
		cmocka_set_test_filter(getenv("T"));
	return cmocka_run_group_tests_name("boot_monitor", tests, setup, NULL);
}
