/*
 * Interrupts, whichever chip routes them: masked lines, lines that come again, spurious and unexpected ones, NMI on its
 * own stack, registers across a real tick, and the halt that a tick ends. Each test leaves the lines as it found them.
 * The chips themselves: tests/test_machine_pic.c, tests/test_machine_ioapic.c. How fast the ticks come:
 * tests/test_machine_time.c.
 */
#include "arch/layout.h"
#include "arch/regs.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "machine/fault.h"
#include "machine/ipi_ops.h"
#include "machine/irq.h"
#include "machine/lapic_priv.h"
#include "machine/percpu.h"
#include "machine/pic.h"
#include "machine/pit.h"
#include "machine/time.h"
#include "machine/traps.h"
#include "pvops/lazy.h"
#include "pvops/pvops.h"
#include "tests/ktest.h"
#include "tests/rtc.h"
#include "tests/test_machine_regs.h"

#define PATIENCE_NS RTC_PATIENCE_NS
#define NOBODYS     0x60 /* a vector that no line and no CPU has */

TEST(machine_irq_unexpected_vectors_are_counted)
{
	u64 unexpected = trap_unexpected_count(), count = this_cpu()->irq_count[NOBODYS];

	asm volatile("int %0" ::"i"(NOBODYS) : "memory");
	EXPECT_EQ(trap_unexpected_count(), unexpected + 1);
	EXPECT_EQ(this_cpu()->irq_count[NOBODYS], count + 1);
	EXPECT_EQ(lazy_irq_depth(), 0);
}

/* Sends this CPU @vector and waits for it, interrupts on. Called with them off. */
static bool send_to_self(unsigned vector)
{
	u64 count = this_cpu()->irq_count[vector], deadline = pv_sched_clock() + PATIENCE_NS;

	ipi_ops->send(this_cpu()->id, vector);
	pv_irq_enable();
	while (*(volatile u64 *)&this_cpu()->irq_count[vector] == count && pv_sched_clock() < deadline)
		asm volatile("pause");
	pv_irq_disable();
	return this_cpu()->irq_count[vector] == count + 1;
}

/* One that really comes is ended, or the second would wait for ever, and with it all that are less urgent. */
TEST(machine_irq_unexpected_one_is_ended)
{
	u64 unexpected = trap_unexpected_count();
	ulong flags;

	if (!ipi_ops) {
		ktest_not_here("no local APIC is used");
		return;
	}
	flags = pv_irq_save();
	EXPECT(send_to_self(NOBODYS));
	EXPECT(!lapic_in_service(NOBODYS));
	EXPECT(send_to_self(NOBODYS));
	EXPECT(send_to_self(NOBODYS - 0x10));
	pv_irq_restore(flags);
	EXPECT_EQ(trap_unexpected_count(), unexpected + 3);
}

/* What the local APIC says of itself is counted apart, and by CPU. */
TEST(machine_irq_spurious_ones_are_counted)
{
	struct percpu *cpu = this_cpu();
	u64 unexpected = trap_unexpected_count(), spurious = cpu->spurious_count, errors = cpu->local_error_count;

	if (!ipi_ops) {
		ktest_not_here("no local APIC is used");
		return;
	}
	asm volatile("int %0" ::"i"(VECTOR_LAPIC_SPURIOUS) : "memory");
	EXPECT_EQ(cpu->spurious_count, spurious + 1);
	EXPECT_EQ(cpu->local_error_count, errors);
	asm volatile("int %0" ::"i"(VECTOR_LAPIC_ERROR) : "memory");
	EXPECT_EQ(cpu->spurious_count, spurious + 1);
	EXPECT_EQ(cpu->local_error_count, errors + 1);
	EXPECT_EQ(trap_unexpected_count(), unexpected);
}

/* ---- lines ---- */

static struct {
	unsigned count;
	bool irqs_were_on;
} tick;

static unsigned rtc_count;

static bool rtc_tick(struct pt_regs *regs)
{
	(void)regs;
	rtc_count++;
	rtc_answer();
	return true;
}

/* A line that is not ended, or ended at the wrong place, comes once and never again. */
static void expect_line_comes_again(void)
{
	ulong flags = pv_irq_save();
	u64 seen = irq_count(IRQ_RTC);

	rtc_count = 0;
	EXPECT(rtc_wait(rtc_tick, &rtc_count, 3));
	EXPECT_EQ(irq_count(IRQ_RTC), seen + rtc_count);
	pv_irq_restore(flags);
}

TEST(machine_irq_line_comes_again)
{
	expect_line_comes_again();
}

