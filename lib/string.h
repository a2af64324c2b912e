/* Memory and string functions: the C library's names and contracts, so that host tests use the
 * host's. */
#ifndef LIB_STRING_H
#define LIB_STRING_H

#include "lib/types.h"

void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);

/* Copies at most size - 1 characters and a NUL; returns strlen(src), so a result >= size means
 * "cut". */
size_t str_copy(char *dst, const char *src, size_t size);

/* Decimal, 0x hex; whole string must be the number. False: not a number, or over 64 bits. */
bool str_to_u64(const char *s, u64 *value);

/* Shell pattern: * ? only. True if the whole of @s matches @pattern. */
bool glob_match(const char *pattern, const char *s);

#endif
