/* How a run ends where the emulator has no debug-exit device, up to the last step: see machine/power.h. */
#include "arch/cpufeature.h"
#include "lib/log.h"
#include "machine/power.h"
#include "machine/uart.h"
#include "pvops/pvops.h"
#include "tests/ktest.h"

#define LINE_STATUS (UART_COM1 + 5)
#define ALL_SENT    0x40

/* Who names a hypervisor is not Bochs, which names none: there its shutdown port must be left alone. */
TEST(machine_exit_knows_bochs)
{
	if (cpu_info.hypervisor[0])
		EXPECT(!machine_in_bochs());
	EXPECT_EQ(machine_in_bochs(), pv_inb(0xe9) == 0xe9);
}

/* Longer than a FIFO: in Bochs, as on a PC, the end of it is still to be sent when printk() returns. */
TEST(machine_exit_waits_for_the_serial_line)
{
	printk("# 0123456789 0123456789 0123456789 0123456789\n");
	machine_serial_drain();
	EXPECT(pv_inb(LINE_STATUS) & ALL_SENT);
}
