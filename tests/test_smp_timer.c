/*
 * Timers that more than one CPU has to do with: one that has moved is not forgotten where its function still runs, and
 * a queue is another CPU's too. What is waited for takes milliseconds, so that who comes too early is seen.
 */
#include "lib/log.h"
#include "machine/time.h"
#include "machine/timer.h"
#include "tests/ktest.h"
#include "tests/smp.h"

#define US     1000UL
#define MS     1000000UL
#define ROUNDS 10

/* True, and noted, where other CPUs have no timers. */
static bool alone_in_time(void)
{
	if (alone())
		return true;
	if (timer_usable_on(next_cpu()))
		return false;
	ktest_not_here("other CPUs have no clock event");
	return true;
}

static void spin(u64 ns)
{
	u64 end = time_ns() + ns;

	while (time_ns() < end)
		asm volatile("pause");
}

static bool wait_until_set(const u32 *flag)
{
	u64 end = time_ns() + PATIENCE_NS;

	while (!__atomic_load_n(flag, __ATOMIC_SEQ_CST)) {
		if (time_ns() > end)
			return false;
		asm volatile("pause");
	}
	return true;
}

/* What another CPU may be in the middle of. */
enum { NOT_YET, IN_IT, THROUGH };

static struct {
	struct timer timer;
	u32 running, calls;
	u32 started; /* by its function, to come */
} moving;

static void run_long(void *unused)
{
	(void)unused;
	__atomic_store_n(&moving.running, IN_IT, __ATOMIC_SEQ_CST);
	spin(2 * MS);
	moving.calls++;
	if (moving.started) {
		moving.started--;
		timer_start(&moving.timer, 3600000 * MS);
	}
	__atomic_store_n(&moving.running, THROUGH, __ATOMIC_SEQ_CST);
}

static void start_there(void *unused)
{
	(void)unused;
	timer_start(&moving.timer, 0);
}

/* Has it called on the next CPU, and goes on while it runs there; it starts itself again so often. */
static bool runs_there(u32 again)
{
	moving.timer.fn = run_long;
	moving.calls = 0;
	moving.running = NOT_YET;
	moving.started = again;
	smp_call_one(next_cpu(), start_there, NULL);
	return wait_until_set(&moving.running);
}

static bool in_queue_of(unsigned cpu, const struct timer *wanted)
{
	struct timer_queue *q = &percpu_of(cpu)->timers;
	ulong flags = spin_lock_irq_save(&q->lock);
	const struct timer *t = q->first;

	while (t && t != wanted)
		t = t->next;
	spin_unlock_irq_restore(&q->lock, flags);
	return t != NULL;
}

/* Taken over from a CPU that is calling it, then cancelled: then it is in no queue and not running, anywhere. */
TEST(machine_timer_smp_moved_while_it_runs)
{
	if (alone_in_time())
		return;
	for (u32 i = 0; i < ROUNDS; i++) {
		REQUIRE(runs_there(i & 1));
		EXPECT(timer_start(&moving.timer, 3600000 * MS));
		EXPECT_EQ(__atomic_load_n(&moving.running, __ATOMIC_SEQ_CST), THROUGH);
		EXPECT(in_queue_of(this_cpu()->id, &moving.timer));
		EXPECT(!in_queue_of(next_cpu(), &moving.timer));
		EXPECT(timer_cancel(&moving.timer));
		EXPECT_EQ(__atomic_load_n(&moving.running, __ATOMIC_SEQ_CST), THROUGH);
		EXPECT_EQ(moving.calls, 1);
	}
}

/* ---- one CPU moves it to and fro, another cancels it ---- */

static u32 mover_stop, moved;

static void move_here(void *unused)
{
	(void)unused;
	timer_start(&moving.timer, moved % 3 ? 3600000 * MS : 0);
	moved++;
}

/* In the next CPU's idle loop: to itself, and to the one behind it. */
static void move_about(void *unused)
{
	unsigned me = this_cpu()->id, other = (me + 1) % cpu_online_count;

	(void)unused;
	while (!__atomic_load_n(&mover_stop, __ATOMIC_ACQUIRE)) {
		move_here(NULL);
		smp_call_one(other, move_here, NULL);
		lockup_touch();
	}
}

static void count_call(void *unused)
{
	(void)unused;
	__atomic_add_fetch(&moving.calls, 1, __ATOMIC_RELAXED);
}

/* The one that cancels may look at a queue that it has just left: no queue may break, and at last it is in none. */
TEST(machine_timer_smp_cancelled_while_it_moves)
{
	u64 end;
	u32 cancelled = 0;

	if (alone_in_time())
		return;
	moving.timer = (struct timer){.fn = count_call};
	mover_stop = moved = moving.calls = 0;
	EXPECT_EQ(smp_work(next_cpu(), move_about, NULL), 0);
	end = time_ns() + 50 * MS;
	while (time_ns() < end || (moved < 100 && time_ns() < end + PATIENCE_NS)) {
		cancelled += timer_cancel(&moving.timer);
		asm volatile("pause");
	}
	__atomic_store_n(&mover_stop, 1, __ATOMIC_RELEASE);
	EXPECT(all_done());
	cancelled += timer_cancel(&moving.timer);
	EXPECT(!timer_cancel(&moving.timer));
	EXPECT(cancelled + moving.calls <= moved);
	for (unsigned id = 0; id < NR_CPUS; id++)
		EXPECT(!cpumask_has(&cpu_online, id) || !in_queue_of(id, &moving.timer));
	printk("# %u moved, %u cancelled, %u called\n", moved, cancelled, moving.calls);
}

/* ---- the queue's lock ---- */

static u32 holding;

/* Has the other CPU's queue for so long that this is seen. */
static void hold_queue(void *cpu)
{
	struct timer_queue *q = &((struct percpu *)cpu)->timers;
	ulong flags = spin_lock_irq_save(&q->lock);

	__atomic_store_n(&holding, IN_IT, __ATOMIC_SEQ_CST);
	spin(2 * MS);
	__atomic_store_n(&holding, THROUGH, __ATOMIC_SEQ_CST);
	spin_unlock_irq_restore(&q->lock, flags);
}

/* Nothing is changed in a queue while another CPU has it. */
static void try_while_held(void (*fn)(void))
{
	ulong flags = pv_irq_save();

	holding = NOT_YET;
	EXPECT_EQ(smp_work(next_cpu(), hold_queue, this_cpu()), 0);
	EXPECT(wait_until_set(&holding));
	fn();
	EXPECT_EQ(__atomic_load_n(&holding, __ATOMIC_SEQ_CST), THROUGH);
	pv_irq_restore(flags);
	EXPECT(all_done());
}

TEST(machine_timer_smp_suspended_under_its_lock)
{
	if (alone_in_time())
		return;
	for (u32 i = 0; i < ROUNDS; i++) {
		try_while_held(timer_suspend);
		try_while_held(timer_resume);
	}
}
