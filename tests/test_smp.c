/*
 * Several CPUs: all that ACPI names run, each on data, tables and stacks of its own; calls and work arrive, are counted
 * and answered; a change of page tables is seen by all. What needs a second CPU says so where there is one. Locks and
 * patching: tests/test_smp_patch.c.
 */
#include "arch/cpufeature.h"
#include "arch/regs.h"
#include "boot/main.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "machine/acpi.h"
#include "machine/fault.h"
#include "machine/lapic_priv.h"
#include "machine/patience.h"
#include "machine/percpu.h"
#include "machine/smp.h"
#include "machine/time.h"
#include "mmu/frame.h"
#include "mmu/kspace.h"
#include "mmu/region.h"
#include "pvops/backend.h"
#include "pvops/patch.h"
#include "tests/ktest.h"
#include "tests/pvops_sites.h"
#include "tests/smp.h"

/* ---- who there is ---- */

TEST(machine_smp_all_cpus_are_online)
{
	u32 named = acpi_enabled_cpus(&acpi_info), counted = 0, dead = (u32)boot_options.deadcpu;

	EXPECT_EQ(smp_expected(), acpi_info.has_madt && cpu_has(X86_FEATURE_APIC) ? min(named, (u32)NR_CPUS) : 1);
	EXPECT_EQ(cpu_online_count, smp_expected() - (dead && dead < smp_expected()));
	EXPECT(!dead || dead >= NR_CPUS || !cpumask_has(&cpu_online, dead));
	for (unsigned id = 0; id < NR_CPUS; id++)
		counted += cpumask_has(&cpu_online, id);
	EXPECT_EQ(counted, cpu_online_count);
	EXPECT(cpumask_has(&cpu_online, 0));
}

static struct own {
	ulong gs, cpu, stack, gdt, tr, cr0, cr3, cr4;
	u64 efer, lstar, kernel_gs;
	u32 apic_id, tss_busy;
} own[NR_CPUS];

static void collect_own(void *unused)
{
	struct percpu *cpu = this_cpu();
	struct own *o = &own[cpu->id];
	struct desc_ptr ptr;

	(void)unused;
	asm volatile("sgdt %0" : "=m"(ptr));
	*o = (struct own){
		.gs = pv_read_msr(MSR_GS_BASE),
		.cpu = (ulong)cpu,
		.stack = (ulong)__builtin_frame_address(0),
		.gdt = ptr.base,
		.tr = pv_store_tr(),
		.cr0 = pv_read_cr0(),
		.cr3 = pv_read_cr3(),
		.cr4 = pv_read_cr4(),
		.efer = pv_read_msr(MSR_EFER),
		.lstar = pv_read_msr(MSR_LSTAR),
		.kernel_gs = pv_read_msr(MSR_KERNEL_GS_BASE),
		.apic_id = lapic_id(),
		.tss_busy = (u32)(cpu->gdt[SEL_TSS / 8].raw >> 40 & 0xf),
	};
}

TEST(machine_smp_each_cpu_has_its_own)
{
	const struct own *boot = &own[this_cpu()->id];

	if (alone())
		return;
	memset(own, 0, sizeof(own));
	collect_own(NULL);
	smp_call_others(collect_own, NULL);
	for_each_other(id)
	{
		struct percpu *cpu = percpu_of(id);
		const struct own *o = &own[id];

		EXPECT_EQ(o->cpu, (ulong)cpu);
		EXPECT_EQ(o->gs, (ulong)cpu);
		EXPECT_EQ(o->gdt, (ulong)cpu->gdt);
		EXPECT_EQ(o->tr, SEL_TSS);
		EXPECT_EQ(o->tss_busy, 0xb);
		EXPECT_EQ(o->apic_id, cpu->apic_id);
		EXPECT(region_is_stack(o->stack) && percpu_by_stack(o->stack) == cpu);
		EXPECT(o->apic_id != boot->apic_id && o->gs != boot->gs);
		EXPECT_EQ(o->cr0, boot->cr0);
		EXPECT_EQ(o->cr3, boot->cr3);
		EXPECT_EQ(o->cr4, boot->cr4);
		EXPECT_EQ(o->efer & ~EFER_LMA, boot->efer & ~EFER_LMA);
		EXPECT_EQ(o->lstar, boot->lstar);
		EXPECT_EQ(o->kernel_gs, 0);
		for (int i = 0; i < 3; i++) {
			EXPECT(region_is_stack(cpu->tss.ist[i] - 8) && percpu_by_stack(cpu->tss.ist[i] - 8) == cpu);
			EXPECT(cpu->tss.ist[i] != cpu->stack_top && cpu->tss.ist[i] != cpu->tss.ist[(i + 1) % 3]);
		}
	}
}

