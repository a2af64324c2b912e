/*
 * What boot did once, done again on the live machine: it changes nothing, and so every step of it runs while the slots
 * of the op table are poisoned. The serial port is looked for where it is and where none is, and talks to itself.
 */
#include "arch/regs.h"
#include "boot/console.h"
#include "lib/log.h"
#include "lib/string.h"
#include "machine/percpu.h"
#include "machine/pic.h"
#include "machine/pit.h"
#include "machine/time.h"
#include "machine/timer.h"
#include "machine/traps.h"
#include "machine/uart.h"
#include "pvops/pvops.h"
#include "tests/ktest.h"

#define PATIENCE_NS 500000000UL /* for something that takes a millisecond */

static char said[512];

/* ---- tables and registers ---- */

TEST(machine_init_traps_again)
{
	static gate_desc before[256];
	struct desc_ptr ptr, after;
	ulong flags = pv_irq_save();

	asm volatile("sidt %0" : "=m"(ptr));
	memcpy(before, (void *)ptr.base, sizeof(before));
	traps_init();
	asm volatile("sidt %0" : "=m"(after));
	pv_irq_restore(flags);
	EXPECT_EQ(after.base, ptr.base);
	EXPECT_EQ(after.limit, ptr.limit);
	EXPECT(memcmp(before, (void *)ptr.base, sizeof(before)) == 0);
}

TEST(machine_init_cpu_again)
{
	static struct percpu before;
	struct percpu *cpu = this_cpu();
	struct desc_ptr ptr, after;
	ulong flags = pv_irq_save();
	u64 star = pv_read_msr(MSR_STAR), lstar = pv_read_msr(MSR_LSTAR), mask = pv_read_msr(MSR_SFMASK);

	asm volatile("sgdt %0" : "=m"(ptr));
	before = *cpu;
	cpu_init_boot();
	asm volatile("sgdt %0" : "=m"(after));
	pv_irq_restore(flags);
	EXPECT_EQ((ulong)this_cpu(), (ulong)cpu);
	EXPECT_EQ(after.base, ptr.base);
	EXPECT_EQ(after.limit, ptr.limit);
	EXPECT(memcmp(before.gdt, cpu->gdt, sizeof(before.gdt)) == 0); /* the TSS busy again, too */
	EXPECT(memcmp(&before.tss, &cpu->tss, sizeof(before.tss)) == 0);
	EXPECT_EQ(cpu->kernel_rsp, before.kernel_rsp);
	EXPECT_EQ(pv_store_tr(), SEL_TSS);
	EXPECT_EQ(pv_read_msr(MSR_STAR), star);
	EXPECT_EQ(pv_read_msr(MSR_LSTAR), lstar);
	EXPECT_EQ(pv_read_msr(MSR_SFMASK), mask);
}

TEST(machine_init_features_again)
{
	ulong cr4 = pv_read_cr4();

	cpu_enable_features();
	EXPECT_EQ(pv_read_cr4(), cr4);
}

/* ---- interrupts and the console ---- */

TEST(machine_init_pic_again)
{
	const struct irq_chip *former = irq_chip();
	ulong flags = pv_irq_save();
	u16 before, all, after;
	bool ticked;

	irq_use(&pic_chip);
	before = pic_masks();
	irq_init();
	all = pic_masks();
	pic_unmask(9); /* a slave's line needs the cascade */
	after = pic_masks();
	EXPECT_EQ(after, 0xffff & ~BIT(9) & ~BIT(2));
	pic_set_masks(0xa5b7); /* of both chips, and what a single line changes is added to it */
	EXPECT_EQ(pic_masks(), 0xa5b7);
	pic_mask(9);
	EXPECT_EQ(pic_masks(), 0xa7b7);
	pic_set_masks(0xffff);
	pit_start(1000); /* still arrives where it did */
	ticked = pit_wait(1, PATIENCE_NS);
	pit_stop();
	log_capture(said, sizeof(said));
	console_input_init();
	log_capture_end();
	after = pic_masks();
	irq_use(former);
	pv_irq_restore(flags);
	EXPECT_EQ(all, 0xffff);
	EXPECT(ticked);
	EXPECT_EQ((after ^ before) & ~BIT(2), 0); /* the cascade may be open without a slave line */
	EXPECT(strncmp(said, "console     ", 12) == 0);
}

/* ---- the serial port ---- */

#define MCR_NORMAL 0x0b /* DTR, RTS, OUT2 */
#define MCR_LOOP   0x18 /* OUT2 stays: it lets the interrupt through */
#define LSR_READY  0x01
#define LSR_TEMT   0x40

static struct uart port;

/* The console's interrupt enable is what a fresh uart_init() takes away. */
static void console_again(void)
{
	log_capture(said, sizeof(said));
	console_input_init();
	log_capture_end();
}

TEST(machine_init_uart_that_is_absent)
{
	static const u16 candidates[] = {0x2f8, 0x3e8, 0x2e8};
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(candidates) && pv_inb((u16)(candidates[i] + 5)) != 0xff; i++)
		;
	if (i == ARRAY_SIZE(candidates)) {
		ktest_not_here("every usual port has a UART");
		return;
	}
	EXPECT(!uart_init(&port, candidates[i], 115200));
	EXPECT(!port.present);
	uart_write(&port, "nobody", 6);
	uart_rx_irq_enable(&port);
	uart_irq(&port);
	EXPECT_EQ(port.sent, 0);
	EXPECT_EQ(uart_getc(&port), (u64)-1);
	EXPECT(!uart_rx_pending(&port));
}

