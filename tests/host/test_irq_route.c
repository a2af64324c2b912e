/* machine/irq_route.c: from MADTs, sound and contradictory, to routes. */
#include "machine/irq_route.h"
#include "tests/host/host.h"

static struct acpi_info info;
static struct irq_routes routes;
static u8 pins[ACPI_IOAPIC_MAX];

/* An IOAPIC with pins from @base on. */
static void ioapic(u32 base, u8 count)
{
	info.ioapic[info.ioapic_count] = (struct acpi_ioapic){.id = (u8)info.ioapic_count, .gsi_base = base};
	pins[info.ioapic_count++] = count;
}

static void override(u8 irq, u32 gsi, u16 flags)
{
	info.override[info.override_count++] = (struct acpi_override){irq, flags, gsi};
}

static int begin(void **state)
{
	(void)state;
	memset(&info, 0, sizeof(info));
	memset(pins, 0, sizeof(pins));
	memset(&routes, 0xa5, sizeof(routes));
	return 0;
}

static void read(void)
{
	irq_routes_read(&routes, &info, pins);
}

static void assert_route(u32 line, u8 which, u8 pin, u32 gsi)
{
	assert_true(routes.line[line].valid);
	assert_int_equal(routes.line[line].ioapic, which);
	assert_int_equal(routes.line[line].pin, pin);
	assert_int_equal(routes.line[line].gsi, gsi);
}

static void assert_only_problem(const char *text)
{
	assert_int_equal(routes.problem_count, 1);
	assert_string_equal(routes.problem[0], text);
}

/* As QEMU and most PCs have it. */
static void machine_irq_route_of_a_pc(void **state)
{
	(void)state;
	ioapic(0, 24);
	override(0, 2, 0);
	override(5, 5, ACPI_INTI_ACTIVE_HIGH | ACPI_INTI_LEVEL);
	override(9, 9, ACPI_INTI_ACTIVE_LOW | ACPI_INTI_LEVEL);
	read();
	assert_int_equal(routes.problem_count, 0);
	assert_route(0, 0, 2, 2);
	assert_route(1, 0, 1, 1);
	assert_false(routes.line[2].valid); /* the cascade */
	assert_route(5, 0, 5, 5);
	assert_true(routes.line[5].level && !routes.line[5].low);
	assert_true(routes.line[9].level && routes.line[9].low);
	assert_route(15, 0, 15, 15);
	assert_true(!routes.line[15].level && !routes.line[15].low);
}

static void machine_irq_route_none(void **state)
{
	(void)state;
	override(0, 2, 0);
	read();
	for (u32 line = 0; line < 16; line++)
		assert_false(routes.line[line].valid);
	assert_only_problem("line 0: no IOAPIC has GSI 2: no route");
}

/* Each with its base, in any order; one of them is not usable. */
static void machine_irq_route_several_ioapics(void **state)
{
	(void)state;
	ioapic(24, 32);
	ioapic(0, 8);
	ioapic(8, 0);
	ioapic(56, 4);
	override(9, 24, 0);
	override(10, 55, 0);
	override(11, 56, 0);
	override(12, 59, 0);
	override(14, 60, 0);
	read();
	assert_route(0, 1, 0, 0);
	assert_route(7, 1, 7, 7);
	assert_false(routes.line[8].valid);
	assert_route(9, 0, 0, 24);
	assert_route(10, 0, 31, 55);
	assert_route(11, 3, 0, 56);
	assert_route(12, 3, 3, 59);
	assert_false(routes.line[14].valid);
	assert_only_problem("line 14: no IOAPIC has GSI 60: no route");
}

static void machine_irq_route_two_for_a_line(void **state)
{
	(void)state;
	ioapic(0, 24);
	override(0, 2, 0);
	override(0, 3, ACPI_INTI_LEVEL);
	read();
	assert_route(0, 0, 2, 2);
	assert_false(routes.line[0].level);
	assert_route(3, 0, 3, 3);
	assert_only_problem("line 0: a second override, to GSI 3: left out");
}

/* A first one that leads nowhere is still the first: nobody guesses. */
static void machine_irq_route_second_does_not_mend(void **state)
{
	(void)state;
	ioapic(0, 24);
	override(0, 200, 0);
	override(0, 2, 0);
	read();
	assert_false(routes.line[0].valid);
	assert_int_equal(routes.problem_count, 2);
	assert_string_equal(routes.problem[1], "line 0: a second override, to GSI 2: left out");
}

static void machine_irq_route_two_lines_for_a_gsi(void **state)
{
	(void)state;
	ioapic(0, 24);
	override(3, 20, 0);
	override(4, 20, ACPI_INTI_LEVEL);
	read();
	assert_route(3, 0, 20, 20);
	assert_false(routes.line[3].level);
	assert_false(routes.line[4].valid);
	assert_only_problem("line 4: GSI 20 is another line's: no route");
}

