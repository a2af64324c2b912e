/*
 * machine/uart.c before a model of a 16550: ports that are there, that are not, that get stuck and come back; input
 * under output and under interrupts; and the count of register accesses that each costs.
 */
#include "tests/host/uart_model.h"

static struct uart uart;

static void start(void)
{
	assert_true(uart_init(&uart, PORT, 115200));
	hw.reads = hw.writes = hw.lsr_reads = 0;
}

static void expect_wire(const char *text)
{
	assert_int_equal(hw.sent, strlen(text));
	assert_memory_equal(hw.wire, text, strlen(text));
	assert_int_equal(hw.lost, 0);
}

static void say(const char *text)
{
	uart_write(&uart, text, strlen(text));
}

static void a_port_is_set_up(void **state)
{
	(void)state;
	power_on();
	assert_true(uart_init(&uart, PORT, 9600));
	assert_int_equal(hw.divisor, 12);
	assert_int_equal(hw.reg[REG_LCR], LCR_8N1);
	assert_int_equal(hw.reg[REG_IER], 0);
	assert_int_equal(hw.reg[REG_MCR], MCR_DTR_RTS | MCR_OUT2);
	assert_int_equal(uart.fifo_size, 16);
	assert_int_equal(uart_getc(&uart), -1);
	expect_wire("");
	uart_rx_irq_enable(&uart);
	assert_int_equal(hw.reg[REG_IER], IER_RECEIVED);
}

static void the_firmwares_speed_is_kept(void **state)
{
	(void)state;
	power_on();
	hw.divisor = 3;
	assert_true(uart_init(&uart, PORT, 0));
	assert_int_equal(hw.divisor, 3);
}

static void the_firmwares_last_words_go_out(void **state)
{
	(void)state;
	power_on();
	hw.tx_queued = 16;
	hw.polls_left = 500;
	start();
	assert_int_equal(hw.lost, 0);
}

static void an_absent_port_costs_nothing(void **state)
{
	static const enum bus buses[] = {BUS_FLOATING, BUS_ZERO, BUS_ECHO};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(buses); i++) {
		power_on();
		hw.bus = buses[i];
		assert_false(uart_init(&uart, PORT, 115200));
		assert_true(hw.reads < 3 * LOOP_POLLS);
		hw.reads = hw.writes = 0;
		say("lost\n");
		uart_irq(&uart);
		uart_rx_irq_enable(&uart);
		assert_false(uart_rx_pending(&uart));
		assert_int_equal(uart_getc(&uart), -1);
		assert_int_equal(hw.reads + hw.writes, 0);
	}
}

static void either_loopback_will_do(void **state)
{
	(void)state;
	power_on();
	hw.has_loop = false;
	start();
	power_on();
	hw.has_modem_loop = false;
	start();
	assert_int_equal(uart_getc(&uart), -1); /* the byte of the test is gone */
	power_on();
	hw.has_loop = hw.has_modem_loop = false;
	assert_false(uart_init(&uart, PORT, 115200));
}

static void newlines_become_two_bytes(void **state)
{
	(void)state;
	power_on();
	start();
	say("one\n\ntwo\r\n");
	expect_wire("one\r\n\r\ntwo\r\r\n");
	assert_int_equal(uart.sent, hw.sent);
	assert_int_equal(uart.dropped, 0);
}

static void a_fifo_is_filled_per_wait(void **state)
{
	char text[161];

	(void)state;
	memset(text, 'x', 160);
	text[160] = '\0';
	power_on();
	hw.busy_polls = 1;
	start();
	say(text);
	expect_wire(text);
	assert_int_equal(hw.reads, 10);

	power_on();
	hw.has_fifo = false;
	start();
	assert_int_equal(uart.fifo_size, 1);
	say(text);
	expect_wire(text);
}

