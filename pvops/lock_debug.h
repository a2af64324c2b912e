/*
 * Locks that watch how they are used, in an image built with `make DEBUG=1`. In any other each function here is empty
 * and struct lock_debug has no size: pvops/qspinlock.c and pvops/qrwlock.c are then what they would be without it.
 *
 * A violation panics, with the lock's name and the places of both who are at odds:
 *
 *	taken in an interrupt, and elsewhere with interrupts enabled (two readers are not at odds)
 *	taken twice by one CPU, released by another than its holder, or by nobody's
 *	taken in an NMI
 *	held when a CPU goes idle, or to user mode; or still held when the interrupt ends in which it was taken
 *
 * What an interrupt is, lazy_irq_depth() says. Must not know: what is locked. Read next: pvops/qspinlock.c.
 */
#ifndef PVOPS_LOCK_DEBUG_H
#define PVOPS_LOCK_DEBUG_H

#include "arch/cpumask.h"
#include "lib/types.h"

enum lock_mode { LOCK_SHARED, LOCK_ALONE };

/* Where the function that says so was called from. */
#define LOCK_CALLER ((ulong)__builtin_return_address(0))

#ifdef PARAVANE_DEBUG

#define LOCK_DEBUG 1

/* Part of every lock, 8 bytes behind its begin; all zero: never taken. */
struct lock_debug {
	ulong irq_at[2];  /* by enum lock_mode: where it was first taken in an interrupt */
	ulong open_at[2]; /* where, outside of one, with interrupts enabled; 0: nowhere */
	ulong taken_at;   /* last */
	u32 taken_by;     /* last */
	u32 holder;       /* the CPU that holds it alone, + 1 */
};

/* Takes are on behalf of the function that was called from @site, until it is 0 again. Interrupts are off meanwhile. */
void lock_debug_caller(ulong site);

/* Before a wait for the lock, and behind it; or behind a try that succeeded. @site: who asked. */
void lock_debug_wait(struct lock_debug *d, enum lock_mode mode, ulong site);
void lock_debug_taken(struct lock_debug *d, enum lock_mode mode, ulong site);
void lock_debug_tried(struct lock_debug *d, enum lock_mode mode, ulong site);
/* Before it is given back. */
void lock_debug_release(struct lock_debug *d, enum lock_mode mode, ulong site);

/* This CPU does what @what says, "goes idle": it must hold nothing. */
void lock_debug_none_held(const char *what);

/* Around a handler: what is returned first is given back at the end. */
u32 lock_debug_irq_enter(void);
void lock_debug_irq_leave(u32 held);

/* CPUs that are in an NMI, counted by the NMI's entry, which calls nothing. */
extern u8 lock_debug_in_nmi[NR_CPUS];

static __always_inline void lock_debug_nmi(unsigned cpu, int add)
{
	lock_debug_in_nmi[cpu] = (u8)(lock_debug_in_nmi[cpu] + add);
}

/* Where violations go instead of the panic, and the kernel goes on: for tests. NULL: none. */
void lock_debug_set_hook(void (*hook)(const char *text));

#else

#define LOCK_DEBUG 0

struct lock_debug {
};

static inline void lock_debug_caller(ulong site)
{
	(void)site;
}

static inline void lock_debug_wait(struct lock_debug *d, enum lock_mode mode, ulong site)
{
	(void)d, (void)mode, (void)site;
}

static inline void lock_debug_taken(struct lock_debug *d, enum lock_mode mode, ulong site)
{
	(void)d, (void)mode, (void)site;
}

static inline void lock_debug_tried(struct lock_debug *d, enum lock_mode mode, ulong site)
{
	(void)d, (void)mode, (void)site;
}

static inline void lock_debug_release(struct lock_debug *d, enum lock_mode mode, ulong site)
{
	(void)d, (void)mode, (void)site;
}

static inline void lock_debug_none_held(const char *what)
{
	(void)what;
}

static inline u32 lock_debug_irq_enter(void)
{
	return 0;
}

static inline void lock_debug_irq_leave(u32 held)
{
	(void)held;
}

static __always_inline void lock_debug_nmi(unsigned cpu, int add)
{
	(void)cpu, (void)add;
}

static inline void lock_debug_set_hook(void (*hook)(const char *text))
{
	(void)hook;
}

#endif
#endif
