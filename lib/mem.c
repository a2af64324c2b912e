/*
 * The C library's memory and string functions, for the image. gcc and clang call the first four by
 * themselves, so they must be here whatever the code says. They are measured in instructions, not
 * in elegance: a copy is one `rep movsq` and one overlapping store for the tail, so 4 KiB are 512
 * iterations and about ten more.
 *
 * Not built into host tests, which use the host's own (tests/host/test_mem.c renames these to
 * compare the two). No function here may be compiled into a call of itself: hide() keeps the loops
 * from being recognised. Read next: lib/string.c for what the C library has no name for.
 */
#include "lib/string.h"

/* Loads and stores of any address and any type's bytes. */
typedef u64 __attribute__((may_alias, aligned(1))) any64;
typedef u32 __attribute__((may_alias, aligned(1))) any32;
typedef u16 __attribute__((may_alias, aligned(1))) any16;

/*
 * No instruction: the compiler loses track of @p, and with it the idea that a loop "is" strlen or
 * memmove.
 */
#define hide(p) asm("" : "+r"(p))

/*
 * Fewer than 8 bytes: the first and the last piece, which may overlap. All loads come before all
 * stores, so this is a memmove too.
 */
static inline void copy_small(u8 *d, const u8 *s, size_t n)
{
	if (n >= 4) {
		u32 head = *(const any32 *)s, tail = *(const any32 *)(s + n - 4);

		*(any32 *)d = head;
		*(any32 *)(d + n - 4) = tail;
	} else if (n >= 2) {
		u16 head = *(const any16 *)s, tail = *(const any16 *)(s + n - 2);

		*(any16 *)d = head;
		*(any16 *)(d + n - 2) = tail;
	} else if (n) {
		*d = *s;
	}
}

/*
 * 8 bytes and more, upward. Right also where dst < src overlap: each 8 bytes are read before a
 * store reaches them, and the tail is read before everything.
 */
static inline void copy_up(u8 *d, const u8 *s, size_t n)
{
	u64 tail = *(const any64 *)(s + n - 8);
	u8 *end = d + n;
	size_t words = n / 8;

	asm volatile("rep movsq" : "+D"(d), "+S"(s), "+c"(words) : : "memory");
	*(any64 *)(end - 8) = tail;
}

/*
 * 8 bytes and more, downward, for dst > src. A loop, not `std; rep movsq`: that is slow on every
 * CPU, and an interrupt would find the direction flag set.
 */
static inline void copy_down(u8 *d, const u8 *s, size_t n)
{
	u64 head = *(const any64 *)s;
	u8 *begin = d;

	while (n >= 8) {
		n -= 8;
		*(any64 *)(d + n) = *(const any64 *)(s + n);
		hide(d);
	}
	*(any64 *)begin = head;
}

void *memcpy(void *dst, const void *src, size_t n)
{
	if (n < 8)
		copy_small(dst, src, n);
	else
		copy_up(dst, src, n);
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	if (n < 8)
		copy_small(dst, src, n);
	else if ((ulong)dst - (ulong)src >= n) /* below, or clear of each other: one unsigned compare */
		copy_up(dst, src, n);
	else
		copy_down(dst, src, n);
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	u64 fill = (u8)c * 0x0101010101010101UL;
	u8 *d = dst;

	if (n >= 8) {
		size_t words = n / 8;

		*(any64 *)(d + n - 8) = fill;
		asm volatile("rep stosq" : "+D"(d), "+c"(words) : "a"(fill) : "memory");
	} else if (n >= 4) {
		*(any32 *)d = (u32)fill;
		*(any32 *)(d + n - 4) = (u32)fill;
	} else if (n >= 2) {
		*(any16 *)d = (u16)fill;
		*(any16 *)(d + n - 2) = (u16)fill;
	} else if (n) {
		*d = (u8)fill;
	}
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	while (n >= 8 && *(const any64 *)x == *(const any64 *)y) {
		x += 8;
		y += 8;
		n -= 8;
		hide(x);
	}
	for (; n; n--, x++, y++) {
		if (*x != *y)
			return *x - *y;
		hide(x);
	}
	return 0;
}

size_t strlen(const char *s)
{
	const char *p = s;

	while (*p) {
		p++;
		hide(p);
	}
	return (size_t)(p - s);
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n]) {
		n++;
		hide(n);
	}
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
		hide(a);
	}
	return (u8)*a - (u8)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++) {
		if (*a != *b || !*a)
			return (u8)*a - (u8)*b;
		hide(a);
	}
	return 0;
}

char *strchr(const char *s, int c)
{
	for (;; s++) {
		if (*s == (char)c)
			return (char *)(ulong)s;
		if (!*s)
			return NULL;
		hide(s);
	}
}
