/*
 * Queued read-write locks: readers together, writers alone, and who waits, waits in the queue of a queued spinlock,
 * whose waiting and release are ops. So the order is that of arrival: a writer waits for the readers that are inside,
 * and readers that come behind it wait for it; neither can be starved.
 *
 * A reader in an interrupt passes writers that wait, as in Linux: it may have interrupted a reader of the same lock,
 * who lets nobody in before it goes on, or the very CPU that waits to write. It waits for a writer inside only. So a
 * lock that handlers read is read with interrupts enabled, and written with them disabled. Not before this CPU's GS is
 * set; not from NMI; a reader that is no interrupt must not take the lock again.
 *
 * The lock over an address space (mmu/mm.h) is one. Read next: pvops/qspinlock.h.
 */
#ifndef PVOPS_QRWLOCK_H
#define PVOPS_QRWLOCK_H

#include "pvops/qspinlock.h"

struct qrwlock {
	u32 val; /* 31..9 readers inside or next | 8 a writer waits | 7..0 QRW_WRITER: a writer is inside */
	struct lock_debug debug;
	struct qspinlock wait; /* who waits: its holder is next */
};

#define QRW_WRITER  0xffU
#define QRW_WAITING 0x100U
#define QRW_READER  0x200U /* one of them */

/* Lets this CPU in beside other readers, spinning. */
void read_lock(struct qrwlock *lock);
/* True if it could be done at once: no writer inside, none waiting. */
bool read_trylock(struct qrwlock *lock);
/* Only by the CPU that was let in. */
void read_unlock(struct qrwlock *lock);

/* Lets this CPU in alone, spinning. The caller disables interrupts where a handler takes the same lock. */
void write_lock(struct qrwlock *lock);
/* True if it could be done at once: nobody inside. */
bool write_trylock(struct qrwlock *lock);
void write_unlock(struct qrwlock *lock);

/* The same with interrupts off in between; returns the flags for write_unlock_irq_restore(). */
ulong write_lock_irq_save(struct qrwlock *lock);
void write_unlock_irq_restore(struct qrwlock *lock, ulong flags);

#endif
