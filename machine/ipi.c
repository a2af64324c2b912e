/*
 * Calls between CPUs: see machine/ipi.h. A caller has one call at a time, in its own struct percpu; its bit in the
 * other's inbox says that it is for it. So nothing is allocated, and two that call each other answer each other.
 *
 * Must not know: page tables, beyond what a TLB flush is told. Read next: machine/park.c.
 */
#include "machine/ipi.h"

#include "arch/native.h"
#include "lib/errno.h"
#include "lib/panic.h"
#include "machine/acpi.h"
#include "machine/ipi_ops.h"
#include "machine/lapic.h"
#include "machine/patience.h"
#include "machine/percpu.h"
#include "machine/traps.h"
#include "mmu/tlb.h"
#include "pvops/lazy.h"
#include "pvops/pvops.h"

const struct ipi_ops *ipi_ops;

void smp_serve(void)
{
	struct cpumask from = cpumask_take(&this_cpu()->inbox);

	for_each_cpu_in(id, &from) {
		struct smp_call *call = &percpu_of(id)->call;

		call->fn(call->arg);
		__atomic_sub_fetch(&call->pending, 1, __ATOMIC_RELEASE);
	}
}

static bool call_interrupt(struct pt_regs *regs)
{
	(void)regs;
	smp_serve();
	return true;
}

/* What it is for stands elsewhere: it only ends a halt. */
static bool resched_interrupt(struct pt_regs *regs)
{
	(void)regs;
	return true;
}

void ipi_init(bool x2apic)
{
	trap_set_handler(VECTOR_CALL, call_interrupt);
	trap_set_handler(VECTOR_RESCHED, resched_interrupt);
	ipi_ops = acpi_info.has_madt ? lapic_init(pa(acpi_info.lapic_pa), x2apic) : NULL;
}

static void wait_for_answers(const struct smp_call *call)
{
	struct patience patience = patience_begin(CALL_PATIENCE_NS);

	while (__atomic_load_n(&call->pending, __ATOMIC_ACQUIRE)) {
		smp_serve();
		asm volatile("pause");
		if (patience_ends(&patience))
			panic("a CPU does not answer a call of CPU %u", this_cpu()->id);
	}
}

void smp_call_mask(const struct cpumask *cpus, void (*fn)(void *arg), void *arg)
{
	struct percpu *me = this_cpu();
	struct cpumask to = cpumask_and(cpus, &cpu_online);
	ulong flags;

	cpumask_clear(&to, me->id);
	if (cpumask_empty(&to) || panic_started())
		return;
	flags = pv_irq_save();
	BUG_ON(lazy_irq_depth() || me->call.pending || me->has_parked);
	me->call.fn = fn;
	me->call.arg = arg;
	__atomic_store_n(&me->call.pending, cpumask_count(&to), __ATOMIC_RELEASE);
	for_each_cpu_in(id, &to) {
		cpumask_set(&percpu_of(id)->inbox, me->id);
		ipi_ops->send(id, VECTOR_CALL);
	}
	wait_for_answers(&me->call);
	pv_irq_restore(flags);
}

void smp_call_others(void (*fn)(void *arg), void *arg)
{
	smp_call_mask(&cpu_online, fn, arg);
}

void smp_call_one(unsigned cpu, void (*fn)(void *arg), void *arg)
{
	struct cpumask one = cpumask_of(cpu);

	smp_call_mask(&one, fn, arg);
}

void smp_resched(unsigned cpu)
{
	ipi_ops->send(cpu, VECTOR_RESCHED);
}

/* ---- work ---- */

int smp_work(unsigned cpu, void (*fn)(void *arg), void *arg)
{
	struct percpu *other = percpu_of(cpu);
	u32 taken = 0;

	if (!cpu || cpu >= NR_CPUS || !cpumask_has(&cpu_online, cpu))
		return -EINVAL;
	if (!__atomic_compare_exchange_n(&other->work_taken, &taken, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return -EBUSY;
	other->work_arg = arg;
	__atomic_store_n(&other->work, fn, __ATOMIC_RELEASE);
	smp_resched(cpu);
	return 0;
}

bool smp_work_done(unsigned cpu)
{
	return !__atomic_load_n(&percpu_of(cpu)->work_taken, __ATOMIC_ACQUIRE);
}

bool smp_has_work(void)
{
	return __atomic_load_n(&this_cpu()->work, __ATOMIC_ACQUIRE);
}

bool smp_run_work(void)
{
	struct percpu *cpu = this_cpu();
	void (*fn)(void *arg) = __atomic_load_n(&cpu->work, __ATOMIC_ACQUIRE);

	if (!fn)
		return false;
	fn(cpu->work_arg);
	__atomic_store_n(&cpu->work, NULL, __ATOMIC_RELAXED);
	__atomic_store_n(&cpu->work_taken, 0, __ATOMIC_RELEASE);
	return true;
}

/* ---- the TLB ---- */

static void flush_here(void *arg)
{
	tlb_flush_local(arg);
}

/* The op flush_tlb_others: the local TLB is the caller's affair. */
void native_flush_tlb_others(const struct cpumask *cpus, const struct flush_tlb_info *info)
{
	smp_call_mask(cpus, flush_here, (void *)info);
}
