/* The cells behind term.h: a state machine over bytes, and a comparison with what is shown. */
#include "machine/term.h"

#include "lib/string.h"

enum { STATE_TEXT, STATE_ESC, STATE_CSI };
enum { BS = 8, TAB = 9, LF = 10, CR = 13, ESC = 27, BOX = 0x7f };

static void erase(struct term *t, u32 y, u32 from, u32 to)
{
	for (u32 x = from; x < to; x++)
		t->cell[y][x] = (struct term_cell){' ', t->attr};
	t->dirty[y] = true;
}

static void scroll(struct term *t)
{
	for (u32 y = 0; y + 1 < t->rows; y++) {
		memcpy(t->cell[y], t->cell[y + 1], t->cols * sizeof(t->cell[y][0]));
		t->dirty[y] = true;
	}
	erase(t, t->rows - 1U, 0, t->cols);
}

static void next_line(struct term *t)
{
	t->x = 0;
	t->dirty[t->y] = true; /* the cursor leaves it */
	if (t->y + 1 < t->rows) {
		t->y++;
	} else if (!t->held) {
		scroll(t);
	} else if (t->hold) {
		t->hold--;
		scroll(t);
	} else {
		t->full = true;
	}
}

static void put(struct term *t, u8 c)
{
	if (t->x == t->cols)
		next_line(t);
	if (t->full)
		return;
	t->cell[t->y][t->x] = (struct term_cell){c, t->attr};
	t->x++;
}

static void control(struct term *t, u8 c)
{
	switch (c) {
	case LF:
		next_line(t);
		break;
	case CR:
		t->x = 0;
		break;
	case BS:
		t->x = (u16)min(t->x, t->cols - 1);
		t->x -= t->x > 0;
		break;
	case TAB:
		do {
			put(t, ' ');
		} while (t->x % 8 && t->x < t->cols);
		break;
	case ESC:
		t->state = STATE_ESC;
		break;
	default:
		break;
	}
}

/* ESC [ J: 0 from the cursor on, 1 up to it, 2 all. */
static void erase_display(struct term *t)
{
	u32 from = t->param[0] ? 0 : t->y + 1U, to = t->param[0] == 1 ? t->y : t->rows;

	for (u32 y = from; y < to; y++)
		erase(t, y, 0, t->cols);
	if (t->param[0] != 2)
		erase(t, t->y, t->param[0] ? 0 : t->x, t->param[0] ? min(t->x + 1U, (u32)t->cols) : t->cols);
}

static void sequence(struct term *t, u8 final)
{
	switch (final) {
	case 'H':
		t->dirty[t->y] = true;
		t->y = (u16)min(t->param[0] - !!t->param[0], t->rows - 1);
		t->x = (u16)min(t->param[1] - !!t->param[1], t->cols - 1);
		break;
	case 'J':
		if (t->param[0] <= 2)
			erase_display(t);
		break;
	case 'K':
		if (t->param[0] <= 2)
			erase(t, t->y, t->param[0] ? 0 : t->x,
			      t->param[0] == 1 ? min(t->x + 1U, (u32)t->cols) : t->cols);
		break;
	default:
		break;
	}
}

/* Numbers of more than four digits, and more numbers than two, matter to nothing that is understood. */
static void csi(struct term *t, u8 c)
{
	u16 *param = &t->param[min(t->param_count, 1)];

	if (c >= '0' && c <= '9') {
		if (*param < 1000 && t->param_count < 2)
			*param = (u16)(*param * 10 + c - '0');
	} else if (c == ';') {
		t->param_count = (u8)min(t->param_count + 1, 2);
	} else if (c >= '@') {
		t->state = STATE_TEXT;
		sequence(t, c);
	}
}

static void feed(struct term *t, u8 c)
{
	if (c < ' ') { /* also within a sequence, which it ends */
		t->state = STATE_TEXT;
		control(t, c);
	} else if (t->state == STATE_CSI) {
		csi(t, c);
	} else if (t->state == STATE_ESC) {
		t->state = c == '[' ? STATE_CSI : STATE_TEXT;
		t->param[0] = t->param[1] = 0;
		t->param_count = 0;
	} else {
		put(t, c < BOX ? c : BOX);
	}
}

void term_write(struct term *t, const char *text, size_t len)
{
	t->dirty[t->y] = true;
	for (; len && !t->full; text++, len--)
		feed(t, (u8)*text);
	t->dirty[t->y] = true;
}

void term_alarm(struct term *t)
{
	t->state = STATE_TEXT;
	t->attr = TERM_ALARM;
	t->held = true;
	t->hold = t->y;
}

void term_init(struct term *t, u32 cols, u32 rows)
{
	memset(t, 0, sizeof(*t));
	t->cols = (u16)min(cols, (u32)TERM_COLS_MAX);
	t->rows = (u16)min(rows, (u32)TERM_ROWS_MAX);
	t->attr = TERM_NORMAL;
	for (u32 y = 0; y < t->rows; y++)
		erase(t, y, 0, t->cols);
}

static struct term_cell cell_at(const struct term *t, u32 x, u32 y)
{
	struct term_cell cell = t->cell[y][x];

	if (y == t->y && x == min((u32)t->x, t->cols - 1U))
		cell.attr = (u8)((cell.attr & 7) << 4 | (cell.attr >> 4 & 7));
	return cell;
}

void term_flush(struct term *t, term_paint paint, void *driver)
{
	for (u32 y = 0; y < t->rows; y++) {
		if (!t->dirty[y])
			continue;
		t->dirty[y] = false;
		for (u32 x = 0; x < t->cols; x++) {
			struct term_cell cell = cell_at(t, x, y);

			if (cell.c == t->shown[y][x].c && cell.attr == t->shown[y][x].attr)
				continue;
			t->shown[y][x] = cell;
			paint(driver, x, y, cell);
		}
	}
}
