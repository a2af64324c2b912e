/*
 * The line editor behind line.h. A byte goes through a small state machine (plain text, after ESC,
 * in a CSI sequence: ECMA-48 5.4) to a key, a key to an edit, and an edit repaints from the first
 * column that changed: text, spaces over what is left of the old, backspaces to the cursor. It must
 * not know where bytes come from nor what a line means: read next boot/monitor.c.
 */
#include "boot/line.h"

#include "lib/string.h"

/* Keys are control characters, as Emacs has them; escape sequences are translated to those. */
#define CTRL(c) ((c)&0x1f)
enum { BEL = 7, BS = 8, LF = 10, CR = 13, ESC = 27, DEL = 127 };

static void echo(const struct line *l, const char *text, size_t len)
{
	if (len)
		l->echo(text, len);
}

static void echo_repeat(const struct line *l, char c, u32 count)
{
	char run[32];

	memset(run, c, sizeof(run));
	while (count) {
		u32 n = min(count, (u32)sizeof(run));

		echo(l, run, n);
		count -= n;
	}
}

static void bell(const struct line *l)
{
	echo_repeat(l, BEL, 1);
}

/* Moves the cursor, on the screen too: back by BS, forward by printing what it passes. */
static void move(struct line *l, u32 to)
{
	if (to < l->cursor)
		echo_repeat(l, BS, l->cursor - to);
	else
		echo(l, l->text + l->cursor, to - l->cursor);
	l->cursor = to;
}

/*
 * The text from the cursor on has changed, and the cursor on the screen is there: paints it, blanks
 * what the line before had more (@old_len), and leaves the cursor at @to.
 */
static void repaint(struct line *l, u32 old_len, u32 to)
{
	u32 gone = old_len > l->len ? old_len - l->len : 0;

	move(l, l->len);
	echo_repeat(l, ' ', gone);
	echo_repeat(l, BS, gone);
	move(l, to);
}

static void insert(struct line *l, char c)
{
	u32 at = l->cursor;

	if (l->len == LINE_SIZE - 1) {
		bell(l);
		return;
	}
	memmove(l->text + at + 1, l->text + at, l->len - at);
	l->text[at] = c;
	l->len++;
	repaint(l, l->len, at + 1);
}

/* Takes out [from, to) and leaves the cursor there. */
static void cut(struct line *l, u32 from, u32 to)
{
	u32 old_len = l->len;

	if (from == to) {
		bell(l);
		return;
	}
	move(l, from);
	memmove(l->text + from, l->text + to, l->len - to);
	l->len -= to - from;
	repaint(l, old_len, from);
}

/* Where the word before the cursor begins, blanks behind it included. */
static u32 word_begin(const struct line *l)
{
	u32 at = l->cursor;

	while (at && l->text[at - 1] == ' ')
		at--;
	while (at && l->text[at - 1] != ' ')
		at--;
	return at;
}

static void replace(struct line *l, const char *text)
{
	u32 old_len = l->len;

	move(l, 0);
	l->len = (u32)min(str_copy(l->text, text, LINE_SIZE), (size_t)LINE_SIZE - 1);
	repaint(l, old_len, l->len);
}

/* Shows the line @back lines up; 0 is the one that was being written. */
static void recall(struct line *l, u32 back)
{
	if (back > min(l->history_count, (u64)LINE_HISTORY)) {
		bell(l);
		return;
	}
	if (!l->back) {
		l->text[l->len] = '\0';
		str_copy(l->draft, l->text, LINE_SIZE);
	}
	l->back = back;
	replace(l, back ? l->history[(l->history_count - back) % LINE_HISTORY] : l->draft);
}

/* Keeps the line, if there is something in it and it is not the last one again. */
static void remember(struct line *l)
{
	const char *last = l->history[(l->history_count - 1) % LINE_HISTORY];

	if (!l->len || (l->history_count && !strcmp(last, l->text)))
		return;
	str_copy(l->history[l->history_count % LINE_HISTORY], l->text, LINE_SIZE);
	l->history_count++;
}

static const char *end_line(struct line *l, const char *mark)
{
	move(l, l->len);
	echo(l, mark, strlen(mark));
	echo(l, "\n", 1);
	l->text[l->len] = '\0';
	return l->text;
}

static void clear_screen(struct line *l)
{
	u32 at = l->cursor;

	echo(l, "\033[H\033[2J", 7);
	echo(l, l->prompt, strlen(l->prompt));
	l->cursor = 0;
	repaint(l, l->len, at);
}

