/*
 * boot/cmdline.c: the kernel's own table, and a table of its own with every kind of option.
 */
#include "boot/cmdline.h"
#include "tests/host/boot_check.h"
#include "tests/host/host.h"

static struct boot_info bi;
static struct boot_options opt;

static void parse(const char *line)
{
	char *copy = exact_copy(line, strlen(line) + 1);

	boot_info_init(&bi, "test");
	memset(&opt, 0xa5, sizeof(opt));
	cmdline_parse(copy, &opt, &bi);
	free(copy);
	assert_no_fault(problem_fault(&bi));
	print_message("line: %.60s\n", line);
	for (u32 i = 0; i < bi.problem_count && i < BOOT_PROBLEM_MAX; i++)
		print_message("  %s\n", bi.problem[i]);
}

static void check_defaults(void)
{
	assert_false(opt.test_set);
	assert_string_equal(opt.test, "");
	assert_false(opt.bench_set);
	assert_string_equal(opt.bench, "all");
	assert_string_equal(opt.backend, "native");
	assert_true(opt.patch);
	assert_string_equal(opt.crash, "");
	assert_string_equal(opt.guest, "");
	assert_string_equal(opt.timer, "");
	assert_int_equal(opt.lockup, 20);
}

static void boot_cmdline_defaults(void **state)
{
	static const char *const lines[] = {
		"", " ", " \t\r\n ", "/boot/paravane.elf", "  build/paravane.elf  ", "\"/my images/paravane.elf\""};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(lines); i++) {
		parse(lines[i]);
		check_defaults();
		assert_int_equal(bi.problem_count, 0);
	}
}

static void boot_cmdline_all_options(void **state)
{
	(void)state;
	parse("/boot/paravane.elf test=lib_* bench=op.* backend=batch\tpatch=off  crash=ud2 "
	      "guest=self");
	assert_int_equal(bi.problem_count, 0);
	assert_true(opt.test_set);
	assert_string_equal(opt.test, "lib_*");
	assert_true(opt.bench_set);
	assert_string_equal(opt.bench, "op.*");
	assert_string_equal(opt.backend, "batch");
	assert_false(opt.patch);
	assert_string_equal(opt.crash, "ud2");
	assert_string_equal(opt.guest, "self");
}

static void boot_cmdline_bench_alone(void **state)
{
	(void)state;
	parse("bench");
	assert_int_equal(bi.problem_count, 0);
	assert_true(opt.bench_set);
	assert_string_equal(opt.bench, "all");
	assert_false(opt.test_set);
}

/* One wrong word: the complaint, and that the words around it count. */
static void boot_cmdline_wrong_words(void **state)
{
	static const struct {
		const char *word, *problem;
	} rows[] = {
		{"nonsense", "word 2, \"nonsense\": unknown option"},
		{"nonsense=1", "word 2, \"nonsense=1\": unknown option"},
		{"tes=all", "unknown option"},
		{"tests=all", "unknown option"},
		{"TEST=all", "unknown option"},
		{"=", "word 2, \"=\": unknown option"},
		{"=all", "unknown option"},
		{"\"\"", "word 2, \"\": unknown option"},
		{"/a/path", "word 2, \"/a/path\": unknown option"},
		{"test", "word 2, \"test\": needs a value"},
		{"test=", "word 2, \"test=\": needs a value"},
		{"test=\"\"", "needs a value"},
		{"bench=", "needs a value"},
		{"patch=maybe", "word 2, \"patch=maybe\": must be on or off"},
		{"patch=offf", "must be on or off"},
		{"patch", "needs a value"},
		{"backend=0123456789abcdef", "value too long"},
		{"new\nline\x1b=\x7f\xff", "word 3, \"line?=??\": unknown option"},
		{"abcdefghijklmnopqrstuvwxyz-abcdefghijklmnopqrstuvwxyz",
		 "word 2, \"abcdefghijklmnopqrstuvwxyz-abcde\": unknown option"},
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		char line[256];

		snprintf(line, sizeof(line), "crash=first %s guest=last", rows[i].word);
		parse(line);
		assert_int_equal(bi.problem_count, strchr(rows[i].word, '\n') ? 2 : 1);
		assert_true(has_problem(&bi, rows[i].problem));
		assert_string_equal(opt.crash, "first");
		assert_string_equal(opt.guest, "last");
		opt.crash[0] = opt.guest[0] = '\0';
		check_defaults();
	}
}

