/*
 * Parking and stopping: see machine/park.h.
 *
 * Parking is by an ordinary interrupt, whose handler looks at what it interrupted: the middle of a site (between pushf
 * and pop) must not change below it; it then goes on, and is asked again. Where only the site's filling is left, behind
 * a call from the site too, it will go on behind that.
 *
 * A CPU may wait for another one that is parked already: one that is called leaves, answers, and is asked again. A try
 * that takes too long all the same lets everybody go, and is repeated.
 */
#include "machine/park.h"

#include "arch/cpumask.h"
#include "arch/layout.h"
#include "arch/poke.h"
#include "arch/section.h"
#include "lib/log.h"
#include "lib/panic.h"
#include "machine/dump.h"
#include "machine/ipi.h"
#include "machine/ipi_ops.h"
#include "machine/patience.h"
#include "machine/traps.h"
#include "pvops/patch.h"
#include "pvops/pvops.h"

#define PARK_TRIES 100
#define RESEND_NS  200000UL
#define NOBODY     0xffffffffU

static u32 park_owner = NOBODY, park_depth;
static u32 wanted;              /* CPUs are to park, and to stay parked */
static u32 parked_count;        /* of them */
static struct cpumask declined; /* who could not, and is to be asked again */

static bool park_wanted(void)
{
	return __atomic_load_n(&wanted, __ATOMIC_ACQUIRE);
}

/*
 * Interrupts off. CPUID serialises: what is executed afterwards was fetched afterwards (SDM 3A 8.3). False: it left
 * early, because it has been called; the caller waits, so not all are parked, and will not be before it has its answer.
 */
static __entry_raw bool park_here(const struct percpu *me)
{
	u32 eax = 0, ecx = 0;
	bool called = false;

	__atomic_add_fetch(&parked_count, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&wanted, __ATOMIC_ACQUIRE) && !called) {
		asm volatile("pause");
		called = !cpumask_empty(&me->inbox);
	}
	asm volatile("cpuid" : "+a"(eax), "+c"(ecx)::"rbx", "rdx", "memory");
	__atomic_sub_fetch(&parked_count, 1, __ATOMIC_ACQ_REL);
	return !called;
}

/*
 * Looks at rip and at each word of the stack that could be a return address. False: one is in the middle of a site.
 * With @move those that have only the filling of a site before them are moved behind it; nothing but a return address
 * looks so.
 */
static bool look_below(struct pt_regs *regs, bool move)
{
	ulong top = this_cpu()->stack_top, to = pv_site_leave(regs->rip);

	if (user_mode(regs))
		return true;
	if (!to || regs->rsp > top || regs->rsp < top - KSTACK_SIZE)
		return false;
	if (move)
		regs->rip = to;
	for (ulong *word = (ulong *)regs->rsp; (ulong)word < top; word++) {
		if (*word - (ulong)__text_start >= (ulong)(__text_end - __text_start))
			continue;
		to = pv_site_leave(*word);
		if (!to)
			return false;
		if (move)
			*word = to;
	}
	return true;
}

static bool park_interrupt(struct pt_regs *regs)
{
	const struct percpu *me = this_cpu();

	if (__atomic_load_n(&park_owner, __ATOMIC_RELAXED) == me->id)
		return true; /* asked by a former owner, and late */
	if (park_wanted() && look_below(regs, false)) {
		look_below(regs, true);
		if (park_here(me))
			return true;
	}
	cpumask_set(&declined, me->id);
	return true;
}

static void ask(struct cpumask to)
{
	for_each_cpu_in(id, &to)
		ipi_ops->send(id, VECTOR_PARK);
}

/*
 * Who has declined, and has had time to go on: a request that comes before the last one's handler is through would let
 * it stand where it is for ever, on a machine where the handler takes longer than RESEND_NS.
 */
static void ask_again(void)
{
	ask(cpumask_take(&declined));
}

static void release_all(void)
{
	__atomic_store_n(&wanted, 0, __ATOMIC_RELEASE);
	while (__atomic_load_n(&parked_count, __ATOMIC_ACQUIRE))
		asm volatile("pause");
}

