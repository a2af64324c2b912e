/*
 * The frame allocator: per usable range ("zone") a bitmap of free frames, scanned by words from the
 * lowest word that may hold a free bit. What is reserved has its bit clear for good and is known by
 * name in a short list, which is how a frame_free() of it is told from a double free.
 *
 * Must not know: page tables. Read next: mmu/pt.c, which takes its tables from here.
 */
#include "mmu/frame.h"

#include "arch/layout.h"
#include "lib/errno.h"
#include "lib/bits.h"
#include "lib/log.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "mmu/region.h"
#include "pvops/qspinlock.h"

#define WORD_BITS 64

struct zone {
	u64 first; /* frame number */
	u64 count; /* frames */
	u64 hint;  /* no free bit in any word before this one */
	u64 *free; /* one bit a frame */
};

/* All of it under frame_lock(). */
static struct {
	struct qspinlock lock;
	const struct memmap *map;
	struct zone zone[MEMMAP_MAX];
	u32 zone_count;
	struct frame_reservation resv[FRAME_RESERVATION_MAX];
	u32 resv_count;
	u64 reach; /* first frame number that is not handed out */
	u64 usable_count, ignored_count, total_count, free_count;
} frames;

static ulong frame_lock(void)
{
	return spin_lock_irq_save(&frames.lock);
}

static void frame_unlock(ulong flags)
{
	spin_unlock_irq_restore(&frames.lock, flags);
}

/* Of the usable frames within reach, those that never were the allocator's. */
static u64 reserved_count(void)
{
	return frames.usable_count - frames.ignored_count - frames.total_count;
}

static u64 zone_words(const struct zone *z)
{
	return (z->count + WORD_BITS - 1) / WORD_BITS;
}

/* First frame in [from, z->count) that is free (@want) or not; z->count if there is none. */
static u64 zone_find(const struct zone *z, u64 from, bool want)
{
	while (from < z->count) {
		u64 word = z->free[from / WORD_BITS];

		if (!want)
			word = ~word;
		word &= ~0UL << (from % WORD_BITS);
		if (word) {
			u64 found = ALIGN_DOWN(from, WORD_BITS) + (u64)__builtin_ctzl(word);

			return min(found, z->count);
		}
		from = ALIGN_DOWN(from, WORD_BITS) + WORD_BITS;
	}
	return z->count;
}

/* Sets the bits of [from, from + count) to free (@on) or not: whole words where it can. */
static void zone_mark(struct zone *z, u64 from, u64 count, bool on)
{
	while (count) {
		u64 bit = from % WORD_BITS, n = min(count, WORD_BITS - bit);
		u64 mask = (n == WORD_BITS ? ~0UL : BIT(n) - 1) << bit;

		if (on)
			z->free[from / WORD_BITS] |= mask;
		else
			z->free[from / WORD_BITS] &= ~mask;
		from += n;
		count -= n;
	}
}

/* Most words are all ones or all zeros: counting bits is for the rest. */
static u64 zone_count_free(const struct zone *z)
{
	u64 count = 0;

	for (u64 w = 0; w < zone_words(z); w++) {
		if (z->free[w] == ~0UL)
			count += WORD_BITS;
		else if (z->free[w])
			count += popcount64(z->free[w]);
	}
	return count;
}

static bool zone_is_free(const struct zone *z, u64 i)
{
	return z->free[i / WORD_BITS] & BIT(i % WORD_BITS);
}

static struct zone *zone_of(u64 pfn)
{
	for (u32 i = 0; i < frames.zone_count; i++) {
		struct zone *z = &frames.zone[i];

		if (pfn >= z->first && pfn - z->first < z->count)
			return z;
	}
	return NULL;
}

/* ---- the beginning ---- */

static int reserve(pa_t base, pa_t end, const char *name)
{
	if (frames.resv_count == FRAME_RESERVATION_MAX)
		return -EINVAL;
	if (!pa_below(base, end))
		return 0;
	frames.resv[frames.resv_count++] = (struct frame_reservation){
		.base = pa_down(base, PAGE_SIZE),
		.end = pa_up(end, PAGE_SIZE),
		.name = name,
	};
	return 0;
}

