/*
 * Ending: see machine/power.h. The ways to reset and to switch off are a table that the linker collects; here they are
 * only tried.
 *
 * Must not know: any way. Read next: machine/power_ways.c.
 */
#include "machine/power.h"

#include "lib/log.h"
#include "lib/panic.h"
#include "lib/printf.h"
#include "machine/dump.h"
#include "machine/park.h"
#include "machine/time.h"
#include "machine/uart.h"
#include "pvops/pvops.h"

#define UART_ALL_SENT 0x40 /* in the line status; also set where there is no port */
#define DRAIN_LOOKS   1000000

__noinline bool machine_in_bochs(void)
{
	return pv_inb(BOCHS_DEBUG_PORT) == BOCHS_DEBUG_PORT;
}

__noinline void machine_serial_drain(void)
{
	unsigned i;

	for (i = 0; i < DRAIN_LOOKS && !(pv_inb(UART_COM1 + 5) & UART_ALL_SENT); i++)
		;
}

/* One call site for all bytes: a compiler may unroll the loop below, and no test can cross it. */
static __noinline void exit_byte(u8 byte, u16 port)
{
	pv_outb(byte, port);
}

void machine_exit(u8 code)
{
	static const char word[] = "Shutdown";
	unsigned i;

	pv_outl(code, DEBUG_EXIT_PORT);
	if (!machine_in_bochs())
		return;
	machine_serial_drain(); /* its line takes its time, and the end of the log is still there */
	exit_byte(code, BOCHS_DEBUG_PORT);
	for (i = 0; word[i]; i++)
		exit_byte((u8)word[i], BOCHS_SHUTDOWN_PORT);
}

void machine_halt(void)
{
	for (;;) {
		pv_irq_disable();
		pv_halt();
	}
}

/* Out of line, as the ports are: what waits when the machine ends is then what tests cross. */
__noinline void power_wait(u64 ms)
{
	u64 end = time_ns() + ms * 1000000;

	while (time_ns() < end)
		asm volatile("pause");
}

void power_try(enum power_kind kind, const struct power_way *first, const struct power_way *end,
	       const struct acpi_info *acpi)
{
	const struct power_way *way;

	for (way = first; way < end; way++) {
		if (!way->available(acpi))
			continue;
		log_line("power", "%s by %s", kind == POWER_RESET ? "reset" : "off", way->name);
		way->act(acpi);
		power_wait(way->wait_ms);
	}
}

size_t power_names(const struct power_way *first, const struct power_way *end, const struct acpi_info *acpi, char *buf,
		   size_t size)
{
	const struct power_way *way;
	size_t used = 0;

	buf[0] = '\0';
	for (way = first; way < end; way++)
		if (way->available(acpi) && used < size)
			used += (size_t)ksnprintf(buf + used, size - used, "%s%s", used ? ", " : "", way->name);
	return used;
}

void power_report(void)
{
	char names[128];

	power_names(__power_reset_start, __power_reset_end, &acpi_info, names, sizeof(names));
	log_line("power", "reset by %s", names);
	if (power_names(__power_off_start, __power_off_end, &acpi_info, names, sizeof(names)))
		log_line("power", "off by %s", names);
	else
		log_line("power", "off by hand only");
}

void machine_reset(void)
{
	pv_irq_disable();
	power_try(POWER_RESET, __power_reset_start, __power_reset_end, &acpi_info);
	log_line("power", "this machine does not start again by any known way: halted");
	machine_halt();
}

void machine_off(void)
{
	pv_irq_disable();
	power_try(POWER_OFF, __power_off_start, __power_off_end, &acpi_info);
	log_line("power", "this machine does not switch off by any known way: halted, switch it off by hand");
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
