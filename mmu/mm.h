/*
 * An address space: page tables, what its ranges mean, and the lock over both. The ops name it (struct mm_struct), so
 * that a backend can tell whose tables it is asked to change.
 *
 * Locks: the mm lock stands above the page tables' and the frame allocator's. Readers look at VMAs and tables together;
 * who changes either writes. A reader must not take it again, nor become a writer. Not from interrupts.
 *
 * Must not know: threads, who runs on it. Read next: mmu/vma.h, mmu/walk.h.
 */
#ifndef MMU_MM_H
#define MMU_MM_H

#include "lib/panic.h"
#include "mmu/pt.h"
#include "mmu/vma.h"
#include "pvops/qrwlock.h"

struct mm_struct {
	struct pt_root root; /* root.mm is this */
	struct vma_tree vmas;
	struct qrwlock lock;
};

/*
 * An empty address space of the lower half; its last page stays free, since a SYSCALL that ends there would return to
 * an address that is none (SDM 3A 5.8.8). -ENOMEM, or what the pgd_alloc op says.
 */
int mm_init(struct mm_struct *mm, const struct pt_caps *caps);

/* Frees tables and VMAs, not the frames that leaves map; nobody runs on it nor knows it. */
void mm_destroy(struct mm_struct *mm);

/* Panic where nobody holds it; where nobody holds it for writing. Whose hold it is, is not known. */
static inline void mm_assert_locked(const struct mm_struct *mm)
{
	ASSERT(__atomic_load_n(&mm->lock.val, __ATOMIC_RELAXED) & ~QRW_WAITING);
}

static inline void mm_assert_write_locked(const struct mm_struct *mm)
{
	ASSERT((__atomic_load_n(&mm->lock.val, __ATOMIC_RELAXED) & QRW_WRITER) == QRW_WRITER);
}

static inline void mm_read_lock(struct mm_struct *mm)
{
	read_lock(&mm->lock);
}

static inline void mm_read_unlock(struct mm_struct *mm)
{
	mm_assert_locked(mm);
	read_unlock(&mm->lock);
}

static inline void mm_write_lock(struct mm_struct *mm)
{
	write_lock(&mm->lock);
}

static inline void mm_write_unlock(struct mm_struct *mm)
{
	mm_assert_write_locked(mm);
	write_unlock(&mm->lock);
}

/* The frame of the one page of zeros, which VMA_ZERO maps. */
u64 mm_zero_pfn(void);

#endif