/* A path is one only in the first place and without '='. */
static void boot_cmdline_first_word(void **state)
{
	(void)state;
	parse("/boot/x=y");
	assert_int_equal(bi.problem_count, 1);
	parse("paravane.elf");
	assert_int_equal(bi.problem_count, 1);
	parse("test=a/b");
	assert_int_equal(bi.problem_count, 0);
	assert_string_equal(opt.test, "a/b");
}

static void boot_cmdline_value_lengths(void **state)
{
	char line[400];

	(void)state;
	for (u32 len = 1; len < 300; len++) {
		memcpy(line, "test=", 5);
		memset(line + 5, 'x', len);
		strcpy(line + 5 + len, " patch=off");
		parse(line);
		assert_int_equal(bi.problem_count, len > 63);
		assert_int_equal(has_problem(&bi, "value too long"), len > 63);
		assert_int_equal(opt.test_set, len <= 63);
		assert_int_equal(strlen(opt.test), len <= 63 ? len : 0);
		assert_false(opt.patch);
	}
}

static void boot_cmdline_quotes(void **state)
{
	static const struct {
		const char *line, *test, *problem;
	} rows[] = {
		{"test=\"a b\" patch=off", "a b", NULL},
		{"\"test=a b\" patch=off", "a b", NULL},
		{"te\"st\"=a\" \"b patch=off", "a b", NULL},
		{"test=\"a\tb\"\"c\" patch=off", "a\tbc", NULL},
		{"test=a\\\"b patch=off", "a\"b", NULL},
		{"test=\"a\\\" b\" patch=off", "a\" b", NULL},
		{"test=a\\\\b patch=off", "a\\b", NULL},
		{"test=a\\'b patch=off", "a'b", NULL},
		{"test=a\\b patch=off", "a\\b", NULL},
		{"patch=off test=a\\", "a\\", NULL},
		{"patch=off test=\"a b", "a b", "word 2, \"test=a b\": quote not closed"},
		{"patch=off test=a\"", "a", "word 2, \"test=a\": quote not closed"},
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		parse(rows[i].line);
		assert_string_equal(opt.test, rows[i].test);
		assert_false(opt.patch);
		assert_int_equal(bi.problem_count, !!rows[i].problem);
		if (rows[i].problem)
			assert_true(has_problem(&bi, rows[i].problem));
	}
}

static void boot_cmdline_given_twice(void **state)
{
	(void)state;
	parse("test=a patch=off test=b patch=on");
	assert_string_equal(opt.test, "b");
	assert_true(opt.patch);
	assert_int_equal(bi.problem_count, 2);
	assert_true(has_problem(&bi, "word 3, \"test=b\": given twice, this one counts"));
	assert_true(has_problem(&bi, "word 4, \"patch=on\": given twice"));

	parse("patch=off patch=maybe"); /* a refused one changes nothing */
	assert_false(opt.patch);
	assert_int_equal(bi.problem_count, 1);
}

/* 4095 characters: all words are read, none of the 400-odd complaints is lost from the count. */
static void boot_cmdline_4_kib(void **state)
{
	char line[BOOT_CMDLINE_MAX];
	u32 words = 0, len = 0;

	(void)state;
	while (len + 10 < sizeof(line) - 10) {
		memcpy(line + len, "nonsense1 ", 10);
		len += 10;
		words++;
	}
	memset(line + len, ' ', sizeof(line) - len);
	memcpy(line + sizeof(line) - 10, "patch=off", 10);
	assert_int_equal(strlen(line), 4095);
	parse(line);
	assert_int_equal(bi.problem_count, words);
	assert_false(opt.patch);

	memset(line, 'a', sizeof(line) - 1); /* one word */
	parse(line);
	assert_int_equal(bi.problem_count, 1);
	check_defaults();
	memcpy(line, "test=", 5);
	parse(line);
	assert_true(has_problem(&bi, "value too long"));
	assert_false(opt.test_set);
}

