/* Rows of smp_loads[] that a CPU does to itself, and that NMIs are sent into: see tests/smp_loads.h. */
#include "arch/poke.h"
#include "arch/regs.h"
#include "machine/fault.h"
#include "machine/traps.h"
#include "pvops/backend.h"
#include "pvops/patch.h"
#include "pvops/trace.h"
#include "tests/smp.h"
#include "tests/smp_loads_priv.h"
#include "tests/user.h"

struct smp_load *load_of_faults;
static struct smp_load *int3_load;

static bool count_fault(struct pt_regs *regs)
{
	(void)regs;
	load_received(load_of_faults);
	return false; /* what catches faults is behind this */
}

static bool count_int3(struct pt_regs *regs)
{
	(void)regs;
	load_received(int3_load);
	return true;
}

/* Each CPU the guard of another stack. */
void load_page_fault(struct smp_load *load, u64 random)
{
	ulong va = (ulong)boot_stack_slot + random % KSTACK_GUARD;
	struct fault_record r;
	u8 value;

	load_sent(load, this_cpu()->id);
	LOOK(load, !fault_read8(va, &value, &r) && r.vector == X86_TRAP_PF && r.address == va && r.error == 0);
}

void load_fault_begin(struct smp_load *load)
{
	load_of_faults = load;
	trap_set_handler(X86_TRAP_PF, count_fault);
}

void load_fault_end(struct smp_load *load)
{
	(void)load;
	trap_set_handler(X86_TRAP_PF, NULL);
}

void load_int3(struct smp_load *load, u64 random)
{
	u64 kept = random;

	load_sent(load, this_cpu()->id);
	asm volatile("int3" : "+r"(kept)::"memory");
	LOOK(load, kept == random);
}

void load_int3_begin(struct smp_load *load)
{
	int3_load = load;
	trap_set_handler(X86_TRAP_BP, count_int3);
}

void load_int3_end(struct smp_load *load)
{
	(void)load;
	trap_set_handler(X86_TRAP_BP, NULL);
}

/* The sites that are armed again and again, and crossed by all. */
static __noinline u64 ground(void)
{
	ulong flags = pv_irq_save();
	u64 now = pv_read_tsc() ^ pv_read_cr3();

	pv_irq_restore(flags);
	return now;
}

void load_cross_ground(struct smp_load *load, u64 random)
{
	(void)random;
	load_sent(load, this_cpu()->id);
	ground();
	LOOK(load, pv_save_fl() & X86_EFLAGS_IF);
	load_received(load);
}

u32 load_text_busy;

#define GROUND_SITES 4

struct ground_site {
	u8 *instr;
	struct pv_site_state *state;
};

static void find_ground(struct ground_site *site)
{
	static const u8 types[GROUND_SITES] = {PV_TYPE(irq, save_fl), PV_TYPE(irq, irq_disable),
					       PV_TYPE(time, read_tsc), PV_TYPE(mmu, read_cr3)};

	for (unsigned i = 0; i < GROUND_SITES; i++) {
		const struct paravirt_patch_site *s = pv_site_behind(ground, types[i]);

		site[i] = (struct ground_site){s->instr, pv_site_state((unsigned)(s - pv_site(0)))};
	}
}

static bool crossed(const struct ground_site *site)
{
	return __atomic_load_n(&site->state->flags, __ATOMIC_RELAXED) & PV_SITE_CROSSED;
}

/*
 * QEMU (7.2, TCG with several threads) may have translated this code while it was being armed, and then executes it
 * without int3 for ever: what stands there is written once more, as pv_trace_hit() does.
 */
static void cross_all(const struct ground_site *site)
{
	ground();
	for (unsigned i = 0; i < GROUND_SITES; i++) {
		ulong flags;
		u8 now;

		if (crossed(&site[i]))
			continue;
		flags = poke_begin();
		now = *(volatile u8 *)site[i].instr;
		poke_write(site[i].instr, &now, 1);
		poke_end(flags);
		ground();
	}
}

void load_trace_hits(struct smp_load *load, u64 random)
{
	struct ground_site site[GROUND_SITES];
	ulong flags;

	(void)random;
	if (!pv_patching || __atomic_exchange_n(&load_text_busy, 1, __ATOMIC_ACQUIRE))
		return;
	find_ground(site);
	flags = poke_begin();
	for (unsigned i = 0; i < GROUND_SITES; i++)
		site[i].state->flags &= (u8)~PV_SITE_CROSSED;
	poke_end(flags);
	pv_trace_arm();
	cross_all(site);
	for (unsigned i = 0; i < GROUND_SITES; i++) {
		load_sent(load, this_cpu()->id);
		if (crossed(&site[i]))
			load_received(load);
	}
	__atomic_store_n(&load_text_busy, 0, __ATOMIC_RELEASE);
}

/* To user mode, SYSCALL there and SYSRET or IRET back, a #UD to end it; interrupts are let in there half the time. */
static bool by_iret;

static void leave_by(struct pt_regs *regs)
{
	if (by_iret)
		regs->rcx = 0; /* not what SYSRET would leave there */
}

void load_user_mode_and_back(struct smp_load *load, u64 random)
{
	struct pt_regs regs = user_regs(user_gs);
	unsigned me = this_cpu()->id;

	by_iret = random & 1;
	if (random & 2)
		regs.rflags |= X86_EFLAGS_IF;
	user_on_syscall = leave_by;
	load_sent(load, me);
	load_sent(load, me);
	user_run(&regs);
	load->received[me] += user_syscall_count + user_trap_count;
	LOOK(load, regs.vector == X86_TRAP_UD && regs.r12 == USER_MARK && regs.r13 == USER_MARK);
}

void load_load_tables(struct smp_load *load, u64 random)
{
	struct percpu *cpu = this_cpu();
	struct desc_ptr gdt, idt;

	(void)random;
	load_sent(load, cpu->id);
	cpu_init(cpu);
	traps_load();
	asm volatile("sgdt %0; sidt %1" : "=m"(gdt), "=m"(idt));
	LOOK(load, pv_read_msr(MSR_GS_BASE) == (ulong)cpu && this_cpu() == cpu && pv_store_tr() == SEL_TSS);
	LOOK(load, gdt.base == (ulong)cpu->gdt && idt.limit == 256 * sizeof(gate_desc) - 1);
	load_received(load);
}
