/* The 8042 and its keyboard: see machine/ps2.h. */
#include "machine/ps2.h"

#include "lib/string.h"
#include "pvops/pvops.h"

#define PORT_DATA        0x60
#define PORT_STATUS      0x64 /* read; written: commands */

#define STATUS_OUTPUT    0x01 /* a byte is there for us */
#define STATUS_INPUT     0x02 /* the last byte written was not taken yet */
#define STATUS_MOUSE     0x20 /* the byte is the mouse's */
#define STATUS_NOTHING   0xff /* a floating bus */

#define CMD_READ_CONFIG  0x20
#define CMD_WRITE_CONFIG 0x60
#define CMD_MOUSE_OFF    0xa7
#define CMD_SELF_TEST    0xaa /* answers 0x55 */
#define CMD_KEYBOARD_OFF 0xad
#define CMD_KEYBOARD_ON  0xae

#define CONFIG_IRQ       0x01
#define CONFIG_MOUSE_IRQ 0x02
#define CONFIG_OFF       0x10
#define CONFIG_TRANSLATE 0x40

#define SELF_TEST_PASSED 0x55
#define KEYBOARD_SCAN    0xf4 /* to the keyboard: send codes */
#define KEYBOARD_ACK     0xfa

#define LATE_LOOKS       1000 /* time that passes while a virtual CPU is stopped says nothing */
#define DRAIN_MAX        64   /* bytes taken in a row: a broken controller has one for ever */

/* Out of line: one site each, which every use crosses. */
static __noinline u8 ps2_status(void)
{
	return pv_inb(PORT_STATUS);
}

static __noinline u8 ps2_data(void)
{
	return pv_inb(PORT_DATA);
}

static __noinline u64 ps2_clock(void)
{
	return pv_sched_clock();
}

/* Waits until the bits @mask of the status are @want; false: they never were. */
static __noinline bool ps2_wait(u8 mask, u8 want)
{
	u64 end = ps2_clock() + PS2_WAIT_NS;
	u32 late = 0;

	do {
		u8 now = ps2_status();

		if (now == STATUS_NOTHING)
			return false;
		if ((now & mask) == want)
			return true;
		asm volatile("pause");
	} while (ps2_clock() < end || late++ < LATE_LOOKS);
	return false;
}

static __noinline bool ps2_put(u8 byte, u16 port)
{
	if (!ps2_wait(STATUS_INPUT, 0))
		return false;
	pv_outb(byte, port);
	return true;
}

/* The answer to what was asked last, -1: none came. What the mouse says meanwhile is thrown away. */
static int answer(void)
{
	for (u32 i = 0; i < DRAIN_MAX && ps2_wait(STATUS_OUTPUT, STATUS_OUTPUT); i++) {
		bool mouse = ps2_status() & STATUS_MOUSE;
		u8 byte = ps2_data();

		if (!mouse)
			return byte;
	}
	return -1;
}

static int ask(u8 byte, u16 port)
{
	return ps2_put(byte, port) ? answer() : -1;
}

static bool set_config(u8 config)
{
	return ps2_put(CMD_WRITE_CONFIG, PORT_STATUS) && ps2_put(config, PORT_DATA);
}

static void drain(void)
{
	for (u32 i = 0; i < DRAIN_MAX && (ps2_status() & STATUS_OUTPUT) && ps2_status() != STATUS_NOTHING; i++)
		ps2_data();
}

/* What a key said while it was asked for its acknowledgement is lost. */
static bool keyboard_answers(void)
{
	int byte = ask(KEYBOARD_SCAN, PORT_DATA);

	for (u32 i = 0; i < 4 && byte >= 0; i++) {
		if (byte == KEYBOARD_ACK)
			return true;
		byte = answer();
	}
	return false;
}

static enum ps2_state find(void)
{
	int config;

	if (!ps2_put(CMD_KEYBOARD_OFF, PORT_STATUS) || !ps2_put(CMD_MOUSE_OFF, PORT_STATUS))
		return PS2_NO_CONTROLLER;
	drain();
	config = ask(CMD_READ_CONFIG, PORT_STATUS);
	if (config < 0 || ask(CMD_SELF_TEST, PORT_STATUS) != SELF_TEST_PASSED)
		return PS2_NO_CONTROLLER;
	config = (config | CONFIG_TRANSLATE) & ~(CONFIG_IRQ | CONFIG_MOUSE_IRQ | CONFIG_OFF);
	if (!set_config((u8)config) || !ps2_put(CMD_MOUSE_OFF, PORT_STATUS) || !ps2_put(CMD_KEYBOARD_ON, PORT_STATUS))
		return PS2_NO_CONTROLLER;
	return keyboard_answers() ? PS2_KEYBOARD : PS2_NO_KEYBOARD;
}

/* ---- what is typed ---- */

static void ring_put(struct ps2 *p, char c)
{
	if (p->head - p->tail == PS2_RING) {
		p->dropped++;
		return;
	}
	p->ring[p->head++ % PS2_RING] = (u8)c;
}

/* Takes what the controller has. Under the lock. */
static void ps2_poll(struct ps2 *p)
{
	for (u32 i = 0; i < DRAIN_MAX; i++) {
		u8 now = ps2_status(), code;
		char text[SCANCODE_BYTES];
		u32 len;

		if (now == STATUS_NOTHING || !(now & STATUS_OUTPUT))
			return;
		code = ps2_data();
		len = now & STATUS_MOUSE ? 0 : scancode_feed(&p->decoder, code, text);
		for (u32 k = 0; k < len; k++)
			ring_put(p, text[k]);
	}
}

static bool input_pending(struct console_input *in)
{
	struct ps2 *p = container_of(in, struct ps2, input);
	ulong flags;
	bool some;

	if (p->state != PS2_KEYBOARD)
		return false;
	flags = spin_lock_irq_save(&p->lock);
	if (p->head == p->tail)
		ps2_poll(p);
	some = p->head != p->tail;
	spin_unlock_irq_restore(&p->lock, flags);
	return some;
}

static int input_getc(struct console_input *in)
{
	struct ps2 *p = container_of(in, struct ps2, input);

	return input_pending(in) ? p->ring[p->tail++ % PS2_RING] : -1;
}

void ps2_irq(struct ps2 *p)
{
	ulong flags = spin_lock_irq_save(&p->lock);

	ps2_poll(p);
	spin_unlock_irq_restore(&p->lock, flags);
}

void ps2_irq_enable(struct ps2 *p)
{
	int config;
	ulong flags;

	if (p->state != PS2_KEYBOARD)
		return;
	flags = spin_lock_irq_save(&p->lock);
	config = ask(CMD_READ_CONFIG, PORT_STATUS);
	if (config >= 0)
		set_config((u8)config | CONFIG_IRQ);
	spin_unlock_irq_restore(&p->lock, flags);
}

enum ps2_state ps2_init(struct ps2 *p)
{
	memset(p, 0, sizeof(*p));
	p->input.getc = input_getc;
	p->input.pending = input_pending;
	p->state = find();
	return p->state;
}
