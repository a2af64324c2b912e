/*
 * Timers: they expire in order and not early, by every clock event that the machine has, whatever happens meanwhile;
 * what is cancelled is neither called nor running; CPUs do not disturb each other. Nothing here depends on how late a
 * timer is: a busy host decides that.
 */
#include "lib/log.h"
#include "lib/string.h"
#include "machine/clockevent.h"
#include "machine/percpu.h"
#include "machine/pit.h"
#include "machine/time.h"
#include "machine/timer.h"
#include "machine/traps.h"
#include "tests/ktest.h"
#include "tests/smp.h"

#define US 1000UL
#define MS 1000000UL

/* A timer that notes when and where it was called. */
struct shot {
	struct timer timer;
	u64 came;
	u32 count, place; /* calls; the how-manieth of all */
	unsigned cpu;
};

static u32 shots_fired;

static void fire(void *arg)
{
	struct shot *s = arg;

	s->came = time_ns();
	s->cpu = this_cpu()->id;
	s->place = __atomic_fetch_add(&shots_fired, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&s->count, 1, __ATOMIC_RELEASE);
}

static void load(struct shot *s)
{
	*s = (struct shot){.timer = {.fn = fire, .arg = s}};
}

/* Interrupts on; false: patience is out. */
static bool wait_for(const u32 *count, u32 want)
{
	u64 end = time_ns() + PATIENCE_NS;

	while (__atomic_load_n(count, __ATOMIC_ACQUIRE) < want && time_ns() < end)
		asm volatile("pause");
	return __atomic_load_n(count, __ATOMIC_ACQUIRE) >= want;
}

static void spin(u64 ns)
{
	u64 end = time_ns() + ns;

	while (time_ns() < end)
		asm volatile("pause");
}

static bool pending(const struct timer *t)
{
	return __atomic_load_n(&t->link, __ATOMIC_ACQUIRE) != NULL;
}

static bool no_timer(void)
{
	if (timer_usable())
		return false;
	ktest_not_here("no clock event");
	return true;
}

static struct shot shots[64];

/* Within @span, shuffled. */
static void start_shots(unsigned count, u64 span)
{
	shots_fired = 0;
	for (unsigned i = 0; i < count; i++) {
		load(&shots[i]);
		EXPECT(timer_start(&shots[i].timer, (i * 37 + 11) % count * (span / count)));
	}
}

/* Each is called once, when it is time, behind those that are due before it. */
static void expect_order(unsigned count)
{
	REQUIRE(wait_for(&shots_fired, count));
	for (unsigned i = 0; i < count; i++) {
		EXPECT_EQ(shots[i].count, 1);
		EXPECT(shots[i].came >= shots[i].timer.expires);
		EXPECT(!shots[i].timer.link);
		for (unsigned k = 0; k < count; k++)
			if (shots[k].timer.expires < shots[i].timer.expires && shots[k].place > shots[i].place)
				ktest_fail(__FILE__, __LINE__, "%lu came before %lu", shots[i].timer.expires,
					   shots[k].timer.expires);
	}
}

TEST(machine_timer_many_expire_in_order)
{
	if (no_timer())
		return;
	start_shots(ARRAY_SIZE(shots), 6400 * US);
	expect_order(ARRAY_SIZE(shots));
	EXPECT_EQ(shots_fired, ARRAY_SIZE(shots));
}

/* A time beyond the clock's end is the end; who is due at the same time comes in the order of starting. */
TEST(machine_timer_end_of_time)
{
	const struct timer *t;
	unsigned i;

	if (no_timer())
		return;
	for (i = 0; i < 4; i++) {
		load(&shots[i]);
		EXPECT(timer_start(&shots[i].timer, i ? ~0UL : ~0UL - 1));
		EXPECT_EQ(shots[i].timer.expires, ~0UL);
	}
	for (t = this_cpu()->timers.first, i = 0; t && i < 4; t = t->next)
		i += t == &shots[i].timer;
	EXPECT_EQ(i, 4);
	for (i = 0; i < 4; i++) {
		EXPECT(timer_cancel(&shots[i].timer));
		EXPECT_EQ(shots[i].count, 0);
	}
}

/* Due at once, soon, later, while interrupts are off: none is called, none is forgotten. */
TEST(machine_timer_interrupts_off)
{
	ulong flags;

	if (no_timer())
		return;
	flags = pv_irq_save();
	start_shots(8, 1600 * US);
	spin(3 * MS);
	EXPECT_EQ(shots_fired, 0);
	pv_irq_restore(flags);
	expect_order(8);
}

