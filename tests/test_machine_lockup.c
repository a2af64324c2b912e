/*
 * The lockup detector: a CPU that loops is reported, once, by name of the function it loops in, whether it takes
 * interrupts or not; one that moves, or is measured, is not. With thresholds of milliseconds, where the suite has 20 s:
 * a busy host keeps CPUs from running for so long, which is then reported too, or makes ticks come late, which do not
 * count. So only the CPU that is made to loop is looked at, and if it does not come as it should, once more with twice
 * the time.
 */
#include "lib/ksyms.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "machine/lockup.h"
#include "machine/percpu.h"
#include "machine/time.h"
#include "tests/ktest.h"
#include "tests/smp.h"

#define PERIOD_NS 2000000UL
#define TRIES     6
#define TICKS     5

static u64 period_before, count_before;
static u32 ticks_before;

static bool begin(void)
{
	if (!timer_usable()) {
		ktest_not_here("no clock event");
		return false;
	}
	period_before = lockup_period_ns();
	ticks_before = lockup_ticks();
	count_before = lockup_count;
	lockup_watch(PERIOD_NS, TICKS);
	return true;
}

static void end(void)
{
	lockup_watch(period_before, ticks_before);
	lockup_count = count_before;
}

/*
 * The log from @from on has a line of CPU @cpu with @words, and behind it names @function, and its @caller, which an
 * interrupted leaf's frame does not tell.
 */
static void expect_logged(u64 from, unsigned cpu, const char *words, const char *function, const char *caller)
{
	static char text[4096];
	char head[64];
	size_t len = log_ram_read(&from, text, sizeof(text) - 1);
	const char *at = text;

	text[len] = '\0';
	ksnprintf(head, sizeof(head), "lockup: CPU %u has not ", cpu);
	while (*at && strncmp(at, head, strlen(head)) != 0)
		at++;
	EXPECT(*at);
	EXPECT(ktest_has(at, words));
	EXPECT(ktest_has(at, function));
	EXPECT(ktest_has(at, caller));
}

static u32 let_go;
static unsigned sink_sticks_on = NR_CPUS;

/* No calls in either loop, so that where they are found is no question. */
static __noinline void stuck_with_interrupts(void *unused)
{
	(void)unused;
	while (!__atomic_load_n(&let_go, __ATOMIC_ACQUIRE))
		asm volatile("pause");
}

static __noinline void stuck_without_interrupts(void *unused)
{
	ulong flags = pv_irq_save();

	(void)unused;
	while (!__atomic_load_n(&let_go, __ATOMIC_ACQUIRE))
		asm volatile("pause");
	pv_irq_restore(flags);
}

/* The sink that the other CPU is stuck in, with the log's lock. It stays among the sinks. */
static __noinline void stuck_in_sink(struct log_sink *sink, const char *text, size_t len)
{
	(void)sink;
	(void)len;
	while (text[0] == '#' && this_cpu()->id == sink_sticks_on && !__atomic_load_n(&let_go, __ATOMIC_ACQUIRE))
		asm volatile("pause");
}

static void stuck_in_log(void *unused)
{
	static struct log_sink sink = {.name = "sticky", .write = stuck_in_sink};

	(void)unused;
	log_add_sink(&sink);
	sink_sticks_on = this_cpu()->id;
	log_write("# this CPU keeps the log's lock\n", 32);
	sink_sticks_on = NR_CPUS;
}

static void release(void *unused)
{
	(void)unused;
	__atomic_store_n(&let_go, 1, __ATOMIC_RELEASE);
}

/* This one moves, so long that any CPU that stands could be reported twice; and longer until *@wanted, unless NULL. */
static void move(u64 period_ns, const u64 *wanted)
{
	u64 start = time_ns(), passed;

	do {
		lockup_touch();
		asm volatile("pause");
		passed = time_ns() - start;
	} while (passed < 3 * TICKS * period_ns ||
		 (wanted && !__atomic_load_n(wanted, __ATOMIC_ACQUIRE) && passed < 20 * TICKS * period_ns));
}

/* What one CPU was found in. */
struct found {
	u64 from; /* of the log */
	u64 soft, hard;
	char name[40];
};

static void note(struct found *found, const struct lockup *l)
{
	struct ksym sym = {"?", 0, 0};

	ksym_lookup(l->at.rip, &sym);
	str_copy(found->name, sym.name, sizeof(found->name));
	found->soft = l->soft_count;
	found->hard = l->hard_count;
}

