/* The local APIC: see machine/lapic.h. */
#include "machine/lapic_priv.h"

#include "arch/cpufeature.h"
#include "arch/regs.h"
#include "lib/log.h"
#include "machine/acpi.h"
#include "machine/irq.h"
#include "machine/percpu.h"
#include "mmu/kspace.h"
#include "pvops/pvops.h"

#define BASE_X2APIC     BIT(10)
#define BASE_ENABLE     BIT(11)
#define SPURIOUS_ENABLE BIT(8)
#define ICR_PENDING     BIT(12)
#define ICR_POLLS       1000000
#define XAPIC_ID_LAST   254 /* 255 is everybody */

static volatile u32 *registers; /* 16 bytes apart; NULL: by MSR */
static bool by_msr;

/* Out of line: one site each, for all of the drivers. */
__noinline u32 lapic_reg_read(unsigned reg)
{
	return registers ? registers[reg * 4] : (u32)pv_read_msr(MSR_X2APIC + reg);
}

__noinline void lapic_reg_write(unsigned reg, u32 value)
{
	if (registers)
		registers[reg * 4] = value;
	else
		pv_write_msr64(MSR_X2APIC + reg, value);
}

const char *lapic_name(void)
{
	return registers ? "xAPIC" : by_msr ? "x2APIC" : "nothing";
}

u32 lapic_id(void)
{
	return registers ? lapic_reg_read(LAPIC_REG_ID) >> 24 : lapic_reg_read(LAPIC_REG_ID);
}

void lapic_eoi(void)
{
	lapic_reg_write(LAPIC_REG_EOI, 0);
}

bool lapic_in_service(unsigned vector)
{
	return lapic_reg_read(LAPIC_REG_ISR + vector / 32) & BIT(vector % 32);
}

/* Of those that nobody expects it is not known whether they came from here: a CPU's INT instruction needs no end. */
static void end(unsigned vector)
{
	bool local = vector >= VECTOR_LOCAL_FIRST && vector <= VECTOR_LOCAL_LAST;

	if (vector != VECTOR_LAPIC_SPURIOUS && (local || lapic_in_service(vector)))
		lapic_eoi();
}

/* ---- what it says of itself ---- */

static bool spurious_interrupt(struct pt_regs *regs)
{
	(void)regs;
	this_cpu()->spurious_count++;
	return true;
}

/* The register is brought up to date by a write (10.5.3). */
static bool error_interrupt(struct pt_regs *regs)
{
	struct percpu *cpu = this_cpu();

	(void)regs;
	lapic_reg_write(LAPIC_REG_ESR, 0);
	cpu->local_error = lapic_reg_read(LAPIC_REG_ESR);
	cpu->local_error_count++;
	return true;
}

/* ---- setting up ---- */

/* From off to x2APIC by way of xAPIC: the one order that is allowed (10.12.5). */
static void turn_on(void)
{
	u64 base = pv_read_msr(MSR_APIC_BASE);

	pv_write_msr64(MSR_APIC_BASE, base | BASE_ENABLE);
	if (!registers)
		pv_write_msr64(MSR_APIC_BASE, base | BASE_ENABLE | BASE_X2APIC);
	lapic_reg_write(LAPIC_REG_SPURIOUS, SPURIOUS_ENABLE | VECTOR_LAPIC_SPURIOUS);
	lapic_reg_write(LAPIC_REG_TPR, 0);
	lapic_reg_write(LAPIC_REG_LVT_ERROR, VECTOR_LAPIC_ERROR);
	lapic_reg_write(LAPIC_REG_LVT_TIMER, LVT_MASKED);
}

static void let_pic_through(bool through)
{
	lapic_reg_write(LAPIC_REG_LVT_LINT0, (through ? 0 : LVT_MASKED) | LVT_EXTINT);
}

/* Another CPU's PIC and NMI pins stay shut. */
static void init_cpu(void)
{
	turn_on();
	let_pic_through(false);
	lapic_reg_write(LAPIC_REG_LVT_LINT1, LVT_MASKED | LVT_NMI);
}

/* ---- sending ---- */

