/*
 * boot/cmdline.c: the input is the line. Whatever it says, each field holds a text that ends or a
 * bool that is one, and what was refused is in the problems.
 */
#include "boot/cmdline.h"
#include "tests/fuzz/fuzz.h"
#include "tests/host/boot_check.h"

static struct boot_info bi;

static const char *options_fault(const struct boot_options *opt)
{
	for (u32 i = 0; i < cmdline_option_count; i++) {
		const struct cmdline_option *o = &cmdline_options[i];
		const u8 *field = (const u8 *)opt + o->offset;

		if (o->kind == OPTION_TEXT && !memchr(field, 0, o->size))
			return "a text does not end";
		if (o->kind == OPTION_ONOFF && *field > 1)
			return "a bool that is none";
		if (o->set_offset != OPTION_NO_FIELD && ((const u8 *)opt)[o->set_offset] > 1)
			return "a bool that is none";
	}
	if (!*opt->backend || !*opt->bench || (opt->test_set && !*opt->test))
		return "an empty value was taken";
	return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = malloc(size + 1);
	struct boot_options opt;

	memcpy(line, data, size);
	line[size] = '\0';
	boot_info_init(&bi, "fuzz");
	memset(&opt, 0xa5, sizeof(opt));
	cmdline_parse(line, &opt, &bi);
	must_hold(options_fault(&opt));
	must_hold(problem_fault(&bi));
	must_hold(bi.problem_count <= 2 * (strlen(line) / 2 + 1) ? NULL : "more problems than words");
	free(line);
	return 0;
}
