/*
 * A model of a 16550 behind pv_inb() and pv_outb(): absent in three ways, without FIFOs or loopback, stuck from the
 * start or from some byte on. It counts register accesses: each is an exit in a virtual machine, and none may be spent
 * for ever. Includes machine/uart.c itself, whose register names it uses, so one test program can have it. Read next:
 * tests/host/test_uart.c.
 */
#ifndef TESTS_HOST_UART_MODEL_H
#define TESTS_HOST_UART_MODEL_H

#define PARAVANE_HOST 1
#include "tests/host/host.h"
#include "machine/uart.c"

#define PORT 0x2f8

enum bus { BUS_16550, BUS_FLOATING, BUS_ZERO, BUS_ECHO };

/* The model; all its state is set up by power_on(). */
static struct {
	enum bus bus;
	bool has_fifo, has_modem_loop, has_loop;
	u64 stuck_from; /* the transmitter takes this many bytes, then is never empty again */
	u32 busy_polls; /* LSR reads that a full load takes to be sent */

	u8 reg[8];
	u16 divisor;
	bool fifo_on;
	u32 tx_queued, polls_left;
	char wire[4096];   /* sent */
	size_t sent, lost; /* lost: written to a full FIFO, or cleared out of it */
	u8 rx[1024], rx_errors[1024];
	u32 rx_head, rx_tail, rx_lost;
	bool overrun;
	u64 reads, writes, lsr_reads;
	u8 bus_byte;
	void (*on_lsr_read)(void); /* an interrupt in the middle */
} hw;

static inline void power_on(void)
{
	memset(&hw, 0, sizeof(hw));
	hw.has_fifo = hw.has_modem_loop = hw.has_loop = true;
	hw.stuck_from = UINT64_MAX;
	hw.busy_polls = 3;
	hw.reg[REG_LCR] = LCR_DLAB | 7; /* as a firmware may leave it */
}

static bool tx_empty(void)
{
	if (hw.sent >= hw.stuck_from)
		return false;
	if (hw.polls_left && !--hw.polls_left)
		hw.tx_queued = 0;
	return !hw.tx_queued;
}

static u8 model_lsr(void)
{
	u8 lsr = tx_empty() ? LSR_THRE | LSR_TEMT : 0;

	hw.lsr_reads++;
	if (hw.rx_tail != hw.rx_head)
		lsr |= LSR_READY | hw.rx_errors[hw.rx_tail % 1024];
	if (hw.overrun)
		lsr |= LSR_OVERRUN;
	hw.overrun = false;
	if (hw.on_lsr_read)
		hw.on_lsr_read();
	return lsr;
}

static u8 model_msr(void)
{
	u8 mcr = hw.reg[REG_MCR];

	if (!(mcr & MCR_LOOP) || !hw.has_modem_loop)
		return 0xb0; /* CTS, DSR, DCD */
	return (u8)((mcr & 0x02) << 3 | (mcr & 0x01) << 5 | (mcr & 0x04) << 4 | (mcr & 0x08) << 4);
}

static u8 model_read(u16 reg)
{
	switch (reg) {
	case REG_DATA:
		if (hw.rx_tail == hw.rx_head)
			return 0xee; /* nothing there: rubbish */
		return hw.rx[hw.rx_tail++ % 1024];
	case REG_IIR:
		return hw.fifo_on ? 0xc1 : 0x01;
	case REG_LSR:
		return model_lsr();
	case REG_MSR:
		return model_msr();
	default:
		return hw.reg[reg];
	}
}

u8 pv_inb(u16 port)
{
	assert_in_range(port, PORT, PORT + 7);
	hw.reads++;
	switch (hw.bus) {
	case BUS_FLOATING:
		return 0xff;
	case BUS_ZERO:
		return 0;
	case BUS_ECHO:
		return hw.bus_byte;
	default:
		return model_read(port - PORT);
	}
}

/* A byte comes in over the wire. */
static void receive_byte(u8 byte, u8 errors)
{
	if (hw.rx_head - hw.rx_tail == (hw.fifo_on ? UART_FIFO : 1)) {
		hw.overrun = true;
		hw.rx_lost++;
		return;
	}
	hw.rx[hw.rx_head % 1024] = byte;
	hw.rx_errors[hw.rx_head++ % 1024] = errors;
}

static void model_send(u8 byte)
{
	if (hw.reg[REG_MCR] & MCR_LOOP) {
		if (hw.has_loop)
			receive_byte(byte, 0);
		return;
	}
	if (hw.tx_queued == (hw.fifo_on ? UART_FIFO : 1)) {
		hw.lost++;
		return;
	}
	hw.tx_queued++;
	hw.polls_left = hw.busy_polls;
	assert_true(hw.sent < sizeof(hw.wire));
	hw.wire[hw.sent++] = (char)byte;
}

void pv_outb(u8 value, u16 port)
{
	u16 reg = port - PORT;

	assert_in_range(port, PORT, PORT + 7);
	hw.writes++;
	hw.bus_byte = value;
	if (hw.bus != BUS_16550)
		return;
	if ((hw.reg[REG_LCR] & LCR_DLAB) && reg <= REG_DIVISOR_HIGH) {
		hw.divisor = reg == REG_DIVISOR_LOW ? (u16)((hw.divisor & 0xff00) | value)
						    : (u16)((hw.divisor & 0xff) | value << 8);
	} else if (reg == REG_DATA) {
		model_send(value);
	} else if (reg == REG_FCR) {
		hw.fifo_on = hw.has_fifo && (value & 1);
		if (value & 2)
			hw.rx_tail = hw.rx_head;
		if (value & 4) {
			hw.lost += hw.tx_queued;
			hw.tx_queued = 0;
		}
	} else {
		hw.reg[reg] = value;
	}
}

#endif
