/*
 * Ending: the debug port that ends an emulator with a code, reset, power off, and standing still. Reset and off are a
 * contract with one struct per way (machine/power_ways.c has a PC's), so that a hypervisor can add its own.
 */
#ifndef MACHINE_POWER_H
#define MACHINE_POWER_H

#include "lib/types.h"
#include "machine/acpi.h"

/*
 * QEMU's isa-debug-exit: the emulator ends with code * 2 + 1. Bochs with port_e9_hack: prints the code as one byte, and
 * ends when "Shutdown" is written to its port (iodev/unmapped.cc). Elsewhere nothing happens, and it returns.
 */
#define DEBUG_EXIT_PORT     0xf4
#define BOCHS_DEBUG_PORT    0xe9
#define BOCHS_SHUTDOWN_PORT 0x8900
#define EXIT_PASSED         0x10 /* 33 */
#define EXIT_FAILED         0x11 /* 35 */
void machine_exit(u8 code);

/*
 * Bochs' debug port reads its own number; a PC has nothing there. Asked before the shutdown port is written, which is
 * not to be written blindly: on a PC it can be some device's.
 */
bool machine_in_bochs(void);
/* Waits, not for ever, until COM1 has sent all that it was given. */
void machine_serial_drain(void);

/* Interrupts off, halted, for ever. */
__noreturn void machine_halt(void);
/*
 * Tries each way there is, the surest first, each with a bounded wait and named in the log; halts, having said so, if
 * the machine is still here. Any context but NMI; interrupts go off.
 */
__noreturn void machine_reset(void);
__noreturn void machine_off(void);
/* Logs the ways that this machine has. */
void power_report(void);

/*
 * A way to start the machine again, or to switch it off. To add one (a hypervisor's call, say) is one POWER_WAY() in
 * any file; the linker sorts them by @order, two digits, and nothing lists them.
 */
enum power_kind { POWER_RESET, POWER_OFF };

struct power_way {
	const char *name; /* behind "reset by" or "off by" */
	/* Whether it is worth trying on a machine with such tables; touches nothing. */
	bool (*available)(const struct acpi_info *acpi);
	/* Sets it off; may return. */
	void (*act)(const struct acpi_info *acpi);
	u64 wait_ms; /* it may take effect that long after act(); then the next one is tried */
};

#define POWER_WAY(kind, order, id)                                                                                     \
	static const struct power_way power_way_##id __used __section(".power_" #kind "." #order) __aligned(8)

extern const struct power_way __power_reset_start[], __power_reset_end[], __power_off_start[], __power_off_end[];

/* Tries those of [first, end) that are available, in order; returns if none of them ends the machine. */
void power_try(enum power_kind kind, const struct power_way *first, const struct power_way *end,
	       const struct acpi_info *acpi);
/* Their names, with commas between; the length of it all, 0: none is available. */
size_t power_names(const struct power_way *first, const struct power_way *end, const struct acpi_info *acpi, char *buf,
		   size_t size);

/* Lets so much time pass. For ways. */
void power_wait(u64 ms);

/* Reads and writes a register that ACPI names, @bits wide (8, 16, 32). One that cannot be mapped reads as 0. */
u32 acpi_register_read(const struct acpi_register *r, unsigned bits);
void acpi_register_write(const struct acpi_register *r, unsigned bits, u32 value);

/* Makes a panic print a backtrace, end by EXIT_FAILED, or halt. */
void machine_panic_init(void);

#endif
