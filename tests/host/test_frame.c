/*
 * The frame allocator on memory maps of every kind, among them ones no test machine has. Compared with a plain byte per
 * frame where the calls are random.
 */
#include "tests/host/mmu_fakes.h"

#include "mmu/frame.c"

static struct memmap map;

static void map_begin(void)
{
	fake_ram_reset();
	memmap_init(&map);
}

static __noinline bool free_panics(pa_t pa)
{
	return PANICS(frame_free(pa));
}

static u64 free_count(void)
{
	return frame_stats().free_count;
}

/* A PC of @size bytes below 4 GiB, as QEMU describes it. */
static void pc_map(u64 size)
{
	map_begin();
	memmap_add(&map, 0, 0x9fc00, MEM_USABLE);
	memmap_add(&map, 0x9fc00, 0x400, MEM_RESERVED);
	memmap_add(&map, 0xf0000, 0x10000, MEM_RESERVED);
	memmap_add(&map, MIB, size - MIB - 0x20000, MEM_USABLE);
	memmap_add(&map, size - 0x20000, 0x20000, MEM_RESERVED);
	memmap_page_align(&map);
}

static const struct frame_reservation image[] = {{{MIB}, {3 * MIB}, "image"}};

static void init_pc(u64 size)
{
	pc_map(size);
	assert_int_equal(frame_init(&map, image, 1), 0);
}

static void counts_add_up(void **state)
{
	(void)state;
	init_pc(256 * MIB);
	struct frame_stats s = frame_stats();

	assert_int_equal(s.usable_count, 0x9f + (256 * MIB - MIB - 0x20000) / PAGE_SIZE);
	assert_int_equal(s.usable_count, s.reserved_count + s.total_count + s.ignored_count);
	assert_int_equal(s.total_count, s.free_count);
	/* Low memory, the image, three pages of bitmap: 65023 bits take 8128 bytes and 0x9f take 24. */
	assert_int_equal(s.reserved_count, 0x9f + 512 + 2);
}

static void lowest_first_and_each_once(void **state)
{
	(void)state;
	init_pc(16 * MIB);
	u64 n = free_count();
	pa_t last = PA_NONE;

	for (u64 i = 0; i < n; i++) {
		pa_t got = frame_alloc();

		assert_true(pa_below(last, got) && pa_in(got, pa(3 * MIB), 13 * MIB - 0x20000));
		assert_true(pa_aligned(got, PAGE_SIZE));
		last = got;
	}
	assert_pa(frame_alloc(), PA_NONE);
	assert_pa(frame_alloc_zeroed(), PA_NONE);
	assert_int_equal(free_count(), 0);
	frame_free(pa(5 * MIB));
	frame_free(pa(4 * MIB));
	assert_pa(frame_alloc(), pa(4 * MIB));
	assert_pa(frame_alloc(), pa(5 * MIB));
	assert_pa(frame_alloc(), PA_NONE);
}

static void zeroed_is_zeroed(void **state)
{
	(void)state;
	init_pc(16 * MIB);
	pa_t pa = frame_alloc();

	memset(pa_va(pa), 0xa5, PAGE_SIZE);
	frame_free(pa);
	assert_pa(frame_alloc_zeroed(), pa);
	for (u64 i = 0; i < PAGE_SIZE; i++)
		assert_int_equal(((u8 *)pa_va(pa))[i], 0);
}

static void bitmap_avoids_reservations(void **state)
{
	const struct frame_reservation resv[] = {
		{pa(MIB), pa(3 * MIB), "image"},
		{pa(4 * MIB), pa(9 * MIB), "module b"},
		{pa(3 * MIB + 1), pa(4 * MIB - 1), "module a"},
		{pa(9 * MIB), pa(9 * MIB), "empty"},
	};

	(void)state;
	pc_map(64 * MIB);
	memset(pa_va(pa(MIB)), 0x5a, 8 * MIB);
	assert_int_equal(frame_init(&map, resv, ARRAY_SIZE(resv)), 0);
	for (u64 i = MIB; i < 9 * MIB; i++)
		assert_int_equal(*(u8 *)pa_va(pa(i)), 0x5a);
	assert_true(frame_reservation(pa(9 * MIB)) != NULL);
	assert_string_equal(frame_reservation(pa(9 * MIB))->name, "frame bitmap");
	assert_string_equal(frame_reservation(pa(4 * MIB - 1))->name, "module a");
	assert_true(pa_below(pa(9 * MIB), frame_alloc()));
}

