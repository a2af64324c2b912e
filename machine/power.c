/* Ending: see machine/power.h. Real power-off needs ACPI (FADT, S5) and comes with the ACPI tables. */
#include "machine/power.h"

#include "arch/desc.h"
#include "lib/log.h"
#include "lib/panic.h"
#include "machine/dump.h"
#include "machine/park.h"
#include "machine/time.h"
#include "pvops/pvops.h"

#define OFF_WAIT_NS 500000000UL

void machine_exit(u8 code)
{
	pv_outl(code, DEBUG_EXIT_PORT);
}

void machine_halt(void)
{
	for (;;) {
		pv_irq_disable();
		pv_halt();
	}
}

void machine_reset(void)
{
	struct desc_ptr no_idt = {0, 0};

	pv_irq_disable();
	pv_outb(0xfe, 0x64);  /* 8042: pulse the reset line */
	pv_outb(0x06, 0xcf9); /* PIIX and later: full reset */
	pv_load_idt(&no_idt);
	asm volatile("ud2");
	machine_halt();
}

/* An emulator may end some time after the port was written: what goes on until then must not say that it failed. */
static void wait_for_power_off(void)
{
	u64 end = time_ns() + OFF_WAIT_NS;

	while (time_ns() < end)
		asm volatile("pause");
}

void machine_off(void)
{
	static const u16 ports[] = {0x604, 0xb004, 0x4004}; /* QEMU's PM1a, older ones and Bochs, VirtualBox */
	static const u16 values[] = {0x2000, 0x2000, 0x3400};
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(ports); i++)
		pv_outw(values[i], ports[i]);
	wait_for_power_off();
	log_line("power", "this machine does not switch off by a known port: halted, switch it off by hand");
	machine_halt();
}

static void stop(void)
{
	machine_exit(EXIT_FAILED);
	machine_halt();
}

static void print_and_stop(void)
{
	dump_backtrace(0, (ulong)__builtin_frame_address(0));
	smp_panic_backtraces();
	stop();
}

void machine_panic_init(void)
{
	panic_enter_hook = smp_panic_enter;
	panic_hook = print_and_stop;
	panic_again_hook = stop;
}