static void clear(struct found *found, struct lockup *l)
{
	found->from = log_ram_pos();
	l->soft_count = l->hard_count = 0;
	let_go = 0;
}

/* Once, and there. */
static bool is(const struct found *found, u64 soft, u64 hard, const char *name)
{
	return found->soft == soft && found->hard == hard && strcmp(found->name, name) == 0;
}

/* This CPU, for a given time: with one CPU too. */
TEST(machine_lockup_soft_here)
{
	struct timer end_of_it = {.fn = release};
	struct found found = {.soft = 0};
	u64 period = PERIOD_NS;

	if (!begin())
		return;
	for (unsigned i = 0; i < TRIES; i++, period *= 2) {
		lockup_watch(period, TICKS);
		clear(&found, &this_cpu()->lockup);
		EXPECT(timer_start(&end_of_it, 4 * TICKS * period));
		stuck_with_interrupts(NULL);
		note(&found, &this_cpu()->lockup);
		if (is(&found, 1, 0, "stuck_with_interrupts"))
			break;
	}
	end();
	EXPECT(is(&found, 1, 0, "stuck_with_interrupts"));
	expect_logged(found.from, this_cpu()->id, "come to its idle loop", "stuck_with_interrupts+",
		      "machine_lockup_soft_here+");
}

/* As long, in pieces. */
TEST(machine_lockup_none_that_moves)
{
	struct lockup *l = &this_cpu()->lockup;
	u64 end_ns;

	if (!begin())
		return;
	l->soft_count = 0;
	move(PERIOD_NS, NULL);
	lockup_pause(); /* and what is measured is not looked at */
	end_ns = time_ns() + 2 * TICKS * PERIOD_NS;
	while (time_ns() < end_ns)
		asm volatile("pause");
	lockup_resume();
	end();
	EXPECT_EQ(l->soft_count, 0);
}

/* Nothing ticks, nothing is said. */
TEST(machine_lockup_off)
{
	u64 beats, end_ns;

	if (!begin())
		return;
	lockup_watch(PERIOD_NS, 0);
	beats = this_cpu()->lockup.beats;
	end_ns = time_ns() + 3 * PERIOD_NS;
	while (time_ns() < end_ns)
		asm volatile("pause");
	EXPECT_EQ(this_cpu()->lockup.beats, beats);
	lockup_resume(); /* not even then */
	EXPECT(!this_cpu()->lockup.timer.link);
	end();
}

/* What @fn, on the CPU behind this one, is found in, and that it is over when it moves again. */
static void stick_other(void (*fn)(void *), bool hard, const char *words, const char *name)
{
	struct lockup *l = &percpu_of(next_cpu())->lockup;
	struct found found = {.soft = 0};
	u64 period = PERIOD_NS;

	if (alone())
		return;
	if (!timer_usable_on(next_cpu())) {
		ktest_not_here("other CPUs have no clock event");
		return;
	}
	if (!begin())
		return;
	for (unsigned i = 0; i < TRIES; i++, period *= 2) {
		lockup_watch(period, TICKS);
		clear(&found, l);
		EXPECT_EQ(smp_work(next_cpu(), fn, NULL), 0);
		move(period, hard ? &l->hard_count : &l->soft_count);
		note(&found, l);
		release(NULL);
		EXPECT(all_done());
		move(period, NULL);
		if (is(&found, !hard, hard, name) && l->soft_count == !hard && l->hard_count == hard)
			break;
		found.soft = 0xbad;
	}
	end();
	EXPECT(is(&found, !hard, hard, name));
	expect_logged(found.from, next_cpu(), words, name, "smp_run_work+");
}

TEST(machine_lockup_smp_soft)
{
	stick_other(stuck_with_interrupts, false, "come to its idle loop", "stuck_with_interrupts");
}

TEST(machine_lockup_smp_hard)
{
	stick_other(stuck_without_interrupts, true, "taken its timer's interrupt", "stuck_without_interrupts");
}

/* Who has the log's lock cannot keep the report from being printed. */
TEST(machine_lockup_smp_with_the_log)
{
	stick_other(stuck_in_log, true, "taken its timer's interrupt", "stuck_in_sink");
}
