/*
 * The end of the road after a bug of our own. It trusts as little as it can: each level of panic that happens while the
 * one before is still being told does less, so that the first message always gets out and the machine stops.
 *
 *	1  message, panic_hook (backtrace, stop)
 *	2  one line, panic_again_hook
 *	3  panic_again_hook
 *	4  spins
 *
 * It must not know how a machine is stopped: machine/ sets the hooks. Read next: lib/log.c.
 */
#include "lib/panic.h"

#include "lib/log.h"

void (*panic_enter_hook)(void);
void (*panic_hook)(void);
void (*panic_again_hook)(void);

/* How many panics have begun, on any CPU. */
static u32 panic_depth;

static void __noreturn stop(void (*hook)(void))
{
	if (hook)
		hook();
	for (;;)
		asm volatile("pause");
}

static void say(const char *prefix, const char *fmt, va_list ap)
{
	log_enter_panic();
	log_fresh_line();
	printk("%s", prefix);
	vprintk(fmt, ap);
	printk("\n");
}

static void __noreturn vpanic(const char *fmt, va_list ap)
{
	if (panic_enter_hook)
		panic_enter_hook();
	switch (__atomic_add_fetch(&panic_depth, 1, __ATOMIC_SEQ_CST)) {
	case 1:
		say("panic: ", fmt, ap);
		stop(panic_hook);
	case 2:
		say("panic: inside a panic: ", fmt, ap);
		stop(panic_again_hook);
	case 3:
		stop(panic_again_hook);
	default:
		stop(NULL);
	}
}

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vpanic(fmt, ap);
}

bool panic_started(void)
{
	return __atomic_load_n(&panic_depth, __ATOMIC_RELAXED);
}
