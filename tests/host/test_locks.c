/*
 * The queued locks on threads: the kernel's own slowpath, each thread being a CPU. A thread may be taken off the
 * machine's CPU wherever it stands, which no kernel does to itself, so every order of steps comes up; how many rounds
 * are made is left to the clock.
 */
#define PARAVANE_HOST
#define _GNU_SOURCE /* pthread_timedjoin_np() */
#include "tests/host/host.h"
#include "tests/host/fakes.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "arch/cpu_local.h"

#define THREADS    4
#define ROUNDS_MS  300
#define PATIENCE_S 10

struct cpu_local *cpu_locals[NR_CPUS];
static struct cpu_local cpus[THREADS];
static _Thread_local unsigned own_id;

#define cpu_local() (&cpus[own_id])

#include "pvops/qspinlock.c"
#include "pvops/qrwlock.c"

/* The ops: what is native, and an interrupt flag of each thread's own. */
static _Thread_local ulong flags_of_thread = 0x202;

void pv_queued_spin_lock_slowpath(struct qspinlock *lock, u32 val)
{
	native_queued_spin_lock_slowpath(lock, val);
}

void pv_queued_spin_unlock(struct qspinlock *lock)
{
	native_queued_spin_unlock(lock);
}

ulong pv_save_fl(void)
{
	return flags_of_thread;
}

void pv_irq_disable(void)
{
	flags_of_thread &= ~0x200UL;
}

void pv_restore_fl(ulong flags)
{
	flags_of_thread = flags;
}

unsigned lazy_irq_depth(void)
{
	return cpu_local()->irq_depth;
}

static u64 now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000 + (u64)t.tv_nsec / 1000000;
}

static unsigned running;

/* A thread that a failed test left behind spins for ever: what follows is not run. */
static int reset(void **state)
{
	(void)state;
	if (running)
		return -1;
	memset(cpus, 0, sizeof(cpus));
	for (unsigned i = 0; i < THREADS; i++) {
		cpus[i].id = i;
		cpu_locals[i] = &cpus[i];
	}
	own_id = 0;
	return 0;
}

/* ---- threads ---- */

static pthread_t threads[THREADS];

struct start {
	unsigned id;
	void (*fn)(void);
};

static void *thread_main(void *arg)
{
	struct start start = *(struct start *)arg;

	free(arg);
	own_id = start.id;
	start.fn();
	return NULL;
}

static void start(unsigned id, void (*fn)(void))
{
	struct start *s = malloc(sizeof(*s));

	*s = (struct start){id, fn};
	assert_int_equal(pthread_create(&threads[id], NULL, thread_main, s), 0);
	running++;
}

static void join(unsigned id)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += PATIENCE_S;
	if (pthread_timedjoin_np(threads[id], NULL, &end))
		fail_msg("thread %u does not end", id);
	running--;
}

#define wait_until(condition)                                                                                          \
	do {                                                                                                           \
		u64 end_ = now_ms() + PATIENCE_S * 1000;                                                               \
		while (!(condition)) {                                                                                 \
			if (now_ms() > end_)                                                                           \
				fail_msg("never: %s", #condition);                                                     \
			sched_yield();                                                                                 \
		}                                                                                                      \
	} while (0)

/* ---- spinlock ---- */

static struct qspinlock spin;
static struct qrwlock rw;
static struct {
	volatile u64 a, b; /* not atomic: the lock's to guard */
} guarded;
static u64 rounds[THREADS], torn, deadline;

static void spin_and_count(void)
{
	do {
		ulong flags = spin_lock_irq_save(&spin);

		guarded.a++;
		guarded.b++;
		spin_unlock_irq_restore(&spin, flags);
		rounds[own_id]++;
	} while (now_ms() < deadline);
}

static u64 run_all(void (*fn)(void))
{
	u64 sum = 0;

	guarded.a = guarded.b = torn = 0;
	memset(rounds, 0, sizeof(rounds));
	deadline = now_ms() + ROUNDS_MS;
	for (unsigned i = 0; i < THREADS; i++)
		start(i, fn);
	for (unsigned i = 0; i < THREADS; i++) {
		join(i);
		assert_int_not_equal(rounds[i], 0);
		assert_int_equal(cpus[i].mcs_depth, 0);
		sum += rounds[i];
	}
	return sum;
}

static void spinlock_loses_nothing(void **state)
{
	u64 sum = run_all(spin_and_count);

	(void)state;
	assert_int_equal(guarded.a, sum);
	assert_int_equal(guarded.b, sum);
	assert_int_equal(spin.val, 0);
}

/* ---- read-write lock ---- */

static void read_and_write(void)
{
	do {
		write_lock(&rw);
		guarded.a++;
		guarded.b++;
		write_unlock(&rw);
		rounds[own_id]++;
		for (int i = 0; i < 3; i++) {
			read_lock(&rw);
			if (guarded.a != guarded.b)
				__atomic_add_fetch(&torn, 1, __ATOMIC_RELAXED);
			read_unlock(&rw);
		}
	} while (now_ms() < deadline);
}

static void writers_are_alone(void **state)
{
	u64 sum = run_all(read_and_write);

	(void)state;
	assert_int_equal(guarded.a, sum);
	assert_int_equal(guarded.b, sum);
	assert_int_equal(torn, 0);
	assert_int_equal(rw.val, 0);
	assert_int_equal(rw.wait.val, 0);
}

static void states(void **state)
{
	ulong flags;

	(void)state;
	read_lock(&rw);
	assert_true(read_trylock(&rw));
	assert_int_equal(rw.val, 2 * QRW_READER);
	assert_false(write_trylock(&rw));
	read_unlock(&rw);
	read_unlock(&rw);
	assert_true(write_trylock(&rw));
	assert_false(write_trylock(&rw));
	assert_false(read_trylock(&rw));
	assert_int_equal(rw.val, QRW_WRITER);
	write_unlock(&rw);
	flags = write_lock_irq_save(&rw);
	assert_int_equal(flags, 0x202);
	assert_int_equal(flags_of_thread, 2);
	write_unlock_irq_restore(&rw, flags);
	assert_int_equal(flags_of_thread, 0x202);
	assert_int_equal(rw.val, 0);
}

static u32 inside, order[THREADS], came;

static void meet_inside(void)
{
	read_lock(&rw);
	__atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&inside, __ATOMIC_SEQ_CST) < THREADS && now_ms() < deadline)
		sched_yield();
	read_unlock(&rw);
}

