/*
 * Starting the other CPUs: see machine/smp.h. All of them are taken through the steps of ipi_ops at once. They come by
 * machine/trampoline.asm, copied to a page below 1 MiB, whose contents are put back afterwards.
 *
 * Must not know: IPIs beyond starting. Read next: machine/ipi.c, machine/park.c.
 */
#include "machine/smp.h"

#include "arch/cpumask.h"
#include "arch/regs.h"
#include "lib/log.h"
#include "lib/panic.h"
#include "lib/string.h"
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

#define LOW_FIRST 0x2000UL /* pages to look for one in: above the BIOS's data, below what it may take at the top */
#define LOW_END   0x80000UL

enum cpu_state { CPU_ABSENT, CPU_STARTING, CPU_ONLINE, CPU_GIVEN_UP };

extern u8 trampoline_start[], trampoline_end[], trampoline_gdt_at[], trampoline_jump32[], trampoline_jump64[];
extern u8 trampoline_cr3[], trampoline_cr4[], trampoline_ids[];

static unsigned expected_count = 1, prepared_count = 1;
static u8 low_page_kept[PAGE_SIZE];

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
	if (!__atomic_compare_exchange_n(&cpu->state, &state, CPU_ONLINE, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
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

	expected_count = 1;
	for (u32 i = 0; i < acpi_info.cpu_count; i++) {
		const struct acpi_cpu *c = &acpi_info.cpu[i];

		if (!c->enabled || c->apic_id == own)
			continue;
		if (c->apic_id > 254 || expected_count == NR_CPUS) {
			log_line("smp", "CPU with APIC ID %u left out: %s", c->apic_id,
				 c->apic_id > 254 ? "the ID has more than eight bits"
						  : "there are more than " STRINGIFY(NR_CPUS) " CPUs");
			continue;
		}
		if (make_area(expected_count, c->apic_id)) {
			log_line("smp", "no memory for CPU %u and those behind it", expected_count);
			return;
		}
		prepared_count = ++expected_count;
	}
}

/* ---- the page below 1 MiB ---- */

/* The lowest usable page that no module lies in; PA_NONE: there is none. */
static pa_t find_low_page(void)
{
	const struct memmap *map = frame_memmap();

	for (u64 at = LOW_FIRST; at < LOW_END; at += PAGE_SIZE) {
		const struct frame_reservation *r;
		bool usable = false, taken = false;

		for (u32 i = 0; i < map->count; i++)
			usable |= map->range[i].type == MEM_USABLE && at >= map->range[i].base &&
				  at + PAGE_SIZE <= map->range[i].end;
		for (u32 i = 1; (r = frame_reservation_at(i)); i++) /* 0: low memory itself */
			taken |= pa_below(pa(at), r->end) && pa_below(r->base, pa(at + PAGE_SIZE));
		if (usable && !taken)
			return pa(at);
	}
	return PA_NONE;
}

static void *in_copy(u8 *page, const u8 *symbol)
{
	return page + (symbol - trampoline_start);
}

static bool install_trampoline(pa_t pa, unsigned dead)
{
	u8 *page = pa_va(pa), *ids = in_copy(page, trampoline_ids);

	_Static_assert(NR_CPUS < 0xff, "a CPU's number is a byte, 0xff is none");
	memcpy(low_page_kept, page, PAGE_SIZE);
	memcpy(page, trampoline_start, (size_t)(trampoline_end - trampoline_start));
	*(u32 *)in_copy(page, trampoline_gdt_at) += (u32)pa_num(pa);
	*(u32 *)in_copy(page, trampoline_jump32) += (u32)pa_num(pa);
	*(u32 *)in_copy(page, trampoline_jump64) += (u32)pa_num(pa);
	*(u32 *)in_copy(page, trampoline_cr3) = (u32)pa_num(kspace_root.top);
	if (kspace_root.top_level == PT_PGD)
		*(u32 *)in_copy(page, trampoline_cr4) |= X86_CR4_LA57;
	for (unsigned id = 1; id < prepared_count; id++)
		if (id != dead)
			ids[percpu_of(id)->apic_id] = (u8)id;
	return pa_num(kspace_root.top) < 4 * GIB &&
	       !pt_map(&kspace_root, pa_num(pa), pa, PAGE_SIZE, PT_PROT_RX & ~PTE_G);
}

static void remove_trampoline(pa_t pa)
{
	pt_unmap(&kspace_root, pa_num(pa), PAGE_SIZE);
	memcpy(pa_va(pa), low_page_kept, PAGE_SIZE);
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
static u64 start_absent(pa_t page, unsigned step)
{
	u64 ns = 0;

	for (unsigned id = 1; id < prepared_count; id++)
		if (__atomic_load_n(&percpu_of(id)->state, __ATOMIC_ACQUIRE) != CPU_ONLINE)
			ns = max(ns, ipi_ops->start_step(id, page, step));
	return ns;
}

/*
 * From here on those that came are part of the machine. The others will not be, should they still come: they are put
 * back, since the page in which they may stand, or begin, is taken back behind this.
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

static void start_all(pa_t page)
{
	unsigned step = 0;
	u64 ns;

	while ((ns = start_absent(page, step++)))
		wait_for_all(ns);
	wait_for_all(START_PATIENCE_NS);
	take_in();
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
	pa_t page;

	park_init();
	if (ipi_ops)
		make_areas();
	if (prepared_count > 1) {
		page = find_low_page();
		if (!pa_ok(page))
			log_line("smp", "no usable page below 1 MiB: other CPUs cannot start");
		else if (!install_trampoline(page, dead))
			log_line("smp", "no memory to start other CPUs with");
		else
			start_all(page);
		if (pa_ok(page))
			remove_trampoline(page);
	}
	smp_report();
	if (cpu_online_count > 1)
		log_line("smp", "up in %lu us", (time_ns() - start) / 1000);
}
