/*
 * The fake twin of lib/panic.c for host tests. Every other function of the kernel is the real one.
 * Read next: tests/host/host.mk, which says what is linked.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/panic.h"
#include "tests/host/fakes.h"

jmp_buf fake_panic_return;
bool fake_panic_expected;
char fake_panic_text[256];

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fake_panic_text, sizeof(fake_panic_text), fmt, ap);
	va_end(ap);
	if (fake_panic_expected)
		longjmp(fake_panic_return, 1);
	fprintf(stderr, "panic: %s\n", fake_panic_text);
	abort();
}
