/*
 * Stand-ins for what the kernel has and the host has not. panic() here ends the test program,
 * unless the test said that it expects one: PANICS(expression) is true if the expression panicked.
 */
#ifndef TESTS_HOST_FAKES_H
#define TESTS_HOST_FAKES_H

#include <setjmp.h>
#include <stdbool.h>

extern jmp_buf fake_panic_return;
extern bool fake_panic_expected;
extern char fake_panic_text[256]; /* of the last one */

#define PANICS(expression)                                                                                             \
	({                                                                                                             \
		volatile bool panicked_ = true;                                                                        \
		fake_panic_expected = true;                                                                            \
		if (!setjmp(fake_panic_return)) {                                                                      \
			(void)(expression);                                                                            \
			panicked_ = false;                                                                             \
		}                                                                                                      \
		fake_panic_expected = false;                                                                           \
		panicked_;                                                                                             \
	})

#endif
