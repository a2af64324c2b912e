/* Binds the serial port to the log and to the monitor: see boot/console.h. */
#include "boot/console.h"

#include "boot/monitor.h"
#include "lib/log.h"
#include "machine/pic.h"
#include "machine/time.h"
#include "machine/traps.h"
#include "machine/uart.h"
#include "pvops/pvops.h"

static struct uart com1;
static bool halt_when_idle;

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

static int console_getc(void)
{
	return uart_getc(&com1);
}

/* Waits for input. The halt is atomic with the enabling of interrupts, so no byte is slept through. */
static void console_idle(void)
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

/* True if the PIT's line is seen to interrupt: then halting is safe. Waits at most 0.3 ms. */
static bool interrupts_arrive(void)
{
	u64 before = pit_ticks(), deadline;

	pit_start(10000);
	deadline = pv_sched_clock() + 300000;
	pv_irq_enable();
	while (pit_ticks() == before && pv_sched_clock() < deadline)
		asm volatile("pause");
	pv_irq_disable();
	pit_stop();
	return pit_ticks() != before;
}

void console_input_init(void)
{
	halt_when_idle = com1.present && interrupts_arrive();
	if (halt_when_idle) {
		trap_set_handler(VECTOR_IRQ0 + IRQ_COM1, com1_interrupt);
		uart_rx_irq_enable(&com1);
		pic_unmask(IRQ_COM1);
	}
	log_line("console", "%s", !com1.present ? "no serial port: RAM log only" :
		 halt_when_idle ? "serial COM1 115200 8n1, input by interrupt, idle halts" :
				  "serial COM1 115200 8n1, input polled: no interrupt arrives");
	monitor_set_input(console_getc, console_idle);
}
