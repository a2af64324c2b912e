/*
 * The monitor's commands on the live machine, with slots poisoned: each answers with what it is for, and bad words with
 * a sentence. How a person meets them is tests/harness/test_monitor.py's.
 */
#include "arch/regs.h"
#include "boot/monitor.h"
#include "lib/log.h"
#include "lib/string.h"
#include "pvops/pvops.h"
#include "tests/ktest.h"

/* The last answer, cut to this. */
static char answer[8192];

static void ask(const char *line)
{
	log_capture(answer, sizeof(answer));
	EXPECT(monitor_execute(line));
	log_capture_end();
}

struct question {
	const char *line, *want;
};

static void expect_answer(const struct question *q)
{
	ask(q->line);
	if (!ktest_has(answer, q->want))
		ktest_fail(__FILE__, __LINE__, "'%s': no '%s' in the answer", q->line, q->want);
}

TEST(boot_monitor_answers)
{
	static const struct question rows[] = {
		{"info", "\ninterrupts  on unexpected vectors "},
		{"audit", "no violation"},
		{"mem", "frames of 4 KiB"},
		{"maps", " r-x "},
		{"walk boot_enter+1", "at symbol boot_enter+0x1\n"},
		{"ops lock.wait", "\n1 op, "},
		{"sites", "\nall "},
		{"sites cpu.iret -v", " ff 25 "}, /* its old bytes, whoever serves it now */
		{"backend", "\n* "},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		expect_answer(&rows[i]);
}

TEST(boot_monitor_refuses_in_words)
{
	static const struct question rows[] = {
		{"walk", "usage: walk "},
		{"walk nonsense", "not a number or symbol"},
		{"walk 0x8000000000000000", "not canonical"},
		{"walk 0", "not mapped"},
		{"ops nope", "no op matches 'nope'"},
		{"sites nope", "no op matches 'nope'"},
		{"sites -v", "usage: sites "},
		{"backend nope", "no backend 'nope'"},
		{"test -l nope", "test: nothing matches 'nope'"},
		{"off now", "usage: off"},
		{"reboot now", "usage: reboot"},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		expect_answer(&rows[i]);
}

/* Of five levels where the CPU says so, else of four. */
TEST(boot_monitor_info_counts_levels)
{
	ask("info");
	EXPECT(ktest_has(answer, pv_read_cr4() & X86_CR4_LA57 ? "paging      5 levels, " : "paging      4 levels, "));
}
