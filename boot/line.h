/*
 * Line editor for a terminal of which nothing is known: bytes in, edited lines out, echo through a callback. Pure: it
 * never waits, and keeps its state between bytes, so an escape sequence may come in pieces.
 *
 *	left right home end   Ctrl-B Ctrl-F Ctrl-A Ctrl-E   move
 *	BS DEL                Ctrl-D, Delete key            delete before, under the cursor
 *	                      Ctrl-K Ctrl-U Ctrl-W          delete to the end, to the begin, a word back
 *	up down               Ctrl-P Ctrl-N                 history
 *	                      Ctrl-C                        give up the line
 *	                      Ctrl-L                        clear the screen
 *
 * CR, LF and CR LF each end a line once. Unknown sequences and control characters are swallowed. The echo is text, BS,
 * BEL, and spaces to erase: any terminal and a screen without escape sequences can show it (Ctrl-L alone sends one). A
 * line wider than the terminal is edited right, but shown right only on its last row.
 */
#ifndef BOOT_LINE_H
#define BOOT_LINE_H

#include "lib/types.h"

#define LINE_SIZE    256 /* bytes with the NUL; more ring the bell */
#define LINE_HISTORY 16  /* lines */

enum line_state { LINE_TEXT, LINE_ESC, LINE_CSI, LINE_SS3, LINE_CSI_FUNCTION };

struct line {
	void (*echo)(const char *text, size_t len);
	const char *prompt;

	char text[LINE_SIZE]; /* text[0..len), no NUL before the line is ended */
	u32 len, cursor;      /* cursor <= len */

	enum line_state state;
	u32 param;       /* first number of the escape sequence, 0: none */
	bool param_done; /* a ';' ended it */
	bool after_cr;   /* an LF now belongs to the CR before */

	char history[LINE_HISTORY][LINE_SIZE]; /* line i of all is at i % LINE_HISTORY */
	u64 history_count;                     /* lines ever kept */
	u32 back;                              /* how many lines up is shown; 0: the new one */
	char draft[LINE_SIZE];                 /* the new one meanwhile */
};

/* Both pointers must stay. Nothing is printed yet. */
void line_init(struct line *l, const char *prompt, void (*echo)(const char *text, size_t len));

/*
 * Begins a line and prints the prompt: once per line, when everything before it has been printed.
 */
void line_begin(struct line *l);

/*
 * One input byte. Returns the line when it is ended (in @l until the next line_begin(), which must
 * come before the next byte), else NULL. A line given up with Ctrl-C is returned empty.
 */
const char *line_feed(struct line *l, char c);

#endif
