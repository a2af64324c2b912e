/*
 * machine/hpet.c before a model: a page of registers whose counter moves on each time the TSC is read, as time does.
 * What is refused, in which words; counters that wrap, and halves that are read apart.
 */
#define PARAVANE_HOST
#include "tests/host/host.h"
#include "machine/hpet.c"

#define PA pa(0xfed00000)

static u32 page[256];
static u64 counter, step, tsc;
static unsigned maps;
static bool no_room;

void *kspace_map_mmio(pa_t pa, u64 size)
{
	assert_int_equal(size, 0x400);
	maps++;
	return no_room || pa_offset(pa, 4) ? NULL : page;
}

u64 pv_read_tsc(void)
{
	if (page[CONFIG] & 1)
		counter += step;
	page[COUNTER] = (u32)counter;
	if (page[0] & CAP_64_BITS)
		page[COUNTER + 1] = (u32)(counter >> 32);
	return tsc += 100;
}

static const char *begin(struct hpet *h, u32 low, u32 period, bool runs)
{
	memset(page, 0, sizeof(page));
	page[0] = low;
	page[PERIOD] = period;
	page[CONFIG] = 2 | runs; /* legacy routing, which is not ours to change */
	counter = 0;
	step = 7;
	return hpet_start(h, PA);
}

static void machine_hpet_refusals(void **state)
{
	struct hpet h;

	(void)state;
	assert_null(begin(&h, 0x8086a201, 10000000, false));
	assert_string_equal(begin(&h, 0x8086a201, 0, false), "its period is 0");
	assert_null(begin(&h, 0x8086a201, 100000000, false));
	assert_string_equal(begin(&h, 0x8086a201, 100000001, false), "its period is over 100 ns");
	assert_string_equal(begin(&h, 0xffffffff, 0xffffffff, false), "nothing answers where ACPI has it");
	assert_int_equal(page[CONFIG], 2); /* one that is refused is not touched */
	assert_int_equal(maps, 1);
	assert_string_equal(hpet_start(&h, pa_add(PA, 1)), "it cannot be mapped");
	assert_string_equal(hpet_start(&h, pa_add(PA, 1)), "it cannot be mapped");
	assert_int_equal(maps, 3);
}

static void machine_hpet_counter_that_stands(void **state)
{
	struct hpet h;

	(void)state;
	memset(page, 0, sizeof(page));
	page[0] = 0x8086a201;
	page[PERIOD] = 10000000;
	step = 0;
	assert_string_equal(hpet_start(&h, PA), "its counter stands still");
	assert_int_equal(page[CONFIG], 0);
}

static void machine_hpet_is_left_as_found(void **state)
{
	struct hpet h;

	(void)state;
	assert_null(begin(&h, 0x8086a201, 10000000, false));
	assert_int_equal(page[CONFIG], 3);
	hpet_stop(&h);
	assert_int_equal(page[CONFIG], 2);
	assert_null(begin(&h, 0x8086a201, 10000000, true));
	hpet_stop(&h);
	assert_int_equal(page[CONFIG], 3);
}

static void machine_hpet_counter_wraps(void **state)
{
	struct hpet_look first, last;
	struct hpet h;

	(void)state;
	assert_null(begin(&h, 0x8086a201 & ~CAP_64_BITS, 10000000, true));
	page[COUNTER + 1] = 0xbad; /* a counter of 32 bits has no upper half */
	counter = 0xfffffff0;
	step = 16;
	hpet_look(&h, &first);
	assert_int_equal(first.count, 0);
	counter = 0xfffffff0 - 16;
	hpet_look(&h, &first);
	assert_int_equal(first.count, 0xfffffff0);
	hpet_look(&h, &last);
	assert_int_equal(last.count, 0x10);
	assert_int_equal(hpet_ticks(&h, &first, &last), 0x20);
}

/* The lower half wraps between the readings of the upper one: it is read anew, between two looks at the TSC. */
static void machine_hpet_halves(void **state)
{
	struct hpet_look look, next;
	struct hpet h;

	(void)state;
	assert_null(begin(&h, 0x8086a201 | CAP_64_BITS, 10000000, true));
	counter = 0x5fffffff0;
	pv_read_tsc();
	counter = 0x5fffffffc;
	hpet_look(&h, &look);
	assert_int_equal(look.count >> 32, 6);
	assert_true(look.count < 0x600000040);
	assert_int_equal(look.after - look.before, 100);
	hpet_look(&h, &next);
	assert_true(hpet_ticks(&h, &look, &next) > 0 && hpet_ticks(&h, &look, &next) < 64);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(machine_hpet_refusals),         cmocka_unit_test(machine_hpet_counter_that_stands),
	cmocka_unit_test(machine_hpet_is_left_as_found), cmocka_unit_test(machine_hpet_counter_wraps),
	cmocka_unit_test(machine_hpet_halves),
};

HOST_MAIN("machine_hpet", tests)