/* What a person has typed meanwhile is dropped: these tests read what they type themselves. */
static void drop_input(void)
{
	while (console_getc() >= 0)
		;
}

static bool have_com1(void)
{
	drop_input();
	if (pv_inb(UART_COM1 + 5) != 0xff)
		return true;
	ktest_not_here("no serial port at 0x3f8");
	return false;
}

/* Nothing may be printed while the port talks to itself: what is seen is kept, and judged afterwards. */
TEST(machine_init_uart_in_loop)
{
	static const char text[] = "to itself";
	char back[16] = {0};
	unsigned got = 0, i;
	ulong flags;
	bool found;

	if (!have_com1())
		return;
	flags = pv_irq_save();
	found = uart_init(&port, UART_COM1, 115200);
	pv_outb(MCR_LOOP, UART_COM1 + 4);
	uart_write(&port, text, sizeof(text) - 1);
	for (i = 0; i < 100000 && got < sizeof(text) - 1; i++) {
		int c = uart_getc(&port);

		if (c >= 0)
			back[got++] = (char)c;
	}
	pv_outb(MCR_NORMAL, UART_COM1 + 4);
	console_again();
	pv_irq_restore(flags);
	EXPECT(found && port.present && !port.stuck);
	EXPECT(port.fifo_size == 1 || port.fifo_size == UART_FIFO);
	EXPECT(strcmp(back, text) == 0);
	EXPECT_EQ(port.sent, sizeof(text) - 1);
	EXPECT_EQ(port.errors + port.overruns + port.dropped, 0);
}

/* Makes COM1 receive @byte, as if somebody had typed it. Interrupts off; false: it cannot. */
static bool type_byte(u8 byte)
{
	unsigned i;

	for (i = 0; i < 100000 && !(pv_inb(UART_COM1 + 5) & LSR_TEMT); i++)
		asm volatile("pause");
	pv_outb(MCR_LOOP, UART_COM1 + 4);
	pv_outb(byte, UART_COM1);
	for (i = 0; i < 100000 && !(pv_inb(UART_COM1 + 5) & LSR_READY); i++)
		asm volatile("pause");
	pv_outb(MCR_NORMAL, UART_COM1 + 4);
	return i < 100000;
}

static bool input_by_interrupt(void)
{
	return irq_enabled(IRQ_COM1);
}

/* Waits for input with a byte there that raised no interrupt; true if that did not take until the next tick. */
static bool idle_with_input(void)
{
	u64 ticks;

	pit_start(19);
	ticks = pit_ticks();
	type_byte('p');
	console_idle();
	pv_irq_disable();
	pit_stop();
	return pit_ticks() == ticks;
}

/*
 * A byte that is there when the monitor wants to wait is not slept through. A busy host may let a tick come between:
 * again.
 */
TEST(machine_init_console_sees_input_before_it_halts)
{
	bool interrupts, quick = false;
	ulong flags;
	int first = 0;
	unsigned i;

	if (!have_com1())
		return;
	flags = pv_irq_save();
	interrupts = input_by_interrupt();
	irq_disable(IRQ_COM1);
	for (i = 0; i < 20 && !quick; i++) {
		quick = idle_with_input();
		first = console_getc();
	}
	if (interrupts)
		irq_enable(IRQ_COM1);
	pv_irq_restore(flags);
	EXPECT(quick);
	EXPECT_EQ(first, 'p');
	EXPECT_EQ(console_getc(), (u64)-1);
}

TEST(machine_init_console_input_interrupts)
{
	u64 count = irq_count(IRQ_COM1), deadline;
	u8 lsr;
	ulong flags;

	if (!have_com1())
		return;
	if (!input_by_interrupt()) {
		ktest_not_here("input is polled here");
		return;
	}
	flags = pv_irq_save();
	EXPECT(type_byte('q'));
	deadline = pv_sched_clock() + 100000000;
	pv_irq_enable();
	while (irq_count(IRQ_COM1) == count && pv_sched_clock() < deadline)
		asm volatile("pause");
	lsr = pv_inb(UART_COM1 + 5);
	pv_irq_restore(flags);
	EXPECT(irq_count(IRQ_COM1) > count);
	EXPECT_EQ(lsr & LSR_READY, 0); /* the handler took it */
	EXPECT_EQ(console_getc(), 'q');
}

/* Where input is polled a timer's interrupt ends the halt, if one comes; each call is a halt. */
TEST(machine_init_console_idles_until_a_timer)
{
	u64 before;

	if (input_by_interrupt() || !timer_usable()) {
		ktest_not_here(timer_usable() ? "input is by interrupt here" : "no clock event");
		return;
	}
	drop_input();
	before = trap_irq_count(timer_vector());
	for (unsigned i = 0; i < 5; i++) {
		console_idle();
		EXPECT(pv_save_fl() & X86_EFLAGS_IF);
	}
	EXPECT(trap_irq_count(timer_vector()) >= before + 5);
}

/* Without input the wait is a halt that an interrupt ends, interrupts on. */
TEST(machine_init_console_idles_until_an_interrupt)
{
	u64 ticks = pit_ticks();
	ulong flags;
	unsigned i;

	if (!input_by_interrupt()) {
		ktest_not_here("input is polled here");
		return;
	}
	drop_input();
	flags = pv_irq_save();
	pit_start(1000);
	for (i = 0; i < 100 && pit_ticks() == ticks; i++) {
		console_idle();
		EXPECT(pv_save_fl() & X86_EFLAGS_IF);
	}
	pit_stop();
	pv_irq_restore(flags);
	EXPECT(pit_ticks() > ticks);
	EXPECT_EQ(console_getc(), (u64)-1);
}
