/* The local APIC: see machine/lapic.h. */
#include "machine/lapic_priv.h"

#include "arch/cpufeature.h"
#include "arch/regs.h"
#include "mmu/kspace.h"
#include "pvops/pvops.h"

#define BASE_X2APIC     BIT(10)
#define BASE_ENABLE     BIT(11)
#define SPURIOUS_ENABLE BIT(8)
#define ICR_PENDING     BIT(12)
#define ICR_POLLS       1000000

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

/* From off to x2APIC by way of xAPIC: the one order that is allowed (10.12.5). */
static void turn_on(void)
{
	u64 base = pv_read_msr(MSR_APIC_BASE);

	pv_write_msr64(MSR_APIC_BASE, base | BASE_ENABLE);
	if (!registers)
		pv_write_msr64(MSR_APIC_BASE, base | BASE_ENABLE | BASE_X2APIC);
	lapic_reg_write(LAPIC_REG_SPURIOUS, SPURIOUS_ENABLE | LAPIC_SPURIOUS);
	lapic_reg_write(LAPIC_REG_TPR, 0);
	lapic_reg_write(LAPIC_REG_LVT_ERROR, LVT_MASKED);
	lapic_reg_write(LAPIC_REG_LVT_TIMER, LVT_MASKED);
}

/* Registers are left as the firmware set them but for what is said; the pins are the boot CPU's alone. */
bool lapic_init(u64 pa)
{
	if (!cpu_has(X86_FEATURE_APIC) || !pa)
		return false;
	/* A firmware that uses x2APIC had its reasons (IDs above 255), and there is no way back without a reset. */
	if (!cpu_has(X86_FEATURE_X2APIC)) {
		registers = kspace_map_mmio(pa, PAGE_SIZE);
		if (!registers)
			return false;
	}
	by_msr = !registers;
	turn_on();
	lapic_reg_write(LAPIC_REG_LVT_LINT0, LVT_EXTINT);
	lapic_reg_write(LAPIC_REG_LVT_LINT1, LVT_NMI);
	return true;
}

void lapic_init_cpu(void)
{
	turn_on();
	lapic_reg_write(LAPIC_REG_LVT_LINT0, LVT_MASKED | LVT_EXTINT);
	lapic_reg_write(LAPIC_REG_LVT_LINT1, LVT_MASKED | LVT_NMI);
}

/* The two halves of xAPIC's command belong together, so nothing may come between. */
void lapic_send(u32 apic_id, u32 command)
{
	ulong flags;

	if (!registers) {
		asm volatile("mfence; lfence" ::: "memory"); /* 10.12.3: the write does not serialise */
		pv_write_msr64(MSR_X2APIC + LAPIC_REG_ICR, (u64)apic_id << 32 | command);
		return;
	}
	flags = pv_irq_save();
	lapic_reg_write(LAPIC_REG_ICR_HIGH, apic_id << 24);
	lapic_reg_write(LAPIC_REG_ICR, command);
	for (u32 i = 0; i < ICR_POLLS && (lapic_reg_read(LAPIC_REG_ICR) & ICR_PENDING); i++)
		asm volatile("pause");
	pv_irq_restore(flags);
}
