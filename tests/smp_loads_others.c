/*
 * Rows of smp_loads[] that are between CPUs: calls, NMIs, a lock, the TLB's shootdown, parking, patching, work; and the
 * timer's ticks. See tests/smp_loads.h.
 */
#include "lib/string.h"
#include "machine/fault.h"
#include "machine/park.h"
#include "machine/pic.h"
#include "machine/traps.h"
#include "mmu/frame.h"
#include "mmu/kspace.h"
#include "pvops/backend.h"
#include "pvops/patch.h"
#include "pvops/qspinlock.h"
#include "pvops/trace.h"
#include "tests/smp.h"
#include "tests/smp_loads_priv.h"

/* ---- calls ---- */

static void called(void *load)
{
	load_received(load);
}

/* One of the others; the CPU itself where there is none. */
static unsigned another(u64 random)
{
	unsigned me = this_cpu()->id, left = (unsigned)(random % cpu_online_count);

	for_each_online_cpu(id)
		if (id != me && left-- <= 1)
			return id;
	return me;
}

void load_call_one(struct smp_load *load, u64 random)
{
	unsigned to = another(random);

	if (to == this_cpu()->id)
		return;
	load_sent(load, to);
	smp_call_one(to, called, load);
}

void load_call_mask(struct smp_load *load, u64 random)
{
	struct cpumask some = {{0}};

	for_each_online_cpu(id)
		if (random >> id % 61 & 1)
			cpumask_set(&some, id);
	for_each_other(id)
	{
		if (cpumask_has(&some, id))
			load_sent(load, id);
	}
	smp_call_mask(&some, called, load);
}

void load_call_all(struct smp_load *load, u64 random)
{
	(void)random;
	for_each_other(id)
	{
		load_sent(load, id);
	}
	smp_call_others(called, load);
}

/* ---- NMIs ---- */

static u32 nmi_under_way[NR_CPUS]; /* a second one would be one with the first */

static struct smp_load *nmi_load;

void smp_load_nmi(unsigned to)
{
	if (__atomic_exchange_n(&nmi_under_way[to], 1, __ATOMIC_ACQUIRE))
		return;
	load_sent(nmi_load, to);
	LOOK(nmi_load, nmi_arrives(to));
	__atomic_store_n(&nmi_under_way[to], 0, __ATOMIC_RELEASE);
}

void load_send_nmi(struct smp_load *load, u64 random)
{
	(void)load;
	smp_load_nmi(random % 8 ? another(random) : this_cpu()->id);
}

static void count_nmis(u64 *count, u64 sign)
{
	for_each_online_cpu(id)
		count[id] += sign * __atomic_load_n(&percpu_of(id)->nmi_count, __ATOMIC_RELAXED);
}

void load_nmi_begin(struct smp_load *load)
{
	nmi_load = load;
	count_nmis(load->received, -1UL);
}

void load_nmi_end(struct smp_load *load)
{
	count_nmis(load->received, 1);
}

/* ---- what is common to all ---- */

static struct qspinlock lock;

void load_contend(struct smp_load *load, u64 random)
{
	volatile u64 *count = &load->received[0];
	u64 before;
	ulong flags;

	(void)random;
	load_sent(load, 0);
	flags = spin_lock_irq_save(&lock);
	before = *count;
	asm volatile("pause");
	*count = before + 1; /* lost, if another CPU is here too */
	spin_unlock_irq_restore(&lock, flags);
}

#define SHARED_VA (SCRATCH_BASE + 0x40000000UL)

static struct {
	struct smp_load *load;
	pa_t pa[2];
	u8 want; /* what is to be read; 0: nothing is there */
} shared;

/* In the interrupt of a call, which may have come in the middle of a caught fault. */
static void look_at_shared(void *unused)
{
	struct fault_record kept = this_cpu()->fault;
	u8 value = 0;

	(void)unused;
	if (!shared.want)
		load_sent(load_of_faults, this_cpu()->id);
	if (fault_read8(SHARED_VA, &value, NULL) ? value == shared.want : !shared.want)
		load_received(shared.load);
	this_cpu()->fault = kept;
}

static void expect_shared(u8 want)
{
	shared.want = want;
	for_each_other(id)
	{
		load_sent(shared.load, id);
	}
	smp_call_others(look_at_shared, NULL);
}

void load_shootdown(struct smp_load *load, u64 random)
{
	(void)random;
	for (u8 i = 0; i < 2; i++) {
		LOOK(load, pt_map(&kspace_root, SHARED_VA, shared.pa[i], PAGE_SIZE, PT_PROT_RW) == 0);
		expect_shared((u8)(i + 1));
		LOOK(load, pt_unmap(&kspace_root, SHARED_VA, PAGE_SIZE) == 0);
		expect_shared(0);
	}
}

void load_shootdown_begin(struct smp_load *load)
{
	shared.load = load;
	for (u8 i = 0; i < 2; i++) {
		shared.pa[i] = frame_alloc_zeroed();
		LOOK(load, pa_ok(shared.pa[i]));
		if (pa_ok(shared.pa[i]))
			*(u8 *)pa_va(shared.pa[i]) = (u8)(i + 1);
	}
}

void load_shootdown_end(struct smp_load *load)
{
	(void)load;
	for (u8 i = 0; i < 2; i++)
		if (pa_ok(shared.pa[i]))
			frame_free(shared.pa[i]);
}

/* The others stand: what they count does not change. */
void load_park(struct smp_load *load, u64 random)
{
	u64 before[NR_CPUS];

	(void)random;
	if (!smp_park()) {
		smp_load_wrong(load, "smp_park()");
		return;
	}
	memcpy(before, load_beats, sizeof(before));
	for (u64 end = pv_sched_clock() + 20000; pv_sched_clock() < end;)
		asm volatile("pause");
	for_each_other(id)
	{
		load_sent(load, id);
		load->received[id] += __atomic_load_n(&load_beats[id], __ATOMIC_RELAXED) == before[id];
	}
	smp_unpark();
}

void load_patch(struct smp_load *load, u64 random)
{
	(void)random;
	if (!pv_patching || __atomic_exchange_n(&load_text_busy, 1, __ATOMIC_ACQUIRE))
		return;
	load_sent(load, this_cpu()->id);
	if (pv_patch(PV_ALL_TYPES).sites == pv_site_count())
		load_received(load);
	pv_trace_arm();
	__atomic_store_n(&load_text_busy, 0, __ATOMIC_RELEASE);
}

/* ---- work for CPUs that idle, and time ---- */

static void work_begins(void *load);

void load_give_work(struct smp_load *load, u64 random)
{
	(void)random;
	for_each_other(id)
	{
		if (!smp_work_done(id))
			continue;
		load_sent(load, id);
		LOOK(load, smp_work(id, work_begins, load) == 0);
	}
}

static u64 next_random(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Some turns of anything, then this CPU idles again. */
static void work_begins(void *load)
{
	unsigned me = this_cpu()->id;
	u64 state = (pv_read_tsc() + me) | 1;

	for (u64 left = next_random(&state) % 32; left; left--) {
		u64 random = next_random(&state);

		smp_load_turn(&smp_loads[random % smp_load_count], next_random(&state));
		asm volatile("pause");
	}
	load_received(load);
}
