/* lib/addr.h: arithmetic at the ends of the address space, and that a kind of address is as small as a number. */
#include "tests/host/host.h"
#include "lib/addr.h"

static void rounds_to_a_power_of_two(void **state)
{
	(void)state;
	assert_int_equal(pa_num(pa_down(pa(0x12345fff), 0x1000)), 0x12345000);
	assert_int_equal(pa_num(pa_up(pa(0x12345001), 0x1000)), 0x12346000);
	assert_int_equal(pa_num(pa_up(pa(0x12345000), 0x1000)), 0x12345000);
	assert_int_equal(va_num(va_up(va(~0UL), 0x1000)), 0);
	assert_int_equal(gva_offset(gva(0x7ff123), 0x1000), 0x123);
	assert_true(gpa_aligned(gpa(0x200000), 0x200000));
	assert_false(gpa_aligned(gpa(0x200000), 0x400000));
}

static void compares_without_a_sign(void **state)
{
	(void)state;
	assert_true(va_below(va(0x7fffffffffff), va(0xffff800000000000)));
	assert_false(va_below(va(5), va(5)));
	assert_true(va_eq(va_add(va(~0UL), 6), va(5)));
	assert_int_equal(gva_diff(gva(0xffff800000000010), gva(0xffff800000000000)), 0x10);
}

static void a_range_may_end_where_addresses_do(void **state)
{
	(void)state;
	assert_true(va_in(va(~0UL), va(0xfffffffffffff000), 0x1000));
	assert_false(va_in(va(0), va(0xfffffffffffff000), 0x1000));
	assert_true(pa_in(pa(0x1fff), pa(0x1000), 0x1000));
	assert_false(pa_in(pa(0x2000), pa(0x1000), 0x1000));
	assert_false(pa_in(pa(0xfff), pa(0x1000), 0x1000));
	assert_false(pa_in(pa(0x1000), pa(0x1000), 0));
}

static void no_frame_is_page_zero(void **state)
{
	(void)state;
	assert_false(pa_ok(PA_NONE));
	assert_true(pa_ok(pa(0x1000)));
	assert_true(pa_ok(pa(1UL << 51)));
	assert_int_equal(pa_pfn(pa(0x12345fff)), 0x12345);
	assert_int_equal(pa_num(pfn_pa(0xffffffffff)), 0xffffffffff000);
}

static void the_lower_and_the_higher(void **state)
{
	(void)state;
	assert_int_equal(pa_num(pa_min(pa(5), pa(1UL << 63))), 5);
	assert_int_equal(pa_num(pa_min(pa(1UL << 63), pa(5))), 5);
	assert_int_equal(pa_num(pa_max(pa(5), pa(1UL << 63))), 1UL << 63);
	assert_int_equal(va_num(va_max(va(7), va(7))), 7);
}

static void costs_nothing(void **state)
{
	int here;

	(void)state;
	assert_int_equal(sizeof(gva_t), sizeof(u64));
	assert_ptr_equal(va_ptr(va_of(&here)), &here);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(rounds_to_a_power_of_two),           cmocka_unit_test(compares_without_a_sign),
	cmocka_unit_test(a_range_may_end_where_addresses_do), cmocka_unit_test(no_frame_is_page_zero),
	cmocka_unit_test(the_lower_and_the_higher),           cmocka_unit_test(costs_nothing),
};

HOST_MAIN("lib_addr", tests)