/* The two halves of xAPIC's command belong together, so nothing may come between. */
__noinline void lapic_send(unsigned cpu, u32 command)
{
	u32 to = percpu_of(cpu)->apic_id;
	ulong flags;

	if (!registers) {
		asm volatile("mfence; lfence" ::: "memory"); /* 10.12.3: the write does not serialise */
		pv_write_msr64(MSR_X2APIC + LAPIC_REG_ICR, (u64)to << 32 | command);
		return;
	}
	flags = pv_irq_save();
	lapic_reg_write(LAPIC_REG_ICR_HIGH, to << 24);
	lapic_reg_write(LAPIC_REG_ICR, command);
	for (u32 i = 0; i < ICR_POLLS && (lapic_reg_read(LAPIC_REG_ICR) & ICR_PENDING); i++)
		asm volatile("pause");
	pv_irq_restore(flags);
}

static void send(unsigned cpu, unsigned vector)
{
	lapic_send(cpu, vector);
}

static void send_nmi(unsigned cpu)
{
	lapic_send(cpu, ICR_NMI);
}

/* ---- the two drivers: they differ in how a register is reached ---- */

#define LAPIC_OPS(name_)                                                                                               \
	{                                                                                                              \
		.name = name_, .own_id = lapic_id, .send = send, .send_nmi = send_nmi, .end = end,                     \
		.let_pic_through = let_pic_through, .init_cpu = init_cpu, .refuses = lapic_start_refuses,              \
		.start_begin = lapic_start_begin, .start_step = lapic_start_step, .put_back = lapic_put_back,          \
		.start_end = lapic_start_end,                                                                          \
	}

static const struct ipi_ops xapic_ops = LAPIC_OPS("xAPIC"), x2apic_ops = LAPIC_OPS("x2APIC");

/* ---- choosing ---- */

bool lapic_choose(const struct lapic_facts *facts, const char **why)
{
	bool x2apic = facts->capable && (facts->on || facts->wanted || facts->wide_ids || facts->guest);

	*why = !facts->capable   ? "this CPU has no x2APIC"
	       : facts->on       ? "the firmware has turned that on"
	       : facts->wanted   ? "asked for by x2apic"
	       : facts->wide_ids ? "a CPU's ID is above 254"
	       : facts->guest    ? "a hypervisor is below"
				 : "x2APIC would need devices' interrupts remapped";
	return x2apic;
}

/* Out of line: one site, for boot and tests. */
__noinline void lapic_find_facts(struct lapic_facts *facts)
{
	facts->capable = cpu_has(X86_FEATURE_X2APIC);
	facts->on = pv_read_msr(MSR_APIC_BASE) & BASE_X2APIC;
	facts->guest = cpu_has(X86_FEATURE_HYPERVISOR);
	for (u32 i = 0; i < acpi_info.cpu_count; i++)
		facts->wide_ids |= acpi_info.cpu[i].enabled && acpi_info.cpu[i].apic_id > XAPIC_ID_LAST;
}

/* Registers are left as the firmware set them but for what is said; the pins are the boot CPU's alone. */
const struct ipi_ops *lapic_init(pa_t pa, bool x2apic)
{
	struct lapic_facts facts = {.wanted = x2apic};
	const char *why;

	if (!cpu_has(X86_FEATURE_APIC) || !pa_ok(pa))
		return NULL;
	lapic_find_facts(&facts);
	by_msr = lapic_choose(&facts, &why);
	if (!by_msr) {
		registers = kspace_map_mmio(pa, PAGE_SIZE);
		if (!registers)
			return NULL;
	}
	log_line("irq", "local APIC by %s: %s", lapic_name(), why);
	trap_set_handler(VECTOR_LAPIC_SPURIOUS, spurious_interrupt);
	trap_set_handler(VECTOR_LAPIC_ERROR, error_interrupt);
	turn_on();
	let_pic_through(true);
	lapic_reg_write(LAPIC_REG_LVT_LINT1, LVT_NMI);
	boot_cpu.apic_id = lapic_id();
	return registers ? &xapic_ops : &x2apic_ops;
}
