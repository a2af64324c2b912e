/*
 * The consoles on the live machine: the screen's cells against what they should be, the VGA's registers against what
 * the boot loader said, and a keyboard that types by itself (8042 command 0xd2: a byte as if a key had sent it).
 */
#include "boot/console.h"
#include "boot/main.h"
#include "boot/slides.h"
#include "lib/log.h"
#include "lib/string.h"
#include "machine/irq.h"
#include "machine/percpu.h"
#include "machine/pit.h"
#include "machine/ps2.h"
#include "machine/time.h"
#include "machine/traps.h"
#include "machine/vgatext.h"
#include "pvops/pvops.h"
#include "tests/ktest.h"

#define PATIENCE_NS 500000000UL /* for something that takes a millisecond */
#define LATE_LOOKS  100000      /* a stopped virtual CPU takes its interrupt when it goes on */
#define STATUS      0x64
#define DATA        0x60
#define TYPE_BYTE   0xd2

static struct term term;
static u16 cells[VGATEXT_ROWS * VGATEXT_COLS];
static struct vgatext vga;

static bool row_is(u32 y, const char *text, u8 attr)
{
	size_t len = strlen(text);

	for (u32 x = 0; x < VGATEXT_COLS; x++)
		if (cells[y * VGATEXT_COLS + x] != (u16)(x < len ? attr << 8 | text[x] : 0x0720))
			return false;
	return true;
}

/* The driver on memory of our own; the card's cursor, which it hides, is hidden already where there is one. */
TEST(machine_console_vga_text_cells)
{
	ulong flags = pv_irq_save();

	vgatext_init(&vga, cells, VGATEXT_COLS, VGATEXT_ROWS, sizeof(cells) / VGATEXT_ROWS, &term);
	pv_irq_restore(flags);
	vga.sink.write(&vga.sink, "one\ntwo\n", 8);
	EXPECT(row_is(0, "one", TERM_NORMAL));
	EXPECT(row_is(1, "two", TERM_NORMAL));
	EXPECT_EQ(cells[2 * VGATEXT_COLS], 0x7020); /* the cursor */
	vga.sink.alarm(&vga.sink);
	vga.sink.write(&vga.sink, "lost", 4);
	EXPECT(row_is(1, "two", TERM_NORMAL));
	EXPECT_EQ(cells[2 * VGATEXT_COLS], TERM_ALARM << 8 | 'l');
}

/* The registers tell text from graphics as the boot loader does; asking twice gives the same. */
TEST(machine_console_vga_probe)
{
	ulong flags = pv_irq_save();
	bool text = vgatext_probe(), again = vgatext_probe();

	pv_irq_restore(flags);
	EXPECT_EQ(text, again);
	if (boot_info.has_framebuffer && boot_info.framebuffer.base == VGATEXT_BASE)
		EXPECT(text);
	else if (boot_info.has_framebuffer)
		EXPECT(!text);
	else
		ktest_not_here("the boot loader said nothing of a screen");
}

static bool have_keyboard(void)
{
	if (pv_inb(STATUS) != 0xff)
		return true;
	ktest_not_here("no keyboard controller");
	return false;
}

static bool taken(void)
{
	for (unsigned i = 0; i < 100000; i++)
		if (!(pv_inb(STATUS) & 2))
			return true;
	return false;
}

/* As if a key had sent @code. */
static bool type_code(u8 code)
{
	if (!taken())
		return false;
	pv_outb(TYPE_BYTE, STATUS);
	if (!taken())
		return false;
	pv_outb(code, DATA);
	return taken();
}

/* A key comes by its interrupt, up to who reads the console. */
TEST(machine_console_key_interrupts)
{
	u64 count = irq_count(IRQ_KEYBOARD), deadline;
	unsigned late = 0;
	bool typed;
	ulong flags;

	if (!have_keyboard())
		return;
	if (!irq_enabled(IRQ_KEYBOARD)) {
		ktest_not_here("no keyboard, or it is polled");
		return;
	}
	flags = pv_irq_save();
	typed = type_code(0x10);
	deadline = pv_sched_clock() + PATIENCE_NS;
	pv_irq_enable();
	while (irq_count(IRQ_KEYBOARD) == count && (pv_sched_clock() < deadline || late++ < LATE_LOOKS))
		asm volatile("pause");
	pv_irq_restore(flags);
	EXPECT(typed);
	EXPECT(irq_count(IRQ_KEYBOARD) > count);
	EXPECT_EQ(console_getc(), 'q');
	EXPECT_EQ(console_getc(), (u64)-1);
}

