/*
 * The pool: see mmu/pool.h. A frame that is full is in no list: its objects know it by their address.
 */
#include "mmu/pool.h"

#include "arch/layout.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "mmu/frame.h"

struct pool_frame {
	struct pool *pool;
	struct pool_frame *next, *prev; /* in pool->open */
	void *free;                     /* the first free object; NULL: full */
	u64 used_count;
};

static void open_list_add(struct pool *pool, struct pool_frame *f)
{
	f->prev = NULL;
	f->next = pool->open;
	if (f->next)
		f->next->prev = f;
	pool->open = f;
}

static void open_list_remove(struct pool *pool, struct pool_frame *f)
{
	if (f->prev)
		f->prev->next = f->next;
	else
		pool->open = f->next;
	if (f->next)
		f->next->prev = f->prev;
}

static struct pool_frame *frame_new(struct pool *pool)
{
	pa_t frame = frame_alloc();
	u64 step = ALIGN_UP((u64)pool->size, sizeof(void *));
	struct pool_frame *f;

	if (!pa_ok(frame))
		return NULL;
	f = pa_va(frame);
	*f = (struct pool_frame){.pool = pool};
	for (u64 at = ALIGN_DOWN(PAGE_SIZE - sizeof(*f), 8) / step; at > 0; at--) {
		void **object = (void **)((u8 *)(f + 1) + (at - 1) * step);

		*object = f->free;
		f->free = object;
	}
	pool->frame_count++;
	open_list_add(pool, f);
	return f;
}

void *pool_alloc(struct pool *pool)
{
	ulong flags = spin_lock_irq_save(&pool->lock);
	struct pool_frame *f = pool->open ? pool->open : frame_new(pool);
	void *object = NULL;

	if (f) {
		object = f->free;
		f->free = *(void **)object;
		f->used_count++;
		pool->object_count++;
		if (!f->free)
			open_list_remove(pool, f);
	}
	spin_unlock_irq_restore(&pool->lock, flags);
	if (object)
		memset(object, 0, pool->size);
	return object;
}

void pool_free(struct pool *pool, void *object)
{
	struct pool_frame *f = (struct pool_frame *)((ulong)object & PAGE_MASK);
	ulong flags = spin_lock_irq_save(&pool->lock);

	ASSERT(f->pool == pool && f->used_count);
	if (!f->free)
		open_list_add(pool, f);
	*(void **)object = f->free;
	f->free = object;
	pool->object_count--;
	if (!--f->used_count) {
		open_list_remove(pool, f);
		pool->frame_count--;
		f->pool = NULL;
		frame_free(direct_pa(f));
	}
	spin_unlock_irq_restore(&pool->lock, flags);
}