extern const u8 trampoline_start[];

/* The page that the others started in is as it was, and no longer mapped at its own address. */
TEST(machine_smp_trampoline_is_gone)
{
	u8 value;

	for (u64 at = PAGE_SIZE; at < 0x80000; at += PAGE_SIZE) {
		if (fault_read8((ulong)pa_va(pa(at)), &value, NULL)) /* it is RAM */
			EXPECT(memcmp(pa_va(pa(at)), trampoline_start, 64) != 0);
		EXPECT(!fault_read8(at, &value, NULL));
	}
}

#define START_PAGE  0x8000UL
#define START_BYTES 16

/* Sends @cpu to real mode code of ours, which leaves a mark; true: it began there. */
static bool begins_anew(unsigned cpu)
{
	static const u8 code[START_BYTES] = {0x2e, 0xc6, 0x06, 0x0f, 0x00, 0x01, /* movb $1, %cs:0xf */
					     0xfa, 0xf4, 0xeb, 0xfc};            /* cli; hlt; jmp */
	u8 *page = pa_va(pa(START_PAGE)), kept[START_BYTES], mark = 0;

	memcpy(kept, page, sizeof(kept));
	memcpy(page, code, sizeof(code));
	lapic_send(cpu, ICR_STARTUP | (u32)(START_PAGE >> PAGE_SHIFT));
	for (u64 end = time_ns() + 1000000000; !mark && time_ns() < end;)
		mark = __atomic_load_n(&page[START_BYTES - 1], __ATOMIC_ACQUIRE);
	for (u64 end = time_ns() + ipi_ops->put_back(cpu); time_ns() < end;)
		asm volatile("pause");
	memcpy(page, kept, sizeof(kept));
	return mark;
}

/*
 * A CPU that was given up stands nowhere, least of all in the page that it was to start in: it waits to be started,
 * which a CPU that executes anything would not hear.
 */
TEST(machine_smp_given_up_cpu_stands_nowhere)
{
	unsigned given_up = 0;

	for (unsigned id = 1; id < smp_expected(); id++) {
		if (cpumask_has(&cpu_online, id))
			continue;
		given_up++;
		EXPECT(begins_anew(id));
		EXPECT(begins_anew(id));
	}
	if (!given_up)
		ktest_not_here("all CPUs came");
}

TEST(machine_smp_stack_guards_fault)
{
	for_each_other(id)
	{
		for (unsigned i = 0; i < CPU_AREA_STACKS; i++) {
			ulong guard = CPU_AREAS_BASE + id * CPU_AREA_SIZE + i * KSTACK_SLOT;

			EXPECT(region_is_guard(guard) && !region_is_stack(guard));
			EXPECT(!fault_read8(guard, NULL, NULL) && !fault_read8(guard + KSTACK_GUARD - 1, NULL, NULL));
			EXPECT(fault_read8(guard + KSTACK_GUARD, NULL, NULL));
			EXPECT(fault_read8(guard + KSTACK_SLOT - 1, NULL, NULL));
		}
	}
}

/* ---- calls and work ---- */

static u32 calls[NR_CPUS], total;

static void count_call(void *arg)
{
	EXPECT(arg == calls);
	EXPECT(!(pv_save_fl() & X86_EFLAGS_IF));
	calls[this_cpu()->id]++;
	__atomic_add_fetch(&total, 1, __ATOMIC_RELAXED);
}

TEST(machine_smp_calls_are_counted)
{
	const u32 rounds = 200;

	if (alone())
		return;
	memset(calls, 0, sizeof(calls));
	total = 0;
	for (u32 i = 0; i < rounds; i++) {
		smp_call_others(count_call, calls);
		EXPECT_EQ(total, (i + 1) * (cpu_online_count - 1)); /* all are through when it returns */
	}
	for_each_other(id)
	{
		EXPECT_EQ(calls[id], rounds);
		smp_call_one(id, count_call, calls);
		EXPECT_EQ(calls[id], rounds + 1);
	}
	EXPECT_EQ(calls[this_cpu()->id], 0);
	smp_call_one(this_cpu()->id, count_call, calls); /* nobody */
	EXPECT_EQ(calls[this_cpu()->id], 0);
	EXPECT(pv_save_fl() & X86_EFLAGS_IF);
}

