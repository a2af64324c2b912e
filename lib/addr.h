/*
 * Addresses of four kinds that the compiler keeps apart: a function that takes a pa_t cannot be handed a virtual
 * address. One-member structs: they cost nothing, and are passed in a register.
 *
 *	pa_t	physical, of this machine		va_t	virtual, of this kernel's own page tables
 *	gpa_t	physical, as a guest sees it		gva_t	virtual, as a guest's page tables translate it
 *
 * pa(x) makes one, pa_num(p) takes the number out again, for other arithmetic and for printing; so for each kind.
 * Turning one kind into another is the business of who knows the mapping (arch/layout.h, mmu/), not of this file.
 * Must not know: any mapping. Read next: arch/layout.h.
 */
#ifndef LIB_ADDR_H
#define LIB_ADDR_H

#include "lib/types.h"

typedef struct pa {
	u64 num;
} pa_t;

typedef struct va {
	u64 num;
} va_t;

typedef struct gpa {
	u64 num;
} gpa_t;

typedef struct gva {
	u64 num;
} gva_t;

/*
 * What each kind has. K_add() wraps around as the number does. K_down() and K_up() round to @align, a power of two;
 * K_up() wraps to 0 above the last multiple. K_offset() is what K_down() takes off. K_diff() is a - b in bytes, for a
 * at or above b. K_min() and K_max() give one of the two. K_in(): @a lies in [first, first + size); size 0 holds
 * nothing, and the range may end at 2^64.
 */
#define ADDR_KIND(K)                                                                                                   \
	static __always_inline K##_t K(u64 num)                                                                        \
	{                                                                                                              \
		return (K##_t){num};                                                                                   \
	}                                                                                                              \
	static __always_inline u64 K##_num(K##_t a)                                                                    \
	{                                                                                                              \
		return a.num;                                                                                          \
	}                                                                                                              \
	static __always_inline K##_t K##_add(K##_t a, u64 bytes)                                                       \
	{                                                                                                              \
		return (K##_t){a.num + bytes};                                                                         \
	}                                                                                                              \
	static __always_inline u64 K##_diff(K##_t a, K##_t b)                                                          \
	{                                                                                                              \
		return a.num - b.num;                                                                                  \
	}                                                                                                              \
	static __always_inline K##_t K##_down(K##_t a, u64 align)                                                      \
	{                                                                                                              \
		return (K##_t){a.num & ~(align - 1)};                                                                  \
	}                                                                                                              \
	static __always_inline K##_t K##_up(K##_t a, u64 align)                                                        \
	{                                                                                                              \
		return (K##_t){(a.num + align - 1) & ~(align - 1)};                                                    \
	}                                                                                                              \
	static __always_inline u64 K##_offset(K##_t a, u64 align)                                                      \
	{                                                                                                              \
		return a.num & (align - 1);                                                                            \
	}                                                                                                              \
	static __always_inline bool K##_aligned(K##_t a, u64 align)                                                    \
	{                                                                                                              \
		return !(a.num & (align - 1));                                                                         \
	}                                                                                                              \
	static __always_inline bool K##_eq(K##_t a, K##_t b)                                                           \
	{                                                                                                              \
		return a.num == b.num;                                                                                 \
	}                                                                                                              \
	static __always_inline bool K##_below(K##_t a, K##_t b)                                                        \
	{                                                                                                              \
		return a.num < b.num;                                                                                  \
	}                                                                                                              \
	static __always_inline K##_t K##_min(K##_t a, K##_t b)                                                         \
	{                                                                                                              \
		return a.num < b.num ? a : b;                                                                          \
	}                                                                                                              \
	static __always_inline K##_t K##_max(K##_t a, K##_t b)                                                         \
	{                                                                                                              \
		return a.num < b.num ? b : a;                                                                          \
	}                                                                                                              \
	static __always_inline bool K##_in(K##_t a, K##_t first, u64 size)                                             \
	{                                                                                                              \
		return a.num - first.num < size;                                                                       \
	}

ADDR_KIND(pa)
ADDR_KIND(va)
ADDR_KIND(gpa)
ADDR_KIND(gva)
#undef ADDR_KIND

/* No frame, no table: physical page 0 is never one. What gives a frame gives this when there is none left. */
#define PA_NONE ((pa_t){0})

static __always_inline bool pa_ok(pa_t a)
{
	return a.num;
}

/* Frame numbers stay numbers: the ops and the entries have them. */
static __always_inline u64 pa_pfn(pa_t a)
{
	return a.num >> PAGE_SHIFT;
}

static __always_inline pa_t pfn_pa(u64 pfn)
{
	return (pa_t){pfn << PAGE_SHIFT};
}

/* A pointer of this kernel and its address. */
static __always_inline va_t va_of(const volatile void *p)
{
	return va((u64)(uintptr_t)p);
}

static __always_inline void *va_ptr(va_t a)
{
	return (void *)(uintptr_t)a.num;
}

#endif
