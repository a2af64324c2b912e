/*
 * lib/log.c: sinks, the RAM log, the lock, what happens in a panic. log.c's state is the program's, so each test
 * works with positions relative to where it began, and sinks are added once.
 */
#include "lib/log.h"
#include "tests/host/host.h"

static char seen[4 * LOG_RAM_SIZE];
static size_t seen_len;

static void capture(struct log_sink *sink, const char *text, size_t len)
{
	(void)sink;
	assert_true(seen_len + len < sizeof(seen));
	memcpy(seen + seen_len, text, len);
	seen_len += len;
	seen[seen_len] = '\0';
}

static struct log_sink sink = {.name = "capture", .write = capture};

static void forget(void)
{
	seen_len = 0;
	seen[0] = '\0';
}

/* Everything logged since @pos. */
static const char *ram_since(u64 pos)
{
	static char buf[LOG_RAM_SIZE + 1];

	buf[log_ram_read(&pos, buf, LOG_RAM_SIZE)] = '\0';
	return buf;
}

/* First of all tests: what was logged before the first sink came is replayed to it, once. */
static void lib_log_replay(void **state)
{
	(void)state;
	assert_int_equal(log_ram_pos(), 0);
	printk("early %d\n", 1);
	printk("early %d\n", 2);
	forget();
	log_add_sink(&sink);
	assert_string_equal(seen, "early 1\nearly 2\n");
	log_add_sink(&sink); /* there already */
	assert_string_equal(seen, "early 1\nearly 2\n");
	printk("later\n");
	assert_string_equal(seen, "early 1\nearly 2\nlater\n");
	assert_string_equal(ram_since(0), seen);
}

static void lib_log_line(void **state)
{
	u64 pos = log_ram_pos();

	(void)state;
	forget();
	log_line("cpu", "%s, %u", "QEMU", 2U);
	log_line("a-topic-longer-than-the-column", "x");
	assert_string_equal(seen, "cpu         QEMU, 2\na-topic-longer-than-the-columnx\n");
	assert_string_equal(ram_since(pos), seen);
	assert_int_equal(LOG_TOPIC_WIDTH, 12);
}

static void lib_log_raw_and_shown(void **state)
{
	u64 pos = log_ram_pos();

	(void)state;
	forget();
	log_write("%d\0%s", 5);
	assert_int_equal(seen_len, 5);
	assert_memory_equal(seen, "%d\0%s", 5);
	assert_int_equal(log_ram_pos(), pos + 5);
	log_show("only shown\n", 11);
	assert_int_equal(seen_len, 16);
	assert_int_equal(log_ram_pos(), pos + 5);
	log_write("", 0);
	assert_int_equal(seen_len, 16);
}

static void lib_log_fresh_line(void **state)
{
	(void)state;
	printk("\n");
	forget();
	log_fresh_line();
	assert_string_equal(seen, "");
	printk("begun");
	log_fresh_line();
	log_fresh_line();
	printk("next\n");
	log_fresh_line();
	assert_string_equal(seen, "begun\nnext\n");
}