/* Keys that change or move within the line. */
static void edit(struct line *l, char key)
{
	switch (key) {
	case CTRL('A'):
		move(l, 0);
		break;
	case CTRL('B'):
		move(l, l->cursor ? l->cursor - 1 : 0);
		break;
	case CTRL('D'):
		cut(l, l->cursor, min(l->cursor + 1, l->len));
		break;
	case CTRL('E'):
		move(l, l->len);
		break;
	case CTRL('F'):
		move(l, min(l->cursor + 1, l->len));
		break;
	case BS:
	case DEL:
		cut(l, l->cursor ? l->cursor - 1 : 0, l->cursor);
		break;
	case CTRL('K'):
		cut(l, l->cursor, l->len);
		break;
	case CTRL('L'):
		clear_screen(l);
		break;
	case CTRL('N'):
		recall(l, l->back ? l->back - 1 : LINE_HISTORY + 1);
		break;
	case CTRL('P'):
		recall(l, l->back + 1);
		break;
	case CTRL('U'):
		cut(l, 0, l->cursor);
		break;
	case CTRL('W'):
		cut(l, word_begin(l), l->cursor);
		break;
	default:
		if ((u8)key >= ' ' && (u8)key < DEL)
			insert(l, key);
		break;
	}
}

static const char *feed_text(struct line *l, char c)
{
	switch (c) {
	case LF:
	case CR:
		l->after_cr = c == CR;
		end_line(l, "");
		remember(l);
		return l->text;
	case CTRL('C'):
		end_line(l, "^C");
		l->text[0] = '\0';
		return l->text;
	case ESC:
		l->state = LINE_ESC;
		return NULL;
	default:
		edit(l, c);
		return NULL;
	}
}

/*
 * The key that a sequence means, 0: none. VT220 and xterm send CSI, in application mode SS3; "CSI
 * number ~" are the other keys.
 */
static char sequence_key(char final, u32 param)
{
	static const char letters[] = "ABCDHF", letter_keys[] = {16, 14, 6, 2, 1, 5};
	static const char number_keys[] = {0, 1, 0, 4, 5, 0, 0, 1, 5}; /* 1 7 Home, 3 Delete, 4 8 End */
	const char *letter = strchr(letters, final);

	if (final == '~')
		return param < sizeof(number_keys) ? number_keys[param] : 0;
	return letter && *letter ? letter_keys[letter - letters] : 0;
}

static void end_sequence(struct line *l, char final)
{
	char key = sequence_key(final, l->param);

	l->state = LINE_TEXT;
	if (key)
		edit(l, key);
}

/* Parameters 0x30 to 0x3f, intermediates 0x20 to 0x2f, final 0x40 to 0x7e. */
static void feed_csi(struct line *l, char c)
{
	if (c >= '0' && c <= '9') {
		if (!l->param_done && l->param < 1000)
			l->param = l->param * 10 + (u32)(c - '0');
	} else if (c >= ' ' && c < '@') {
		l->param_done = true;
	} else if (c == '[' && !l->param && !l->param_done) {
		l->state = LINE_CSI_FUNCTION; /* Linux' console: F1 is "CSI [ A" */
	} else {
		end_sequence(l, c);
	}
}

static void feed_sequence(struct line *l, char c)
{
	switch (l->state) {
	case LINE_ESC:
		l->param = 0;
		l->param_done = false;
		l->state = c == '[' ? LINE_CSI : c == 'O' ? LINE_SS3 : LINE_TEXT;
		break;
	case LINE_CSI:
		feed_csi(l, c);
		break;
	case LINE_SS3:
		end_sequence(l, c);
		break;
	default:
		l->state = LINE_TEXT;
		break;
	}
}

void line_init(struct line *l, const char *prompt, void (*echo_text)(const char *text, size_t len))
{
	memset(l, 0, sizeof(*l));
	l->prompt = prompt;
	l->echo = echo_text;
}

void line_begin(struct line *l)
{
	l->len = l->cursor = l->back = 0;
	l->state = LINE_TEXT;
	echo(l, l->prompt, strlen(l->prompt));
}

const char *line_feed(struct line *l, char c)
{
	bool second = c == LF && l->after_cr;

	l->after_cr = false;
	if (second)
		return NULL;
	/* A control character ends a broken sequence: above all, Enter always works. */
	if (l->state == LINE_TEXT || (u8)c < ' ') {
		l->state = LINE_TEXT;
		return feed_text(l, c);
	}
	feed_sequence(l, c);
	return NULL;
}