TEST(machine_timer_cancelled_is_not_called)
{
	struct shot *late = &shots[0], *moved = &shots[1], *never = &shots[2];
	u64 start;

	if (no_timer())
		return;
	shots_fired = 0;
	for (unsigned i = 0; i < 3; i++)
		load(&shots[i]);
	start = time_ns();
	EXPECT(timer_start(&late->timer, 5000 * MS));
	EXPECT(timer_start(&moved->timer, 5000 * MS));
	EXPECT(timer_start(&moved->timer, 2 * MS)); /* now behind nobody */
	EXPECT(timer_cancel(&late->timer));
	EXPECT(!timer_cancel(&late->timer));
	EXPECT(!timer_cancel(&never->timer));
	EXPECT(wait_for(&moved->count, 1));
	EXPECT(moved->came >= start + 2 * MS);
	EXPECT(!timer_cancel(&moved->timer));
	EXPECT(timer_start(&moved->timer, 0));
	EXPECT(timer_start(&moved->timer, 3 * MS)); /* it may have come before it was moved */
	EXPECT(wait_for(&moved->count, 2));
	while (pending(&moved->timer) && time_ns() - start < PATIENCE_NS)
		asm volatile("pause");
	EXPECT(moved->count <= 3);
	EXPECT(moved->came >= moved->timer.expires);
	EXPECT_EQ(late->count + never->count, 0);
	EXPECT_EQ(shots_fired, moved->count);
}

/* One that starts itself again, and at the end cancels itself and another. */
static struct {
	struct timer timer;
	struct shot victim;
	u32 rounds;
	bool self_was_pending, victim_was_pending;
	const struct pt_regs *regs;
} again;

static void fire_again(void *unused)
{
	(void)unused;
	again.regs = timer_interrupted();
	timer_start(&again.timer, again.rounds & 1 ? 0 : 50 * US);
	if (again.rounds == 29) {
		again.self_was_pending = timer_cancel(&again.timer);
		again.victim_was_pending = timer_cancel(&again.victim.timer);
	}
	__atomic_add_fetch(&again.rounds, 1, __ATOMIC_RELEASE);
}

TEST(machine_timer_starts_itself)
{
	if (no_timer())
		return;
	memset(&again, 0, sizeof(again));
	again.timer.fn = fire_again;
	load(&again.victim);
	EXPECT(timer_start(&again.victim.timer, 3600000 * MS));
	EXPECT(timer_start(&again.timer, 0));
	EXPECT(wait_for(&again.rounds, 30));
	spin(MS);
	EXPECT_EQ(again.rounds, 30);
	EXPECT(again.self_was_pending && again.victim_was_pending);
	EXPECT_EQ(again.victim.count, 0);
	EXPECT(again.regs != NULL);
	EXPECT(timer_interrupted() == NULL);
}

/* The clock is calibrated anew and starts at 0: what was pending keeps about its distance. */
TEST(machine_timer_clock_set_back)
{
	struct timer_queue *q = &this_cpu()->timers;
	const u64 jump = 1000000 * MS;
	ulong flags;

	if (no_timer())
		return;
	load(&shots[0]);
	flags = pv_irq_save();
	EXPECT(timer_start(&shots[0].timer, 2 * MS));
	for (struct timer *t = q->first; t; t = t->next)
		t->expires += jump;
	q->seen += jump;
	pv_irq_restore(flags);
	EXPECT(wait_for(&shots[0].count, 1));
	EXPECT(shots[0].came >= shots[0].timer.expires);
	timer_cancel(&shots[0].timer);
}

TEST(machine_timer_suspended_waits)
{
	ulong flags;

	if (no_timer())
		return;
	load(&shots[0]);
	flags = pv_irq_save();
	timer_suspend();
	EXPECT(timer_start(&shots[0].timer, 100 * US));
	pv_irq_enable();
	spin(2 * MS);
	pv_irq_disable();
	EXPECT_EQ(shots[0].count, 0);
	timer_resume();
	pv_irq_restore(flags);
	EXPECT(wait_for(&shots[0].count, 1));
}

/* ---- each clock event ---- */

/* The one called @name, if the machine has it. */
static const struct clock_event *event_here(const char *name)
{
	const struct clock_event *e = __clock_events_start;

	while (e < __clock_events_end && strcmp(e->name, name) != 0)
		e++;
	if (e < __clock_events_end && e->available())
		return e;
	EXPECT(e < __clock_events_end);
	ktest_not_here("no clock event %s", name);
	return NULL;
}

