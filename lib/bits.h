/* Counting bits without the compiler's runtime library, which is not linked in (POPCNT is not on every x86_64). */
#ifndef LIB_BITS_H
#define LIB_BITS_H

#include "lib/types.h"

/* How many bits of @x are set. */
static inline unsigned popcount64(u64 x)
{
	x -= x >> 1 & 0x5555555555555555;
	x = (x & 0x3333333333333333) + (x >> 2 & 0x3333333333333333);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0f;
	return (unsigned)(x * 0x0101010101010101 >> 56);
}

#endif
