/*
 * The monitor's frame: bytes become a line (boot/line.c), a line becomes words, the first word finds its command. It
 * knows no command: those are in boot/monitor_*.c. It must not know where bytes come from (two callbacks) nor where
 * text goes (printk).
 */
#include "boot/monitor.h"

#include "boot/line.h"
#include "lib/log.h"
#include "lib/panic.h"
#include "lib/string.h"

#define PROMPT "pv> "

/* Words of this many letters are compared for a near match; longer ones are no typing error. */
#define NEAR_MAX 16

/* linker.ld, section .monitor_cmds. */
extern const struct monitor_cmd __monitor_cmds_start[], __monitor_cmds_end[];

/* Only the CPU that runs the monitor touches these. */
static int (*input_getc)(void);
static void (*input_idle)(void);
static struct line line;

static const struct monitor_cmd *table_end(void)
{
	const struct monitor_cmd *end = __monitor_cmds_end;

	asm("" : "+r"(end)); /* to the compiler the two marks are unrelated objects */
	return end;
}

const struct monitor_cmd *monitor_next(const struct monitor_cmd *after)
{
	const struct monitor_cmd *next = NULL;

	for (const struct monitor_cmd *c = __monitor_cmds_start; c < table_end(); c++) {
		if (after && strcmp(c->name, after->name) <= 0)
			continue;
		if (!next || strcmp(c->name, next->name) < 0)
			next = c;
	}
	return next;
}

const struct monitor_cmd *monitor_find(const char *name)
{
	for (const struct monitor_cmd *c = __monitor_cmds_start; c < table_end(); c++) {
		if (!strcmp(c->name, name))
			return c;
	}
	return NULL;
}

/*
 * Letters to insert, delete, change or swap with the next to make @b of @a; at most NEAR_MAX each.
 */
static u32 edit_distance(const char *a, const char *b)
{
	u8 rows[3][NEAR_MAX + 1]; /* row i: from the first i letters of @a; the last three are kept */
	size_t m = strlen(a), n = strlen(b);

	for (size_t j = 0; j <= n; j++)
		rows[0][j] = (u8)j;
	for (size_t i = 1; i <= m; i++) {
		u8 *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];

		row[0] = (u8)i;
		for (size_t j = 1; j <= n; j++) {
			u32 change = above[j - 1] + (a[i - 1] != b[j - 1]);
			u32 one_more = min(above[j], row[j - 1]) + 1U;
			u32 least = min(change, one_more);

			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				least = min(least, above2[j - 2] + 1U);
			row[j] = (u8)least;
		}
	}
	return rows[m % 3][n];
}

/*
 * The command that was probably meant: begins with the word, or is one or (in longer words) two
 * letters off.
 */
static const struct monitor_cmd *near_match(const char *word)
{
	const struct monitor_cmd *best = NULL;
	size_t len = strlen(word);
	u32 least = len > 4 ? 3 : 2;

	if (len < 2 || len > NEAR_MAX)
		return NULL;
	for (const struct monitor_cmd *c = monitor_next(NULL); c; c = monitor_next(c)) {
		u32 distance;

		if (strlen(c->name) > NEAR_MAX)
			continue;
		distance = strncmp(c->name, word, len) ? edit_distance(word, c->name) : 0;
		if (distance < least) {
			least = distance;
			best = c;
		}
	}
	return best;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Cuts @text into words in place. Returns their count, -1: more than MONITOR_WORDS. */
static int split(char *text, char **words)
{
	int count = 0;

	for (;;) {
		while (is_blank(*text))
			*text++ = '\0';
		if (!*text)
			break;
		if (count == MONITOR_WORDS)
			return -1;
		words[count++] = text;
		while (*text && !is_blank(*text))
			text++;
	}
	words[count] = NULL;
	return count;
}

static void say_unknown(const char *word)
{
	const struct monitor_cmd *meant = near_match(word);

	if (meant)
		printk("unknown command '%s': did you mean '%s'?\n", word, meant->name);
	else
		printk("unknown command '%s': try help\n", word);
}

bool monitor_execute(const char *text)
{
	char copy[LINE_SIZE];
	char *words[MONITOR_WORDS + 1];
	const struct monitor_cmd *cmd;
	int count;

	if (str_copy(copy, text, sizeof(copy)) >= sizeof(copy)) {
		printk("line too long: %u characters at most\n", LINE_SIZE - 1);
		return false;
	}
	count = split(copy, words);
	if (count < 0) {
		printk("too many words: %u at most\n", MONITOR_WORDS);
		return false;
	}
	if (!count)
		return true;
	cmd = monitor_find(words[0]);
	if (!cmd) {
		say_unknown(words[0]);
		return false;
	}
	if (cmd->run(count, words) == MONITOR_USAGE)
		printk("usage: %s\n", cmd->usage);
	return true;
}

void monitor_set_input(int (*getc)(void), void (*idle)(void))
{
	input_getc = getc;
	input_idle = idle;
}

void monitor_run(void)
{
	ASSERT(input_getc && input_idle);
	line_init(&line, PROMPT, log_write);
	log_fresh_line();
	line_begin(&line);
	for (;;) {
		int c = input_getc();
		const char *text;

		if (c < 0) {
			input_idle();
			continue;
		}
		text = line_feed(&line, (char)c);
		if (!text)
			continue;
		monitor_execute(text);
		log_fresh_line();
		line_begin(&line);
	}
}
