/*
 * Small objects of one size, carved out of frames: for what is too small for a frame and too many for an array. A frame
 * goes back as soon as its last object does, so that a leak of objects is a leak of frames, and is counted as both.
 *
 *	frame:	| struct pool_frame | object | object | ...	free objects hang in a list through their first word
 *
 * Must not know: what the objects are. Read next: mmu/frame.h, mmu/vma.c.
 */
#ifndef MMU_POOL_H
#define MMU_POOL_H

#include "lib/types.h"
#include "pvops/qspinlock.h"

struct pool_frame;

/* Zeros but for @size: an empty pool. Everything under @lock. */
struct pool {
	u32 size; /* of an object, bytes; at least a pointer's, at most half a frame's */
	struct qspinlock lock;
	struct pool_frame *open; /* frames that have a free object */
	u64 object_count;        /* handed out */
	u64 frame_count;
};

/* An object filled with zeros, aligned to 8; NULL: no frame. Any context but NMI. */
void *pool_alloc(struct pool *pool);

/* Gives back what pool_alloc() of the same pool gave. Any context but NMI. */
void pool_free(struct pool *pool, void *object);

#endif
