/*
 * Starting the other CPUs: see machine/smp.h. All of them are taken through the steps of ipi_ops at once; how they come
 * to smp_ap_start() is the driver's affair.
 *
 * Must not know: IPIs beyond starting. Read next: machine/lapic_start.c, machine/ipi.c, machine/park.c.
 */
#include "machine/smp.h"

#include "arch/cpumask.h"
#include "lib/log.h"
#include "lib/panic.h"
#include "machine/acpi.h"
#include "machine/ipi.h"
#include "machine/ipi_ops.h"
#include "machine/lockup.h"
#include "machine/park.h"
#include "machine/patience.h"
#include "machine/percpu.h"
#include "machine/time.h"
#include "machine/traps.h"
#include "mmu/frame.h"
#include "mmu/kspace.h"
#include "pvops/lock_debug.h"
#include "pvops/pvops.h"

enum cpu_state { CPU_ABSENT, CPU_STARTING, CPU_ONLINE, CPU_GIVEN_UP };

static unsigned expected_count = 1, prepared_count = 1;
static unsigned kept_from_answering; /* for the test of that; SMP_NO_DEAD_CPU */

unsigned smp_expected(void)
{
	return expected_count;
}

/* ---- on the new CPU ---- */

/* The halt is atomic with the enabling of interrupts, so no work is slept through. */
static void __noreturn __noinline smp_idle(void)
{
	for (;;) {
		lockup_touch();
		pv_irq_disable();
		if (!smp_has_work()) {
			lock_debug_none_held("goes idle");
			pv_safe_halt();
		} else {
			pv_irq_enable();
			smp_run_work();
		}
	}
}

/* Too late is never: the boot CPU has given up the areas of those that did not come. */
void smp_ap_start(unsigned id)
{
	struct percpu *cpu = percpu_of(id);
	u32 state = CPU_STARTING;

	cpu_init(cpu);
	traps_load();
	cpu_enable_features();
	ipi_ops->init_cpu();
	if ((id && id == kept_from_answering) ||
	    !__atomic_compare_exchange_n(&cpu->state, &state, CPU_ONLINE, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		for (;;) /* until it is put back; no site, since text may change */
			asm volatile("pause");
	smp_idle();
}

/* ---- areas ---- */

static int map_area_part(ulong va, u64 size)
{
	for (u64 done = 0; done < size; done += PAGE_SIZE) {
		pa_t frame = frame_alloc_zeroed();

		if (!pa_ok(frame) || pt_map(&kspace_root, va + done, frame, PAGE_SIZE, PT_PROT_RW))
			return -1;
	}
	return 0;
}

/* Stacks without their guards, and the data behind. What was mapped when memory ran out stays: it is boot. */
static int make_area(unsigned id, u32 apic_id)
{
	ulong base = CPU_AREAS_BASE + id * CPU_AREA_SIZE;

	for (unsigned i = 0; i < CPU_AREA_STACKS; i++)
		if (map_area_part(base + i * KSTACK_SLOT + KSTACK_GUARD, KSTACK_SIZE))
			return -1;
	if (map_area_part((ulong)percpu_of(id), ALIGN_UP(sizeof(struct percpu), PAGE_SIZE)))
		return -1;
	percpu_prepare(percpu_of(id), id, base);
	percpu_of(id)->apic_id = apic_id;
	percpu_of(id)->state = CPU_STARTING;
	return 0;
}

/* Numbers follow the MADT's order, the boot CPU being 0. */
static void make_areas(void)
{
	u32 own = ipi_ops->own_id();
	const char *why;

	expected_count = 1;
	for (u32 i = 0; i < acpi_info.cpu_count; i++) {
		const struct acpi_cpu *c = &acpi_info.cpu[i];

		if (!c->enabled || c->apic_id == own)
			continue;
		why = expected_count == NR_CPUS ? "there are more than " STRINGIFY(NR_CPUS) " CPUs"
						: ipi_ops->refuses(c->apic_id);
		if (why) {
			log_line("smp", "CPU with APIC ID %u left out: %s", c->apic_id, why);
			continue;
		}
		if (make_area(expected_count, c->apic_id)) {
			log_line("smp", "no memory for CPU %u and those behind it", expected_count);
			return;
		}
		prepared_count = ++expected_count;
	}
}

/* ---- starting ---- */

static bool all_answered(void)
{
	for (unsigned id = 1; id < prepared_count; id++)
		if (__atomic_load_n(&percpu_of(id)->state, __ATOMIC_ACQUIRE) != CPU_ONLINE)
			return false;
	return true;
}

/* Until all have answered, at most @ns. */
static void wait_for_all(u64 ns)
{
	struct patience patience = patience_begin(ns);

	while (!all_answered() && !patience_ends(&patience))
		asm volatile("pause");
}

/* One step of starting those who have not come. Returns how long to wait for them; 0: it was the last. */
static u64 start_absent(unsigned step)
{
	u64 ns = 0;

	for (unsigned id = 1; id < prepared_count; id++)
		if (__atomic_load_n(&percpu_of(id)->state, __ATOMIC_ACQUIRE) != CPU_ONLINE)
			ns = max(ns, ipi_ops->start_step(id, step));
	return ns;
}

/*
 * From here on those that came are part of the machine. The others will not be, should they still come: they are put
 * back, since what they come by is taken back behind this.
 */
static void take_in(void)
{
	u64 ns = 0, end;

	for (unsigned id = 1; id < prepared_count; id++) {
		u32 state = CPU_STARTING;

		if (__atomic_compare_exchange_n(&percpu_of(id)->state, &state, CPU_GIVEN_UP, false, __ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE)) {
			log_line("smp", "CPU %u (APIC ID %u) does not answer: left out", id, percpu_of(id)->apic_id);
			ns = max(ns, ipi_ops->put_back(id));
			continue;
		}
		cpumask_set(&cpu_online, id);
		cpu_online_count++;
	}
	for (end = time_ns() + ns; time_ns() < end;)
		asm volatile("pause");
}

static void start_all(void)
{
	const char *why = ipi_ops->start_begin();
	unsigned step = 0;
	u64 ns;

	if (why) {
		log_line("smp", "other CPUs cannot start: %s", why);
		return;
	}
	while ((ns = start_absent(step++)))
		wait_for_all(ns);
	wait_for_all(START_PATIENCE_NS);
	take_in();
	ipi_ops->start_end();
}

void smp_report(void)
{
	if (!ipi_ops)
		log_line("smp", "cpus: 1 of 1 online; %s", acpi_info.has_madt ? "no local APIC" : "ACPI names none");
	else
		log_line("smp", "cpus: %u of %u online, IPIs by %s", cpu_online_count, expected_count, ipi_ops->name);
}

void smp_init(unsigned dead)
{
	u64 start = time_ns();

	park_init();
	kept_from_answering = dead;
	if (ipi_ops)
		make_areas();
	if (prepared_count > 1)
		start_all();
	smp_report();
	if (cpu_online_count > 1)
		log_line("smp", "up in %lu us", (time_ns() - start) / 1000);
}