/* One zone for each usable range, cut where the direct map ends. */
static int make_zones(const struct memmap *map)
{
	for (u32 i = 0; i < map->count; i++) {
		const struct mem_range *r = &map->range[i];
		u64 end = min(r->end, DIRECT_SIZE);

		if (r->type != MEM_USABLE)
			continue;
		if (!IS_ALIGNED(r->base, PAGE_SIZE) || !IS_ALIGNED(r->end, PAGE_SIZE))
			return -EINVAL;
		frames.usable_count += (r->end - r->base) >> PAGE_SHIFT;
		if (r->base >= end) {
			frames.ignored_count += (r->end - r->base) >> PAGE_SHIFT;
			continue;
		}
		frames.ignored_count += (r->end - end) >> PAGE_SHIFT;
		frames.zone[frames.zone_count++] = (struct zone){
			.first = r->base >> PAGE_SHIFT,
			.count = (end - r->base) >> PAGE_SHIFT,
		};
	}
	return 0;
}

/* The lowest usable place for @size bytes that touches no reservation; PA_NONE: none. */
static pa_t place_bitmap(u64 size)
{
	for (u32 i = 0; i < frames.zone_count; i++) {
		pa_t base = pfn_pa(frames.zone[i].first);
		pa_t end = pa_add(base, frames.zone[i].count << PAGE_SHIFT);
		bool moved = true;

		while (moved) {
			moved = false;
			for (u32 k = 0; k < frames.resv_count; k++) {
				const struct frame_reservation *r = &frames.resv[k];

				if (pa_below(base, r->end) && pa_below(r->base, pa_add(base, size))) {
					base = r->end;
					moved = true;
				}
			}
		}
		if (!pa_below(pa_min(end, pa(FRAME_BITMAP_END)), pa_add(base, size)))
			return base;
	}
	return PA_NONE;
}

/* Everything is free, then the reservations are taken out. */
static void fill_bitmaps(pa_t bitmap)
{
	for (u32 i = 0; i < frames.zone_count; i++) {
		struct zone *z = &frames.zone[i];
		pa_t base = pfn_pa(z->first), end = pa_add(base, z->count << PAGE_SHIFT);

		z->free = pa_va(bitmap);
		bitmap = pa_add(bitmap, zone_words(z) * sizeof(u64));
		memset(z->free, 0xff, zone_words(z) * sizeof(u64));
		zone_mark(z, z->count, zone_words(z) * WORD_BITS - z->count, false);
		for (u32 k = 0; k < frames.resv_count; k++) {
			pa_t from = pa_max(base, frames.resv[k].base);
			pa_t to = pa_min(end, frames.resv[k].end);

			if (pa_below(from, to))
				zone_mark(z, pa_diff(from, base) >> PAGE_SHIFT, pa_diff(to, from) >> PAGE_SHIFT, false);
		}
		frames.free_count += zone_count_free(z);
	}
	frames.total_count = frames.free_count;
}

int frame_init(const struct memmap *map, const struct frame_reservation *resv, u32 count)
{
	u64 bytes = 0;
	pa_t bitmap;
	int err;

	memset(&frames, 0, sizeof(frames));
	frames.map = map;
	frames.reach = FRAME_BOOT_REACH >> PAGE_SHIFT;
	err = reserve(pa(0), pa(FRAME_LOW_END), "low memory");
	for (u32 i = 0; i < count && !err; i++)
		err = reserve(resv[i].base, resv[i].end, resv[i].name);
	if (!err)
		err = make_zones(map);
	if (err)
		return err;
	for (u32 i = 0; i < frames.zone_count; i++)
		bytes += zone_words(&frames.zone[i]) * sizeof(u64);
	bytes = ALIGN_UP(bytes, PAGE_SIZE);
	bitmap = place_bitmap(bytes);
	if (!pa_ok(bitmap))
		return -ENOMEM;
	err = reserve(bitmap, pa_add(bitmap, bytes), "frame bitmap");
	if (err)
		return err;
	fill_bitmaps(bitmap);
	log_line("memory", "%lu frames of 4 KiB free, %lu reserved, %lu out of reach", frames.free_count,
		 reserved_count(), frames.ignored_count);
	return frames.free_count < FRAME_MINIMUM >> PAGE_SHIFT ? -ENOMEM : 0;
}

void frame_set_reach(pa_t end)
{
	frames.reach = pa_pfn(end);
}

pa_t frame_reach(void)
{
	return pfn_pa(frames.reach);
}

/* ---- taking and giving ---- */