/* Waits for input with a key there that raised no interrupt; true if that did not take until the next tick. */
static bool idle_with_key(void)
{
	u64 ticks;

	pit_start(19);
	ticks = pit_ticks();
	type_code(0x19);
	console_idle();
	pv_irq_disable();
	pit_stop();
	return pit_ticks() == ticks;
}

/* A key that is there when the monitor wants to wait is not slept through. A tick may come between: again. */
TEST(machine_console_key_is_seen_before_the_halt)
{
	bool quick = false;
	int first = 0;
	ulong flags;

	if (!have_keyboard())
		return;
	if (!irq_enabled(IRQ_KEYBOARD)) {
		ktest_not_here("no keyboard, or it is polled");
		return;
	}
	flags = pv_irq_save();
	irq_disable(IRQ_KEYBOARD);
	for (unsigned i = 0; i < 20 && !quick; i++) {
		quick = idle_with_key();
		first = console_getc();
	}
	irq_enable(IRQ_KEYBOARD);
	pv_irq_restore(flags);
	EXPECT(quick);
	EXPECT_EQ(first, 'p');
}

/* Without an interrupt the key is found by looking. */
TEST(machine_console_key_polled)
{
	static struct ps2 keyboard;
	static char said[512];
	enum ps2_state state;
	bool typed = false;
	int first = -1, nothing = 0;
	ulong flags;

	if (!have_keyboard())
		return;
	flags = pv_irq_save();
	state = ps2_init(&keyboard);
	if (state == PS2_KEYBOARD) {
		typed = type_code(0x48 | 0x80); /* a key let go types nothing */
		nothing = keyboard.input.getc(&keyboard.input);
		typed &= type_code(0x1e);
		for (unsigned i = 0; i < 100000 && first < 0; i++)
			first = keyboard.input.getc(&keyboard.input);
	}
	log_capture(said, sizeof(said));
	console_input_init();
	log_capture_end();
	pv_irq_restore(flags);
	if (state != PS2_KEYBOARD) {
		ktest_not_here("no keyboard at the controller");
		EXPECT(ktest_has(said, "no keyboard"));
		return;
	}
	EXPECT(typed);
	EXPECT_EQ(nothing, (u64)-1);
	EXPECT_EQ(first, 'a');
	EXPECT(ktest_has(said, "keyboard PS/2"));
}

static u32 count_of(const char *text, const char *part)
{
	u32 count = 0;

	for (; *text; text++)
		count += !strncmp(text, part, strlen(part));
	return count;
}

/* Nine lines on pages of four: what is logged is there once, in order, and nothing of it is logged again. */
TEST(boot_slides_page_the_log)
{
	static char shown[2048];
	u64 from = log_ram_pos(), to;

	for (unsigned i = 1; i <= 9; i++)
		printk("# slide line %u\n", i);
	to = log_ram_pos();
	while (console_getc() >= 0) /* or it would end the pages */
		;
	log_capture(shown, sizeof(shown));
	EXPECT(!slides_show("lines", from, to, 80, 5, 0));
	log_capture_end();
	EXPECT_EQ(log_ram_pos(), to);
	EXPECT_EQ(count_of(shown, "\033[H\033[2J"), 3);
	EXPECT_EQ(count_of(shown, "# slide line "), 9);
	EXPECT(ktest_has(shown, "# slide line 4\n-- report: lines, page 1 of 3; "));
	EXPECT(ktest_has(shown, "\033[H\033[2J# slide line 9\n\n\n\n-- report: lines, page 3 of 3; "));
	log_capture(shown, sizeof(shown)); /* twelve columns: each line is two rows */
	EXPECT(!slides_show("lines", from, to, 12, 5, 0));
	log_capture_end();
	EXPECT(ktest_has(shown, "# slide line 2\n-- report: lines, page 1 of 5; "));
}
