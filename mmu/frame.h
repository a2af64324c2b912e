/*
 * Physical page frames: who owns which 4 KiB of RAM. One bitmap per usable range of the memory map, so that holes cost
 * nothing; a bit set is a frame that is free. Lowest first, because the first tables must come from the memory that
 * boot's own tables map.
 *
 *	0        1 MiB       image end                                    end of RAM
 *	| kept    | image | modules | bitmap |        frames, lowest first        |
 *
 * Must not know: page tables, who asks for a frame and why. Read next: mmu/pt.h.
 */
#ifndef MMU_FRAME_H
#define MMU_FRAME_H

#include "lib/addr.h"
#include "lib/memmap.h"
#include "lib/types.h"

/* Memory that is in use before there is an allocator: [base, end), physical bytes, rounded outward
 * to frames. */
struct frame_reservation {
	pa_t base, end;
	const char *name; /* "image", "module initrd": said by frame_free() and in the monitor; static text */
};

#define FRAME_RESERVATION_MAX 40

/* Below this nothing is handed out: real-mode code of other CPUs must start there, and firmware
 * writes there. */
#define FRAME_LOW_END (1 * MIB)

/* All that boot's own tables map: until frame_set_reach() says more, no frame from above is handed
 * out. */
#define FRAME_BOOT_REACH (4 * GIB)

/* The bitmap lies below this. */
#define FRAME_BITMAP_END (1 * GIB)

/* Less free memory than this is "too little memory" (bytes). */
#define FRAME_MINIMUM (4 * MIB)

/* Counts of 4 KiB frames. usable = reserved + total + ignored; total = free + used. */
struct frame_stats {
	u64 usable_count;   /* whole frames of MEM_USABLE */
	u64 reserved_count; /* of these: low 1 MiB, image, modules, bitmap */
	u64 ignored_count;  /* of these: above what the direct map can hold */
	u64 total_count;    /* under the allocator */
	u64 free_count;
	u64 used_count;
};

/*
 * Takes over the usable memory of @map (page-aligned; kept by reference, must stay) but for the
 * @count reservations, which are copied; the low 1 MiB and the bitmap itself are reserved by this
 * call. Boot only, once; pa_va() must reach FRAME_BITMAP_END. 0, -EINVAL (more reservations than
 * fit, an unaligned map) or -ENOMEM: no room for the bitmap, or less than FRAME_MINIMUM is left;
 * frame_stats() is then still true.
 */
int frame_init(const struct memmap *map, const struct frame_reservation *resv, u32 count);

/* Frames below @end may be handed out from now on: the direct map reaches there. */
void frame_set_reach(pa_t end);
pa_t frame_reach(void);

/*
 * One frame: its physical address, PA_NONE when there is none left (physical page 0 is never handed out).
 * Contents: whatever was there. Any context but NMI.
 */
pa_t frame_alloc(void);

/* As frame_alloc(), filled with zeros. */
pa_t frame_alloc_zeroed(void);

/*
 * @count frames in a row, the first at a multiple of @align bytes (a power of two, at least
 * PAGE_SIZE): the lowest place that fits, or PA_NONE. Freed one by one or by frame_free_contiguous().
 */
pa_t frame_alloc_contiguous(u64 count, u64 align);

/* Gives back a frame. One that is free, reserved, or no RAM of ours is a bug of the caller's:
 * panic, by name. */
void frame_free(pa_t pa);
void frame_free_contiguous(pa_t pa, u64 count);

/* Counts at this moment; a leak check compares free_count before and after. */
struct frame_stats frame_stats(void);

/* True if the frame at @pa is RAM: usable or ACPI's, reserved by us or not. What does not pass must
 * not be read. */
bool frame_is_ram(pa_t pa);

/* The reservation that holds @pa, or NULL. */
const struct frame_reservation *frame_reservation(pa_t pa);

/* Reservation number @i, in no order; NULL behind the last. */
const struct frame_reservation *frame_reservation_at(u32 i);

/* The map given to frame_init(); NULL before. */
const struct memmap *frame_memmap(void);

#endif
