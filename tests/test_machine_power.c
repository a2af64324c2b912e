/*
 * Which ways to reset and to switch off are tried, and in what order, on machines of our own making; and that one which
 * does not work is followed by the next. What each writes to its ports is held against a model on the host
 * (tests/host/test_power.c); that they work, the harness sees (test_power.py).
 */
#include "abi/acpi.h"
#include "lib/log.h"
#include "lib/string.h"
#include "machine/power.h"
#include "pvops/pvops.h"
#include "tests/ktest.h"

static struct acpi_info made;
static char said[512];

static const char *reset_ways(void)
{
	power_names(__power_reset_start, __power_reset_end, &made, said, sizeof(said));
	return said;
}

static const char *off_ways(void)
{
	power_names(__power_off_start, __power_off_end, &made, said, sizeof(said));
	return said;
}

TEST(machine_power_reset_ways)
{
	memset(&made, 0, sizeof(made));
	EXPECT(strcmp(reset_ways(), "8042, port 0xcf9, triple fault") == 0);
	made.fadt.revision = 6;
	EXPECT(strcmp(reset_ways(), "port 0xcf9, triple fault") == 0);
	made.fadt.boot_arch = ACPI_BOOT_8042;
	made.fadt.reset = (struct acpi_register){ACPI_SPACE_PORT, 8, 0xcf9};
	EXPECT(strcmp(reset_ways(), "ACPI register, 8042, port 0xcf9, triple fault") == 0);
}

TEST(machine_power_off_ways)
{
	memset(&made, 0, sizeof(made));
	made.s5.found = true;
	EXPECT(!ktest_has(off_ways(), "ACPI S5")); /* no register to write it to */
	made.fadt.pm1a_control = (struct acpi_register){ACPI_SPACE_PORT, 16, 0x604};
	EXPECT(strncmp(off_ways(), "ACPI S5", 7) == 0);
	made.s5.found = false;
	EXPECT(!ktest_has(off_ways(), "ACPI S5"));
	str_copy(made.oem, "BOCHS", sizeof(made.oem));
	EXPECT(strcmp(off_ways(), "the emulators' ports, the emulators' exit devices") == 0);
}

TEST(machine_power_names_are_cut)
{
	char small[8];

	memset(&made, 0, sizeof(made));
	EXPECT(power_names(__power_reset_start, __power_reset_end, &made, small, sizeof(small)) >= sizeof(small));
	EXPECT_EQ(strlen(small), sizeof(small) - 1);
}

/* ---- trying ---- */

static char acted[8];

static void act(char c)
{
	size_t len = strlen(acted);

	acted[len] = c;
	acted[len + 1] = '\0';
}

static void act_a(const struct acpi_info *acpi)
{
	EXPECT(acpi == &made);
	act('a');
}

static void act_b(const struct acpi_info *acpi)
{
	(void)acpi;
	act('b');
}

static bool yes(const struct acpi_info *acpi)
{
	(void)acpi;
	return true;
}

static bool no(const struct acpi_info *acpi)
{
	(void)acpi;
	return false;
}

TEST(machine_power_next_is_tried)
{
	static const struct power_way ways[] = {
		{"first", yes, act_a, 3}, {"never", no, act_b, 1000}, {"last", yes, act_b, 0}};
	u64 start = pv_sched_clock(), took;

	memset(acted, 0, sizeof(acted));
	log_capture(said, sizeof(said));
	power_try(POWER_OFF, ways, ways + ARRAY_SIZE(ways), &made);
	log_capture_end();
	took = pv_sched_clock() - start;
	EXPECT(strcmp(acted, "ab") == 0);
	EXPECT(strcmp(said, "power       off by first\npower       off by last\n") == 0);
	EXPECT(took >= 3000000);
}

/* The linker has collected them, each with all of its parts. */
TEST(machine_power_ways_are_whole)
{
	const struct power_way *way;

	EXPECT(__power_reset_end - __power_reset_start >= 4);
	EXPECT(__power_off_end - __power_off_start >= 3);
	for (way = __power_reset_start; way < __power_off_end; way++) {
		EXPECT(way->name && way->available && way->act);
		EXPECT(way->wait_ms <= 2000);
	}
	log_capture(said, sizeof(said));
	power_report();
	log_capture_end();
	EXPECT(ktest_has(said, "power       reset by "));
	EXPECT(ktest_has(said, "triple fault\npower       off by "));
}