/* What takes its time is over when the call returns. */
static void count_late(void *unused)
{
	(void)unused;
	for (u64 end = pv_sched_clock() + 2000000; pv_sched_clock() < end;)
		asm volatile("pause");
	__atomic_add_fetch(&total, 1, __ATOMIC_RELAXED);
}

TEST(machine_smp_calls_are_through)
{
	if (alone())
		return;
	total = 0;
	for (u32 i = 1; i <= 5; i++) {
		smp_call_others(count_late, NULL);
		EXPECT_EQ(__atomic_load_n(&total, __ATOMIC_RELAXED), i * (cpu_online_count - 1));
	}
}

#define CROSS_ROUNDS scaled(50)

/* Everybody calls everybody at once: who waits for an answer must give answers. */
static void call_around(void *arg)
{
	for (u32 i = 0; i < CROSS_ROUNDS; i++)
		smp_call_others(arg, NULL);
}

static void add_one(void *unused)
{
	(void)unused;
	__atomic_add_fetch(&total, 1, __ATOMIC_RELAXED);
}

TEST(machine_smp_calls_cross)
{
	if (alone())
		return;
	total = 0;
	give_all(call_around, add_one);
	call_around(add_one);
	EXPECT(all_done());
	EXPECT_EQ(total, CROSS_ROUNDS * cpu_online_count * (cpu_online_count - 1));
}

static volatile bool hold_on;

static void until_told(void *unused)
{
	(void)unused;
	EXPECT(pv_save_fl() & X86_EFLAGS_IF);
	while (hold_on)
		asm volatile("pause");
	add_one(NULL);
}

TEST(machine_smp_work_is_done_once)
{
	if (alone())
		return;
	total = 0;
	hold_on = true;
	give_all(until_told, NULL);
	for_each_other(id)
	{
		EXPECT(!smp_work_done(id));
		EXPECT_EQ(smp_work(id, until_told, NULL), (u64)-EBUSY);
	}
	hold_on = false;
	EXPECT(all_done());
	EXPECT_EQ(total, cpu_online_count - 1);
}

#define GIVEN 200

static u32 accepted, times_run;

static void run_given(void *unused)
{
	(void)unused;
	__atomic_add_fetch(&times_run, 1, __ATOMIC_RELAXED);
}

/* Gives one CPU work until it has taken enough. */
static void give_and_give(void *to)
{
	for (u32 mine = 0; mine < scaled(GIVEN);) {
		if (smp_work(*(unsigned *)to, run_given, NULL) == 0) {
			mine++;
			lockup_touch();
		}
		asm volatile("pause");
	}
	__atomic_add_fetch(&accepted, scaled(GIVEN), __ATOMIC_RELAXED);
}

/* What was accepted is run, once, whoever else gives to the same CPU at that moment. */
TEST(machine_smp_crowding_givers_lose_nothing)
{
	unsigned to = other_cpu(0);

	EXPECT_EQ(smp_work(0, run_given, NULL), (u64)-EINVAL);
	EXPECT_EQ(smp_work(NR_CPUS, run_given, NULL), (u64)-EINVAL);
	if (cpu_online_count < 3) {
		ktest_not_here("fewer than three CPUs");
		return;
	}
	accepted = times_run = 0;
	for_each_other(id)
	{
		if (id != to)
			EXPECT_EQ(smp_work(id, give_and_give, &to), 0);
	}
	give_and_give(&to);
	EXPECT(all_done() && all_done()); /* then nobody gives any more, and what was given last is through */
	EXPECT_EQ(times_run, accepted);
}

/* A reschedule interrupt ends a halt, and that is all: one for each that is sent, if the former one has arrived. */
TEST(machine_smp_resched_arrives)
{
	if (alone())
		return;
	for_each_other(id)
	{
		struct percpu *cpu = percpu_of(id);
		u64 end = pv_sched_clock() + PATIENCE_NS, unexpected = cpu->unexpected_count;

		for (int i = 0; i < 10; i++) {
			u64 before = __atomic_load_n(&cpu->irq_count[VECTOR_RESCHED], __ATOMIC_ACQUIRE);

			smp_resched(id);
			while (__atomic_load_n(&cpu->irq_count[VECTOR_RESCHED], __ATOMIC_ACQUIRE) == before &&
			       pv_sched_clock() < end)
				asm volatile("pause");
			EXPECT_EQ(cpu->irq_count[VECTOR_RESCHED], before + 1);
		}
		EXPECT_EQ(cpu->unexpected_count, unexpected);
		EXPECT(smp_work_done(id));
	}
}

