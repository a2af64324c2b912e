/*
 * The keyboard: the decoder's tables by what a person would type, and machine/ps2.c before a model of an 8042 that may
 * be absent, dead, without a keyboard, or have a mouse that talks in between.
 */
#define PARAVANE_HOST
#include "tests/host/host.h"

#include "machine/ps2.c"
#include "machine/scancode.c"

static struct {
	bool absent, stuck, no_keyboard, mouse;
	u8 command, config;
	bool keyboard_on;
	u8 queue[64];
	u32 head, tail;
	u64 clock, reads;
} hw;

static void answer_with(u8 byte)
{
	hw.queue[hw.head++ % sizeof(hw.queue)] = byte;
}

u8 pv_inb(u16 port)
{
	bool full = hw.head != hw.tail;

	hw.reads++;
	if (hw.absent)
		return 0xff;
	if (port == PORT_STATUS)
		return hw.stuck ? STATUS_INPUT : (u8)(full | (full && hw.mouse ? STATUS_MOUSE : 0));
	assert_int_equal(port, PORT_DATA);
	assert_true(full);
	if (hw.mouse) {
		hw.mouse = false;
		return 0x10; /* as a key, a q */
	}
	return hw.queue[hw.tail++ % sizeof(hw.queue)];
}

static void command(u8 byte)
{
	hw.command = 0;
	if (byte == CMD_READ_CONFIG)
		answer_with(hw.config);
	else if (byte == CMD_SELF_TEST)
		answer_with(SELF_TEST_PASSED);
	else if (byte == CMD_WRITE_CONFIG)
		hw.command = byte;
}

void pv_outb(u8 byte, u16 port)
{
	if (port == PORT_STATUS) {
		command(byte);
	} else if (hw.command == CMD_WRITE_CONFIG) {
		hw.config = byte;
		hw.command = 0;
	} else if (!hw.no_keyboard) {
		hw.keyboard_on |= byte == KEYBOARD_SCAN;
		answer_with(KEYBOARD_ACK);
	}
}

u64 pv_sched_clock(void)
{
	return hw.clock += 1000;
}

ulong spin_lock_irq_save(struct qspinlock *lock)
{
	assert_int_equal(lock->val, 0);
	lock->val = 1;
	return 7;
}

void spin_unlock_irq_restore(struct qspinlock *lock, ulong flags)
{
	assert_int_equal(flags, 7);
	lock->val = 0;
}

static struct ps2 kbd;

static int power_on(void)
{
	hw.config = CONFIG_IRQ | CONFIG_MOUSE_IRQ | CONFIG_OFF;
	return ps2_init(&kbd);
}

static int typed(void)
{
	return kbd.input.getc(&kbd.input);
}

static void a_keyboard_is_found(void **state)
{
	(void)state;
	memset(&hw, 0, sizeof(hw));
	answer_with(0x1e); /* what was typed before is not for us */
	assert_int_equal(power_on(), PS2_KEYBOARD);
	assert_int_equal(hw.config, CONFIG_TRANSLATE);
	assert_true(hw.keyboard_on);
	assert_int_equal(typed(), -1);
	ps2_irq_enable(&kbd);
	assert_int_equal(hw.config, CONFIG_TRANSLATE | CONFIG_IRQ);
	answer_with(0x23);
	answer_with(0x23 | 0x80);
	answer_with(0x17);
	ps2_irq(&kbd);
	assert_int_equal(hw.head, hw.tail);
	assert_true(kbd.input.pending(&kbd.input));
	assert_int_equal(typed(), 'h');
	assert_int_equal(typed(), 'i');
	assert_int_equal(typed(), -1);
}

static void a_mouse_is_not_read_as_keys(void **state)
{
	(void)state;
	memset(&hw, 0, sizeof(hw));
	assert_int_equal(power_on(), PS2_KEYBOARD);
	answer_with(0x1e);
	hw.mouse = true;
	assert_int_equal(typed(), 'a');
	assert_int_equal(typed(), -1);
}

