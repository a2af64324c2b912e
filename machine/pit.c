/*
 * Channel 0 of the PIT: see machine/pit.h. As a tick (mode 2) and as a clock event that counts down once (mode 4), for
 * machines without a local APIC. There is one channel: while it ticks, the clock event waits, and goes on behind it.
 * Facts: Intel 8254 data sheet.
 */
#include "machine/pit.h"

#include "lib/printf.h"
#include "machine/clockevent.h"
#include "machine/irq.h"
#include "machine/time.h"
#include "machine/timer.h"
#include "pvops/pvops.h"

#define WAIT_POLLS  200000 /* time that passes while we are stopped says nothing about ticks */

#define TICK        0x34 /* channel 0, both bytes, mode 2 */
#define ONE_SHOT    0x38 /* the same, mode 4: the output falls and rises, once, when the count is through */
#define READ_STATUS 0xe2
#define STATUS_MODE 0x3f /* as it was written */

static u64 ticks;
static bool ticking;
static bool one_shot; /* the clock event is armed, or was */

static bool pit_interrupt(struct pt_regs *regs)
{
	if (ticking)
		ticks++;
	else if (one_shot)
		timer_interrupt(regs);
	return true;
}

/* Mode 4 counts when its count is written too. In both the output rests high: changing them is no interrupt. */
static __noinline void set_mode(u8 mode)
{
	pv_outb(mode, PIT_CMD);
}

static __noinline void set_count(u16 count)
{
	pv_outb((u8)count, PIT_CH0);
	pv_outb((u8)(count >> 8), PIT_CH0);
}

void pit_start(unsigned hz)
{
	ticking = true;
	set_mode(TICK);
	set_count((u16)(PIT_HZ / hz));
	irq_request(IRQ_PIT, pit_interrupt);
}

/* Whatever the clock event was to do meanwhile is found by the interrupt that comes at once. */
void pit_stop(void)
{
	irq_disable(IRQ_PIT);
	ticking = false;
	if (one_shot) {
		set_mode(ONE_SHOT);
		irq_enable(IRQ_PIT); /* first: an edge on a stopped line may be lost */
		set_count(1);
	}
}

u64 pit_ticks(void)
{
	return *(volatile u64 *)&ticks;
}

bool pit_wait(u64 count, u64 ns)
{
	u64 goal = pit_ticks() + count, deadline = time_ns() + ns;
	unsigned late = 0;

	pv_irq_enable();
	while (pit_ticks() < goal && (time_ns() < deadline || late++ < WAIT_POLLS))
		asm volatile("pause");
	pv_irq_disable();
	return pit_ticks() >= goal;
}

/* ---- the clock event ---- */

/* The mode that was written is read back: nothing else does that. Bits 6 and 7 are the output and a fresh count. */
static bool pit_available(void)
{
	if (ticking || one_shot)
		return true;
	set_mode(ONE_SHOT);
	set_mode(READ_STATUS);
	return (pv_inb(PIT_CH0) & STATUS_MODE) == ONE_SHOT;
}

/* By whichever chip the line arrives. */
static unsigned pit_vector(void)
{
	return irq_vector(IRQ_PIT);
}

static void pit_init_cpu(void)
{
	irq_set_handler(IRQ_PIT, pit_interrupt);
}

static void pit_set_next(u64 ns)
{
	if (ticking) {
		one_shot = true;
		return;
	}
	set_mode(ONE_SHOT);
	if (!one_shot)
		irq_enable(IRQ_PIT);
	one_shot = true;
	set_count((u16)(ns * PIT_HZ / 1000000000 + 1));
}

static void pit_event_stop(void)
{
	one_shot = false;
	if (ticking)
		return;
	set_mode(ONE_SHOT);
	irq_disable(IRQ_PIT);
}

static void pit_describe(char *buf, size_t size)
{
	ksnprintf(buf, size, "PIT");
}

CLOCK_EVENT(90, pit) = {
	.name = "pit",
	.min_ns = 2000,
	.max_ns = 54000000, /* 65536 counts are 54.9 ms */
	.available = pit_available,
	.vector = pit_vector,
	.init_cpu = pit_init_cpu,
	.set_next = pit_set_next,
	.stop = pit_event_stop,
	.describe = pit_describe,
};