static void readers_are_together(void **state)
{
	(void)state;
	inside = 0;
	deadline = now_ms() + PATIENCE_S * 1000;
	for (unsigned i = 0; i < THREADS; i++)
		start(i, meet_inside);
	for (unsigned i = 0; i < THREADS; i++)
		join(i);
	assert_int_equal(inside, THREADS);
	assert_true(now_ms() < deadline);
}

static void come_to_write(void)
{
	write_lock(&rw);
	order[__atomic_fetch_add(&came, 1, __ATOMIC_SEQ_CST)] = own_id;
	write_unlock(&rw);
}

static void come_to_read(void)
{
	read_lock(&rw);
	order[__atomic_fetch_add(&came, 1, __ATOMIC_SEQ_CST)] = own_id;
	read_unlock(&rw);
}

static u32 wait_word(void)
{
	return __atomic_load_n(&rw.wait.val, __ATOMIC_SEQ_CST);
}

static void read_in_interrupt(void)
{
	cpus[own_id].irq_depth = 1;
	come_to_read();
	cpus[own_id].irq_depth = 0;
}

/* A reader is inside, a writer waits, a reader comes behind it: it waits for the writer, but not in an interrupt. */
static void waiting_writer_is_next(void **state)
{
	u32 before;

	(void)state;
	came = 0;
	read_lock(&rw);
	start(1, come_to_write);
	wait_until(__atomic_load_n(&rw.val, __ATOMIC_SEQ_CST) == (QRW_READER | QRW_WAITING));
	before = wait_word();
	start(2, come_to_read);
	wait_until(wait_word() != before || __atomic_load_n(&came, __ATOMIC_SEQ_CST));
	assert_int_equal(came, 0);
	assert_false(read_trylock(&rw));
	start(3, read_in_interrupt);
	join(3);
	assert_int_equal(came, 1);
	read_unlock(&rw);
	join(1);
	join(2);
	assert_int_equal(order[0], 3);
	assert_int_equal(order[1], 1);
	assert_int_equal(order[2], 2);
	assert_int_equal(rw.val, 0);
}

/* In an interrupt too a reader waits for a writer that is inside. */
static void writer_inside_is_waited_for(void **state)
{
	(void)state;
	came = 0;
	write_lock(&rw);
	start(1, read_in_interrupt);
	wait_until(__atomic_load_n(&rw.val, __ATOMIC_SEQ_CST) == (QRW_READER | QRW_WRITER));
	for (u64 end = now_ms() + 20; now_ms() < end;)
		assert_int_equal(__atomic_load_n(&came, __ATOMIC_SEQ_CST), 0);
	write_unlock(&rw);
	join(1);
	assert_int_equal(came, 1);
	assert_int_equal(rw.val, 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup(spinlock_loses_nothing, reset),
	cmocka_unit_test_setup(states, reset),
	cmocka_unit_test_setup(readers_are_together, reset),
	cmocka_unit_test_setup(writers_are_alone, reset),
	cmocka_unit_test_setup(waiting_writer_is_next, reset),
	cmocka_unit_test_setup(writer_inside_is_waited_for, reset),
};

HOST_MAIN("pvops_locks", tests)
