/*
 * The IDT and the dispatch of everything that enters through it: see machine/traps.h. An exception nobody handles is
 * dumped (machine/dump.c) and ends in a panic; an interrupt nobody handles is counted. Entry code: machine/entry.asm.
 */
#include "machine/traps.h"

#include "arch/desc.h"
#include "arch/layout.h"
#include "arch/regs.h"
#include "arch/section.h"
#include "lib/log.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "machine/dump.h"
#include "machine/fault.h"
#include "machine/irq.h"
#include "machine/lockup.h"
#include "machine/park.h"
#include "machine/percpu.h"
#include "pvops/lazy.h"
#include "pvops/lock_debug.h"
#include "pvops/pvops.h"
#include "pvops/trace.h"

extern u8 entry_stubs[], entry_nmi[], entry_bp[], entry_df[], entry_mc[];
#define ENTRY_STUB_SIZE 16
#define OPCODE_HLT      0xf4

#define GATE_KERNEL     0x8e /* present, DPL 0, 64-bit interrupt gate */
#define GATE_USER       0xee /* may be reached by INT n from CPL 3 */

static gate_desc idt[256] __aligned(16);
static trap_handler handlers[256];
trap_handler trap_user_handler;
void (*trap_syscall_handler)(struct pt_regs *regs);

/* Vectors whose gate is not simply "stub n, CPL 0, no IST". */
static const struct special_gate {
	u8 vector, attr, ist;
	void *entry;
} special_gates[] = {
	{X86_TRAP_NMI, GATE_KERNEL, 1, entry_nmi},
	{X86_TRAP_BP, GATE_USER, 0, entry_bp},
	{X86_TRAP_DF, GATE_KERNEL, 2, entry_df},
	{X86_TRAP_MC, GATE_KERNEL, 3, entry_mc},
	{4, GATE_USER, 0, entry_stubs + 4 * ENTRY_STUB_SIZE}, /* INTO's, by INT 4 */
};

static void gate_set(unsigned vector, const void *entry, u8 attr, u8 ist)
{
	ulong at = (ulong)entry;
	gate_desc gate = {
		.offset_low = (u16)at,
		.selector = pv_info.kernel_cs,
		.ist = ist,
		.attr = attr,
		.offset_mid = (u16)(at >> 16),
		.offset_high = (u32)(at >> 32),
	};

	pv_write_idt_entry(idt, (int)vector, &gate);
}

static const struct special_gate *special_gate(unsigned vector)
{
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(special_gates); i++)
		if (special_gates[i].vector == vector)
			return &special_gates[i];
	return NULL;
}

/* Out of line: the one that boot makes is then the one that tests make. */
__noinline void traps_load(void)
{
	struct desc_ptr ptr = {sizeof(idt) - 1, (ulong)idt};

	pv_load_idt(&ptr);
}

/* No gate ever holds anything but its own entry: done again on a live IDT, this changes nothing. */
void traps_init(void)
{
	unsigned i;

	for (i = 0; i < 256; i++) {
		const struct special_gate *s = special_gate(i);

		if (s)
			gate_set(i, s->entry, s->attr, s->ist);
		else
			gate_set(i, entry_stubs + i * ENTRY_STUB_SIZE, GATE_KERNEL, 0);
	}
	traps_load();
}

trap_handler trap_set_handler(unsigned vector, trap_handler handler)
{
	trap_handler former = handlers[vector];

	handlers[vector] = handler;
	return former;
}

/* Over all CPUs that ever ran. */
#define SUM_OVER_CPUS(field)                                                                                           \
	({                                                                                                             \
		u64 sum_ = 0;                                                                                          \
		for_each_online_cpu(id_)                                                                               \
			sum_ += __atomic_load_n(&percpu_of(id_)->field, __ATOMIC_RELAXED);                             \
		sum_;                                                                                                  \
	})

u64 trap_nmi_count(void)
{
	return SUM_OVER_CPUS(nmi_count);
}

u64 trap_unexpected_count(void)
{
	return SUM_OVER_CPUS(unexpected_count);
}

u64 trap_irq_count(unsigned vector)
{
	return SUM_OVER_CPUS(irq_count[vector]);
}

/*
 * STI lets interrupts in only behind the HLT that follows it; but an NMI between the two takes that away, and what is
 * pending comes when it returns, before the HLT, which then waits for something that has been. So it is left out.
 */
