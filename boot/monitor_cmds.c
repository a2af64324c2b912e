/*
 * The commands that belong to no room: help and log. The others, each in a boot/monitor_*.c, show a room to the
 * monitor, of which no lower room may know.
 */
#include "boot/monitor.h"
#include "lib/log.h"
#include "lib/string.h"

/* The widest usage, so that the help texts stand in one column. */
static size_t usage_width(void)
{
	size_t width = 0;

	for (const struct monitor_cmd *c = monitor_next(NULL); c; c = monitor_next(c))
		width = max(width, strlen(c->usage));
	return width;
}

static void help_line(const struct monitor_cmd *c, size_t width)
{
	printk("  %-*s  %s\n", (int)width, c->usage, c->help);
}

static int cmd_help(int argc, char **argv)
{
	size_t width = usage_width();

	if (argc == 1) {
		for (const struct monitor_cmd *c = monitor_next(NULL); c; c = monitor_next(c))
			help_line(c, width);
		return MONITOR_DONE;
	}
	for (int i = 1; i < argc; i++) {
		const struct monitor_cmd *c = monitor_find(argv[i]);

		if (c)
			help_line(c, 0);
		else
			printk("help: no command '%s'\n", argv[i]);
	}
	return MONITOR_DONE;
}
MONITOR_CMD(help, "help [COMMAND...]", "the commands, or what one is good for", cmd_help);

/* The lines between *@pos and @end, the last one counted even if it is not ended. */
static u64 count_lines(u64 pos, u64 end)
{
	char piece[256];
	u64 count = 0;
	char last = '\n';
	size_t n;

	while (pos < end && (n = log_ram_read(&pos, piece, sizeof(piece)))) {
		for (size_t i = 0; i < n; i++)
			count += piece[i] == '\n';
		last = piece[n - 1];
	}
	return count + (last != '\n');
}

/*
 * Shows the log from its @skip-th line up to @end: a position taken before, so that what is logged
 * meanwhile does not prolong it; and by log_show(), so that it does not log itself.
 */
static void show_log(u64 skip, u64 end)
{
	char piece[256];
	u64 pos = 0;
	size_t n;

	while (pos < end && (n = log_ram_read(&pos, piece, sizeof(piece)))) {
		size_t from = 0;

		n -= pos > end ? min((size_t)(pos - end), n) : 0;
		while (skip && from < n)
			skip -= piece[from++] == '\n';
		log_show(piece + from, n - from);
	}
}

static int cmd_log(int argc, char **argv)
{
	u64 end = log_ram_pos();
	u64 wanted, lines;

	if (argc > 2)
		return MONITOR_USAGE;
	if (argc == 1) {
		show_log(0, end);
		return MONITOR_DONE;
	}
	if (!str_to_u64(argv[1], &wanted))
		return MONITOR_USAGE;
	lines = count_lines(0, end);
	show_log(lines > wanted ? lines - wanted : 0, end);
	return MONITOR_DONE;
}
MONITOR_CMD(log, "log [LINES]", "the kernel's log from RAM, or its last lines", cmd_log);