/* Longer than any buffer on the way: nothing lost, nothing twice. */
static void lib_log_long_line(void **state)
{
	char text[1000];

	(void)state;
	memset(text, 'y', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	forget();
	printk("<%s|%1500d>\n", text, 7);
	assert_int_equal(seen_len, 1 + 999 + 1 + 1500 + 2);
	assert_memory_equal(seen + 1, text, 999);
	assert_memory_equal(seen + seen_len - 4, " 7>\n", 4);
}

/* A reader in small steps gets what the sink got; @size is never exceeded. */
static void lib_log_ram_read_in_steps(void **state)
{
	u64 pos = log_ram_pos();

	(void)state;
	forget();
	for (u32 i = 0; i < 300; i++)
		printk("line %u\n", i);
	for (size_t step = 1; step < 100; step += 7) {
		u64 at = pos;
		size_t done = 0, n;

		do {
			char *buf = malloc(step);

			n = log_ram_read(&at, buf, step);
			assert_true(n <= step);
			assert_memory_equal(buf, seen + done, n);
			free(buf);
			done += n;
		} while (n);
		assert_int_equal(done, seen_len);
		assert_int_equal(at, log_ram_pos());
	}
}

/* The ring keeps the last LOG_RAM_SIZE bytes; older positions move up, and bytes stay in order across the end. */
static void lib_log_ram_wraps(void **state)
{
	static char all[4 * LOG_RAM_SIZE], kept[LOG_RAM_SIZE + 16];
	u64 pos = log_ram_pos(), at = 0;

	(void)state;
	forget();
	for (u32 i = 0; seen_len < 2 * LOG_RAM_SIZE + 12345; i++)
		printk("%u:%s\n", i, &"0123456789abcdef"[i % 16]);
	memcpy(all, seen, seen_len);
	assert_int_equal(log_ram_pos(), pos + seen_len);
	assert_int_equal(log_ram_read(&at, kept, sizeof(kept)), LOG_RAM_SIZE);
	assert_int_equal(at, log_ram_pos());
	assert_memory_equal(kept, all + seen_len - LOG_RAM_SIZE, LOG_RAM_SIZE);
	assert_int_equal(log_ram_read(&at, kept, sizeof(kept)), 0);
}

/* One write longer than the whole ring. */
static void lib_log_ram_one_huge_write(void **state)
{
	static char huge[LOG_RAM_SIZE + 1000], kept[LOG_RAM_SIZE];
	u64 at = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(huge); i++)
		huge[i] = 'a' + i % 26;
	forget();
	log_write(huge, sizeof(huge));
	assert_int_equal(seen_len, sizeof(huge));
	assert_int_equal(log_ram_read(&at, kept, sizeof(kept)), LOG_RAM_SIZE);
	assert_memory_equal(kept, huge + 1000, LOG_RAM_SIZE);
}

/* A sink that comes when the ring has wrapped starts with a whole line. */
static void lib_log_replay_after_wrap(void **state)
{
	static struct log_sink late = {.name = "late", .write = capture};
	char first[32];

	(void)state;
	for (u32 i = 0; i < LOG_RAM_SIZE / 8 + 100; i++)
		printk("%06u!\n", i);
	forget();
	log_add_sink(&late);
	assert_true(seen_len <= LOG_RAM_SIZE && seen_len >= LOG_RAM_SIZE - 8);
	memcpy(first, seen, 8);
	assert_int_equal(first[7], '\n');
	assert_int_equal(first[6], '!');
	forget();
	printk("both\n");
	assert_string_equal(seen, "both\nboth\n");
}

static u32 locks, unlocks, depth;

static ulong fake_lock(void)
{
	assert_int_equal(depth++, 0); /* never taken twice */
	return 4711 + locks++;
}

static void fake_unlock(ulong flags)
{
	assert_int_equal(--depth, 0);
	assert_int_equal(flags, 4711 + unlocks++);
}

static const struct log_lock log_lock_ops = {.lock = fake_lock, .unlock = fake_unlock};

static void lib_log_lock(void **state)
{
	u64 pos = 0;
	char c;

	(void)state;
	log_set_lock(&log_lock_ops);
	printk("a");
	log_line("b", "c");
	log_write("d", 1);
	log_show("e", 1);
	log_fresh_line();
	log_ram_read(&pos, &c, 1);
	log_ram_pos();
	log_set_lock(NULL);
	assert_int_equal(locks, 7);
	assert_int_equal(unlocks, 7);
}

static bool soon_held;

static ulong lock_or_pass(void)
{
	locks++;
	return 0;
}

static bool lock_soon(ulong *flags)
{
	locks++;
	*flags = soon_held;
	return soon_held;
}

static void count_unlock(ulong flags)
{
	assert_int_equal(flags, flags && soon_held);
	unlocks++;
}

static void urgent(const char *text)
{
	struct log_urgent u;

	log_urgent_begin(&u);
	printk("%s", text);
	log_urgent_end(&u);
}