static void end_halt(struct pt_regs *regs)
{
	if (regs->rip - (ulong)__text_start < (ulong)(__text_end - __text_start) &&
	    *(const u8 *)regs->rip == OPCODE_HLT)
		regs->rip++;
}

static void interrupt(struct pt_regs *regs)
{
	struct percpu *cpu = this_cpu();
	trap_handler handler = handlers[regs->vector];
	u32 locks = lock_debug_irq_enter();

	cpu->irq_count[regs->vector]++;
	lazy_irq_enter();
	if (!handler || !handler(regs))
		cpu->unexpected_count++;
	irq_end((unsigned)regs->vector);
	end_halt(regs);
	lazy_irq_leave();
	lock_debug_irq_leave(locks);
}

static void dispatch(struct pt_regs *regs)
{
	trap_handler handler = handlers[regs->vector];

	if (regs->vector >= 32) {
		interrupt(regs);
		return;
	}
	if (user_mode(regs) && trap_user_handler && trap_user_handler(regs))
		return;
	if (handler && handler(regs))
		return;
	if (!user_mode(regs) && fault_fixup(regs))
		return;
	trap_fatal(regs);
}

void trap_entry(struct pt_regs *regs)
{
	dispatch(regs);
	if (LOCK_DEBUG && user_mode(regs))
		lock_debug_none_held("returns to user mode");
}

/*
 * True: SYSRET may be used. It takes rip from rcx and rflags from r11, and faults in ring 0 on the user's stack when
 * rip is not canonical (SDM 2B SYSRET; CVE-2012-0217): then the frame goes through iret.
 */
bool syscall_entry(struct pt_regs *regs)
{
	if (trap_syscall_handler)
		trap_syscall_handler(regs);
	if (LOCK_DEBUG && user_mode(regs))
		lock_debug_none_held("returns to user mode");
	return regs->rcx == regs->rip && regs->r11 == regs->rflags && regs->cs == pv_info.user_cs &&
	       regs->ss == pv_info.user_ss && regs->rip < 1UL << 47 &&
	       !(regs->rflags & (X86_EFLAGS_RF | X86_EFLAGS_TF));
}

/*
 * Also from #DF and #MC, which may have come in the middle of anything: waits for no lock, uses no GS (it may be the
 * user's), and does not dump a fault in a dump.
 */
void trap_fatal(struct pt_regs *regs)
{
	static unsigned depth;

	smp_panic_enter();
	log_enter_panic();
	if (__atomic_fetch_add(&depth, 1, __ATOMIC_RELAXED) == 0)
		dump_trap(regs);
	panic("unhandled %s in %s mode at %p", trap_name((unsigned)regs->vector) ?: "trap",
	      user_mode(regs) ? "user" : "kernel", (void *)regs->rip);
}

/* GS may be the user's, or half loaded: the CPU is known by its NMI stack. */
__entry_raw void nmi_raw(struct pt_regs *regs)
{
	struct percpu *cpu = percpu_by_stack((ulong)regs);

	lock_debug_nmi(cpu->id, 1);
	cpu->nmi_count++;
	lockup_nmi(cpu, regs);
	park_nmi(cpu, regs);
	lock_debug_nmi(cpu->id, -1);
}

__entry_raw bool bp_raw(struct pt_regs *regs)
{
	return pv_trace_hit(regs);
}

const char *trap_name(unsigned vector)
{
	static const char *const names[32] = {
		"#DE divide error",
		"#DB debug",
		"NMI",
		"#BP breakpoint",
		"#OF overflow",
		"#BR bound range",
		"#UD invalid opcode",
		"#NM device not available",
		"#DF double fault",
		NULL,
		"#TS invalid TSS",
		"#NP segment not present",
		"#SS stack fault",
		"#GP general protection",
		"#PF page fault",
		NULL,
		"#MF x87 error",
		"#AC alignment check",
		"#MC machine check",
		"#XM SIMD error",
		"#VE virtualization exception",
		"#CP control protection",
		[28] = "#HV hypervisor injection",
		[29] = "#VC VMM communication",
		[30] = "#SX security exception",
	};

	return vector < ARRAY_SIZE(names) ? names[vector] : NULL;
}