/* Lines that change places, each in the other's: an override comes before a number, wherever it stands. */
static void machine_irq_route_crossed(void **state)
{
	(void)state;
	ioapic(0, 24);
	override(4, 3, 0);
	override(3, 4, 0);
	read();
	assert_int_equal(routes.problem_count, 0);
	assert_route(3, 0, 4, 4);
	assert_route(4, 0, 3, 3);
}

static void machine_irq_route_reserved_flags(void **state)
{
	(void)state;
	ioapic(0, 24);
	override(5, 5, ACPI_INTI_POLARITY_RESERVED | ACPI_INTI_LEVEL);
	override(6, 6, ACPI_INTI_ACTIVE_LOW | ACPI_INTI_TRIGGER_RESERVED);
	override(7, 7, ACPI_INTI_ACTIVE_HIGH | ACPI_INTI_EDGE);
	read();
	assert_int_equal(routes.problem_count, 2);
	assert_string_equal(routes.problem[0], "line 5: reserved flags 0xe: taken as ISA has it");
	assert_string_equal(routes.problem[1], "line 6: reserved flags 0xb: taken as ISA has it");
	assert_true(routes.line[5].level && !routes.line[5].low);
	assert_true(!routes.line[6].level && routes.line[6].low);
	assert_true(!routes.line[7].level && !routes.line[7].low);
}

static void machine_irq_route_overlap(void **state)
{
	(void)state;
	ioapic(0, 24);
	ioapic(20, 24);
	override(9, 22, 0);
	override(10, 30, 0);
	read();
	assert_route(9, 0, 22, 22);
	assert_route(10, 1, 10, 30);
	assert_only_problem("IOAPIC 1 has GSIs of IOAPIC 0: the latter's they are");
}

/* Bases and GSIs at the end of what 32 bits name. */
static void machine_irq_route_at_the_end(void **state)
{
	(void)state;
	ioapic(0, 16);
	ioapic(0xfffffff0, 240);
	override(0, 0xffffffff, 0);
	override(1, 0xffffffef, 0);
	read();
	assert_route(0, 1, 15, 0xffffffff);
	assert_route(3, 0, 3, 3);
	assert_false(routes.line[1].valid);
	assert_only_problem("line 1: no IOAPIC has GSI 4294967279: no route");
}

/* Bochs' MADT does not know where its timer is. */
static void machine_irq_route_guess(void **state)
{
	(void)state;
	ioapic(0, 24);
	read();
	assert_route(0, 0, 0, 0);
	assert_false(routes.line[2].valid);
	assert_true(irq_routes_guess_timer(&routes, &info, pins));
	assert_route(0, 0, 2, 2);
	assert_true(!routes.line[0].level && !routes.line[0].low);
	assert_int_equal(routes.problem_count, 0);
	assert_false(irq_routes_guess_timer(&routes, &info, pins)); /* it is there */
}

/* Not against the MADT's word, nor to a pin that is another line's, or none. */
static void machine_irq_route_no_guess(void **state)
{
	(void)state;
	ioapic(0, 24);
	override(0, 20, 0);
	read();
	assert_false(irq_routes_guess_timer(&routes, &info, pins));
	assert_route(0, 0, 20, 20);
	info.override[0] = (struct acpi_override){9, 0, 2};
	read();
	assert_false(irq_routes_guess_timer(&routes, &info, pins));
	assert_route(0, 0, 0, 0);
	info.override_count = 0;
	pins[0] = 2;
	read();
	assert_false(irq_routes_guess_timer(&routes, &info, pins));
	assert_route(0, 0, 0, 0);
}

/* More problems than are kept are counted. */
static void machine_irq_route_many_problems(void **state)
{
	(void)state;
	for (u32 i = 0; i < ACPI_OVERRIDE_MAX; i++)
		override(3, 0x40000000 + i, 0x0a);
	read();
	assert_int_equal(routes.problem_count, ACPI_OVERRIDE_MAX + 1);
	assert_string_equal(routes.problem[0], "line 3: reserved flags 0xa: taken as ISA has it");
	assert_string_equal(routes.problem[1], "line 3: no IOAPIC has GSI 1073741824: no route");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup(machine_irq_route_of_a_pc, begin),
	cmocka_unit_test_setup(machine_irq_route_none, begin),
	cmocka_unit_test_setup(machine_irq_route_several_ioapics, begin),
	cmocka_unit_test_setup(machine_irq_route_two_for_a_line, begin),
	cmocka_unit_test_setup(machine_irq_route_second_does_not_mend, begin),
	cmocka_unit_test_setup(machine_irq_route_two_lines_for_a_gsi, begin),
	cmocka_unit_test_setup(machine_irq_route_crossed, begin),
	cmocka_unit_test_setup(machine_irq_route_reserved_flags, begin),
	cmocka_unit_test_setup(machine_irq_route_overlap, begin),
	cmocka_unit_test_setup(machine_irq_route_at_the_end, begin),
	cmocka_unit_test_setup(machine_irq_route_guess, begin),
	cmocka_unit_test_setup(machine_irq_route_no_guess, begin),
	cmocka_unit_test_setup(machine_irq_route_many_problems, begin),
};

HOST_MAIN("machine_irq_route", tests)