static void bitmap_below_its_end(void **state)
{
	const struct frame_reservation big[] = {{pa(MIB), pa(FRAME_BITMAP_END), "module"}};

	(void)state;
	pc_map(2 * GIB);
	assert_int_equal(frame_init(&map, big, 1), -ENOMEM);
}

static void too_little_memory(void **state)
{
	(void)state;
	pc_map(4 * MIB);
	assert_int_equal(frame_init(&map, image, 1), -ENOMEM);
	pc_map(16 * MIB);
	assert_int_equal(frame_init(&map, image, 1), 0);
	map_begin();
	assert_int_equal(frame_init(&map, image, 1), -ENOMEM);
	memmap_add(&map, 0, 640 * KIB, MEM_USABLE);
	assert_int_equal(frame_init(&map, image, 1), -ENOMEM);
	memmap_add(&map, MIB, 64 * MIB, MEM_RESERVED);
	assert_int_equal(frame_init(&map, image, 1), -ENOMEM);
}

static void refuses_bad_input(void **state)
{
	struct frame_reservation many[FRAME_RESERVATION_MAX];

	(void)state;
	pc_map(64 * MIB);
	for (u32 i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = (struct frame_reservation){pa((2 + i) * MIB), pa((2 + i) * MIB + 1), "m"};
	assert_int_equal(frame_init(&map, many, ARRAY_SIZE(many)), -EINVAL);
	assert_int_equal(frame_init(&map, many, ARRAY_SIZE(many) - 2), 0);
	map.range[0].end -= 1;
	assert_int_equal(frame_init(&map, image, 1), -EINVAL);
}

static void above_4g_only_when_reached(void **state)
{
	u64 low;

	(void)state;
	pc_map(64 * MIB);
	memmap_add(&map, 4 * GIB, GIB, MEM_USABLE);
	assert_int_equal(frame_init(&map, image, 1), 0);
	low = free_count() - GIB / PAGE_SIZE;
	for (u64 i = 0; i < low; i++)
		assert_true(pa_below(frame_alloc(), pa(4 * GIB)));
	assert_pa(frame_alloc(), PA_NONE);
	assert_pa(frame_alloc_contiguous(2, PAGE_SIZE), PA_NONE);
	frame_set_reach(pa(5 * GIB));
	assert_pa(frame_alloc(), pa(4 * GIB));
	assert_pa(frame_alloc_contiguous(4, 4 * PAGE_SIZE), pa(4 * GIB + 4 * PAGE_SIZE));
}

static void beyond_the_direct_map(void **state)
{
	(void)state;
	pc_map(64 * MIB);
	memmap_add(&map, DIRECT_SIZE - 2 * PAGE_SIZE, 5 * PAGE_SIZE, MEM_USABLE);
	memmap_add(&map, 2 * DIRECT_SIZE, 7 * PAGE_SIZE, MEM_USABLE);
	assert_int_equal(frame_init(&map, image, 1), 0);
	assert_int_equal(frame_stats().ignored_count, 3 + 7);
	assert_int_equal(frame_stats().usable_count,
			 frame_stats().reserved_count + frame_stats().ignored_count + frame_stats().total_count);
	assert_true(free_panics(pa(DIRECT_SIZE)));
}

static void bad_frees_are_named(void **state)
{
	pa_t got;

	(void)state;
	init_pc(64 * MIB);
	got = frame_alloc();
	assert_true(free_panics(pa_add(got, 1)));
	assert_non_null(strstr(fake_panic_text, "not the address of a frame"));
	assert_true(free_panics(pa(2 * MIB)));
	assert_non_null(strstr(fake_panic_text, "reserved: image"));
	assert_true(free_panics(pa(0)));
	assert_non_null(strstr(fake_panic_text, "reserved: low memory"));
	assert_true(free_panics(pa(0xf0000000)));
	assert_non_null(strstr(fake_panic_text, "not usable RAM"));
	frame_free(got);
	assert_true(free_panics(got));
	assert_non_null(strstr(fake_panic_text, "free already"));
	fake_flags = 0x202; /* the panic left the lock taken */
}

static void contiguous_is_aligned_and_lowest(void **state)
{
	u64 before;
	pa_t a, b;

	(void)state;
	init_pc(64 * MIB);
	before = free_count();
	a = frame_alloc_contiguous(512, 2 * MIB);
	assert_pa(a, pa(4 * MIB));
	b = frame_alloc_contiguous(3, PAGE_SIZE);
	assert_true(pa_below(b, a));
	assert_pa(frame_alloc_contiguous(100000, PAGE_SIZE), PA_NONE);
	assert_pa(frame_alloc_contiguous(0, PAGE_SIZE), PA_NONE);
	assert_pa(frame_alloc_contiguous(1, 3 * PAGE_SIZE), PA_NONE);
	assert_pa(frame_alloc_contiguous(1, 8), PA_NONE);
	assert_int_equal(free_count(), before - 515);
	frame_free_contiguous(a, 512);
	frame_free_contiguous(b, 3);
	assert_int_equal(free_count(), before);
}

static void ram_is_known(void **state)
{
	(void)state;
	pc_map(64 * MIB);
	memmap_add(&map, 100 * MIB, MIB, MEM_ACPI_NVS);
	assert_int_equal(frame_init(&map, image, 1), 0);
	assert_true(frame_is_ram(pa(0)));
	assert_true(frame_is_ram(pa(2 * MIB)));
	assert_false(frame_is_ram(pa(0xf0000)));
	assert_true(frame_is_ram(pa(100 * MIB)));
	assert_true(frame_is_ram(pa(101 * MIB - 1)));
	assert_false(frame_is_ram(pa(101 * MIB)));
	assert_false(frame_is_ram(pa(~0UL)));
}

/* Maps with holes at any frame; random calls; the model is one byte per frame. */
#define MODEL_FRAMES (32 * MIB / PAGE_SIZE)

static u8 owned[MODEL_FRAMES]; /* 0 not ours, 1 free, 2 handed out */

static void model_map(u64 *seed)
{
	map_begin();
	for (u64 at = next_random(seed) % 64; at < MODEL_FRAMES;) {
		u64 n = 1 + next_random(seed) % 900;

		n = min(n, MODEL_FRAMES - at);
		memmap_add(&map, at * PAGE_SIZE, n * PAGE_SIZE, MEM_USABLE);
		at += n + next_random(seed) % 130;
	}
	assert_int_equal(frame_init(&map, NULL, 0), 0);
	memset(owned, 0, sizeof(owned));
	for (u32 i = 0; i < map.count; i++) {
		for (u64 at = map.range[i].base; at < map.range[i].end; at += PAGE_SIZE)
			owned[at / PAGE_SIZE] = frame_reservation(pa(at)) ? 0 : 1;
	}
}

static u64 model_first(u64 count, u64 align)
{
	for (u64 at = 0; at + count <= MODEL_FRAMES; at += align) {
		u64 n = 0;

		while (n < count && owned[at + n] == 1)
			n++;
		if (n == count)
			return at;
	}
	return 0;
}

static void model_take(u64 count, u64 align)
{
	u64 want = model_first(count, align);
	pa_t got = count == 1 && align == 1 ? frame_alloc() : frame_alloc_contiguous(count, align * PAGE_SIZE);

	assert_pa(got, pfn_pa(want));
	for (u64 i = 0; want && i < count; i++)
		owned[want + i] = 2;
}

static void model_agrees(void **state)
{
	u64 seed = 20240229;

	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		model_map(&seed);
		for (unsigned i = 0; i < 3000; i++) {
			u64 r = next_random(&seed), at = (r >> 8) % MODEL_FRAMES;

			if (r % 16 < 9) {
				model_take(1, 1);
			} else if (r % 16 == 9) {
				model_take(1 + (r >> 8) % 40, 1UL << (r >> 20) % 6);
			} else if (owned[at] == 2) {
				frame_free(pfn_pa(at));
				owned[at] = 1;
			}
		}
		u64 free = 0;

		for (u64 i = 0; i < MODEL_FRAMES; i++)
			free += owned[i] == 1;
		assert_int_equal(free_count(), free);
		assert_int_equal(fake_flags, 0x202);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(counts_add_up),
	cmocka_unit_test(lowest_first_and_each_once),
	cmocka_unit_test(zeroed_is_zeroed),
	cmocka_unit_test(bitmap_avoids_reservations),
	cmocka_unit_test(bitmap_below_its_end),
	cmocka_unit_test(too_little_memory),
	cmocka_unit_test(refuses_bad_input),
	cmocka_unit_test(above_4g_only_when_reached),
	cmocka_unit_test(beyond_the_direct_map),
	cmocka_unit_test(bad_frees_are_named),
	cmocka_unit_test(contiguous_is_aligned_and_lowest),
	cmocka_unit_test(ram_is_known),
	cmocka_unit_test(model_agrees),
};

HOST_MAIN("mmu_frame", tests)