static void what_is_not_there_costs_little(void **state)
{
	(void)state;
	memset(&hw, 0, sizeof(hw));
	hw.absent = true;
	assert_int_equal(power_on(), PS2_NO_CONTROLLER);
	assert_true(hw.reads < 4);
	assert_int_equal(typed(), -1);
	ps2_irq_enable(&kbd);
	memset(&hw, 0, sizeof(hw));
	hw.stuck = true;
	assert_int_equal(power_on(), PS2_NO_CONTROLLER);
	assert_true(hw.clock < 2UL * PS2_WAIT_NS);
	memset(&hw, 0, sizeof(hw));
	hw.no_keyboard = true;
	assert_int_equal(power_on(), PS2_NO_KEYBOARD);
	assert_true(hw.clock < 2UL * PS2_WAIT_NS);
	assert_false(kbd.input.pending(&kbd.input));
}

static void a_full_ring_keeps_the_first(void **state)
{
	(void)state;
	memset(&hw, 0, sizeof(hw));
	assert_int_equal(power_on(), PS2_KEYBOARD);
	for (u32 round = 0; round < 3; round++) {
		for (u32 i = 0; i < 40; i++)
			answer_with(0x1e);
		ps2_irq(&kbd);
	}
	assert_int_equal(kbd.dropped, 120 - PS2_RING);
	for (u32 i = 0; i < PS2_RING; i++)
		assert_int_equal(typed(), 'a');
	assert_int_equal(typed(), -1);
}

/* ---- the decoder ---- */

static void keys(const char *codes, size_t count, const char *text)
{
	struct scancode s = {0};
	char got[64];
	u32 len = 0;

	for (size_t i = 0; i < count; i++)
		len += scancode_feed(&s, (u8)codes[i], got + len);
	got[len] = '\0';
	assert_string_equal(got, text);
}

#define KEYS(codes, text) keys(codes, sizeof(codes) - 1, text)

static void what_keys_type(void **state)
{
	(void)state;
	KEYS("\x17\x97\x31\xb1\x21\xa1\x18\x98\x1c\x9c", "info\r");
	KEYS("\x2a\x17\x97\xaa\x17", "Ii");
	KEYS("\x36\x0d\xb6\x0d\x0c\x2a\x0c", "+=-_");
	KEYS("\x3a\xba\x1e\x02\x2a\x1e\xaa\x3a\x1e", "A1aa");
	KEYS("\x1d\x2e\x9d\x2e\x1d\x1a", "\x03"
					 "c\033");
	KEYS("\xe0\x1d\x26\xe0\x9d\x26", "\x0cl");
	KEYS("\x0e\x0f\x01\x39\x2b\x29\x28\x35\x56", "\b\t\033 \\`'/");
	KEYS("\x47\x4c\x52\x53\x37\x4a\x4e", "750.*-+");
	KEYS("\xe0\x48\xe0\xc8\xe0\x50\xe0\x4d\xe0\x4b", "\033[A\033[B\033[C\033[D");
	KEYS("\xe0\x47\xe0\x4f\xe0\x53\xe0\x1c\xe0\x35", "\033[H\033[F\033[3~\r/");
	KEYS("\xe0\x2a\xe0\x48\xe0\xaa\x1e", "\033[Aa"); /* a shift that the keyboard makes up */
	KEYS("\xe1\x1d\x45\xe1\x9d\xc5\x1e", "a");       /* Pause is no Ctrl */
	KEYS("\x38\x3b\x57\x46\xff\xfa\xe0\x5b\x1e", "a");
	KEYS("\x1d\x02\x9d", "1");
}

static void every_key_of_the_us_layout(void **state)
{
	static const char rows[] = "`1234567890-=qwertyuiop[]\\asdfghjkl;'zxcvbnm,./"
				   "~!@#$%^&*()_+QWERTYUIOP{}|ASDFGHJKL:\"ZXCVBNM<>?";
	u32 seen[128] = {0};

	(void)state;
	for (u32 shift = 0; shift < 2; shift++) {
		for (u32 code = 1; code < 0x36; code++) {
			struct scancode s = {.shift_left = shift};
			char out[SCANCODE_BYTES];

			if (scancode_feed(&s, (u8)code, out) == 1)
				seen[(u8)out[0] & 127]++;
		}
	}
	for (u32 i = 0; rows[i]; i++)
		assert_int_equal(seen[(u8)rows[i]], 1);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_keyboard_is_found),
	cmocka_unit_test(a_mouse_is_not_read_as_keys),
	cmocka_unit_test(what_is_not_there_costs_little),
	cmocka_unit_test(a_full_ring_keeps_the_first),
	cmocka_unit_test(what_keys_type),
	cmocka_unit_test(every_key_of_the_us_layout),
};
HOST_MAIN("machine_ps2", tests)
