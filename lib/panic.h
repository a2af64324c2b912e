/*
 * Our own bug: says what, where, prints a backtrace through the hook, and stops the machine.
 * The other two kinds of failure have other tools (docs/DESIGN.md).
 */
#ifndef LIB_PANIC_H
#define LIB_PANIC_H

#include "lib/types.h"

/*
 * Prints "panic: ..." from column 1 and calls panic_hook. Never returns. A panic inside a panic
 * (the backtrace ran into a hole, a sink is broken) prints one line, and no backtrace, and calls
 * panic_again_hook; one inside that is silent. Any context, NMI included: the log's lock is not waited
 * for.
 */
void panic(const char *fmt, ...) __printf(1, 2) __noreturn;

/* Set once by machine/: called first of all; stops other CPUs. Must not print. Unset: there are none. */
extern void (*panic_enter_hook)(void);

/* Set once by machine/: backtrace, then what panic_again_hook does. Must not return. Unset: spins. */
extern void (*panic_hook)(void);

/* Set once by machine/: 0x11 to the debug port, halt; must not print nor return. Unset: spins. */
extern void (*panic_again_hook)(void);

/* True from the first panic on: what other code may do no longer (take locks, wait for CPUs). */
bool panic_started(void);

#define BUG_ON(cond)                                                                                                   \
	do {                                                                                                           \
		if (unlikely(cond))                                                                                    \
			panic("%s:%d: %s", __FILE__, __LINE__, #cond);                                                 \
	} while (0)
#define ASSERT(cond)                                                                                                   \
	do {                                                                                                           \
		if (unlikely(!(cond)))                                                                                 \
			panic("%s:%d: not %s", __FILE__, __LINE__, #cond);                                             \
	} while (0)

#endif
