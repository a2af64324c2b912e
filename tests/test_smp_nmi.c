/*
 * NMIs at any instruction: a storm of them falls upon CPUs that fault, trap, cross armed sites, enter and leave user
 * mode, load their tables, idle, and patch. Each is sent when the last one has arrived, so what was sent must have been
 * counted; and what they fell into must go on as if nothing had been. That the handler's code reaches no site is
 * check-entry_raw's to prove.
 */
#include "arch/native.h"
#include "lib/string.h"
#include "machine/percpu.h"
#include "machine/pit.h"
#include "pvops/backend.h"
#include "pvops/patch.h"
#include "pvops/pvops.h"
#include "pvops/trace.h"
#include "tests/ktest.h"
#include "tests/smp.h"
#include "tests/smp_loads.h"

#define VICTIMS 2  /* so many CPUs are in it at once; the rest idles */
#define ROUNDS  12 /* NMIs to each */

static volatile bool hold_on;
static u64 turns[NR_CPUS];

static void under_fire(void *load)
{
	u64 *turn = &turns[this_cpu()->id];

	while (hold_on) {
		smp_load_turn(load, *turn);
		__atomic_add_fetch(turn, 1, __ATOMIC_RELAXED);
		asm volatile("pause"); /* under icount the others' turn */
	}
}

#define for_each_victim(id) for_each_of_others(id, VICTIMS)

/* They have all begun. */
static bool under_way(void)
{
	u64 end = pv_sched_clock() + PATIENCE_NS;

	for_each_victim(id)
	{
		while (__atomic_load_n(&turns[id], __ATOMIC_RELAXED) < 3) {
			if (pv_sched_clock() > end)
				return false;
			asm volatile("pause");
		}
	}
	return true;
}

static u64 all_nmis(void)
{
	u64 sum = 0;

	for_each_online_cpu(id)
		sum += __atomic_load_n(&percpu_of(id)->nmi_count, __ATOMIC_RELAXED);
	return sum;
}

/* At moments that differ from round to round; to the sender itself too. */
static void storm(struct smp_load *load)
{
	u64 before = all_nmis(), sent = 0;

	hold_on = true;
	for_each_victim(id)
	{
		turns[id] = 0;
		EXPECT_EQ(smp_work(id, under_fire, load), 0);
	}
	EXPECT(under_way());
	for (unsigned round = 0; round < ROUNDS; round++) {
		for_each_victim(id)
		{
			for (unsigned i = round * 7 % 31; i; i--)
				asm volatile("pause");
			smp_load_nmi(id);
			sent++;
		}
		smp_load_nmi(this_cpu()->id);
		sent++;
	}
	hold_on = false;
	EXPECT(all_done());
	EXPECT_EQ(all_nmis() - before, sent);
}

TEST(machine_smp_nmis_fall_into_anything)
{
	if (alone())
		return;
	REQUIRE(smp_loads_begin());
	for (unsigned i = 0; i < smp_load_count; i++)
		if (smp_loads[i].kind & SMP_LOAD_STORM)
			storm(&smp_loads[i]);
	smp_loads_end();
	EXPECT_EQ(smp_loads_report(false), 0);
}

/*
 * What an NMI between STI and HLT makes of them, made without one: the interrupt is taken in front of the HLT, and must
 * end it all the same. If not, a tick does, each time.
 */
TEST(machine_interrupt_in_front_of_a_halt_ends_it)
{
	u64 before, ticks = 1;

	if (!ipi_ops) {
		ktest_not_here("no local APIC");
		return;
	}
	pit_start(19);
	for (int i = 0; i < 10 && ticks; i++) { /* one may come by chance */
		ulong flags = pv_irq_save();

		before = pit_ticks();
		ipi_ops->send(this_cpu()->id, VECTOR_RESCHED);
		asm volatile("sti; nop; hlt" ::: "memory");
		ticks = pit_ticks() - before;
		pv_irq_restore(flags);
	}
	pit_stop();
	EXPECT_EQ(ticks, 0);
}

static void nothing(void *unused)
{
	(void)unused;
}

/* An NMI ends a halt; what work comes then is done. */
TEST(machine_smp_nmis_while_idle)
{
	u64 before = all_nmis();

	for (unsigned round = 0; round < ROUNDS; round++) {
		for_each_victim(id)
		{
			EXPECT(nmi_arrives(id));
			EXPECT_EQ(smp_work(id, nothing, NULL), 0);
		}
		EXPECT(all_done());
	}
	EXPECT_EQ(all_nmis() - before, (u64)ROUNDS * min(cpu_online_count - 1, (unsigned)VICTIMS));
}

/* ---- the patcher itself, and those that it has parked ---- */

static int (*hook)(u8 type, u16 clobbers, void *buf, ulong addr, unsigned len);
static u64 hooked, hook_sent, hook_lost;

/* The patcher's hook, between two sites: nobody but the patcher could send any. */
static int hook_with_nmis(u8 type, u16 clobbers, void *buf, ulong addr, unsigned len)
{
	if (hooked++ % 64 == 0) {
		hook_sent++;
		hook_lost += !nmi_arrives(this_cpu()->id);
		for_each_victim(id)
		{
			hook_sent++;
			hook_lost += !nmi_arrives(id);
		}
	}
	return hook(type, clobbers, buf, addr, len);
}

TEST(machine_smp_nmis_into_the_patcher_and_the_parked)
{
	u64 before = all_nmis();

	if (alone() || !pv_patching)
		return;
	pv_unpoison();
	pv_trace_disarm(); /* a site that the hook crosses must not want to be poked */
	hooked = hook_sent = hook_lost = 0;
	hook = pv_ops.init.patch;
	pv_ops.init.patch = hook_with_nmis;
	EXPECT_EQ(pv_patch(PV_ALL_TYPES).sites, pv_site_count());
	pv_ops.init.patch = hook;
	pv_trace_arm();
	pv_poison();
	EXPECT_EQ(hooked, pv_site_count());
	EXPECT(hook_sent >= hooked / 64);
	EXPECT_EQ(hook_lost, 0);
	EXPECT_EQ(all_nmis() - before, hook_sent);
}
