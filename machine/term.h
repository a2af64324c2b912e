/*
 * A terminal's screen as cells: what text does to characters, colours and the cursor. Pure: knows neither pixels nor a
 * card. A driver feeds it text and then asks which cells must be painted anew:
 *
 *	term_write(t, text, len);
 *	term_flush(t, paint, driver);	paint() is called for the cells that changed, and for no other
 *
 * Understood: \n (with the return that a terminal's driver adds), \r, \b, \t, ESC [ H, ESC [ J, ESC [ K (ECMA-48
 * 8.3.21, 8.3.39, 8.3.41); other sequences and control characters are swallowed. Behind the last column the cursor
 * waits, as a VT100's: a full line and its \n are one line.
 *
 * Locks: the caller's. A write that is cut off by a panic leaves cells that a further write may use.
 */
#ifndef MACHINE_TERM_H
#define MACHINE_TERM_H

#include "lib/types.h"

#define TERM_COLS_MAX 256
#define TERM_ROWS_MAX 96

/* Attributes are the VGA's: colour of the ground in bits 4 to 6, of the character in 0 to 3. */
#define TERM_NORMAL 0x07
#define TERM_ALARM  0x4f /* white on red */

struct term_cell {
	u8 c, attr;
};

struct term {
	u16 cols, rows;
	u16 x, y; /* the cursor; x == cols: waits behind the last column */
	u8 attr;
	bool held;    /* an alarm: its first line, at row hold, is never scrolled away */
	bool full;    /* held, and no more room: text is dropped */
	u8 state;     /* within an escape sequence */
	u16 param[2]; /* its numbers */
	u8 param_count;
	u16 hold;
	bool dirty[TERM_ROWS_MAX]; /* rows that may differ from what is shown */
	struct term_cell cell[TERM_ROWS_MAX][TERM_COLS_MAX];
	struct term_cell shown[TERM_ROWS_MAX][TERM_COLS_MAX];
};

/* Empties it. @cols and @rows are cut to what fits. Nothing counts as shown: the first flush paints every cell. */
void term_init(struct term *t, u32 cols, u32 rows);

void term_write(struct term *t, const char *text, size_t len);

/*
 * From here on text is white on red. What scrolls, scrolls until the line that the cursor is on has come to the top;
 * what then finds no room is dropped: the begin of an alarm says most.
 */
void term_alarm(struct term *t);

/* Calls @paint for every cell that is not shown as it should be; the cursor is a cell with its colours swapped. */
typedef void (*term_paint)(void *driver, u32 x, u32 y, struct term_cell cell);
void term_flush(struct term *t, term_paint paint, void *driver);

#endif
