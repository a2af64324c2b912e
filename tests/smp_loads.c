/* What CPUs do to each other and to themselves, counted on both sides: see tests/smp_loads.h. */
#include "lib/log.h"
#include "lib/string.h"
#include "tests/ktest.h"
#include "tests/smp_loads_priv.h"
#include "tests/user.h"

/* ---- what is wrong ---- */

static struct {
	const char *load, *what;
	unsigned cpu;
} wrongs[8];
static unsigned wrong_count;

void smp_load_wrong(const struct smp_load *load, const char *what)
{
	unsigned i = __atomic_fetch_add(&wrong_count, 1, __ATOMIC_RELAXED) % ARRAY_SIZE(wrongs);

	wrongs[i].load = load->name;
	wrongs[i].what = what;
	wrongs[i].cpu = this_cpu()->id;
}

struct smp_load smp_loads[] = {
	{.name = "call one", .turn = load_call_one},
	{.name = "call mask", .turn = load_call_mask},
	{.name = "call all", .turn = load_call_all},
	{.name = "NMI", .turn = load_send_nmi, .begin = load_nmi_begin, .end = load_nmi_end},
	{.name = "page fault",
	 .turn = load_page_fault,
	 .begin = load_fault_begin,
	 .end = load_fault_end,
	 .kind = SMP_LOAD_STORM},
	{.name = "int3", .turn = load_int3, .begin = load_int3_begin, .end = load_int3_end, .kind = SMP_LOAD_STORM},
	{.name = "site", .turn = load_cross_ground, .kind = SMP_LOAD_STORM},
	{.name = "trace hit", .turn = load_trace_hits, .kind = SMP_LOAD_STORM},
	{.name = "user mode", .turn = load_user_mode_and_back, .kind = SMP_LOAD_STORM | SMP_LOAD_SINGLE},
	{.name = "tables", .turn = load_load_tables, .kind = SMP_LOAD_STORM},
	{.name = "lock", .turn = load_contend},
	{.name = "shootdown",
	 .turn = load_shootdown,
	 .begin = load_shootdown_begin,
	 .end = load_shootdown_end,
	 .kind = SMP_LOAD_SINGLE},
	{.name = "park", .turn = load_park},
	{.name = "patch", .turn = load_patch},
	{.name = "work", .turn = load_give_work, .kind = SMP_LOAD_BOOT},
	{.name = "tick", .turn = load_pause_a_while, .begin = load_ticks_begin, .end = load_ticks_end},
	{.name = "timer", .turn = load_timers, .begin = load_timers_begin, .end = load_timers_end},
};

u64 load_beats[NR_CPUS];

const unsigned smp_load_count = ARRAY_SIZE(smp_loads);

void smp_load_turn(struct smp_load *load, u64 random)
{
	unsigned me = this_cpu()->id;

	__atomic_add_fetch(&load_beats[me], 1, __ATOMIC_RELAXED);
	lockup_touch();
	if ((load->kind & SMP_LOAD_BOOT) && me)
		return;
	if ((load->kind & SMP_LOAD_SINGLE) && __atomic_exchange_n(&load->busy, 1, __ATOMIC_ACQUIRE))
		return;
	load->turn(load, random);
	if (load->kind & SMP_LOAD_SINGLE)
		__atomic_store_n(&load->busy, 0, __ATOMIC_RELEASE);
}

bool smp_loads_begin(void)
{
	wrong_count = 0;
	if (!user_setup()) {
		user_teardown();
		return false;
	}
	for (unsigned i = 0; i < smp_load_count; i++) {
		memset(smp_loads[i].sent, 0, sizeof(smp_loads[i].sent));
		memset(smp_loads[i].received, 0, sizeof(smp_loads[i].received));
	}
	for (unsigned i = 0; i < smp_load_count; i++)
		if (smp_loads[i].begin)
			smp_loads[i].begin(&smp_loads[i]);
	return true;
}

void smp_loads_end(void)
{
	for (unsigned i = smp_load_count; i--;)
		if (smp_loads[i].end)
			smp_loads[i].end(&smp_loads[i]);
	user_teardown();
}

/* One load's sums, and whatever is not equal. */
static unsigned report_one(const struct smp_load *load, bool line)
{
	u64 all_sent = 0, all_received = 0;
	unsigned unequal = 0;

	for (unsigned id = 0; id < NR_CPUS; id++) {
		all_sent += load->sent[id];
		all_received += load->received[id];
	}
	if (line)
		printk("soak: %-12s sent %10lu received %10lu\n", load->name, all_sent, all_received);
	for (unsigned id = 0; id < NR_CPUS; id++) {
		if (load->sent[id] == load->received[id])
			continue;
		printk("# %s: %lu sent to CPU %u, %lu received\n", load->name, load->sent[id], id, load->received[id]);
		unequal++;
	}
	return unequal;
}

unsigned smp_loads_report(bool lines)
{
	unsigned unequal = 0, last = min(wrong_count, (unsigned)ARRAY_SIZE(wrongs));

	for (unsigned i = 0; i < smp_load_count; i++)
		unequal += report_one(&smp_loads[i], lines);
	for (unsigned i = 0; i < last; i++)
		printk("# %s on CPU %u: not so: %s\n", wrongs[i].load, wrongs[i].cpu, wrongs[i].what);
	return unequal + wrong_count;
}
