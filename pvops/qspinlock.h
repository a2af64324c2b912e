/*
 * Queued spinlocks, whose waiters take them in the order in which they came, and whose release is an op: unlocking is
 * one byte store natively and a hypercall where a waiter sleeps. Taking a free lock is one compare-and-exchange;
 * contention goes to the slowpath op. Not before this CPU's GS is set; not from NMI. Debug images watch how they are
 * used: pvops/lock_debug.h.
 */
#ifndef PVOPS_QSPINLOCK_H
#define PVOPS_QSPINLOCK_H

#include "pvops/lock_debug.h"
#include "pvops/pvops.h"

struct qspinlock {
	u32 val; /* 0: free; low byte 1: held; above: who waits last, as the backend has it */
	struct lock_debug debug;
};

#define QSPINLOCK_HELD 1

_Static_assert(LOCK_DEBUG || sizeof(struct qspinlock) == 4, "a lock is a word");

/* Takes @lock, spinning. The caller disables interrupts where a handler takes the same lock. */
void spin_lock(struct qspinlock *lock);
/* True if it could be taken at once. */
bool spin_trylock(struct qspinlock *lock);
/* Gives it back; only by the CPU that took it. */
void spin_unlock(struct qspinlock *lock);

/* The same with interrupts off in between; returns the flags for spin_unlock_irq_restore(). */
ulong spin_lock_irq_save(struct qspinlock *lock);
void spin_unlock_irq_restore(struct qspinlock *lock, ulong flags);

#endif