/* Interrupts off. Answers calls: who waits for an answer does not park. */
static bool try_to_park(void)
{
	struct patience patience = patience_begin(PARK_PATIENCE_NS);
	u64 asked = time_ns(), now;

	cpumask_take(&declined);
	__atomic_store_n(&wanted, 1, __ATOMIC_RELEASE);
	ask(cpumask_without(&cpu_online, this_cpu()->id));
	while (__atomic_load_n(&parked_count, __ATOMIC_ACQUIRE) < cpu_online_count - 1) {
		smp_serve();
		asm volatile("pause");
		if (patience_ends(&patience)) {
			release_all();
			return false;
		}
		now = time_ns();
		if (now - asked > RESEND_NS) {
			asked = now;
			ask_again();
		}
	}
	return true;
}

/* One at a time; whoever waits for its turn can be parked itself, and is called from no site. */
static void become_owner(u32 me)
{
	u32 nobody = NOBODY;

	while (!__atomic_compare_exchange_n(&park_owner, &nobody, me, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		nobody = NOBODY;
		smp_serve();
		if (park_wanted())
			park_here(this_cpu());
		asm volatile("pause");
	}
}

bool smp_park(void)
{
	u32 me = this_cpu()->id;
	ulong flags;
	bool done = false;

	if (cpu_online_count == 1)
		return true;
	if (__atomic_load_n(&park_owner, __ATOMIC_RELAXED) == me) {
		park_depth++;
		return true;
	}
	flags = pv_irq_save();
	become_owner(me);
	for (unsigned i = 0; i < PARK_TRIES && !done; i++)
		done = try_to_park();
	park_depth = done;
	this_cpu()->has_parked = done;
	if (!done)
		__atomic_store_n(&park_owner, NOBODY, __ATOMIC_RELEASE);
	pv_irq_restore(flags);
	return done;
}

void smp_unpark(void)
{
	if (cpu_online_count == 1 || --park_depth)
		return;
	this_cpu()->has_parked = false;
	release_all();
	__atomic_store_n(&park_owner, NOBODY, __ATOMIC_RELEASE);
}

void park_init(void)
{
	static const struct pv_parking parking = {smp_park, smp_unpark};

	trap_set_handler(VECTOR_PARK, park_interrupt);
	pv_parking = &parking;
}

/* ---- stopping for good ---- */

static u32 panic_owner = NOBODY;

__entry_raw void park_nmi(struct percpu *cpu, const struct pt_regs *regs)
{
	u32 owner = __atomic_load_n(&panic_owner, __ATOMIC_ACQUIRE);

	if (owner == NOBODY || owner == cpu->id)
		return;
	__atomic_store_n(&cpu->stopped_at, regs, __ATOMIC_RELEASE);
	for (;;)
		asm volatile("hlt");
}

static bool all_stopped(u32 me)
{
	for_each_online_cpu(id)
		if (id != me && !__atomic_load_n(&percpu_of(id)->stopped_at, __ATOMIC_ACQUIRE))
			return false;
	return true;
}

static void stop_others(u32 me)
{
	struct patience patience = patience_begin(STOP_PATIENCE_NS);

	for_each_online_cpu(id)
		if (id != me)
			ipi_ops->send_nmi(id);
	while (!all_stopped(me) && !patience_ends(&patience))
		asm volatile("pause");
}

/* Whose GS it is, nobody knows in a panic: the stack tells the CPU. */
void smp_panic_enter(void)
{
	u32 me = percpu_by_stack((ulong)__builtin_frame_address(0))->id, owner = NOBODY;

	if (!__atomic_compare_exchange_n(&panic_owner, &owner, me, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		while (owner != me)
			asm volatile("pause"); /* its NMI comes, and finds us here */
		return;
	}
	poke_in_panic = true;
	if (cpu_online_count > 1)
		stop_others(me);
}

void smp_panic_backtraces(void)
{
	for_each_online_cpu(id) {
		const struct pt_regs *regs;

		if (id == panic_owner)
			continue;
		regs = percpu_of(id)->stopped_at;
		if (!regs) {
			printk("CPU %u: did not stop\n", id);
		} else if (user_mode(regs)) {
			printk("CPU %u: in user mode at %016lx\n", id, regs->rip);
		} else {
			printk("CPU %u: ", id);
			dump_backtrace(regs->rip, regs->rbp);
		}
	}
}
