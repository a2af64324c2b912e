/*
 * Several CPUs at once on what is one: a contended lock loses nothing and keeps the order, frames are had by one, and
 * sites are rewritten, and NMIs arrive, while other CPUs execute them.
 */
#include "arch/native.h"
#include "arch/regs.h"
#include "lib/string.h"
#include "machine/ipi_ops.h"
#include "machine/park.h"
#include "mmu/frame.h"
#include "mmu/kspace.h"
#include "pvops/backend.h"
#include "pvops/patch.h"
#include "pvops/qspinlock.h"
#include "pvops/trace.h"
#include "tests/ktest.h"
#include "tests/smp.h"

/* ---- locks ---- */

#define LOCK_ROUNDS scaled(400)

static struct qspinlock lock;
static struct {
	u64 a, b; /* not atomic: the lock's to guard */
} guarded;

static void take_and_count(void *unused)
{
	(void)unused;
	for (u32 i = 0; i < LOCK_ROUNDS; i++) {
		ulong flags = spin_lock_irq_save(&lock);

		guarded.a++;
		asm volatile("pause" ::: "memory");
		guarded.b++;
		spin_unlock_irq_restore(&lock, flags);
		lockup_touch(); /* on a busy host this takes longer than a CPU may be stuck */
	}
}

TEST(machine_smp_contended_lock_loses_nothing)
{
	guarded.a = guarded.b = 0;
	give_all(take_and_count, NULL);
	take_and_count(NULL);
	EXPECT(all_done());
	EXPECT_EQ(guarded.a, (u64)LOCK_ROUNDS * cpu_online_count);
	EXPECT_EQ(guarded.b, guarded.a);
	EXPECT_EQ(lock.val, 0);
	EXPECT_EQ(this_cpu()->local.mcs_depth, 0);
}

static u32 queued, order[NR_CPUS];

/* Says that it is next, then waits for the lock. */
static void queue_up(void *unused)
{
	ulong flags = spin_lock_irq_save(&lock);

	(void)unused;
	order[queued++] = this_cpu()->id;
	spin_unlock_irq_restore(&lock, flags);
}

/* Who came first gets it first: each is in the queue, seen by the lock's word, before the next one comes. */
TEST(machine_smp_lock_keeps_the_order)
{
	u32 given = 0, expected[NR_CPUS];
	u64 end = pv_sched_clock() + PATIENCE_NS;
	ulong flags;

	if (alone())
		return;
	queued = 0;
	flags = spin_lock_irq_save(&lock);
	for_each_other(id)
	{
		u32 before = lock.val;

		smp_work(id, queue_up, NULL);
		expected[given++] = id;
		while (__atomic_load_n(&lock.val, __ATOMIC_RELAXED) == before && pv_sched_clock() < end)
			asm volatile("pause");
	}
	EXPECT_EQ(queued, 0);
	spin_unlock_irq_restore(&lock, flags);
	EXPECT(all_done());
	EXPECT_EQ(queued, given);
	EXPECT(memcmp(order, expected, given * sizeof(order[0])) == 0);
}

/* A CPU that waits for a lock is interrupted, and waits for another one in the interrupt: a place in each queue. */
static struct qspinlock inner;

static void take_inner(void *unused)
{
	(void)unused;
	spin_lock(&inner);
	spin_unlock(&inner);
}

static void take_outer(void *unused)
{
	(void)unused;
	spin_lock(&lock);
	spin_unlock(&lock);
}

static void interrupt_first(void *first)
{
	smp_call_one(*(unsigned *)first, take_inner, NULL);
}

static bool changes(const u32 *word, u32 from)
{
	u64 end = pv_sched_clock() + PATIENCE_NS;

	while (__atomic_load_n(word, __ATOMIC_RELAXED) == from) {
		if (pv_sched_clock() > end)
			return false;
		asm volatile("pause");
	}
	return true;
}

TEST(machine_smp_lock_waits_within_a_wait)
{
	unsigned first = other_cpu(0);
	ulong flags;
	u32 before;

	if (cpu_online_count < 4) {
		ktest_not_here("less than four CPUs");
		return;
	}
	flags = spin_lock_irq_save(&lock);
	spin_lock(&inner);
	before = lock.val;
	EXPECT_EQ(smp_work(first, take_outer, NULL), 0);
	EXPECT(changes(&lock.val, before));
	before = lock.val;
	EXPECT_EQ(smp_work(other_cpu(1), take_outer, NULL), 0); /* behind the first */
	EXPECT(changes(&lock.val, before));
	before = inner.val;
	EXPECT_EQ(smp_work(other_cpu(2), interrupt_first, &first), 0);
	EXPECT(changes(&inner.val, before));
	spin_unlock(&inner);
	spin_unlock_irq_restore(&lock, flags);
	EXPECT(all_done());
	EXPECT_EQ(lock.val | inner.val, 0);
}

static u32 frames_failed;

static void take_frames(void *unused)
{
	(void)unused;
	for (u32 i = 0; i < scaled(300); i++) {
		pa_t a = frame_alloc(), b = frame_alloc();

		if (!pa_ok(a) || !pa_ok(b) || pa_eq(a, b))
			__atomic_add_fetch(&frames_failed, 1, __ATOMIC_RELAXED);
		*(u64 *)pa_va(a) = *(u64 *)pa_va(b) = this_cpu()->id;
		asm volatile("pause" ::: "memory");
		if (*(u64 *)pa_va(a) != this_cpu()->id || *(u64 *)pa_va(b) != this_cpu()->id)
			__atomic_add_fetch(&frames_failed, 1, __ATOMIC_RELAXED);
		frame_free(a);
		frame_free(b);
		lockup_touch();
	}
}

