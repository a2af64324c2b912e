/* Channel 0 of the PIT, in mode 2: see machine/pit.h. Facts: Intel 8254 data sheet. */
#include "machine/pit.h"

#include "machine/pic.h"
#include "machine/time.h"
#include "machine/traps.h"
#include "pvops/pvops.h"

#define WAIT_POLLS 200000 /* time that passes while we are stopped says nothing about ticks */

static u64 ticks;

static bool pit_interrupt(struct pt_regs *regs)
{
	(void)regs;
	ticks++;
	return true;
}

void pit_start(unsigned hz)
{
	unsigned count = PIT_HZ / hz;

	trap_set_handler(VECTOR_IRQ0 + IRQ_PIT, pit_interrupt);
	pv_outb(0x34, PIT_CMD); /* channel 0, both bytes, mode 2 */
	pv_outb((u8)count, PIT_CH0);
	pv_outb((u8)(count >> 8), PIT_CH0);
	pic_unmask(IRQ_PIT);
}

void pit_stop(void)
{
	pic_mask(IRQ_PIT);
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
