/*
 * Interrupts: the PICs' masks and ends, spurious ones, vectors nobody expects, NMI on its own stack, registers across a
 * real tick, and the halt that a tick ends. Each test leaves the PIT's line masked, as it found it. How fast the ticks
 * come: tests/test_machine_time.c.
 */
#include "arch/layout.h"
#include "arch/regs.h"
#include "machine/fault.h"
#include "machine/percpu.h"
#include "machine/pic.h"
#include "machine/pit.h"
#include "machine/time.h"
#include "machine/traps.h"
#include "pvops/lazy.h"
#include "pvops/pvops.h"
#include "tests/ktest.h"
#include "tests/test_machine_regs.h"

#define VECTOR_PIT  (VECTOR_IRQ0 + IRQ_PIT)
#define IRQ_CASCADE 2
#define PATIENCE_NS 500000000UL /* for something that takes a millisecond */

TEST(machine_irq_unexpected_vectors_are_counted)
{
	u64 unexpected = trap_unexpected_count(), count = this_cpu()->irq_count[0xfe];

	asm volatile("int $0xfe");
	EXPECT_EQ(trap_unexpected_count(), unexpected + 1);
	EXPECT_EQ(this_cpu()->irq_count[0xfe], count + 1);
	EXPECT_EQ(lazy_irq_depth(), 0);
}

static struct {
	unsigned count, depth;
	bool irqs_were_on;
	u16 before, after; /* the lines in service */
} tick;

static trap_handler pit_handler;

/* In the PIT's own interrupt: a ghost on line 7 comes and goes, and must not end the PIT's. */
static bool ghost_in_tick(struct pt_regs *regs)
{
	tick.count++;
	tick.irqs_were_on = regs->rflags & X86_EFLAGS_IF;
	tick.before = pic_in_service();
	asm volatile("int $0x27");
	tick.depth = lazy_irq_depth();
	tick.after = pic_in_service();
	pic_mask(IRQ_PIT);
	return pit_handler(regs);
}

TEST(machine_irq_spurious_one_ends_no_other)
{
	ulong flags = pv_irq_save();

	tick.count = 0;
	pit_start(1000);
	pit_handler = trap_set_handler(VECTOR_PIT, ghost_in_tick);
	EXPECT(pit_wait(1, PATIENCE_NS));
	pit_stop();
	trap_set_handler(VECTOR_PIT, pit_handler);
	EXPECT_EQ(pic_in_service(), 0); /* the real one was ended */
	pv_irq_restore(flags);
	EXPECT_EQ(tick.count, 1);
	EXPECT(tick.irqs_were_on);
	EXPECT_EQ(tick.depth, 1);
	EXPECT_EQ(tick.before, BIT(IRQ_PIT));
	EXPECT_EQ(tick.after, BIT(IRQ_PIT));
}

/*
 * A ghost of the slave still has a real line 2 at the master; a vector of neither is nobody's. None is in service
 * after.
 */
TEST(machine_irq_ends_of_the_slaves_lines)
{
	ulong flags = pv_irq_save();
	u64 unexpected = trap_unexpected_count();

	asm volatile("int $0x2f");
	asm volatile("int $0x2e");
	asm volatile("int $0x30");
	pic_eoi(0);
	EXPECT_EQ(trap_unexpected_count(), unexpected + 3);
	EXPECT_EQ(pic_in_service(), 0);
	pv_irq_restore(flags);
}

/* ---- the clock chip's periodic interrupt, for a real line of the slave (MC146818: register B enables, C ends) ---- */

#define IRQ_RTC 8
#define RTC_B   0x0b
#define RTC_C   0x0c
#define RTC_PIE 0x40

static u8 cmos_read(u8 reg)
{
	pv_outb(reg, 0x70);
	return pv_inb(0x71);
}

static void cmos_write(u8 reg, u8 value)
{
	pv_outb(reg, 0x70);
	pv_outb(value, 0x71);
}

/* Lets line 8 interrupt until *@count is @enough, or patience is out: false. Interrupts off. */
static bool rtc_wait(const volatile unsigned *count, unsigned enough)
{
	u64 deadline = pv_sched_clock() + PATIENCE_NS;
	u8 b = cmos_read(RTC_B);

	cmos_read(RTC_C);
	cmos_write(RTC_B, b | RTC_PIE);
	pic_unmask(IRQ_RTC);
	pv_irq_enable();
	while (*count < enough && pv_sched_clock() < deadline)
		asm volatile("pause");
	pv_irq_disable();
	pic_mask(IRQ_RTC);
	cmos_write(RTC_B, b);
	cmos_read(RTC_C);
	return *count >= enough;
}

/* While line 8 is in service a ghost of line 15 comes: it ends the master's line 2, and not line 8. */
static bool ghost_in_rtc(struct pt_regs *regs)
{
	(void)regs;
	tick.count++;
	tick.before = pic_in_service();
	asm volatile("int $0x2f");
	tick.after = pic_in_service();
	pic_mask(IRQ_RTC);
	cmos_read(RTC_C);
	return true;
}

TEST(machine_irq_spurious_one_of_the_slave)
{
	trap_handler former = trap_set_handler(VECTOR_IRQ0 + IRQ_RTC, ghost_in_rtc);
	ulong flags = pv_irq_save();

	tick.count = 0;
	EXPECT(rtc_wait(&tick.count, 1));
	trap_set_handler(VECTOR_IRQ0 + IRQ_RTC, former);
	EXPECT_EQ(pic_in_service(), 0);
	pv_irq_restore(flags);
	EXPECT_EQ(tick.count, 1);
	EXPECT_EQ(tick.before, BIT(IRQ_CASCADE) | BIT(IRQ_RTC));
	EXPECT_EQ(tick.after, BIT(IRQ_RTC));
}

static bool rtc_tick(struct pt_regs *regs)
{
	(void)regs;
	tick.count++;
	cmos_read(RTC_C);
	return true;
}

/* A line that is not ended at its own PIC comes once and never again. */
TEST(machine_pic_line_of_the_second_comes_again)
{
	trap_handler former = trap_set_handler(VECTOR_IRQ0 + IRQ_RTC, rtc_tick);
	ulong flags = pv_irq_save();

	tick.count = 0;
	EXPECT(rtc_wait(&tick.count, 3));
	pv_irq_restore(flags);
	trap_set_handler(VECTOR_IRQ0 + IRQ_RTC, former);
}

TEST(machine_irq_masked_line_is_silent)
{
	ulong flags = pv_irq_save();
	u64 ticks, deadline;

	pit_start(1000);
	EXPECT(pit_wait(2, PATIENCE_NS));
	pic_mask(IRQ_PIT);
	ticks = pit_ticks();
	deadline = pv_sched_clock() + 5000000;
	pv_irq_enable();
	while (pv_sched_clock() < deadline)
		asm volatile("pause");
	pv_irq_disable();
	EXPECT_EQ(pit_ticks(), ticks);
	pic_unmask(IRQ_PIT);
	EXPECT(pit_wait(2, PATIENCE_NS));
	pit_stop();
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
	former = trap_set_handler(VECTOR_PIT, scribbling_tick);
	for (tries = 0; tries < 100 && !tick.count; tries++) {
		probe_fill(&p, PROBE_ALL_FLAGS);
		probe_irq(&p);
	}
	pit_stop();
	trap_set_handler(VECTOR_PIT, former);
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