static void boot_cmdline_table_is_sound(void **state)
{
	(void)state;
	for (u32 i = 0; i < cmdline_option_count; i++) {
		const struct cmdline_option *o = &cmdline_options[i];

		assert_true(o->name && *o->name && !strpbrk(o->name, "= \""));
		assert_true(o->help && *o->help);
		assert_true(o->offset + o->size <= sizeof(struct boot_options));
		for (u32 k = 0; k < i; k++)
			assert_string_not_equal(o->name, cmdline_options[k].name);
	}
}

struct all_kinds {
	bool flag, number_set, onoff;
	u64 number;
	char text[4];
};

#define AT(member) offsetof(struct all_kinds, member), sizeof(((struct all_kinds *)0)->member)

static const struct cmdline_option all_kinds_table[] = {
	{"flag", OPTION_FLAG, false, AT(flag), OPTION_NO_FIELD, NULL, NULL, "-"},
	{"onoff", OPTION_ONOFF, false, AT(onoff), OPTION_NO_FIELD, NULL, "on|off", "-"},
	{"number", OPTION_NUMBER, false, AT(number), offsetof(struct all_kinds, number_set), "0x10", "N", "-"},
	{"text", OPTION_TEXT, false, AT(text), OPTION_NO_FIELD, "abc", "TEXT", "-"},
};

static void boot_cmdline_every_kind(void **state)
{
	static const struct {
		const char *line;
		bool flag, onoff, number_set;
		u64 number;
		const char *problem;
	} rows[] = {
		{"", false, false, false, 16, NULL},
		{"flag", true, false, false, 16, NULL},
		{"flag=1", false, false, false, 16, "takes no value"},
		{"flag=", false, false, false, 16, "takes no value"},
		{"onoff=on", false, true, false, 16, NULL},
		{"number=0", false, false, true, 0, NULL},
		{"number=42", false, false, true, 42, NULL},
		{"number=0xffffffffffffffff", false, false, true, UINT64_MAX, NULL},
		{"number=18446744073709551615", false, false, true, UINT64_MAX, NULL},
		{"number=18446744073709551616", false, false, false, 16, "not a number"},
		{"number=000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
		 "0000000000000000000000000000000000000000000000000000007",
		 false, false, false, 16, "value too long"},
		{"number=12k", false, false, false, 16, "not a number"},
		{"number=-1", false, false, false, 16, "not a number"},
		{"number=0x", false, false, false, 16, "not a number"},
		{"number=", false, false, false, 16, "needs a value"},
		{"number", false, false, false, 16, "needs a value"},
		{"text=1234", false, false, false, 16, "value too long"},
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		struct all_kinds all;

		boot_info_init(&bi, "test");
		memset(&all, 0xa5, sizeof(all));
		cmdline_parse_table(rows[i].line, all_kinds_table, ARRAY_SIZE(all_kinds_table), &all, sizeof(all), &bi);
		print_message("line: %s\n", rows[i].line);
		assert_int_equal(all.flag, rows[i].flag);
		assert_int_equal(all.onoff, rows[i].onoff);
		assert_int_equal(all.number_set, rows[i].number_set);
		assert_int_equal(all.number, rows[i].number);
		assert_string_equal(all.text, "abc");
		assert_int_equal(bi.problem_count, !!rows[i].problem);
		if (rows[i].problem)
			assert_true(has_problem(&bi, rows[i].problem));
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(boot_cmdline_defaults),    cmocka_unit_test(boot_cmdline_all_options),
	cmocka_unit_test(boot_cmdline_bench_alone), cmocka_unit_test(boot_cmdline_wrong_words),
	cmocka_unit_test(boot_cmdline_first_word),  cmocka_unit_test(boot_cmdline_value_lengths),
	cmocka_unit_test(boot_cmdline_quotes),      cmocka_unit_test(boot_cmdline_given_twice),
	cmocka_unit_test(boot_cmdline_4_kib),       cmocka_unit_test(boot_cmdline_table_is_sound),
	cmocka_unit_test(boot_cmdline_every_kind),
};

HOST_MAIN("boot_cmdline", tests)
