/*
 * Read-write locks: see pvops/qrwlock.h. A reader adds itself first and looks then, so that a lock without writers
 * costs one instruction; one that must wait takes itself off again and queues. What it does is what Linux's
 * kernel/locking/qrwlock.c does.
 */
#include "pvops/qrwlock.h"

#include "pvops/lazy.h"

static u32 load(const struct qrwlock *lock)
{
	return __atomic_load_n(&lock->val, __ATOMIC_ACQUIRE);
}

static void wait_for_writer(const struct qrwlock *lock)
{
	while ((load(lock) & QRW_WRITER) == QRW_WRITER)
		asm volatile("pause");
}

/* Who is at the head of the queue counts as a reader already: a writer behind it sees it, one inside is waited for. */
static void read_slow(struct qrwlock *lock)
{
	if (lazy_irq_depth()) {
		wait_for_writer(lock);
		return;
	}
	__atomic_sub_fetch(&lock->val, QRW_READER, __ATOMIC_RELAXED);
	spin_lock(&lock->wait);
	__atomic_add_fetch(&lock->val, QRW_READER, __ATOMIC_ACQUIRE);
	wait_for_writer(lock);
	spin_unlock(&lock->wait);
}

void read_lock(struct qrwlock *lock)
{
	lock_debug_wait(&lock->debug, LOCK_SHARED, LOCK_CALLER);
	if (unlikely(__atomic_add_fetch(&lock->val, QRW_READER, __ATOMIC_ACQUIRE) & (QRW_WRITER | QRW_WAITING)))
		read_slow(lock);
	lock_debug_taken(&lock->debug, LOCK_SHARED, LOCK_CALLER);
}

bool read_trylock(struct qrwlock *lock)
{
	if (load(lock) & (QRW_WRITER | QRW_WAITING))
		return false;
	if (__atomic_add_fetch(&lock->val, QRW_READER, __ATOMIC_ACQUIRE) & (QRW_WRITER | QRW_WAITING)) {
		__atomic_sub_fetch(&lock->val, QRW_READER, __ATOMIC_RELEASE);
		return false;
	}
	lock_debug_tried(&lock->debug, LOCK_SHARED, LOCK_CALLER);
	return true;
}

void read_unlock(struct qrwlock *lock)
{
	lock_debug_release(&lock->debug, LOCK_SHARED, LOCK_CALLER);
	__atomic_sub_fetch(&lock->val, QRW_READER, __ATOMIC_RELEASE);
}

/* From @before, which nobody inside has, to inside. */
static bool enter_alone(struct qrwlock *lock, u32 before)
{
	return __atomic_compare_exchange_n(&lock->val, &before, QRW_WRITER, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/* From the mark on new readers queue behind; those inside leave, and readers in interrupts come and go. */
static void write_slow(struct qrwlock *lock)
{
	spin_lock(&lock->wait);
	if (!enter_alone(lock, 0)) {
		__atomic_or_fetch(&lock->val, QRW_WAITING, __ATOMIC_RELAXED);
		while (load(lock) != QRW_WAITING || !enter_alone(lock, QRW_WAITING))
			asm volatile("pause");
	}
	spin_unlock(&lock->wait);
}

bool write_trylock(struct qrwlock *lock)
{
	if (!enter_alone(lock, 0))
		return false;
	lock_debug_tried(&lock->debug, LOCK_ALONE, LOCK_CALLER);
	return true;
}

void write_lock(struct qrwlock *lock)
{
	lock_debug_wait(&lock->debug, LOCK_ALONE, LOCK_CALLER);
	if (unlikely(!enter_alone(lock, 0)))
		write_slow(lock);
	lock_debug_taken(&lock->debug, LOCK_ALONE, LOCK_CALLER);
}

/* Readers may add themselves meanwhile, and the next writer its mark: only the writer's byte is this CPU's. */
void write_unlock(struct qrwlock *lock)
{
	lock_debug_release(&lock->debug, LOCK_ALONE, LOCK_CALLER);
	__atomic_store_n((u8 *)&lock->val, 0, __ATOMIC_RELEASE);
}

ulong write_lock_irq_save(struct qrwlock *lock)
{
	ulong flags = pv_irq_save();

	lock_debug_caller(LOCK_CALLER);
	write_lock(lock);
	lock_debug_caller(0);
	return flags;
}

void write_unlock_irq_restore(struct qrwlock *lock, ulong flags)
{
	write_unlock(lock);
	pv_irq_restore(flags);
}
