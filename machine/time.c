/*
 * Calibration and clocks: see machine/time.h. Channel 2 of the PIT counts down with its gate opened by port 0x61 and shows its
 * output there, so that no interrupt is needed. Facts: Intel 8254 data sheet, mode 0 and 2.
 */
#include "machine/time.h"

#include "arch/native.h"

#include "machine/pic.h"
#include "machine/traps.h"
#include "pvops/pvops.h"

#define PIT_HZ        1193182
#define PIT_CH0       0x40
#define PIT_CH2       0x42
#define PIT_CMD       0x43
#define PORT_B        0x61 /* bit 0: gate of channel 2, bit 1: speaker, bit 5: output of channel 2 */
#define CALIBRATE_MS  5
#define CALIBRATE_MAX 10000000 /* polls: an absent PIT must not hang the boot */

static u64 khz = 1000000, boot_tsc, ticks;

/* ns = ticks * mult >> 32, exact to 2^-32; the 128-bit product never overflows. */
static u64 ns_mult = 1UL << 32;

u64 tsc_khz(void)
{
	return khz;
}

u64 tsc_to_ns(u64 t)
{
	return (u64)((unsigned __int128)t * ns_mult >> 32);
}

u64 native_sched_clock(void)
{
	return tsc_to_ns(pv_read_tsc() - boot_tsc);
}

bool time_init(void)
{
	const unsigned count = PIT_HZ * CALIBRATE_MS / 1000;
	u8 port_b = pv_inb(PORT_B) & 0xfc;
	unsigned polls = 0;
	u64 start, end;

	boot_tsc = pv_read_tsc();
	pv_outb(port_b | 1, PORT_B);
	pv_outb(0xb0, PIT_CMD); /* channel 2, both bytes, mode 0: output rises when the count is through */
	pv_outb((u8)count, PIT_CH2);
	pv_outb((u8)(count >> 8), PIT_CH2);
	start = pv_read_tsc();
	if (pv_inb(PORT_B) & 0x20)
		return false; /* the output must be low now: no PIT */
	while (!(pv_inb(PORT_B) & 0x20))
		if (++polls == CALIBRATE_MAX)
			return false;
	end = pv_read_tsc();
	pv_outb(port_b, PORT_B);
	khz = (end - start) * PIT_HZ / count / 1000;
	ns_mult = (1000000UL << 32) / khz;
	return true;
}

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