/* The same by the one called @name, what it cannot wait for at once included; by the vector that it says. */
static void try_event(const char *name)
{
	const struct clock_event *former, *e = event_here(name);
	unsigned vector;
	u64 before;

	if (!e)
		return;
	former = timer_use(e);
	EXPECT(timer_usable());
	vector = timer_vector();
	before = trap_irq_count(vector);
	start_shots(8, 8 * MS);
	expect_order(8);
	load(&shots[0]);
	EXPECT(timer_start(&shots[0].timer, 130 * MS));
	EXPECT(wait_for(&shots[0].count, 1));
	EXPECT(shots[0].came >= shots[0].timer.expires);
	EXPECT(trap_irq_count(vector) > before);
	EXPECT(timer_use(former) == e);
}

TEST(machine_timer_by_tsc_deadline)
{
	try_event("tsc-deadline");
}

TEST(machine_timer_by_lapic)
{
	try_event("lapic");
}

TEST(machine_timer_by_pit)
{
	try_event("pit");
}

/* The PIT's tick takes the channel away and gives it back; what came due meanwhile is found. */
TEST(machine_timer_pit_after_its_tick)
{
	const struct clock_event *former, *pit = event_here("pit");
	ulong flags;

	if (!pit)
		return;
	former = timer_use(pit);
	for (unsigned i = 0; i < 3; i++) {
		load(&shots[0]);
		EXPECT(timer_start(&shots[0].timer, MS / 2 * i * i));
		flags = pv_irq_save();
		pit_start(1000);
		EXPECT(pit_wait(1, PATIENCE_NS));
		pit_stop();
		pv_irq_restore(flags);
		EXPECT(wait_for(&shots[0].count, 1));
		timer_cancel(&shots[0].timer);
	}
	timer_use(former);
}

/* Without one nothing can be started, and that is said. */
TEST(machine_timer_by_none)
{
	const struct clock_event *former = timer_use(NULL);

	load(&shots[0]);
	EXPECT(!timer_usable());
	EXPECT(!timer_start(&shots[0].timer, 0));
	EXPECT(!timer_cancel(&shots[0].timer));
	timer_use(former);
	EXPECT_EQ(timer_usable(), former != NULL);
}

/* ---- several CPUs ---- */

#define ROUNDS 200

static struct periodic {
	struct timer timer;
	u32 count;
	bool astray;
} periodic[NR_CPUS];

static u32 rounds_done;

static void next_round(void *arg)
{
	struct periodic *p = arg;

	p->astray |= p != &periodic[this_cpu()->id];
	p->count++;
	__atomic_add_fetch(&rounds_done, 1, __ATOMIC_RELAXED);
	if (p->count < ROUNDS)
		timer_start(&p->timer, 100 * US);
}

static void start_periodic(void *unused)
{
	struct periodic *p = &periodic[this_cpu()->id];

	(void)unused;
	p->timer.fn = next_round;
	p->timer.arg = p;
	EXPECT(timer_start(&p->timer, 100 * US));
}

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

TEST(machine_timer_smp_all_at_once)
{
	if (alone_in_time())
		return;
	memset(periodic, 0, sizeof(periodic));
	rounds_done = 0;
	smp_call_others(start_periodic, NULL);
	start_periodic(NULL);
	EXPECT(wait_for(&rounds_done, ROUNDS * cpu_online_count));
	for (unsigned id = 0; id < NR_CPUS; id++) {
		EXPECT_EQ(periodic[id].count, cpumask_has(&cpu_online, id) ? ROUNDS : 0);
		EXPECT(!periodic[id].astray);
	}
}

static struct {
	struct timer timer;
	u64 delay;
	u32 fired, running;
} race;

static void run_long(void *unused)
{
	(void)unused;
	__atomic_store_n(&race.running, 1, __ATOMIC_SEQ_CST);
	spin(30 * US);
	race.fired++;
	__atomic_store_n(&race.running, 0, __ATOMIC_SEQ_CST);
}

static void start_race(void *unused)
{
	(void)unused;
	timer_start(&race.timer, race.delay);
}

/* Cancelled from afar while it is pending, being called, or through: either called or not, and never still running. */
TEST(machine_timer_smp_cancel_races)
{
	u32 cancelled = 0, fired = 0;

	if (alone_in_time())
		return;
	race.timer.fn = run_long;
	for (unsigned i = 0; i < 400; i++) {
		bool was_pending;

		race.fired = 0;
		race.delay = i % 7 * 10 * US;
		smp_call_one(next_cpu(), start_race, NULL);
		spin(i % 13 * 10 * US);
		was_pending = timer_cancel(&race.timer);
		EXPECT_EQ(__atomic_load_n(&race.running, __ATOMIC_SEQ_CST), 0);
		EXPECT_EQ(race.fired + was_pending, 1);
		cancelled += was_pending;
		fired += race.fired;
	}
	printk("# %u cancelled, %u called\n", cancelled, fired);
}