/* Lines that are let through stay so on the other chip, and on the way back. */
TEST(machine_irq_chip_is_changed)
{
	const struct irq_chip *former = irq_chip();
	ulong flags = pv_irq_save();

	pit_start(1000);
	for (int i = 0; i < 3; i++) {
		u64 pic = trap_irq_count(PIC_VECTOR + IRQ_PIT);

		irq_use(&pic_chip);
		EXPECT_EQ(irq_vector(IRQ_PIT), PIC_VECTOR);
		EXPECT(pit_wait(3, PATIENCE_NS)); /* one may have been under way by the other */
		EXPECT(trap_irq_count(PIC_VECTOR + IRQ_PIT) >= pic + 2);
		pic = trap_irq_count(PIC_VECTOR + IRQ_PIT);
		irq_use(former);
		EXPECT(pit_wait(2, PATIENCE_NS));
		if (former != &pic_chip)
			EXPECT(trap_irq_count(PIC_VECTOR + IRQ_PIT) <= pic + 1); /* one was under way */
	}
	pit_stop();
	pv_irq_restore(flags);
	EXPECT(irq_chip() == former);
}

/* A line that is given back is silent, and has no handler; one that leads nowhere is refused. */
TEST(machine_irq_line_is_freed)
{
	trap_handler former = irq_handler(IRQ_RTC);
	ulong flags = pv_irq_save();

	EXPECT_EQ(irq_request(IRQ_RTC, rtc_tick), 0);
	EXPECT(irq_enabled(IRQ_RTC) && irq_handler(IRQ_RTC) == rtc_tick);
	irq_free(IRQ_RTC);
	EXPECT(!irq_enabled(IRQ_RTC) && !irq_handler(IRQ_RTC));
	EXPECT_EQ(irq_request(IRQ_CASCADE, rtc_tick), (u64)-ENODEV);
	irq_free(IRQ_CASCADE);
	irq_set_handler(IRQ_RTC, former);
	pv_irq_restore(flags);
}

TEST(machine_irq_masked_line_is_silent)
{
	ulong flags = pv_irq_save();
	u64 ticks, deadline;

	pit_start(1000);
	EXPECT(pit_wait(2, PATIENCE_NS));
	irq_disable(IRQ_PIT);
	pv_irq_enable(); /* one that is under way */
	asm volatile("nop");
	pv_irq_disable();
	ticks = pit_ticks();
	deadline = pv_sched_clock() + 5000000;
	pv_irq_enable();
	while (pv_sched_clock() < deadline)
		asm volatile("pause");
	pv_irq_disable();
	EXPECT_EQ(pit_ticks(), ticks);
	irq_enable(IRQ_PIT);
	EXPECT(pit_wait(2, PATIENCE_NS));
	pit_stop();
	pv_irq_restore(flags);
}

/* All lines stopped and let through again: as the benchmark does. */
TEST(machine_irq_lines_stopped_together)
{
	ulong flags = pv_irq_save();
	u16 before, other;
	u64 ticks;

	pit_start(1000);
	before = irq_disable_all();
	other = irq_disable_all();
	pv_irq_enable(); /* one that is under way */
	asm volatile("nop");
	pv_irq_disable();
	ticks = pit_ticks();
	EXPECT(!pit_wait(1, 5000000));
	EXPECT_EQ(pit_ticks(), ticks);
	irq_enable_lines(before);
	EXPECT(before & BIT(IRQ_PIT));
	EXPECT_EQ(other, 0);
	EXPECT(pit_wait(2, PATIENCE_NS));
	pit_stop();
	other = irq_disable_all(); /* the PIT's too, where timers interrupt by it */
	EXPECT_EQ(other & ~BIT(IRQ_PIT), before & ~BIT(IRQ_PIT));
	irq_enable_lines(other);
	pv_irq_restore(flags);
}

/* With IF clear nothing arrives, however long; what waited arrives with IF. */
TEST(machine_irq_disabled_means_none)
{
	ulong flags = pv_irq_save();
	u64 ticks, deadline;

	pit_start(1000);
	EXPECT(pit_wait(1, PATIENCE_NS));
	ticks = pit_ticks();
	deadline = pv_sched_clock() + 5000000;
	while (pv_sched_clock() < deadline)
		asm volatile("pause");
	EXPECT_EQ(pit_ticks(), ticks);
	EXPECT(pit_wait(1, PATIENCE_NS));
	pit_stop();
	pv_irq_restore(flags);
}

static bool scribbling_tick(struct pt_regs *regs)
{
	tick.count++;
	tick.irqs_were_on = regs->rflags & X86_EFLAGS_IF;
	probe_scribble();
	return true;
}

/* The halt may be ended by another line's interrupt: then once more. */
TEST(machine_irq_registers_survive_a_tick)
{
	trap_handler former;
	ulong flags = pv_irq_save();
	unsigned tries;
	struct probe p;

	tick.count = 0;
	pit_start(1000);
	former = irq_set_handler(IRQ_PIT, scribbling_tick);
	for (tries = 0; tries < 100 && !tick.count; tries++) {
		probe_fill(&p, PROBE_ALL_FLAGS);
		probe_irq(&p);
	}
	pit_stop();
	irq_set_handler(IRQ_PIT, former);
	pv_irq_restore(flags);
	EXPECT(tick.count);
	EXPECT(tick.irqs_were_on);
	probe_expect_kept(&p, "tick");
}