static void stuck_from_the_start(void **state)
{
	(void)state;
	power_on();
	hw.stuck_from = 0;
	start();
	say("hello\n");
	assert_true(uart.stuck);
	assert_in_range(hw.reads, 1, UART_STUCK_WAITS * UART_WAIT_POLLS + 10);
	assert_int_equal(uart.sent, 0);
	hw.reads = 0;
	for (u32 i = 0; i < 100; i++)
		say("a whole line of text\n");
	assert_int_equal(hw.reads, 100);
	assert_int_equal(hw.sent + hw.lost, 0);
}

static void stuck_in_the_middle_and_back(void **state)
{
	u64 dropped;

	(void)state;
	power_on();
	hw.stuck_from = 20;
	start();
	say("0123456789abcdefghijklmnopqrstuvwxyz0123456789\n");
	assert_true(uart.stuck);
	assert_true(hw.reads < (UART_STUCK_WAITS + 1) * UART_WAIT_POLLS);
	assert_int_equal(uart.sent, 32); /* two loads: the second was under way */
	assert_int_equal(uart.dropped, 47 - 32);
	dropped = uart.dropped;
	say("gone\n");
	assert_int_equal(uart.dropped, dropped + 5);

	hw.stuck_from = UINT64_MAX;
	hw.tx_queued = 0;
	hw.reads = 0;
	say("back\n");
	assert_false(uart.stuck);
	assert_int_equal(hw.sent, 32 + strlen("\r\n[serial: 20 bytes not sent]\r\nback\r\n"));
	assert_memory_equal(hw.wire + 32, "\r\n[serial: 20 bytes not sent]\r\nback\r\n", 39);
	assert_int_equal(hw.lost, 0);
	assert_int_equal(uart.dropped, dropped + 5);
	assert_true(hw.reads < 15);
	say("again\n"); /* told once */
	assert_memory_equal(hw.wire + hw.sent - 13, "back\r\nagain\r\n", 13);
}

/* A slow wait is no reason to lose a byte; failures must be in a row. */
static void slow_is_not_stuck(void **state)
{
	(void)state;
	power_on();
	hw.busy_polls = UART_WAIT_POLLS + UART_WAIT_POLLS / 2;
	start();
	for (u32 i = 0; i < 6; i++)
		say("0123456789abcdef");
	assert_false(uart.stuck);
	assert_int_equal(hw.lost, 0);
	assert_int_equal(uart.dropped, 0);
	assert_int_equal(hw.sent, 96);
}

static void a_port_that_goes_away(void **state)
{
	(void)state;
	power_on();
	start();
	say("here\n");
	hw.bus = BUS_FLOATING; /* LSR reads 0xff: THRE and READY set, but it is no port */
	say("not here\n");
	assert_true(uart.stuck);
	assert_int_equal(uart_getc(&uart), -1);
	assert_int_equal(uart.errors + uart.overruns, 0);
	expect_wire("here\r\n");
}

static void bytes_come_in(void **state)
{
	(void)state;
	power_on();
	start();
	assert_false(uart_rx_pending(&uart));
	receive_byte('a', 0);
	receive_byte(0xff, 0);
	receive_byte(0, 0);
	assert_true(uart_rx_pending(&uart));
	assert_int_equal(uart_getc(&uart), 'a');
	assert_int_equal(uart_getc(&uart), 0xff);
	assert_int_equal(uart_getc(&uart), 0);
	assert_int_equal(uart_getc(&uart), -1);
}

static void bad_bytes_are_dropped_and_counted(void **state)
{
	(void)state;
	power_on();
	start();
	receive_byte('a', 0);
	receive_byte(0, 0x18); /* a break */
	receive_byte('b', 0);
	assert_int_equal(uart_getc(&uart), 'a');
	assert_int_equal(uart_getc(&uart), 'b');
	assert_int_equal(uart_getc(&uart), -1);
	assert_int_equal(uart.errors, 1);
	for (u32 i = 0; i < UART_FIFO + 4; i++)
		receive_byte('c', 0);
	for (u32 i = 0; i < UART_FIFO; i++)
		assert_int_equal(uart_getc(&uart), 'c');
	assert_int_equal(uart_getc(&uart), -1);
	assert_int_equal(uart.overruns, 1);
}

