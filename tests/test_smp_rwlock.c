/*
 * The queued read-write lock (pvops/qrwlock.h) on real CPUs: readers together, writers alone, nothing lost, and the
 * order of those who wait. The waiting itself is provoked, not hoped for.
 */
#include "arch/regs.h"
#include "machine/ipi.h"
#include "machine/percpu.h"
#include "machine/traps.h"
#include "pvops/lazy.h"
#include "pvops/qrwlock.h"
#include "tests/ktest.h"
#include "tests/smp.h"

static struct qrwlock rw;

static u32 val(void)
{
	return __atomic_load_n(&rw.val, __ATOMIC_RELAXED);
}

TEST(pvops_rwlock)
{
	struct qrwlock own = {0};
	ulong flags;

	EXPECT(read_trylock(&own));
	EXPECT_EQ(own.val, QRW_READER);
	EXPECT(!write_trylock(&own));
	read_unlock(&own);
	write_lock(&own);
	EXPECT_EQ(own.val, QRW_WRITER);
	EXPECT(!write_trylock(&own));
	EXPECT(!read_trylock(&own));
	write_unlock(&own);
	flags = write_lock_irq_save(&own);
	EXPECT(!(pv_save_fl() & X86_EFLAGS_IF));
	write_unlock_irq_restore(&own, flags);
	EXPECT(pv_save_fl() & X86_EFLAGS_IF);
	EXPECT_EQ(own.val, 0);
	EXPECT_EQ(own.wait.val, 0);
}

/* ---- together, alone ---- */

static u32 inside;

/* Nobody leaves before all have come. */
static void meet_inside(void *unused)
{
	u64 end = pv_sched_clock() + PATIENCE_NS;

	(void)unused;
	read_lock(&rw);
	__atomic_add_fetch(&inside, 1, __ATOMIC_RELAXED);
	while (__atomic_load_n(&inside, __ATOMIC_RELAXED) < cpu_online_count && pv_sched_clock() < end)
		asm volatile("pause");
	read_unlock(&rw);
}

TEST(machine_smp_rwlock_readers_are_together)
{
	u64 end = pv_sched_clock() + PATIENCE_NS;

	inside = 0;
	give_all(meet_inside, NULL);
	meet_inside(NULL);
	EXPECT(all_done());
	EXPECT_EQ(inside, cpu_online_count);
	EXPECT(pv_sched_clock() < end);
	EXPECT_EQ(rw.val, 0);
}

#define WRITES scaled(500)

static struct {
	u64 a, b; /* not atomic: the lock's to guard */
} guarded;
static u64 torn;

static void read_and_write(void *unused)
{
	(void)unused;
	for (u32 i = 0; i < WRITES; i++) {
		ulong flags = write_lock_irq_save(&rw);

		guarded.a++;
		asm volatile("pause" ::: "memory");
		guarded.b++;
		write_unlock_irq_restore(&rw, flags);
		for (u32 n = 0; n < 3; n++) {
			read_lock(&rw);
			if (__atomic_load_n(&guarded.a, __ATOMIC_RELAXED) !=
			    __atomic_load_n(&guarded.b, __ATOMIC_RELAXED))
				__atomic_add_fetch(&torn, 1, __ATOMIC_RELAXED);
			read_unlock(&rw);
		}
	}
}

TEST(machine_smp_rwlock_writers_are_alone)
{
	guarded.a = guarded.b = torn = 0;
	give_all(read_and_write, NULL);
	read_and_write(NULL);
	EXPECT(all_done());
	EXPECT_EQ(guarded.a, (u64)WRITES * cpu_online_count);
	EXPECT_EQ(guarded.b, guarded.a);
	EXPECT_EQ(torn, 0);
	EXPECT_EQ(rw.val, 0);
	EXPECT_EQ(rw.wait.val, 0);
	for_each_other(id)
	{
		EXPECT_EQ(percpu_of(id)->local.mcs_depth, 0);
	}
}

/* ---- the order ---- */

static u32 came, order[NR_CPUS];

static void note(void)
{
	order[__atomic_fetch_add(&came, 1, __ATOMIC_RELAXED)] = this_cpu()->id;
}

static void come_to_write(void *unused)
{
	ulong flags = write_lock_irq_save(&rw);

	(void)unused;
	note();
	write_unlock_irq_restore(&rw, flags);
}

