/*
 * Pages for a camera: see boot/slides.h. The commands run as they always do and print; their text is then taken out of
 * the RAM log, and shown without going into the log again.
 */
#include "boot/slides.h"

#include "boot/console.h"
#include "boot/monitor.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "machine/timer.h"
#include "pvops/pvops.h"

#define NS_PER_SECOND 1000000000UL
#define LINE_MAX      512 /* a longer line is shown as two */
#define CLEAR         "\033[H\033[2J"

/* The lines of a piece of the RAM log, one after the other. */
struct reader {
	u64 at, to;
	char line[LINE_MAX + 1];
	size_t len;
};

static bool next_line(struct reader *r)
{
	r->len = 0;
	while (r->at < r->to && r->len < LINE_MAX) {
		char c;

		if (!log_ram_read(&r->at, &c, 1) || r->at > r->to) /* it was overwritten: what is next is not ours */
			break;
		if (c == '\n')
			return true;
		if ((u8)c >= ' ')
			r->line[r->len++] = c;
	}
	return r->len > 0;
}

/* The next line that is worth its place on a page: false: there is none. */
static bool next_shown(struct reader *r)
{
	while (next_line(r)) {
		r->line[r->len] = '\0';
		if (strncmp(r->line, "ok ", 3) != 0 && strncmp(r->line, "# not crossed", 13) != 0)
			return true;
	}
	return false;
}

static u32 rows_of(size_t len, u32 cols)
{
	return len ? (u32)((len - 1) / cols) + 1 : 1;
}

static u32 count_pages(u64 from, u64 to, u32 cols, u32 rows)
{
	struct reader r = {.at = from, .to = to};
	u32 pages = 1, used = 0;

	while (next_shown(&r)) {
		u32 need = rows_of(r.len, cols);

		if (used && used + need > rows) {
			pages++;
			used = 0;
		}
		used += need;
	}
	return pages;
}

static void page_is_over(void *over)
{
	__atomic_store_n((bool *)over, true, __ATOMIC_RELEASE);
}

/* Idle, where there is a timer to end it; the clock has the last word. True: a key was pressed. */
static bool wait(u64 ns)
{
	bool over = false, key;
	struct timer timer = {.fn = page_is_over, .arg = &over};
	bool timed = timer_start(&timer, ns);
	u64 start = pv_sched_clock();

	do {
		key = console_getc() >= 0;
		if (timed && !key)
			console_idle_unless(&over);
		asm volatile("pause");
	} while (!key && pv_sched_clock() - start < ns);
	timer_cancel(&timer);
	return key;
}

static void show(const char *text)
{
	log_show(text, strlen(text));
}

/* Ends a page of which @used of @rows are filled. True: a key was pressed. */
static bool end_page(const char *title, u32 page, u32 pages, u32 unused, u64 ns)
{
	char text[80];

	while (unused--)
		show("\n");
	ksnprintf(text, sizeof(text), "-- report: %s, page %u of %u; a key ends it --", title, page, pages);
	show(text);
	return wait(ns);
}

bool slides_show(const char *title, u64 from, u64 to, u32 cols, u32 rows, u64 ns)
{
	u32 body = rows - 1, used = 0, page = 1, pages = count_pages(from, to, cols, body);
	struct reader r = {.at = from, .to = to};

	show(CLEAR);
	while (next_shown(&r)) {
		u32 need = rows_of(r.len, cols);

		if (used && used + need > body) {
			if (end_page(title, page++, pages, body - used, ns))
				return true;
			show(CLEAR);
			used = 0;
		}
		show(r.line);
		show("\n");
		used += need;
	}
	return end_page(title, page, pages, body > used ? body - used : 0, ns);
}

/* Each round runs them anew: what an earlier one printed may be gone from the RAM log. */
void slides_run(u64 seconds)
{
	static const char *const commands[] = {"info", "ops", "test", "bench"};
	u32 cols, rows, i = 0;
	u64 from;

	console_screen_size(&cols, &rows);
	for (bool key = false; !key; i = (i + 1) % ARRAY_SIZE(commands)) {
		from = log_ram_pos();
		monitor_execute(commands[i]);
		log_fresh_line();
		key = slides_show(commands[i], from, log_ram_pos(), cols, rows, seconds * NS_PER_SECOND);
	}
	show(CLEAR);
}
