/*
 * The IOAPICs, where they route: the pins' entries are read here by code of its own, and what they say must be what
 * happens. The line that is tried out is the clock chip's, which keeps its line up until it is answered: so it serves
 * as edge and as level.
 */
#include "machine/acpi.h"
#include "machine/ioapic.h"
#include "machine/lapic_priv.h"
#include "machine/percpu.h"
#include "machine/pic.h"
#include "machine/pit.h"
#include "mmu/kspace.h"
#include "pvops/pvops.h"
#include "tests/ktest.h"
#include "tests/rtc.h"

static bool routed_by_ioapic(void)
{
	if (irq_chip() == &ioapic_chip)
		return true;
	ktest_not_here("interrupts are routed by the PICs");
	return false;
}

/* The MADT's GSI of an ISA line, read here a second time. */
static u32 gsi_of(u8 line)
{
	u16 flags;

	return acpi_isa_gsi(&acpi_info, line, &flags);
}

/* The redirection entry of @gsi, by a mapping of its own; ones: no IOAPIC has it. */
static u64 entry_of_gsi(u32 gsi)
{
	u64 entry = ~0UL;

	for (u32 i = 0; i < acpi_info.ioapic_count && entry == ~0UL; i++) {
		volatile u32 *at = kspace_map_mmio(pa(acpi_info.ioapic[i].pa), 0x20);
		u32 pin = gsi - acpi_info.ioapic[i].gsi_base;

		if (!at)
			break;
		at[0] = 1;
		if (gsi >= acpi_info.ioapic[i].gsi_base && pin <= (at[4] >> 16 & 0xff)) {
			at[0] = 0x10 + 2 * pin;
			entry = at[4];
			at[0] = 0x10 + 2 * pin + 1;
			entry |= (u64)at[4] << 32;
		}
		kspace_unmap_mmio((void *)(ulong)at, 0x20);
	}
	return entry;
}

#define ENTRY_VECTOR 0xffUL
#define ENTRY_KIND   0xf00UL /* fixed, by physical ID */

/* The line that the override names, and no other, is let through, to this CPU. */
TEST(machine_ioapic_override_of_line_0)
{
	u32 gsi = gsi_of(IRQ_PIT);
	ulong flags;
	u64 entry, masked;

	if (!routed_by_ioapic())
		return;
	if (gsi == IRQ_PIT) {
		ktest_not_here("line 0 has no override");
		return;
	}
	flags = pv_irq_save();
	masked = entry_of_gsi(gsi) & IOAPIC_MASKED; /* unless timers interrupt by the PIT */
	EXPECT_EQ(!masked, irq_enabled(IRQ_PIT));
	pit_start(1000);
	entry = entry_of_gsi(gsi);
	EXPECT_EQ(entry & (ENTRY_VECTOR | ENTRY_KIND), IOAPIC_VECTOR + IRQ_PIT);
	EXPECT_EQ(entry & (IOAPIC_MASKED | IOAPIC_LEVEL | IOAPIC_LOW), 0);
	EXPECT_EQ(entry >> 56, boot_cpu.apic_id);
	EXPECT(entry_of_gsi(IRQ_PIT) & IOAPIC_MASKED);
	EXPECT(pit_wait(2, RTC_PATIENCE_NS));
	pit_stop();
	EXPECT_EQ(entry_of_gsi(gsi) & IOAPIC_MASKED, masked);
	pv_irq_restore(flags);
}

/* Each line that nobody asked for is masked; each that was says what the MADT says of it. */
TEST(machine_ioapic_entries_are_as_named)
{
	ulong flags;

	if (!routed_by_ioapic())
		return;
	flags = pv_irq_save();
	for (u8 line = 0; line < IRQ_LINES; line++) {
		u16 inti;
		u32 gsi = acpi_isa_gsi(&acpi_info, line, &inti);
		u64 entry;

		if (!irq_chip()->has(line) || (line == IRQ_PIT && gsi != ioapic_route(line)->gsi)) /* Bochs' */
			continue;
		irq_chip()->mask(line); /* writes it, whoever has it */
		entry = entry_of_gsi(gsi);
		EXPECT_EQ(entry & (ENTRY_VECTOR | ENTRY_KIND), IOAPIC_VECTOR + line);
		EXPECT(entry & IOAPIC_MASKED);
		EXPECT_EQ(!!(entry & IOAPIC_LEVEL), (inti & ACPI_INTI_TRIGGER) == ACPI_INTI_LEVEL);
		EXPECT_EQ(!!(entry & IOAPIC_LOW), (inti & ACPI_INTI_POLARITY) == ACPI_INTI_ACTIVE_LOW);
		if (irq_enabled(line))
			irq_chip()->unmask(line);
		EXPECT_EQ(!(entry_of_gsi(gsi) & IOAPIC_MASKED), irq_enabled(line));
	}
	pv_irq_restore(flags);
}

