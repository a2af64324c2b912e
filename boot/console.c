/* Binds the consoles' drivers to the log and to the monitor: see boot/console.h. */
#include "boot/console.h"

#include "arch/layout.h"
#include "boot/monitor.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "machine/fbcon.h"
#include "machine/irq.h"
#include "machine/lockup.h"
#include "machine/percpu.h"
#include "machine/ps2.h"
#include "machine/time.h"
#include "machine/timer.h"
#include "machine/traps.h"
#include "machine/uart.h"
#include "machine/vgatext.h"
#include "mmu/kspace.h"
#include "pvops/lock_debug.h"
#include "pvops/qspinlock.h"

#define BOOT_MAPPED (4 * GIB) /* what boot/entry.asm maps at DIRECT_BASE */
#define KIND_TEXT   2         /* multiboot2 3.6.12 */

static struct uart com1;
static struct term screen_term; /* of the one screen, whichever it is */
static struct fbcon fbcon;
static struct vgatext vgatext;
static char screen_text[96]; /* what the screen is, or why there is none; empty: not looked for yet */
static struct ps2 keyboard;
static struct console_input *const inputs[] = {&com1.input, &keyboard.input};
static bool halt_when_idle;
static bool looks_by_timer; /* then it halts until that comes */

/*
 * The log's lock: interrupts off while a line is written, since handlers log too. A trap taken in the middle of
 * printing must get its dump out: its CPU, which holds the lock, passes, and leaves it held. That is told by bits that
 * rflags do not have.
 */
#define ALREADY_HELD BIT(63)
#define PAST_IT      BIT(62) /* goes without: another CPU keeps it */

/* The serial port's FIFO of 16 bytes is full in 1.4 ms. */
#define LOOK_NS        1000000UL
#define LOOK_WITHIN_NS 100000000UL
#define LOOKS_TEXT     "input looked at each ms, idle halts: a timer's interrupt arrives"

#define LOG_SOON_NS    100000000UL /* a line by serial takes a tenth of that */

static struct qspinlock log_qlock;
static struct percpu *log_owner; /* written by who holds log_qlock */
static bool past_it[NR_CPUS];    /* each its own CPU's */

static bool log_passes(const struct percpu *cpu)
{
	return __atomic_load_n(&log_owner, __ATOMIC_RELAXED) == cpu || past_it[cpu->id];
}

static ulong lock_log(void)
{
	struct percpu *cpu = this_cpu();
	ulong flags = pv_irq_save();

	if (log_passes(cpu))
		return flags | ALREADY_HELD;
	spin_lock(&log_qlock);
	__atomic_store_n(&log_owner, cpu, __ATOMIC_RELAXED);
	return flags;
}

/* Who reports that a CPU is stuck cannot wait for the lock that it may be stuck with. */
static bool lock_log_soon(ulong *flags)
{
	struct percpu *cpu = this_cpu();
	u64 end = time_ns() + LOG_SOON_NS;

	*flags = pv_irq_save();
	if (log_passes(cpu)) {
		*flags |= ALREADY_HELD;
		return true;
	}
	while (!spin_trylock(&log_qlock)) {
		if (time_ns() > end) {
			past_it[cpu->id] = true;
			*flags |= PAST_IT;
			return false;
		}
		asm volatile("pause");
	}
	__atomic_store_n(&log_owner, cpu, __ATOMIC_RELAXED);
	return true;
}

static void unlock_log(ulong flags)
{
	if (flags & PAST_IT) {
		past_it[this_cpu()->id] = false;
	} else if (!(flags & ALREADY_HELD)) {
		__atomic_store_n(&log_owner, NULL, __ATOMIC_RELAXED);
		spin_unlock(&log_qlock);
	}
	pv_irq_restore(flags & ~(ALREADY_HELD | PAST_IT));
}

static const struct log_lock log_lock = {lock_log, unlock_log, lock_log_soon};

void console_init(void)
{
	if (uart_init(&com1, UART_COM1, 115200))
		log_add_sink(&com1.sink);
}

/* By our own tables or, before they are there, by the boot tables. Only ever written. NULL: out of reach. */
static void *map_screen(pa_t pa, u64 size)
{
	if (kspace_root.live)
		return kspace_map_wc(pa, size);
	return pa_num(pa) < BOOT_MAPPED && size <= BOOT_MAPPED - pa_num(pa) ? pa_va(pa) : NULL;
}

static void use_framebuffer(const struct boot_framebuffer *fb)
{
	const char *why = fbcon_refuses(fb);
	void *base = why ? NULL : map_screen(pa(fb->base), fbcon_size(fb));
	int used = ksnprintf(screen_text, sizeof(screen_text), "framebuffer %ux%ux%u at %#lx", fb->width, fb->height,
			     fb->bpp, fb->base);
	char *end = screen_text + used;
	size_t room = sizeof(screen_text) - (size_t)used;

	if (!base) {
		ksnprintf(end, room, " not used: %s", why ?: "it cannot be mapped");
		return;
	}
	fbcon_init(&fbcon, fb, base, &screen_term);
	ksnprintf(end, room, ", %ux%u characters", screen_term.cols, screen_term.rows);
	log_add_sink(&fbcon.sink);
}

