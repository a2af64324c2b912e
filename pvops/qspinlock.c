/*
 * Spinlocks over pv_lock_ops: see pvops/qspinlock.h. The native slowpath spins with test-and-set; order of waiters is
 * not kept.
 */
#include "pvops/qspinlock.h"

#include "arch/native.h"
#include "arch/section.h"

bool spin_trylock(struct qspinlock *lock)
{
	u32 free = 0;

	return __atomic_compare_exchange_n(&lock->val, &free, QSPINLOCK_HELD, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

/* Out of line: one site for the slowpath, and it is the one that tests make wait. */
__noinline void spin_lock(struct qspinlock *lock)
{
	if (unlikely(!spin_trylock(lock)))
		pv_queued_spin_lock_slowpath(lock, lock->val);
}

void spin_unlock(struct qspinlock *lock)
{
	pv_queued_spin_unlock(lock);
}

ulong spin_lock_irq_save(struct qspinlock *lock)
{
	ulong flags = pv_irq_save();

	spin_lock(lock);
	return flags;
}

void spin_unlock_irq_restore(struct qspinlock *lock, ulong flags)
{
	spin_unlock(lock);
	pv_irq_restore(flags);
}

void native_queued_spin_lock_slowpath(struct qspinlock *lock, u32 val)
{
	(void)val;
	while (!spin_trylock(lock))
		while (__atomic_load_n(&lock->val, __ATOMIC_RELAXED))
			asm volatile("pause");
}

__native void native_queued_spin_unlock(struct qspinlock *lock)
{
	__atomic_store_n((u8 *)&lock->val, 0, __ATOMIC_RELEASE);
}