/* The PICs are silent: all of their lines, and the pin at which they would interrupt. */
TEST(machine_ioapic_pics_are_shut)
{
	ulong flags;

	if (!routed_by_ioapic())
		return;
	flags = pv_irq_save();
	EXPECT_EQ(pic_masks(), 0xffff);
	EXPECT(lapic_reg_read(LAPIC_REG_LVT_LINT0) & LVT_MASKED);
	irq_use(&pic_chip);
	EXPECT(!(lapic_reg_read(LAPIC_REG_LVT_LINT0) & LVT_MASKED));
	EXPECT(entry_of_gsi(gsi_of(IRQ_COM1)) & IOAPIC_MASKED);
	irq_use(&ioapic_chip);
	EXPECT_EQ(pic_masks(), 0xffff);
	EXPECT(lapic_reg_read(LAPIC_REG_LVT_LINT0) & LVT_MASKED);
	pv_irq_restore(flags);
}

/* ---- level and edge ---- */

#define UNANSWERED 3 /* interrupts that the handler leaves unanswered */

static struct {
	unsigned count;
	bool in_service;
	u64 entry; /* in the handler */
	u8 clock;
} level;

/* The line stays up, so that a level must come again, until it is answered. Then the clock is stopped. */
static bool level_tick(struct pt_regs *regs)
{
	(void)regs;
	level.count++;
	level.in_service = lapic_in_service(IOAPIC_VECTOR + IRQ_RTC);
	level.entry = ioapic_entry(IRQ_RTC);
	if (level.count > UNANSWERED)
		rtc_stop(level.clock);
	return true;
}

/* Interrupts on until @enough were counted, or @ns are over. */
static void let_come(unsigned enough, u64 ns)
{
	u64 deadline = pv_sched_clock() + ns;

	pv_irq_enable();
	while (*(volatile unsigned *)&level.count < enough && pv_sched_clock() < deadline)
		asm volatile("pause");
	pv_irq_disable();
}

/*
 * How often an interrupt comes in @ns after the first one, which is not answered until the handler has had enough.
 * Interrupts off.
 */
static unsigned count_unanswered(bool by_level, u64 ns)
{
	trap_handler former = irq_handler(IRQ_RTC);
	unsigned count;

	level.count = 0;
	irq_request(IRQ_RTC, level_tick);
	ioapic_set_entry(IRQ_RTC, (ioapic_entry(IRQ_RTC) & ~IOAPIC_LEVEL) | (by_level ? IOAPIC_LEVEL : 0));
	level.clock = rtc_start();
	let_come(1, RTC_PATIENCE_NS);
	let_come(100, ns);
	count = level.count;
	rtc_stop(level.clock);
	let_come(100, 10000); /* one that is under way */
	EXPECT_EQ(ioapic_entry(IRQ_RTC) & IOAPIC_REMOTE_IRR, 0);
	EXPECT(!lapic_in_service(IOAPIC_VECTOR + IRQ_RTC));
	irq_free(IRQ_RTC);
	irq_set_handler(IRQ_RTC, former);
	return count;
}

/* A level that stays up comes again as soon as it is ended, and no more once it is down; the IOAPIC is told the end. */
TEST(machine_ioapic_level_comes_until_answered)
{
	ulong flags;

	if (!routed_by_ioapic())
		return;
	flags = pv_irq_save();
	for (int i = 0; i < 2; i++) {
		unsigned count = count_unanswered(true, 5000000);

		EXPECT(level.in_service);
		if (ktest_deviates("bochs_ioapic_level"))
			continue;
		EXPECT_EQ(count, UNANSWERED + 1);
		EXPECT(level.entry & IOAPIC_REMOTE_IRR);
	}
	pv_irq_restore(flags);
}

/*
 * An edge comes once, however long the line stays up: well within the clock's period, whose next tick QEMU takes for
 * another edge. A machine that is busy otherwise may let a tick come between: again.
 */
TEST(machine_ioapic_edge_comes_once)
{
	unsigned count = 0;
	ulong flags;

	if (!routed_by_ioapic())
		return;
	flags = pv_irq_save();
	for (int i = 0; i < 50 && count != 1; i++) {
		count = count_unanswered(false, 300000);
		EXPECT(level.in_service);
		EXPECT_EQ(level.entry & IOAPIC_REMOTE_IRR, 0);
	}
	pv_irq_restore(flags);
	EXPECT_EQ(count, 1);
}
