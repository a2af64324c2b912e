/*
 * A 16550 (or 16450) serial port, polled for output, by interrupt or polled for input. Made for
 * ports that are not there or stop working: every wait is bounded by a count, and a port that does
 * not take bytes costs nothing soon. Facts: National Semiconductor PC16550D data sheet, section 8,
 * as cited in uart.c.
 *
 * Locks: uart_write() is not reentrant; as a log sink it runs under the log's lock. uart_getc() has
 * one caller at a time; it, uart_write() and uart_irq() may interrupt each other and run on
 * different CPUs.
 */
#ifndef MACHINE_UART_H
#define MACHINE_UART_H

#include "lib/types.h"
#include "lib/log.h"
#include "machine/console.h"

#define UART_COM1        0x3f8
#define UART_CLOCK       115200 /* baud with divisor 1 */
#define UART_FIFO        16     /* bytes, PC16550D 8.4 */
#define UART_RX_RING     256    /* bytes, a power of two */
#define UART_STUCK_WAITS 3      /* waits in a row that failed: stuck */

/*
 * Reads of LSR in one wait for an empty transmitter. 16 bytes at 9600 baud are 17 ms, an `in` takes
 * 0.3 us at the least on a PC: 100,000 is enough for any baud rate in use and about 0.1 s on a real
 * ISA-speed port.
 */
#define UART_WAIT_POLLS 100000

struct uart {
	struct log_sink sink;       /* write() is uart_write(); add it with log_add_sink() */
	struct console_input input; /* uart_getc() and uart_rx_pending() */
	u16 port;
	u8 fifo_size;    /* bytes that an empty transmitter takes: 1 or 16 */
	bool present;    /* else every call does nothing */
	bool stuck;      /* output is dropped until LSR says ready at the begin of a write */
	u8 failed_waits; /* in a row */

	/* Counters, bytes unless said otherwise. */
	u64 sent;
	u64 dropped;      /* not sent: stuck */
	u64 dropped_told; /* of these, how many a mark in the output has told of */
	u64 overruns;     /* times the receiver lost at least one byte (LSR.OE) */
	u64 errors;       /* received with a parity or framing error or as part of a break, and thrown away */

	/* Received bytes: head is moved by who holds rx_busy, tail by uart_getc(). */
	u8 ring[UART_RX_RING];
	u32 ring_head, ring_tail;
	u32 rx_busy;
};

/*
 * Looks for a port at @port and sets it up: 8n1, FIFOs on, interrupts off. @baud 0 keeps the speed
 * that the firmware set. False: no UART there (and @u does nothing from then on). A port that is
 * there but stuck is true.
 */
bool uart_init(struct uart *u, u16 port, u32 baud);

/*
 * Sends, "\n" as "\r\n". Drops what a stuck port does not take, and says how much was dropped when
 * it takes bytes again; never waits longer than UART_STUCK_WAITS waits.
 */
void uart_write(struct uart *u, const char *text, size_t len);

/* The next received byte, 0 to 255; -1: none. */
int uart_getc(struct uart *u);

/* True if uart_getc() would return a byte: to be asked with interrupts off before halting. */
bool uart_rx_pending(struct uart *u);

/*
 * Lets the port raise its interrupt for received bytes; whoever gets that interrupt calls
 * uart_irq().
 */
void uart_rx_irq_enable(struct uart *u);

/* The interrupt's handler: takes all received bytes out of the port. EOI is the caller's. */
void uart_irq(struct uart *u);

#endif
