/*
 * The frame allocator on the memory this machine has. What needs other memory maps is in tests/host/test_frame.c.
 */
#include "arch/layout.h"
#include "lib/string.h"
#include "mmu/frame.h"
#include "tests/ktest.h"

#define MANY 300 /* several words of the bitmap */

TEST(mmu_frame_counts_add_up)
{
	struct frame_stats s = frame_stats();

	EXPECT_EQ(s.usable_count, s.reserved_count + s.ignored_count + s.total_count);
	EXPECT_EQ(s.total_count, s.free_count + s.used_count);
	EXPECT_EQ(s.usable_count, memmap_bytes(frame_memmap(), MEM_USABLE) / PAGE_SIZE);
	EXPECT(s.used_count > 0); /* the page tables */
	EXPECT(s.free_count > 0);
}

TEST(mmu_frame_alloc_is_lowest_first_and_leaks_nothing)
{
	u64 before = frame_stats().free_count;
	static pa_t taken[MANY];
	pa_t last = PA_NONE;

	for (unsigned i = 0; i < MANY; i++) {
		taken[i] = frame_alloc();
		REQUIRE(pa_ok(taken[i]));
		EXPECT(pa_below(last, taken[i]));
		EXPECT(frame_is_ram(taken[i]));
		EXPECT(!frame_reservation(taken[i]));
		last = taken[i];
	}
	EXPECT_EQ(frame_stats().free_count, before - MANY);
	for (unsigned i = 0; i < MANY; i++)
		frame_free(taken[i]);
	EXPECT_EQ(frame_stats().free_count, before);
	last = frame_alloc();
	EXPECT_PA(last, taken[0]);
	frame_free(last);
}

TEST(mmu_frame_zeroed)
{
	pa_t pa = frame_alloc();
	const u8 *p = pa_va(pa);
	unsigned dirty = 0;

	REQUIRE(pa_ok(pa));
	memset(pa_va(pa), 0xa5, PAGE_SIZE);
	frame_free(pa);
	EXPECT_PA(frame_alloc_zeroed(), pa);
	for (unsigned i = 0; i < PAGE_SIZE; i++)
		dirty += p[i] != 0;
	EXPECT_EQ(dirty, 0);
	frame_free(pa);
}

TEST(mmu_frame_contiguous)
{
	u64 before = frame_stats().free_count;
	pa_t pa = frame_alloc_contiguous(512, 2 * MIB);

	REQUIRE(pa_ok(pa));
	EXPECT(pa_aligned(pa, 2 * MIB));
	EXPECT(frame_is_ram(pa) && frame_is_ram(pa_add(pa, 2 * MIB - 1)));
	EXPECT_EQ(frame_stats().free_count, before - 512);
	EXPECT(!pa_ok(frame_alloc_contiguous(frame_stats().total_count + 1, PAGE_SIZE)));
	EXPECT(!pa_ok(frame_alloc_contiguous(1, 3 * PAGE_SIZE)));
	frame_free_contiguous(pa, 512);
	EXPECT_EQ(frame_stats().free_count, before);
}

TEST(mmu_frame_reservations_hold_the_image)
{
	const struct frame_reservation *image = frame_reservation(image_pa(__text_start));

	REQUIRE(image);
	EXPECT_EQ(strcmp(image->name, "image"), 0);
	EXPECT(!pa_below(image_pa(__image_start), image->base) && !pa_below(image->end, image_pa(__image_end)));
	EXPECT(frame_reservation(pa(0)));
	EXPECT(frame_reservation(pa(FRAME_LOW_END - 1)));
}

/* Memory above 4 GiB is handed out, is reachable, and is not memory below seen twice. */
TEST(mmu_frame_above_4g)
{
	const struct memmap *map = frame_memmap();
	u64 high = 0;

	for (u32 i = 0; i < map->count; i++) {
		if (map->range[i].type == MEM_USABLE && map->range[i].end > 4 * GIB)
			high = max(map->range[i].base, 4 * GIB);
	}
	if (!high) {
		ktest_not_here("no memory above 4 GiB");
		return;
	}
	EXPECT(pa_num(frame_reach()) > high);
	/* An alignment that only the high part can meet. */
	pa_t frame = frame_alloc_contiguous(1, 4 * GIB);

	REQUIRE(pa_num(frame) >= 4 * GIB);
	u64 *there = pa_va(frame), *low = pa_va(pa(pa_offset(frame, 4 * GIB)));
	u64 kept = *low;

	*there = 0x123456789abcdef0;
	EXPECT_EQ(*there, 0x123456789abcdef0);
	EXPECT_EQ(*low, kept);
	frame_free(frame);
}
