/*
 * Formatting. Understands %d %i %u %x %X %p %s %c %% with flags - 0 # + space, width, precision
 * (also *), and the lengths hh h l ll z. %p is 0x and hex digits; a NULL %s is "(null)"; a
 * conversion that is not in this list is printed as it stands, and takes no argument. kvsnprintf()
 * always terminates @buf when size > 0; it returns the length the whole text has (C99 7.21.6.5).
 * Any context, no lock, no allocation; about 100 bytes of stack.
 */
#ifndef LIB_PRINTF_H
#define LIB_PRINTF_H

#include "lib/types.h"

/*
 * Where formatted text goes: a buffer, and what is done when it is full. flush() takes
 * buf[0..used); unset, the rest of the text is dropped and only counted.
 */
struct printf_out {
	char *buf;
	size_t size; /* bytes in buf; with flush: at least 1 */
	size_t used;
	size_t total; /* of the whole text */
	void (*flush)(const char *text, size_t len);
};

/*
 * Appends to @out. What is left in the buffer at the end is the caller's to flush and to terminate.
 */
void printf_format(struct printf_out *out, const char *fmt, va_list ap);

int kvsnprintf(char *buf, size_t size, const char *fmt, va_list ap);
int ksnprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);

#endif