pa_t frame_alloc_contiguous(u64 count, u64 align)
{
	u64 step = align >> PAGE_SHIFT;
	pa_t found = PA_NONE;
	ulong flags;

	if (!count || align < PAGE_SIZE || (align & (align - 1)))
		return PA_NONE;
	flags = frame_lock();
	for (u32 i = 0; i < frames.zone_count && !pa_ok(found); i++) {
		struct zone *z = &frames.zone[i];
		u64 at = zone_find(z, z->hint * WORD_BITS, true);

		while (at < z->count) {
			u64 busy;

			at = ALIGN_UP(z->first + at, step) - z->first;
			if (at >= z->count || count > z->count - at || z->first + at + count > frames.reach)
				break;
			busy = zone_find(z, at, false);
			if (busy - at >= count) {
				zone_mark(z, at, count, false);
				frames.free_count -= count;
				found = pfn_pa(z->first + at);
				break;
			}
			at = zone_find(z, busy, true);
		}
	}
	frame_unlock(flags);
	return found;
}

pa_t frame_alloc(void)
{
	ulong flags = frame_lock();
	pa_t found = PA_NONE;

	for (u32 i = 0; i < frames.zone_count; i++) {
		struct zone *z = &frames.zone[i];
		u64 words = zone_words(z), w = z->hint;
		u64 bit;

		while (w < words && !z->free[w])
			w++;
		z->hint = w;
		if (w == words)
			continue;
		bit = (u64)__builtin_ctzl(z->free[w]);
		if (z->first + w * WORD_BITS + bit >= frames.reach)
			break;
		z->free[w] &= ~BIT(bit);
		frames.free_count--;
		found = pfn_pa(z->first + w * WORD_BITS + bit);
		break;
	}
	frame_unlock(flags);
	return found;
}

pa_t frame_alloc_zeroed(void)
{
	pa_t frame = frame_alloc();

	if (pa_ok(frame))
		memset(pa_va(frame), 0, PAGE_SIZE);
	return frame;
}

void frame_free(pa_t pa)
{
	const struct frame_reservation *r = frame_reservation(pa);
	u64 pfn = pa_pfn(pa);
	struct zone *z = zone_of(pfn);
	ulong flags;

	if (!pa_aligned(pa, PAGE_SIZE))
		panic("frame_free: %#lx is not the address of a frame", pa_num(pa));
	if (!z)
		panic("frame_free: frame %#lx is not usable RAM", pa_num(pa));
	if (r)
		panic("frame_free: frame %#lx is reserved: %s", pa_num(pa), r->name);
	flags = frame_lock();
	if (zone_is_free(z, pfn - z->first))
		panic("frame_free: frame %#lx is free already", pa_num(pa));
	zone_mark(z, pfn - z->first, 1, true);
	z->hint = min(z->hint, (pfn - z->first) / WORD_BITS);
	frames.free_count++;
	frame_unlock(flags);
}

void frame_free_contiguous(pa_t pa, u64 count)
{
	for (u64 i = 0; i < count; i++)
		frame_free(pa_add(pa, i * PAGE_SIZE));
}

/* ---- asking ---- */

struct frame_stats frame_stats(void)
{
	ulong flags = frame_lock();
	struct frame_stats s = {
		.usable_count = frames.usable_count,
		.reserved_count = reserved_count(),
		.ignored_count = frames.ignored_count,
		.total_count = frames.total_count,
		.free_count = frames.free_count,
		.used_count = frames.total_count - frames.free_count,
	};

	frame_unlock(flags);
	return s;
}

bool frame_is_ram(pa_t pa)
{
	if (!frames.map)
		return false;
	for (u32 i = 0; i < frames.map->count; i++) {
		const struct mem_range *r = &frames.map->range[i];

		if (pa_num(pa) >= r->base && pa_num(pa) < r->end)
			return mem_type_is_ram(r->type);
	}
	return false;
}

const struct frame_reservation *frame_reservation(pa_t pa)
{
	for (u32 i = 0; i < frames.resv_count; i++) {
		if (!pa_below(pa, frames.resv[i].base) && pa_below(pa, frames.resv[i].end))
			return &frames.resv[i];
	}
	return NULL;
}

const struct frame_reservation *frame_reservation_at(u32 i)
{
	return i < frames.resv_count ? &frames.resv[i] : NULL;
}

const struct memmap *frame_memmap(void)
{
	return frames.map;
}
