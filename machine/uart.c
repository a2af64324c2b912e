/*
 * The serial port behind uart.h. Every register access is an op (pv_inb, pv_outb), and in a virtual
 * machine an exit: a full FIFO is written per look at LSR, not a byte. All reads of LSR go through
 * read_lsr(), since reading clears its error bits. It must not know the log beyond being a sink of
 * it, nor which interrupt it has (machine/ routes that). Section numbers are those of the PC16550D
 * data sheet.
 */
#include "machine/uart.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "pvops/pvops.h"

/* Registers, from the port's base (table II); DLAB swaps the first two. */
enum { REG_DATA, REG_IER, REG_FCR, REG_LCR, REG_MCR, REG_LSR, REG_MSR, REG_SCRATCH };
enum { REG_DIVISOR_LOW = REG_DATA, REG_DIVISOR_HIGH = REG_IER, REG_IIR = REG_FCR };

#define IER_RECEIVED 0x01 /* 8.6 */
#define IIR_FIFOS    0xc0 /* 8.5: both set on a working 16550 */
#define FCR_ENABLE   0x87 /* 8.4: FIFOs on and cleared, interrupt at 8 bytes (or a pause) */
#define LCR_8N1      0x03 /* 8.1 */
#define LCR_DLAB     0x80
#define MCR_DTR_RTS  0x03 /* 8.7 */
#define MCR_OUT2     0x08 /* on a PC: connects the interrupt line */
#define MCR_LOOP     0x10
#define LSR_READY    0x01 /* 8.3 */
#define LSR_OVERRUN  0x02
#define LSR_BAD_BYTE 0x1c /* parity, framing, break */
#define LSR_THRE     0x20
#define LSR_TEMT     0x40
#define LSR_NO_PORT  0xff /* a floating bus; bits 1 to 6 are never all set on a real port */

/* Reads that may go by until a looped-back byte is there: no emulator takes more than a few. */
#define LOOP_POLLS 20000

/* As many bytes as one drain takes at most: a broken port may have LSR_READY set for ever. */
#define DRAIN_MAX (4 * UART_FIFO)

static u8 reg_read(const struct uart *u, u16 reg)
{
	return pv_inb((u16)(u->port + reg));
}

static void reg_write(const struct uart *u, u16 reg, u8 value)
{
	pv_outb(value, (u16)(u->port + reg));
}

/*
 * LSR, its overrun counted; 0 (nothing received, nothing can be sent) if there is no port any more.
 */
static u8 read_lsr(struct uart *u)
{
	u8 lsr = reg_read(u, REG_LSR);

	if (lsr == LSR_NO_PORT)
		return 0;
	if (lsr & LSR_OVERRUN)
		u->overruns++;
	return lsr;
}

/* Input */

static u32 ring_used(const struct uart *u)
{
	return __atomic_load_n(&u->ring_head, __ATOMIC_ACQUIRE) - __atomic_load_n(&u->ring_tail, __ATOMIC_ACQUIRE);
}

static void ring_put(struct uart *u, u8 byte)
{
	u->ring[u->ring_head % UART_RX_RING] = byte;
	__atomic_store_n(&u->ring_head, u->ring_head + 1, __ATOMIC_RELEASE);
}

/*
 * Moves received bytes to the ring, given what LSR just said; returns what it says then. A full
 * ring leaves them in the port: an emulator holds the sender back, a real one loses them as it
 * would anyway, and counts it.
 */
static u8 drain(struct uart *u, u8 lsr)
{
	for (u32 i = 0; i < DRAIN_MAX && (lsr & LSR_READY) && ring_used(u) < UART_RX_RING; i++) {
		u8 byte = reg_read(u, REG_DATA);

		if (lsr & LSR_BAD_BYTE)
			u->errors++;
		else
			ring_put(u, byte);
		lsr = read_lsr(u);
	}
	return lsr;
}

/*
 * The one look at LSR that everything else is made of: takes received bytes along, so that printing
 * loses none. rx_busy counts who came while one of them drains; that one goes round again, since a
 * byte that arrives between its last look and its end raises no second interrupt.
 */
static u8 poll(struct uart *u)
{
	u8 lsr;

	if (__atomic_fetch_add(&u->rx_busy, 1, __ATOMIC_ACQUIRE))
		return read_lsr(u);
	do {
		lsr = drain(u, read_lsr(u));
	} while (__atomic_exchange_n(&u->rx_busy, 0, __ATOMIC_ACQ_REL) > 1 &&
		 !__atomic_fetch_add(&u->rx_busy, 1, __ATOMIC_ACQUIRE));
	return lsr;
}

int uart_getc(struct uart *u)
{
	u32 tail = u->ring_tail;
	int byte;

	if (!uart_rx_pending(u))
		return -1;
	byte = u->ring[tail % UART_RX_RING];
	__atomic_store_n(&u->ring_tail, tail + 1, __ATOMIC_RELEASE);
	return byte;
}

bool uart_rx_pending(struct uart *u)
{
	if (u->present && !ring_used(u))
		poll(u);
	return ring_used(u);
}

void uart_irq(struct uart *u)
{
	if (u->present)
		poll(u);
}

void uart_rx_irq_enable(struct uart *u)
{
	if (u->present)
		reg_write(u, REG_IER, IER_RECEIVED);
}

/* Output */

