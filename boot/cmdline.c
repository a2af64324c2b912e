/*
 * The command-line parser: next_word() undoes the quoting, apply() finds the word's row and stores
 * its value. A word is held in a buffer of fixed size; what does not fit is counted, and is then
 * too long for any option.
 *
 * Must not know: what an option does. Read next: boot/main.c.
 */
#include "boot/cmdline.h"

#include "lib/string.h"

#define WORD_MAX      128 /* longer than the longest name and value together */

#define FIELD(member) offsetof(struct boot_options, member), sizeof(((struct boot_options *)0)->member)
#define SET(member)   offsetof(struct boot_options, member)

const struct cmdline_option cmdline_options[] = {
	{"test", OPTION_TEXT, false, FIELD(test), SET(test_set), NULL, "GLOB|all",
	 "run the tests whose names match, then leave"},
	{"bench", OPTION_TEXT, true, FIELD(bench), SET(bench_set), "all", "GLOB|all", "run the benchmarks, then leave"},
	{"soak", OPTION_TEXT, false, FIELD(soak), SET(soak_set), NULL, "SECONDS",
	 "load all CPUs with everything at once for so long, count, then leave"},
	{"backend", OPTION_TEXT, false, FIELD(backend), OPTION_NO_FIELD, "native", "NAME|auto",
	 "paravirtualisation backend to use; auto: the one made for this machine"},
	{"patch", OPTION_ONOFF, false, FIELD(patch), OPTION_NO_FIELD, "on", "on|off",
	 "patch call sites, or leave them indirect"},
	{"crash", OPTION_TEXT, false, FIELD(crash), OPTION_NO_FIELD, NULL, "KIND",
	 "crash on purpose, to see the trap dump"},
	{"report", OPTION_NUMBER, true, FIELD(report), SET(report_set), "10", "SECONDS",
	 "show info, ops, test and bench page by page, so long each, until a key is pressed"},
	{"noioapic", OPTION_FLAG, false, FIELD(noioapic), OPTION_NO_FIELD, NULL, NULL,
	 "route interrupts by the PICs, as if there were no IOAPIC"},
	{"x2apic", OPTION_FLAG, false, FIELD(x2apic), OPTION_NO_FIELD, NULL, NULL,
	 "reach the local APIC by MSRs, where the CPU can"},
	{"deadcpu", OPTION_NUMBER, false, FIELD(deadcpu), OPTION_NO_FIELD, NULL, "N",
	 "keep CPU number N from starting, to see it reported and left out"},
	{"la57", OPTION_FLAG, false, FIELD(la57), OPTION_NO_FIELD, NULL, NULL,
	 "page tables of five levels, where the CPU has them"},
	{"timer", OPTION_TEXT, false, FIELD(timer), OPTION_NO_FIELD, NULL, "tsc-deadline|lapic|pit",
	 "what timers interrupt by; else the best there is"},
	{"lockup", OPTION_NUMBER, false, FIELD(lockup), OPTION_NO_FIELD, "20", "SECONDS",
	 "report a CPU that has been stuck for so long; 0: never"},
	{"oracle", OPTION_NUMBER, false, FIELD(oracle), OPTION_NO_FIELD, NULL, "N",
	 "accesses that the test of the oracle makes; 0: as many as it likes"},
	{"seed", OPTION_NUMBER, false, FIELD(seed), OPTION_NO_FIELD, NULL, "N",
	 "what random tests begin with; 0: always the same"},
	{"guest", OPTION_TEXT, false, FIELD(guest), OPTION_NO_FIELD, NULL, "NAME",
	 "guest to run: none yet, and that is said"},
};

const u32 cmdline_option_count = ARRAY_SIZE(cmdline_options);

/* One word, quotes and escapes removed. */
struct word {
	char text[WORD_MAX]; /* ends with a NUL, cut if need be */
	u32 len;             /* before the cut */
	u32 number;          /* the first word of the line is 1 */
	bool quote_open;
};

struct parse {
	const struct cmdline_option *table;
	u32 count;
	u8 *fields;
	struct boot_info *bi;
	u64 given; /* one bit per row */
};

