/*
 * Spinlocks over pv_lock_ops: see pvops/qspinlock.h. Natively waiters queue (Mellor-Crummey and Scott, 1991): each
 * spins on a word of its own CPU, the first of them on the lock. The lock's word names the last one:
 *
 *	31        18 17   16 15      8 7      0
 *	| CPU + 1   | node  |    0    | held   |
 */
#include "pvops/qspinlock.h"

#include "arch/cpu_local.h"
#include "arch/native.h"
#include "arch/section.h"
#include "lib/panic.h"

static inline bool take_free(struct qspinlock *lock)
{
	u32 free = 0;

	return __atomic_compare_exchange_n(&lock->val, &free, QSPINLOCK_HELD, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

bool spin_trylock(struct qspinlock *lock)
{
	if (!take_free(lock))
		return false;
	lock_debug_tried(&lock->debug, LOCK_ALONE, LOCK_CALLER);
	return true;
}

/* Out of line: one site for the slowpath, and it is the one that tests make wait. */
__noinline void spin_lock(struct qspinlock *lock)
{
	lock_debug_wait(&lock->debug, LOCK_ALONE, LOCK_CALLER);
	if (unlikely(!take_free(lock)))
		pv_queued_spin_lock_slowpath(lock, lock->val);
	lock_debug_taken(&lock->debug, LOCK_ALONE, LOCK_CALLER);
}

void spin_unlock(struct qspinlock *lock)
{
	lock_debug_release(&lock->debug, LOCK_ALONE, LOCK_CALLER);
	pv_queued_spin_unlock(lock);
}

ulong spin_lock_irq_save(struct qspinlock *lock)
{
	ulong flags = pv_irq_save();

	lock_debug_caller(LOCK_CALLER);
	spin_lock(lock);
	lock_debug_caller(0);
	return flags;
}

void spin_unlock_irq_restore(struct qspinlock *lock, ulong flags)
{
	spin_unlock(lock);
	pv_irq_restore(flags);
}

/* ---- waiting ---- */

#define TAIL_SHIFT     16
#define TAIL_CPU_SHIFT 18

static inline struct mcs_node *tail_node(u32 tail)
{
	return &cpu_locals[(tail >> TAIL_CPU_SHIFT) - 1]->mcs[tail >> TAIL_SHIFT & (MCS_NODES - 1)];
}

/* Puts @tail behind who waits last; returns what was there. The holder's byte stays as it is. */
static inline u32 exchange_tail(struct qspinlock *lock, u32 tail)
{
	u32 old = __atomic_load_n(&lock->val, __ATOMIC_RELAXED);

	while (!__atomic_compare_exchange_n(&lock->val, &old, (old & QSPINLOCK_HELD) | tail, false, __ATOMIC_ACQ_REL,
					    __ATOMIC_RELAXED))
		asm volatile("pause");
	return old & ~(u32)QSPINLOCK_HELD;
}

/* A node is its CPU's until the lock is taken: an interrupt that waits for another lock takes the next one. */
void native_queued_spin_lock_slowpath(struct qspinlock *lock, u32 val)
{
	struct cpu_local *cpu = cpu_local();
	unsigned index = cpu->mcs_depth++;
	struct mcs_node *node = &cpu->mcs[index], *next;
	u32 tail = (cpu->id + 1) << TAIL_CPU_SHIFT | index << TAIL_SHIFT, before;

	BUG_ON(index >= MCS_NODES);
	node->next = NULL;
	node->ready = 0;
	before = exchange_tail(lock, tail);
	if (before) {
		__atomic_store_n(&tail_node(before)->next, node, __ATOMIC_RELEASE);
		while (!__atomic_load_n(&node->ready, __ATOMIC_ACQUIRE))
			asm volatile("pause");
	}
	while ((val = __atomic_load_n(&lock->val, __ATOMIC_ACQUIRE)) & QSPINLOCK_HELD)
		asm volatile("pause");
	if (val != tail ||
	    !__atomic_compare_exchange_n(&lock->val, &val, QSPINLOCK_HELD, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		__atomic_store_n((u8 *)&lock->val, QSPINLOCK_HELD, __ATOMIC_RELAXED);
		while (!(next = __atomic_load_n(&node->next, __ATOMIC_ACQUIRE)))
			asm volatile("pause");
		__atomic_store_n(&next->ready, 1, __ATOMIC_RELEASE);
	}
	cpu->mcs_depth--;
}

__native void native_queued_spin_unlock(struct qspinlock *lock)
{
	__atomic_store_n((u8 *)&lock->val, 0, __ATOMIC_RELEASE);
}