/* Waits until the transmitter is empty. Too many failures in a row: stuck. */
static bool wait_empty(struct uart *u)
{
	for (u32 i = 0; i < UART_WAIT_POLLS; i++) {
		if (poll(u) & LSR_THRE) {
			u->failed_waits = 0;
			return true;
		}
		asm volatile("pause");
	}
	u->stuck = ++u->failed_waits >= UART_STUCK_WAITS;
	return false;
}

/* True if output may be tried. A stuck port is looked at once. */
static bool usable(struct uart *u)
{
	if (u->stuck && (poll(u) & LSR_THRE)) {
		u->stuck = false;
		u->failed_waits = 0;
	}
	return !u->stuck;
}

/* @room: what the FIFO still takes since it was last seen empty. */
static void send(struct uart *u, char c, u32 *room)
{
	while (!*room && !u->stuck) {
		if (wait_empty(u))
			*room = u->fifo_size;
	}
	if (u->stuck) {
		u->dropped++;
		return;
	}
	reg_write(u, REG_DATA, (u8)c);
	(*room)--;
	u->sent++;
}

static void write_all(struct uart *u, const char *text, size_t len)
{
	u32 room = 0;

	for (; len && !u->stuck; text++, len--) {
		if (*text == '\n')
			send(u, '\r', &room);
		send(u, *text, &room);
	}
	u->dropped += len;
}

/* A gap in the output is marked where it ends: silence would look like a hang or a lost test. */
static void mark_gap(struct uart *u)
{
	char text[48];
	int len = ksnprintf(text, sizeof(text), "\n[serial: %lu bytes not sent]\n", u->dropped - u->dropped_told);

	u->dropped_told = u->dropped;
	write_all(u, text, (size_t)len);
}

void uart_write(struct uart *u, const char *text, size_t len)
{
	if (!u->present)
		return;
	if (usable(u) && u->dropped != u->dropped_told)
		mark_gap(u);
	write_all(u, text, len);
}

static void sink_write(struct log_sink *sink, const char *text, size_t len)
{
	uart_write(container_of(sink, struct uart, sink), text, len);
}

static int input_getc(struct console_input *in)
{
	return uart_getc(container_of(in, struct uart, input));
}

static bool input_pending(struct console_input *in)
{
	return uart_rx_pending(container_of(in, struct uart, input));
}

/* Finding and setting up */

/*
 * Absent ports mostly read 0xff, so no scratch; a bus may echo the last byte written, so that alone
 * proves nothing.
 */
static bool scratch_holds(const struct uart *u)
{
	reg_write(u, REG_SCRATCH, 0x5a);
	if (reg_read(u, REG_SCRATCH) != 0x5a)
		return false;
	reg_write(u, REG_SCRATCH, 0xa5);
	return reg_read(u, REG_SCRATCH) == 0xa5 && reg_read(u, REG_LSR) != LSR_NO_PORT;
}

/*
 * 8.7: in loop mode the modem outputs DTR, RTS, OUT1, OUT2 come back as DSR, CTS, RI, DCD. Two
 * patterns that the wires cannot both show. Some emulators do without this: then a byte must come
 * back.
 */
static bool modem_loops(const struct uart *u)
{
	u8 first, second;

	reg_write(u, REG_MCR, MCR_LOOP | 0x0a);
	first = reg_read(u, REG_MSR) & 0xf0;
	reg_write(u, REG_MCR, MCR_LOOP | 0x05);
	second = reg_read(u, REG_MSR) & 0xf0;
	return first == 0x90 && second == 0x60;
}

static bool byte_loops(struct uart *u)
{
	reg_write(u, REG_MCR, MCR_LOOP);
	reg_write(u, REG_DATA, 0xae);
	for (u32 i = 0; i < LOOP_POLLS; i++) {
		if (read_lsr(u) & LSR_READY)
			return reg_read(u, REG_DATA) == 0xae;
		asm volatile("pause");
	}
	return false;
}

/* What the firmware printed last goes out first: enabling the FIFOs would throw it away. */
static void wait_firmware(struct uart *u)
{
	for (u32 i = 0; i < LOOP_POLLS && !(read_lsr(u) & LSR_TEMT); i++)
		asm volatile("pause");
}

static void set_speed(const struct uart *u, u32 baud)
{
	u32 divisor = min(max((UART_CLOCK + baud / 2) / baud, 1U), 0xffffU);

	reg_write(u, REG_LCR, LCR_8N1 | LCR_DLAB);
	reg_write(u, REG_DIVISOR_LOW, (u8)divisor);
	reg_write(u, REG_DIVISOR_HIGH, (u8)(divisor >> 8));
	reg_write(u, REG_LCR, LCR_8N1);
}

bool uart_init(struct uart *u, u16 port, u32 baud)
{
	memset(u, 0, sizeof(*u));
	u->sink.name = "serial";
	u->sink.write = sink_write;
	u->input = (struct console_input){input_getc, input_pending};
	u->port = port;
	if (!scratch_holds(u))
		return false;
	reg_write(u, REG_LCR, LCR_8N1); /* the firmware may have left DLAB set */
	reg_write(u, REG_IER, 0);
	wait_firmware(u);
	if (baud)
		set_speed(u, baud);
	u->present = modem_loops(u) || byte_loops(u);
	if (!u->present)
		return false;
	reg_write(u, REG_MCR, MCR_DTR_RTS | MCR_OUT2);
	reg_write(u, REG_FCR, FCR_ENABLE);
	u->fifo_size = (reg_read(u, REG_IIR) & IIR_FIFOS) == IIR_FIFOS ? UART_FIFO : 1;
	reg_read(u, REG_MSR); /* clears what the tests left pending */
	u->overruns = 0;
	return true;
}