static void use_vgatext(pa_t pa, u32 cols, u32 rows, u32 pitch)
{
	void *base = map_screen(pa, (u64)pitch * rows);

	ksnprintf(screen_text, sizeof(screen_text), "VGA text %ux%u at %#lx%s", cols, rows, pa_num(pa),
		  base ? "" : " not used: it cannot be mapped");
	if (!base)
		return;
	vgatext_init(&vgatext, base, cols, rows, pitch, &screen_term);
	log_add_sink(&vgatext.sink);
}

void console_screen_init(const struct boot_info *bi)
{
	const struct boot_framebuffer *fb = &bi->framebuffer;

	if (screen_text[0])
		return;
	if (bi->has_framebuffer && fb->kind == KIND_TEXT)
		use_vgatext(pa(fb->base), fb->width, fb->height, fb->pitch);
	else if (bi->has_framebuffer)
		use_framebuffer(fb);
	else if (vgatext_probe())
		use_vgatext(pa(VGATEXT_BASE), VGATEXT_COLS, VGATEXT_ROWS, VGATEXT_COLS * sizeof(u16));
	else
		ksnprintf(screen_text, sizeof(screen_text),
			  "no screen: no framebuffer from the boot loader, no VGA text");
}

void console_screen_size(u32 *cols, u32 *rows)
{
	*cols = screen_term.cols ?: 80;
	*rows = screen_term.rows ?: 24;
}

static bool com1_interrupt(struct pt_regs *regs)
{
	(void)regs;
	uart_irq(&com1);
	return true;
}

static bool keyboard_interrupt(struct pt_regs *regs)
{
	(void)regs;
	ps2_irq(&keyboard);
	return true;
}

int console_getc(void)
{
	int byte = -1;

	lockup_touch();
	for (unsigned i = 0; i < ARRAY_SIZE(inputs) && byte < 0; i++)
		if (inputs[i]->getc)
			byte = inputs[i]->getc(inputs[i]);
	return byte;
}

static bool input_pending(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(inputs); i++)
		if (inputs[i]->pending && inputs[i]->pending(inputs[i]))
			return true;
	return false;
}

void console_idle(void)
{
	console_idle_unless(NULL);
}

/* The halt is atomic with the enabling of interrupts, so no byte is slept through. One site each, for all callers. */
__noinline void console_idle_unless(const bool *stop)
{
	if (!halt_when_idle) {
		asm volatile("pause");
		return;
	}
	lock_debug_none_held("goes idle");
	pv_irq_disable();
	if (input_pending() || (stop && __atomic_load_n(stop, __ATOMIC_ACQUIRE)))
		pv_irq_enable();
	else
		pv_safe_halt();
}

static void report_consoles(void)
{
	static const char *const keyboard_text[] = {
		[PS2_NO_CONTROLLER] = "no keyboard: no PS/2 controller answers",
		[PS2_NO_KEYBOARD] = "no keyboard: none answers at the PS/2 controller",
		[PS2_KEYBOARD] = "keyboard PS/2, US layout",
	};

	log_line("console", "%s", screen_text);
	log_line("console", "%s", com1.present ? "serial COM1 115200 8n1" : "no serial port");
	log_line("console", "%s", keyboard_text[keyboard.state]);
	log_line("console", "%s",
		 !com1.present && keyboard.state != PS2_KEYBOARD ? "no input"
		 : looks_by_timer                                ? LOOKS_TEXT
		 : halt_when_idle                                ? "input by interrupt, idle halts"
								 : "input polled: no interrupt arrives");
}

void console_report(void)
{
	report_consoles();
	if (com1.present)
		log_line("console", "%lu bytes sent, %lu dropped%s; %lu overruns, %lu bad bytes received", com1.sent,
			 com1.dropped, com1.stuck ? " (stuck)" : "", com1.overruns, com1.errors);
}

void console_input_init(void)
{
	log_set_lock(&log_lock);   /* from here on interrupts may come */
	irq_disable(IRQ_KEYBOARD); /* the keyboard's answers are not what somebody types */
	ps2_init(&keyboard);
	halt_when_idle = irq_arrive();
	/* The line is let through first: then what waits at the device makes an edge. */
	if (halt_when_idle && com1.present) {
		irq_request(IRQ_COM1, com1_interrupt);
		uart_rx_irq_enable(&com1);
	}
	if (halt_when_idle && keyboard.state == PS2_KEYBOARD) {
		irq_request(IRQ_KEYBOARD, keyboard_interrupt);
		ps2_irq_enable(&keyboard);
	}
	report_consoles();
	monitor_set_input(console_getc, console_idle);
}

/* That it comes ends the halt: the idle loop does the looking. */
static void look(void *timer)
{
	__atomic_store_n(&looks_by_timer, true, __ATOMIC_RELEASE);
	timer_start(timer, LOOK_NS);
}

void console_timer_init(void)
{
	static struct timer timer = {.fn = look, .arg = &timer};
	u64 end = time_ns() + LOOK_WITHIN_NS;

	if (halt_when_idle || !timer_start(&timer, LOOK_NS))
		return;
	while (!__atomic_load_n(&looks_by_timer, __ATOMIC_ACQUIRE) && time_ns() < end)
		asm volatile("pause");
	halt_when_idle = looks_by_timer;
	if (halt_when_idle)
		log_line("console", "%s", LOOKS_TEXT);
	else
		timer_cancel(&timer);
}