static void come_to_read(void *unused)
{
	(void)unused;
	read_lock(&rw);
	note();
	read_unlock(&rw);
}

/* The first of the others comes to write; true as soon as it waits for us, who read. */
static bool writer_waits(void)
{
	u64 end = pv_sched_clock() + PATIENCE_NS;

	came = 0;
	EXPECT_EQ(smp_work(other_cpu(0), come_to_write, NULL), 0);
	while (val() != (QRW_READER | QRW_WAITING)) {
		if (pv_sched_clock() > end)
			return false;
		asm volatile("pause");
	}
	return true;
}

/* All that come to read behind a waiting writer are let in behind it, and together. */
TEST(machine_smp_rwlock_waiting_writer_is_next)
{
	u64 end = pv_sched_clock() + PATIENCE_NS;
	u32 readers = 0;

	if (alone())
		return;
	read_lock(&rw);
	EXPECT(writer_waits());
	EXPECT(!read_trylock(&rw));
	for_each_other(id)
	{
		u32 before = __atomic_load_n(&rw.wait.val, __ATOMIC_RELAXED);

		if (id == other_cpu(0))
			continue;
		EXPECT_EQ(smp_work(id, come_to_read, NULL), 0);
		while (__atomic_load_n(&rw.wait.val, __ATOMIC_RELAXED) == before && pv_sched_clock() < end)
			asm volatile("pause");
		readers++;
	}
	EXPECT_EQ(came, 0);
	read_unlock(&rw);
	EXPECT(all_done());
	EXPECT_EQ(came, readers + 1);
	EXPECT_EQ(order[0], other_cpu(0));
	EXPECT_EQ(rw.val, 0);
}

#define VECTOR_TEST 0x91

static bool read_in_interrupt(struct pt_regs *regs)
{
	(void)regs;
	EXPECT(lazy_irq_depth());
	read_lock(&rw);
	EXPECT_EQ(val(), 2 * QRW_READER | QRW_WAITING);
	read_unlock(&rw);
	return true;
}

/* A writer waits for us, and we are interrupted by who reads too: it must be let in, or nobody goes on. */
TEST(machine_smp_rwlock_interrupt_passes_waiting_writer)
{
	trap_handler former;

	if (alone())
		return;
	former = trap_set_handler(VECTOR_TEST, read_in_interrupt);
	read_lock(&rw);
	EXPECT(writer_waits());
	asm volatile("int %0" ::"i"(VECTOR_TEST) : "memory");
	EXPECT_EQ(came, 0);
	read_unlock(&rw);
	EXPECT(all_done());
	EXPECT_EQ(came, 1);
	EXPECT_EQ(rw.val, 0);
	trap_set_handler(VECTOR_TEST, former);
}

static volatile bool read_on;

/* In as soon as out, and as long inside as it takes another reader to come: together there is always one inside. */
static void read_without_end(void *unused)
{
	u64 patience = pv_sched_clock() + PATIENCE_NS;

	(void)unused;
	while (read_on && pv_sched_clock() < patience) {
		u64 end = pv_sched_clock() + 1000000;
		u32 before;

		read_lock(&rw);
		before = __atomic_add_fetch(&inside, 1, __ATOMIC_RELAXED);
		while (__atomic_load_n(&inside, __ATOMIC_RELAXED) == before && read_on && pv_sched_clock() < end)
			asm volatile("pause");
		read_unlock(&rw);
	}
}

/* Readers who would never all be outside at once; a writer gets in all the same, again and again. */
TEST(machine_smp_rwlock_writer_is_not_starved)
{
	u64 start, longest = 0;

	if (cpu_online_count < 3) {
		ktest_not_here("fewer than three CPUs");
		return;
	}
	read_on = true;
	give_all(read_without_end, NULL);
	for (u32 i = 0; i < 10; i++) {
		ulong flags;

		start = pv_sched_clock();
		flags = write_lock_irq_save(&rw);
		longest = max(longest, pv_sched_clock() - start);
		write_unlock_irq_restore(&rw, flags);
	}
	read_on = false;
	EXPECT(all_done());
	EXPECT(longest < PATIENCE_NS / 2);
	EXPECT_EQ(rw.val, 0);
}