/* ---- a machine that was stopped ---- */

static const struct percpu *caller;
static u64 stopped_ns; /* the caller has not seen so much go by */
static u64 (*real_clock)(void);

static u64 clock_of_stopped(void)
{
	return real_clock() + (this_cpu() == caller ? __atomic_load_n(&stopped_ns, __ATOMIC_RELAXED) : 0);
}

/* While the caller waits for us its clock jumps; it looks at it often before it has its answer. */
static void stop_the_caller(void *unused)
{
	(void)unused;
	for (u64 end = pv_sched_clock() + 1000000; pv_sched_clock() < end;)
		asm volatile("pause");
	__atomic_store_n(&stopped_ns, 2 * CALL_PATIENCE_NS, __ATOMIC_RELAXED);
	for (u64 end = pv_sched_clock() + 2000000; pv_sched_clock() < end;)
		asm volatile("pause");
	__atomic_store_n(&stopped_ns, 0, __ATOMIC_RELAXED);
	add_one(NULL);
}

/* Somebody stops the whole machine for longer than a call may take: nobody is to blame. */
TEST(machine_smp_calls_outlast_a_stopped_machine)
{
	if (alone())
		return;
	caller = this_cpu();
	total = 0;
	pvops_test_begin();
	real_clock = pv_ops.time.sched_clock;
	pv_ops.time.sched_clock = clock_of_stopped;
	pv_patch(PV_TYPE(time, sched_clock));
	smp_call_one(other_cpu(0), stop_the_caller, NULL);
	if (!pv_patching)
		pv_unpatch(PV_TYPE(time, sched_clock));
	pvops_test_end();
	EXPECT_EQ(total, 1);
}

/* ---- the TLB ---- */

static u8 seen[NR_CPUS];

static void look(void *va)
{
	u8 value = 0;

	if (!fault_read8((ulong)va, &value, NULL))
		value = 0xee;
	seen[this_cpu()->id] = value;
}

static void expect_seen(void *va, u8 want)
{
	memset(seen, 0, sizeof(seen));
	smp_call_others(look, va);
	for_each_other(id)
	{
		EXPECT_EQ(seen[id], want);
	}
}

/* Others have read through the first mapping, so their TLBs hold it; with it gone they must fault. */
TEST(machine_smp_changed_page_is_seen)
{
	pa_t first = frame_alloc_zeroed(), second = frame_alloc_zeroed();
	const ulong va = SCRATCH_BASE, many = 64 * PAGE_SIZE;

	if (alone()) {
		frame_free(first);
		frame_free(second);
		return;
	}
	REQUIRE(pa_ok(first) && pa_ok(second));
	*(u8 *)pa_va(first) = 0x11;
	*(u8 *)pa_va(second) = 0x22;
	for (int i = 0; i < 20; i++) {
		EXPECT_EQ(pt_map(&kspace_root, va, first, PAGE_SIZE, PT_PROT_RW), 0);
		expect_seen((void *)va, 0x11);
		EXPECT_EQ(pt_unmap(&kspace_root, va, PAGE_SIZE), 0);
		expect_seen((void *)va, 0xee);
		EXPECT_EQ(pt_map(&kspace_root, va, second, PAGE_SIZE, PT_PROT_RW), 0);
		expect_seen((void *)va, 0x22);
		EXPECT_EQ(pt_unmap(&kspace_root, va, PAGE_SIZE), 0);
	}
	for (ulong at = 0; at < many; at += PAGE_SIZE) /* more than are flushed one by one */
		EXPECT_EQ(pt_map(&kspace_root, va + at, first, PAGE_SIZE, PT_PROT_RW), 0);
	expect_seen((void *)(va + many - PAGE_SIZE), 0x11);
	EXPECT_EQ(pt_unmap(&kspace_root, va, many), 0);
	expect_seen((void *)(va + many - PAGE_SIZE), 0xee);
	frame_free(first);
	frame_free(second);
}
