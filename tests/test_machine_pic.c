/*
 * The PICs: masks and ends, ghosts, the second one's lines. Each test has the lines routed by the PICs for its time,
 * whichever chip this machine chose.
 */
#include "arch/regs.h"
#include "machine/percpu.h"
#include "machine/pic.h"
#include "machine/pit.h"
#include "machine/time.h"
#include "pvops/lazy.h"
#include "pvops/pvops.h"
#include "tests/ktest.h"
#include "tests/rtc.h"

#define PATIENCE_NS RTC_PATIENCE_NS

static const struct irq_chip *former_chip;

/* Interrupts off from one to the other. */
static ulong by_pic(void)
{
	ulong flags = pv_irq_save();

	former_chip = irq_chip();
	irq_use(&pic_chip);
	return flags;
}

static void as_before(ulong flags)
{
	irq_use(former_chip);
	pv_irq_restore(flags);
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
	asm volatile("int $0x27" ::: "memory");
	tick.depth = lazy_irq_depth();
	tick.after = pic_in_service();
	irq_disable(IRQ_PIT);
	return pit_handler(regs);
}

TEST(machine_irq_spurious_one_ends_no_other)
{
	ulong flags = by_pic();
	u64 ghosts = this_cpu()->ghost_count;

	tick.count = 0;
	pit_start(1000);
	pit_handler = irq_set_handler(IRQ_PIT, ghost_in_tick);
	EXPECT(pit_wait(1, PATIENCE_NS));
	pit_stop();
	irq_set_handler(IRQ_PIT, pit_handler);
	EXPECT_EQ(pic_in_service(), 0); /* the real one was ended */
	as_before(flags);
	EXPECT_EQ(this_cpu()->ghost_count, ghosts + 1);
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
	ulong flags = by_pic();
	u64 unexpected = trap_unexpected_count(), ghosts = this_cpu()->ghost_count;

	asm volatile("int $0x2f" ::: "memory");
	asm volatile("int $0x2e" ::: "memory");
	asm volatile("int $0x60" ::: "memory");
	irq_end(0x60);
	EXPECT_EQ(trap_unexpected_count(), unexpected + 2);
	EXPECT_EQ(this_cpu()->ghost_count, ghosts + 1);
	EXPECT_EQ(pic_in_service(), 0);
	as_before(flags);
}

/* While line 8 is in service a ghost of line 15 comes: it ends the master's line 2, and not line 8. */
static bool ghost_in_rtc(struct pt_regs *regs)
{
	(void)regs;
	tick.count++;
	tick.before = pic_in_service();
	asm volatile("int $0x2f" ::: "memory");
	tick.after = pic_in_service();
	irq_disable(IRQ_RTC);
	rtc_answer();
	return true;
}

TEST(machine_irq_spurious_one_of_the_slave)
{
	ulong flags = by_pic();

	tick.count = 0;
	EXPECT(rtc_wait(ghost_in_rtc, &tick.count, 1));
	EXPECT_EQ(pic_in_service(), 0);
	as_before(flags);
	EXPECT_EQ(tick.count, 1);
	EXPECT_EQ(tick.before, BIT(IRQ_CASCADE) | BIT(IRQ_RTC));
	EXPECT_EQ(tick.after, BIT(IRQ_RTC));
}

static bool rtc_tick(struct pt_regs *regs)
{
	(void)regs;
	tick.count++;
	rtc_answer();
	return true;
}

/* A line that is not ended at its own PIC comes once and never again. */
TEST(machine_pic_line_of_the_second_comes_again)
{
	ulong flags = by_pic();

	tick.count = 0;
	EXPECT(rtc_wait(rtc_tick, &tick.count, 3));
	as_before(flags);
}

/* A ghost that comes while the IOAPIC serves is counted, and handled by nobody: its lines have vectors of their own. */
TEST(machine_pic_ghost_behind_the_ioapic)
{
	u64 ghosts = this_cpu()->ghost_count, unexpected = trap_unexpected_count();
	ulong flags = pv_irq_save();

	asm volatile("int $0x27" ::: "memory");
	pv_irq_restore(flags);
	EXPECT_EQ(this_cpu()->ghost_count, ghosts + 1);
	EXPECT_EQ(trap_unexpected_count(), unexpected);
}

/* By the chips' own registers: the line is let through for its time, and no other. */
TEST(machine_pic_masks_are_the_lines)
{
	ulong flags = by_pic();
	u16 before = pic_masks();

	irq_enable(IRQ_RTC);
	EXPECT_EQ(pic_masks(), before & ~BIT(IRQ_RTC) & ~BIT(IRQ_CASCADE));
	irq_disable(IRQ_RTC);
	EXPECT_EQ(pic_masks() | BIT(IRQ_CASCADE), before | BIT(IRQ_CASCADE));
	as_before(flags);
	EXPECT(irq_chip() == &pic_chip || pic_masks() == 0xffff); /* who does not serve is silent */
}