TEST(machine_irq_tick_ends_a_halt)
{
	ulong flags = pv_irq_save();
	u64 ticks = pit_ticks();
	unsigned halts;

	pit_start(1000);
	for (halts = 0; halts < 100 && pit_ticks() == ticks; halts++) {
		pv_safe_halt();
		EXPECT(pv_save_fl() & X86_EFLAGS_IF);
		pv_irq_disable();
	}
	pit_stop();
	pv_irq_restore(flags);
	EXPECT(pit_ticks() > ticks);
}

/* ---- NMI and the stacks of the interrupt-stack table ---- */

TEST(machine_irq_nmi_has_its_own_stack)
{
	const u64 *top = (const u64 *)this_cpu()->tss.ist[0];
	u64 nmis = trap_nmi_count(), mark = (ulong)__builtin_frame_address(0);
	extern u8 try_nmi_at[];

	asm volatile("int $2\n.globl try_nmi_at\ntry_nmi_at:" ::: "memory");
	EXPECT_EQ(trap_nmi_count(), nmis + 1);
	/* What the CPU pushed at the stack's top is still there: rip cs rflags rsp ss. */
	EXPECT_EQ(top[-5], (ulong)try_nmi_at);
	EXPECT_EQ(top[-4], SEL_KERNEL_CS);
	EXPECT(top[-2] <= mark && top[-2] > mark - KSTACK_SIZE);
}

TEST(machine_irq_ist_stacks_have_guards)
{
	const struct tss *tss = &this_cpu()->tss;
	unsigned i, k;

	for (i = 0; i < 3; i++) {
		u64 top = tss->ist[i], slot = top - KSTACK_SLOT;
		struct fault_record got;

		EXPECT(top > (ulong)__kstacks_start && top <= (ulong)__kstacks_end);
		EXPECT_EQ((slot - (ulong)__kstacks_start) % KSTACK_SLOT, 0);
		EXPECT(!fault_write8(slot + KSTACK_GUARD - 1, 0, &got));
		EXPECT_EQ(got.error, X86_PF_WRITE);
		EXPECT(fault_read8(slot + KSTACK_GUARD, NULL, NULL));
		EXPECT(fault_read8(top - 1, NULL, NULL));
		for (k = 0; k < i; k++)
			EXPECT(tss->ist[k] != top);
	}
	for (; i < 7; i++)
		EXPECT_EQ(tss->ist[i], 0);
	EXPECT_EQ(tss->rsp[0], this_cpu()->kernel_rsp);
	EXPECT(tss->iomap_base >= sizeof(*tss)); /* no port is CPL 3's */
}

/* Who takes one of the CPU's own vectors has said what it is called; a line's is its controller's. */
TEST(machine_irq_vectors_have_names)
{
	unsigned taken = 0;

	for (unsigned vector = VECTOR_LOCAL_FIRST; vector < 256; vector++) {
		ulong flags = pv_irq_save();
		trap_handler handler = trap_set_handler(vector, NULL);

		trap_set_handler(vector, handler);
		pv_irq_restore(flags);
		taken += handler != NULL;
		if (handler && !irq_vector_name(vector))
			ktest_fail(__FILE__, __LINE__, "vector %#x has no name", vector);
	}
	EXPECT(taken > 0);
	EXPECT(irq_vector_name(VECTOR_TIMER) != NULL);
	EXPECT(irq_vector_name(irq_vector(IRQ_COM1)) == irq_chip()->name);
	EXPECT(!irq_vector_name(VECTOR_LOCAL_FIRST - 1));
}

/* x2APIC only for who cannot do without, or has somebody below who sees to the devices' interrupts. */
TEST(machine_irq_x2apic_is_for_a_reason)
{
	static const struct {
		struct lapic_facts facts;
		bool x2apic;
		const char *why;
	} rows[] = {
		{{.capable = true}, false, "remapped"},
		{{.capable = true, .on = true}, true, "firmware"},
		{{.capable = true, .wanted = true}, true, "by x2apic"},
		{{.capable = true, .wide_ids = true}, true, "254"},
		{{.capable = true, .guest = true}, true, "hypervisor"},
		{{.capable = true, .on = true, .guest = true}, true, "firmware"},
		{{.wanted = true, .wide_ids = true, .guest = true}, false, "has no x2APIC"},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *why;

		EXPECT_EQ(lapic_choose(&rows[i].facts, &why), rows[i].x2apic);
		EXPECT(ktest_has(why, rows[i].why));
	}
}

/* What this machine says of itself leads to what was chosen; asked for by x2apic, it is on by now. */
TEST(machine_irq_x2apic_as_found)
{
	struct lapic_facts facts = {.wanted = false};
	const char *why;

	if (!ipi_ops) {
		ktest_not_here("no local APIC is used");
		return;
	}
	lapic_find_facts(&facts);
	EXPECT_EQ(lapic_choose(&facts, &why), strcmp(lapic_name(), "x2APIC") == 0);
}