TEST(machine_smp_frames_are_had_by_one)
{
	u64 before = frame_stats().free_count;

	frames_failed = 0;
	give_all(take_frames, NULL);
	take_frames(NULL);
	EXPECT(all_done());
	EXPECT_EQ(frames_failed, 0);
	EXPECT_EQ(frame_stats().free_count, before);
}

/* ---- patching while others run ---- */

static volatile bool hold_on;

#define CROSSERS 3 /* so many others cross sites; the rest idles */

static u64 turns[NR_CPUS], wrong;

#define for_each_crosser(id) for_each_of_others(id, CROSSERS)

/* Sites of all lengths and kinds, those of several instructions among them; what they say is looked at. */
static void cross_sites(void *unused)
{
	u64 *turn = &turns[this_cpu()->id], last = 0;

	(void)unused;
	while (hold_on) {
		u64 now = pv_read_tsc();
		ulong flags = pv_irq_save();
		bool off = !(native_save_fl() & X86_EFLAGS_IF);

		pv_irq_restore(flags);
		if (!off || !(native_save_fl() & X86_EFLAGS_IF) || now <= last ||
		    pv_read_cr3() != pa_num(kspace_root.top) || pv_make_pte(now).pte != now)
			__atomic_add_fetch(&wrong, 1, __ATOMIC_RELAXED);
		last = now;
		__atomic_add_fetch(turn, 1, __ATOMIC_RELAXED);
		lockup_touch();
	}
}

/* Every other CPU has gone round some more. */
static bool all_turn(void)
{
	u64 end = pv_sched_clock() + PATIENCE_NS;

	for_each_crosser(id)
	{
		u64 goal = __atomic_load_n(&turns[id], __ATOMIC_RELAXED) + 3;

		while (__atomic_load_n(&turns[id], __ATOMIC_RELAXED) < goal) {
			if (pv_sched_clock() > end)
				return false;
			asm volatile("pause");
		}
	}
	return true;
}

static void start_crossing(void)
{
	memset(turns, 0, sizeof(turns));
	wrong = 0;
	hold_on = true;
	for_each_crosser(id)
	{
		EXPECT_EQ(smp_work(id, cross_sites, NULL), 0);
	}
	EXPECT(all_turn());
}

static void end_crossing(void)
{
	hold_on = false;
	EXPECT(all_done());
	EXPECT_EQ(wrong, 0);
}

TEST(machine_smp_patching_while_others_cross_sites)
{
	const struct pv_backend *before = pv_backend_current();
	const struct pv_backend *direct = pv_backend_find("direct"), *native = pv_backend_find("native");

	if (alone() || !pv_patching || strcmp(before->name, "mirror") == 0)
		return;
	pv_unpoison();
	start_crossing();
	for (int i = 0; i < 4; i++) {
		const struct pv_backend *to = pv_backend_current() == direct ? native : direct;

		EXPECT(!pv_backend_switch(to));
		EXPECT(all_turn());
		pv_unpatch(PV_ALL_TYPES);
		EXPECT(all_turn());
		pv_patch(PV_ALL_TYPES);
		pv_trace_arm();
		EXPECT(all_turn());
	}
	if (pv_backend_current() != before)
		EXPECT(!pv_backend_switch(before));
	end_crossing();
	pv_trace_arm();
	pv_poison();
}

#define NMI_ROUNDS 6

/* NMIs to CPUs that cross sites while these are rewritten. Each arrives: sent one after the other's arrival. */
TEST(machine_smp_nmis_while_patching)
{
	u64 sent = 0, end = pv_sched_clock() + PATIENCE_NS;

	if (alone() || !pv_patching)
		return;
	pv_unpoison();
	start_crossing();
	for (int i = 0; i < NMI_ROUNDS; i++) {
		for_each_crosser(id)
		{
			u64 count = __atomic_load_n(&percpu_of(id)->nmi_count, __ATOMIC_RELAXED);

			ipi_ops->send_nmi(id);
			sent++;
			if (i % 2)
				pv_patch(PV_ALL_TYPES);
			else
				pv_trace_arm();
			while (__atomic_load_n(&percpu_of(id)->nmi_count, __ATOMIC_RELAXED) == count &&
			       pv_sched_clock() < end)
				asm volatile("pause");
			EXPECT_EQ(percpu_of(id)->nmi_count, count + 1);
		}
	}
	EXPECT_EQ(sent, (u64)NMI_ROUNDS * min(cpu_online_count - 1, (unsigned)CROSSERS));
	end_crossing();
	pv_trace_arm();
	pv_poison();
}

/* A request to park that comes late, from one that parked others before: who parks now must not stand itself. */
TEST(machine_smp_late_request_does_not_park_the_owner)
{
	const u64 *count = &this_cpu()->irq_count[VECTOR_PARK];
	u64 before = *count, end = pv_sched_clock() + PATIENCE_NS;

	if (alone())
		return;
	REQUIRE(smp_park());
	ipi_ops->send(this_cpu()->id, VECTOR_PARK);
	while (__atomic_load_n(count, __ATOMIC_RELAXED) == before && pv_sched_clock() < end)
		asm volatile("pause");
	smp_unpark();
	EXPECT(*count > before);
}

TEST(machine_smp_parked_cpus_stand)
{
	u64 before[NR_CPUS];

	if (alone())
		return;
	start_crossing();
	REQUIRE(smp_park());
	EXPECT(smp_park()); /* nests */
	smp_unpark();
	memcpy(before, turns, sizeof(before));
	for (u64 end = pv_sched_clock() + 2000000; pv_sched_clock() < end;)
		asm volatile("pause");
	EXPECT(memcmp(before, turns, sizeof(before)) == 0);
	smp_unpark();
	EXPECT(all_turn());
	end_crossing();
}