/* Stands for another CPU, which reports while this one is in the sink for good. */
static void stuck(struct log_sink *s, const char *text, size_t len)
{
	(void)s;
	(void)len;
	if (strncmp(text, "into it", 7) == 0) {
		urgent("CPU stuck\n");
		assert_string_equal(seen, "into it\ninto it\nCPU stuck\nCPU stuck\n");
	} else {
		assert_int_not_equal(strncmp(text, "CPU stuck", 9), 0);
	}
}

/*
 * Past the lock, to all sinks (two by now) but the one that is being written to; with it, to all; without any, as ever.
 */
static void lib_log_urgent(void **state)
{
	static struct log_sink stuck_sink = {.name = "stuck", .write = stuck};
	static const struct log_lock soon = {lock_or_pass, count_unlock, lock_soon};
	u64 pos;

	(void)state;
	printk("\n");
	log_add_sink(&stuck_sink);
	log_set_lock(&soon);
	locks = unlocks = 0;
	soon_held = false;
	pos = log_ram_pos();
	forget();
	printk("into it\n");
	assert_string_equal(ram_since(pos), "into it\nCPU stuck\n");
	soon_held = true;
	forget();
	urgent("held\n");
	log_set_lock(NULL);
	urgent("no lock\n");
	assert_string_equal(seen, "held\nheld\nno lock\nno lock\n");
	assert_int_equal(locks, unlocks);
}

/* Captured text goes to nobody else, raw and shown alike; a buffer too small is filled to its end and no further. */
static void lib_log_capture(void **state)
{
	char buf[16];
	u64 pos;

	(void)state;
	printk("\n");
	forget();
	pos = log_ram_pos();
	memset(buf, 'z', sizeof(buf));
	log_capture(buf, 12);
	assert_string_equal(buf, "");
	printk("ab%d", 3);
	log_show("!", 1);
	assert_string_equal(buf, "ab3!");
	log_line("cpu", "%s", "yes");
	assert_string_equal(buf, "ab3!cpu    ");
	printk("more");
	assert_int_equal(log_capture_end(), 4 + 12 + 4 + 4);
	assert_string_equal(buf, "ab3!cpu    ");
	assert_int_equal(buf[12], 'z');
	assert_int_equal(seen_len, 0);
	assert_int_equal(log_ram_pos(), pos);
	log_fresh_line(); /* the sinks' line was not begun */
	printk("after\n");
	assert_string_equal(seen, "after\nafter\n");
	log_capture(buf, 1);
	printk("x");
	assert_int_equal(log_capture_end(), 1);
	assert_string_equal(buf, "");
}

/* A sink that is broken: it panics when the first panic's text comes. */
static void panicking_write(struct log_sink *s, const char *text, size_t len)
{
	capture(s, text, len);
	if (!strcmp(text, "first\n")) {
		log_enter_panic();
		printk("inner\n");
	}
}

/* Last of all tests: there is no way back. A panic takes no lock, and one inside it spares the sink it came from. */
static void lib_log_panic(void **state)
{
	static struct log_sink bad = {.name = "bad", .write = panicking_write};
	char hidden[16];

	(void)state;
	log_add_sink(&bad);
	log_set_lock(&log_lock_ops);
	log_capture(hidden, sizeof(hidden));
	locks = unlocks = 0;
	forget();
	log_enter_panic();
	printk("first\n");
	assert_string_equal(hidden, "");
	assert_int_equal(locks, 0);
	/* Three sinks at first; two of them, the good ones, then. */
	assert_string_equal(seen, "first\nfirst\nfirst\ninner\ninner\n");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(lib_log_replay),
	cmocka_unit_test(lib_log_line),
	cmocka_unit_test(lib_log_raw_and_shown),
	cmocka_unit_test(lib_log_fresh_line),
	cmocka_unit_test(lib_log_long_line),
	cmocka_unit_test(lib_log_ram_read_in_steps),
	cmocka_unit_test(lib_log_ram_wraps),
	cmocka_unit_test(lib_log_ram_one_huge_write),
	cmocka_unit_test(lib_log_replay_after_wrap),
	cmocka_unit_test(lib_log_lock),
	cmocka_unit_test(lib_log_urgent),
	cmocka_unit_test(lib_log_capture),
	cmocka_unit_test(lib_log_panic),
};

HOST_MAIN("lib_log", tests)