/* A word in a problem line: its number, and as much of it as leaves room for the complaint. */
#define word_problem(p, w, fmt, ...)                                                                                   \
	boot_problem((p)->bi, "command line word %u, \"%.32s\": " fmt, (w)->number, (w)->text, ##__VA_ARGS__)

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Reads the word at @line, which does not begin with a blank; returns what follows it. */
static const char *next_word(const char *line, struct word *w)
{
	bool quoted = false;

	w->len = 0;
	for (; *line && (quoted || !is_blank(*line)); line++) {
		if (*line == '"') {
			quoted = !quoted;
			continue;
		}
		if (*line == '\\' && line[1] && strchr("\\\"'", line[1]))
			line++;
		if (w->len < WORD_MAX - 1)
			w->text[w->len] = *line;
		w->len++;
	}
	w->text[min(w->len, WORD_MAX - 1U)] = '\0';
	w->quote_open = quoted;
	return line;
}

static void store_bool(u8 *field, bool value)
{
	memcpy(field, &value, sizeof(value));
}

/* Stores @value as @o says; returns the complaint, NULL if none. A value that is refused changes
 * nothing. */
static const char *store(const struct cmdline_option *o, u8 *fields, const char *value)
{
	u64 number;

	switch (o->kind) {
	case OPTION_FLAG:
		store_bool(fields + o->offset, true);
		return NULL;
	case OPTION_ONOFF:
		if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0)
			return "must be on or off";
		store_bool(fields + o->offset, strcmp(value, "on") == 0);
		return NULL;
	case OPTION_NUMBER:
		if (!str_to_u64(value, &number))
			return "not a number";
		memcpy(fields + o->offset, &number, sizeof(number));
		return NULL;
	default:
		if (strlen(value) >= o->size)
			return "value too long";
		str_copy((char *)fields + o->offset, value, o->size);
		return NULL;
	}
}

/* The row of the option that @w names, @count if there is none; @value is its value, NULL without a
 * '='. */
static u32 find_option(const struct parse *p, const struct word *w, const char **value)
{
	const char *equals = strchr(w->text, '=');
	size_t len = equals ? (size_t)(equals - w->text) : strlen(w->text);
	u32 i;

	*value = equals ? equals + 1 : NULL;
	for (i = 0; i < p->count; i++)
		if (strlen(p->table[i].name) == len && !strncmp(p->table[i].name, w->text, len))
			break;
	return i;
}

/* The complaint about @value before it is looked at. */
static const char *check_shape(const struct cmdline_option *o, const struct word *w, const char *value)
{
	if (w->len >= WORD_MAX)
		return "value too long";
	if (o->kind == OPTION_FLAG)
		return value ? "takes no value" : NULL;
	if (value ? !*value : !o->value_optional)
		return "needs a value";
	return NULL;
}

static void apply(struct parse *p, const struct word *w)
{
	const struct cmdline_option *o;
	const char *value, *complaint;
	u32 i = find_option(p, w, &value);

	if (w->quote_open)
		word_problem(p, w, "quote not closed");
	if (i == p->count) {
		if (w->number > 1 || value || !strchr(w->text, '/'))
			word_problem(p, w, "unknown option, ignored");
		return;
	}
	o = &p->table[i];
	complaint = check_shape(o, w, value);
	if (!complaint && (value || o->kind == OPTION_FLAG))
		complaint = store(o, p->fields, value);
	if (complaint) {
		word_problem(p, w, "%s, ignored", complaint);
		return;
	}
	if (p->given & BIT(i))
		word_problem(p, w, "given twice, this one counts");
	p->given |= BIT(i);
	if (o->set_offset != OPTION_NO_FIELD)
		store_bool(p->fields + o->set_offset, true);
}

void cmdline_parse_table(const char *line, const struct cmdline_option *table, u32 count, void *fields, size_t size,
			 struct boot_info *bi)
{
	struct parse p = {.table = table, .count = count, .fields = fields, .bi = bi};
	struct word w = {.number = 0};

	memset(fields, 0, size);
	for (u32 i = 0; i < count; i++)
		if (table[i].fallback)
			store(&table[i], fields, table[i].fallback);
	for (;;) {
		while (is_blank(*line))
			line++;
		if (!*line)
			return;
		line = next_word(line, &w);
		w.number++;
		apply(&p, &w);
	}
}

void cmdline_parse(const char *line, struct boot_options *opt, struct boot_info *bi)
{
	cmdline_parse_table(line, cmdline_options, cmdline_option_count, opt, sizeof(*opt), bi);
}
