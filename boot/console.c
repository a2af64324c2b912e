/* Binds the serial port to the log and to the monitor: see boot/console.h. */
#include "boot/console.h"

#include "boot/monitor.h"
#include "lib/log.h"
#include "machine/percpu.h"
#include "machine/pic.h"
#include "machine/time.h"
#include "machine/traps.h"
#include "machine/uart.h"
#include "pvops/qspinlock.h"

static struct uart com1;
static bool halt_when_idle;

/*
 * The log's lock: interrupts off while a line is written, since handlers log too. A trap taken in the middle of
 * printing must get its dump out: its CPU, which holds the lock, passes, and leaves it held. That is told by a bit that
 * rflags do not have.
 */
#define ALREADY_HELD BIT(63)

static struct qspinlock log_qlock;
static struct percpu *log_owner; /* written by who holds log_qlock */

static ulong lock_log(void)
{
	struct percpu *cpu = this_cpu();
	ulong flags = pv_irq_save();

	if (__atomic_load_n(&log_owner, __ATOMIC_RELAXED) == cpu)
		return flags | ALREADY_HELD;
	spin_lock(&log_qlock);
	__atomic_store_n(&log_owner, cpu, __ATOMIC_RELAXED);
	return flags;
}

static void unlock_log(ulong flags)
{
	if (!(flags & ALREADY_HELD)) {
		__atomic_store_n(&log_owner, NULL, __ATOMIC_RELAXED);
		spin_unlock(&log_qlock);
	}
	pv_irq_restore(flags & ~ALREADY_HELD);
}

static const struct log_lock log_lock = {lock_log, unlock_log};

void console_init(void)
{
	if (uart_init(&com1, UART_COM1, 115200))
		log_add_sink(&com1.sink);
}

static bool com1_interrupt(struct pt_regs *regs)
{
	(void)regs;
	uart_irq(&com1);
	return true;
}

int console_getc(void)
{
	return uart_getc(&com1);
}

/* The halt is atomic with the enabling of interrupts, so no byte is slept through. */
void console_idle(void)
{
	if (!halt_when_idle) {
		asm volatile("pause");
		return;
	}
	pv_irq_disable();
	if (uart_rx_pending(&com1))
		pv_irq_enable();
	else
		pv_safe_halt();
}

/* True if the PIT's line is seen to interrupt: then halting is safe. Waits for one tick, at most 20 ms. */
static bool interrupts_arrive(void)
{
	bool arrived;

	pit_start(10000);
	arrived = pit_wait(1, 20000000);
	pit_stop();
	return arrived;
}

static void report_input(void)
{
	log_line("console", "%s",
		 !com1.present    ? "no serial port: RAM log only"
		 : halt_when_idle ? "serial COM1 115200 8n1, input by interrupt, idle halts"
				  : "serial COM1 115200 8n1, input polled: no interrupt arrives");
}

void console_report(void)
{
	report_input();
	if (com1.present)
		log_line("console", "%lu bytes sent, %lu dropped%s; %lu overruns, %lu bad bytes received", com1.sent,
			 com1.dropped, com1.stuck ? " (stuck)" : "", com1.overruns, com1.errors);
}

void console_input_init(void)
{
	log_set_lock(&log_lock); /* from here on interrupts may come */
	halt_when_idle = com1.present && interrupts_arrive();
	if (halt_when_idle) {
		trap_set_handler(VECTOR_IRQ0 + IRQ_COM1, com1_interrupt);
		uart_rx_irq_enable(&com1);
		pic_unmask(IRQ_COM1);
	}
	report_input();
	monitor_set_input(console_getc, console_idle);
}