/* Somebody types while the kernel prints: nothing is lost. */
static u32 typed;
static void type_on_poll(void)
{
	if (typed < 100 && hw.lsr_reads % 2)
		receive_byte((u8)typed++, 0);
}

static void printing_loses_no_input(void **state)
{
	(void)state;
	power_on();
	start();
	typed = 0;
	hw.on_lsr_read = type_on_poll;
	for (u32 i = 0; i < 60; i++)
		say("some text that takes a while\n");
	hw.on_lsr_read = NULL;
	assert_int_equal(typed, 100);
	for (u32 i = 0; i < 100; i++)
		assert_int_equal(uart_getc(&uart), i);
	assert_int_equal(uart_getc(&uart), -1);
	assert_int_equal(hw.rx_lost, 0);
}

static void a_full_ring_leaves_bytes_in_the_port(void **state)
{
	(void)state;
	power_on();
	start();
	for (u32 i = 0; i < UART_RX_RING + 10; i++) {
		receive_byte((u8)i, 0);
		uart_irq(&uart);
	}
	assert_int_equal(hw.rx_head - hw.rx_tail, 10);
	for (u32 i = 0; i < UART_RX_RING + 10; i++)
		assert_int_equal(uart_getc(&uart), (u8)i);
	assert_int_equal(uart_getc(&uart), -1);
}

/*
 * The interrupt comes while uart_write() looks for input: the handler finds it at it and leaves. A
 * byte that came after the last look must not be forgotten, for no second interrupt will announce
 * it.
 */
static u32 interrupt_at;
static bool interrupted;
static void interrupt_on_poll(void)
{
	if (hw.lsr_reads != interrupt_at)
		return;
	interrupted = true;
	receive_byte('!', 0);
	uart_irq(&uart);
}

static void an_interrupt_while_draining_is_not_lost(void **state)
{
	(void)state;
	interrupted = true;
	/* Every look in turn, the very last one too: nobody comes after that. */
	for (u32 at = 1; interrupted; at++) {
		power_on();
		hw.busy_polls = 8;
		start();
		receive_byte('x', 0);
		interrupt_at = at;
		interrupted = false;
		hw.on_lsr_read = interrupt_on_poll;
		say("0123456789abcdef0123456789abcdef");
		hw.on_lsr_read = NULL;
		assert_true(at < 100);
		assert_int_equal(hw.rx_head, hw.rx_tail);
		assert_int_equal(uart_getc(&uart), 'x');
		if (interrupted)
			assert_int_equal(uart_getc(&uart), '!');
		assert_int_equal(uart_getc(&uart), -1);
		assert_int_equal(uart.rx_busy, 0);
		expect_wire("0123456789abcdef0123456789abcdef");
	}
}

static void it_is_a_log_sink(void **state)
{
	(void)state;
	power_on();
	start();
	log_add_sink(&uart.sink);
	printk("%d lines\n", 2);
	log_line("serial", "port %#x", PORT);
	expect_wire("2 lines\r\nserial      port 0x2f8\r\n");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_port_is_set_up),
	cmocka_unit_test(the_firmwares_speed_is_kept),
	cmocka_unit_test(the_firmwares_last_words_go_out),
	cmocka_unit_test(an_absent_port_costs_nothing),
	cmocka_unit_test(either_loopback_will_do),
	cmocka_unit_test(newlines_become_two_bytes),
	cmocka_unit_test(a_fifo_is_filled_per_wait),
	cmocka_unit_test(stuck_from_the_start),
	cmocka_unit_test(stuck_in_the_middle_and_back),
	cmocka_unit_test(slow_is_not_stuck),
	cmocka_unit_test(a_port_that_goes_away),
	cmocka_unit_test(bytes_come_in),
	cmocka_unit_test(bad_bytes_are_dropped_and_counted),
	cmocka_unit_test(printing_loses_no_input),
	cmocka_unit_test(a_full_ring_leaves_bytes_in_the_port),
	cmocka_unit_test(an_interrupt_while_draining_is_not_lost),
	cmocka_unit_test(it_is_a_log_sink),
};
HOST_MAIN("machine_uart", tests)
