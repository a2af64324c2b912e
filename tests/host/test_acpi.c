/*
 * machine/acpi*.c on recorded machines (tests/fuzz/corpus/fuzz_acpi: QEMU's pc and q35 by SeaBIOS, q35 by OVMF, Bochs)
 * and on damaged ones: what is damaged is named, with its address, and nothing else is lost. Fabricated tables, byte by
 * byte as the specification has them, are test_acpi_tables.c's.
 */
#include "tests/host/acpi_segments.h"
#include "tests/host/host.h"

static struct acpi_info info;
static struct boot_info bi;

static void read_again(void)
{
	memset(&info, 0xa5, sizeof(info));
	acpi_read(&info, &bi, &segments_memory);
	assert_int_equal(segments_mapped, 0);
}

/* A recorded machine; its RSDP by copy, as multiboot2 has it, or by address. */
static void load(const char *name, bool copy)
{
	static u8 file[65536];
	char path[128];
	size_t size;
	FILE *f;

	snprintf(path, sizeof(path), "tests/fuzz/corpus/fuzz_acpi/%s", name);
	f = fopen(path, "rb");
	assert_non_null(f);
	size = fread(file, 1, sizeof(file), f);
	fclose(f);
	segments_load(file, size);
	boot_info_init(&bi, copy ? "multiboot2" : "PVH");
	if (copy) {
		bi.rsdp_len = min(segments[0].len, (u32)sizeof(bi.rsdp));
		memcpy(bi.rsdp, segments[0].bytes, bi.rsdp_len);
	} else {
		bi.rsdp_pa = segments[0].pa;
	}
	read_again();
}

/* The segment that begins with @signature. */
static struct segment *find(const char *signature)
{
	for (u32 i = 0; i < segment_count; i++)
		if (segments[i].len >= 4 && memcmp(segments[i].bytes, signature, 4) == 0)
			return &segments[i];
	fail_msg("no %s", signature);
	return NULL;
}

static void assert_problem(const char *text)
{
	for (u32 i = 0; i < min(info.problem_count, (u32)ACPI_PROBLEM_MAX); i++)
		if (strcmp(info.problem[i], text) == 0)
			return;
	for (u32 i = 0; i < min(info.problem_count, (u32)ACPI_PROBLEM_MAX); i++)
		print_message("%s\n", info.problem[i]);
	fail_msg("no problem '%s'", text);
}

static void assert_tables(const char *names)
{
	char all[ACPI_TABLE_MAX * 5 + 1] = "";

	for (u32 i = 0; i < info.table_count; i++)
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i ? " " : "", info.table[i].signature);
	assert_string_equal(all, names);
}

/* ---- recorded machines ---- */

static void assert_isa(u8 irq, u32 gsi, u16 flags)
{
	u16 got;

	assert_int_equal(acpi_isa_gsi(&info, irq, &got), gsi);
	assert_int_equal(got, flags);
}

static void assert_qemu(void)
{
	assert_true(info.present);
	assert_int_equal(info.problem_count, 0);
	assert_string_equal(info.oem, "BOCHS");
	assert_true(info.has_madt);
	assert_int_equal(info.lapic_pa, 0xfee00000);
	assert_int_equal(info.ioapic_count, 1);
	assert_int_equal(info.ioapic[0].pa, 0xfec00000);
	assert_int_equal(info.ioapic[0].gsi_base, 0);
	assert_int_equal(info.nmi_count, 1);
	assert_int_equal(info.nmi[0].uid, ACPI_UID_ALL);
	assert_int_equal(info.nmi[0].lint, 1);
	assert_isa(1, 1, 0);
	assert_isa(9, 9, ACPI_INTI_LEVEL | ACPI_INTI_ACTIVE_HIGH);
	assert_int_equal(info.hpet.pa, 0xfed00000);
	assert_int_equal(info.hpet.id, 0x8086a201);
	assert_true(info.s5.found);
	assert_int_equal(info.s5.type_a, 0);
	assert_int_equal(info.s5.type_b, 0);
	assert_int_equal(info.fadt.sci_irq, 9);
	assert_int_equal(info.fadt.smi_port, 0xb2);
	assert_int_equal(info.fadt.pm1b_control.address, 0);
}

static void machine_acpi_qemu_pc(void **state)
{
	(void)state;
	load("qemu-7.2-pc", false);
	assert_qemu();
	assert_string_equal(info.found, "PVH");
	assert_int_equal(info.rsdp_pa, 0xf59d0);
	assert_false(info.xsdt);
	assert_tables("FACP APIC HPET WAET DSDT");
	assert_int_equal(info.cpu_count, 2);
	assert_int_equal(acpi_enabled_cpus(&info), 2);
	assert_int_equal(info.cpu[1].apic_id, 1);
	assert_isa(0, 2, 0);
	assert_int_equal(info.fadt.revision, 1);
	assert_int_equal(info.fadt.acpi_enable, 0xf1);
	assert_int_equal(info.fadt.pm1a_control.address, 0x604);
	assert_int_equal(info.fadt.pm_timer.address, 0x608);
	assert_int_equal(info.fadt.reset.address, 0);
	assert_true(acpi_has_8042(&info)); /* revision 1 says nothing of it */
	assert_int_equal(info.mcfg_count, 0);
}

static void machine_acpi_qemu_q35(void **state)
{
	(void)state;
	load("qemu-7.2-q35", false);
	assert_qemu();
	assert_tables("FACP APIC HPET MCFG WAET DSDT");
	assert_int_equal(info.fadt.revision, 3);
	assert_int_equal(info.fadt.acpi_enable, 2);
	assert_int_equal(info.fadt.reset.space, ACPI_SPACE_PORT);
	assert_int_equal(info.fadt.reset.address, 0xcf9);
	assert_int_equal(info.fadt.reset_value, 0xf);
	assert_int_equal(info.fadt.pm1a_control.address, 0x604);
	assert_int_equal(info.mcfg_count, 1);
	assert_int_equal(info.mcfg[0].pa, 0xb0000000);
	assert_int_equal(info.mcfg[0].bus_first, 0);
	assert_int_equal(info.mcfg[0].bus_last, 255);
	assert_true(acpi_has_vga(&info));
	assert_true(acpi_has_rtc(&info));
}

static void machine_acpi_ovmf(void **state)
{
	(void)state;
	load("ovmf-2022.11-q35", true);
	assert_qemu();
	assert_string_equal(info.found, "multiboot2");
	assert_true(info.xsdt);
	assert_int_equal(info.rsdp_revision, 2);
	assert_tables("FACP APIC HPET MCFG WAET BGRT DSDT");
	assert_int_equal(info.cpu_count, 1);
	assert_int_equal(info.fadt.reset.address, 0xcf9);
}

static void machine_acpi_bochs(void **state)
{
	(void)state;
	load("bochs-2.7", true);
	assert_true(info.present);
	assert_int_equal(info.problem_count, 0);
	assert_tables("FACP SSDT APIC HPET DSDT");
	assert_int_equal(info.cpu_count, 1);
	assert_isa(0, 0, 0);
	assert_int_equal(info.hpet.pa, 0xfed00000);
	assert_int_equal(info.fadt.pm1a_control.address, 0xb004);
	assert_int_equal(info.fadt.pm_timer.address, 0xb008);
	assert_true(info.s5.found);
}

/* ---- damage ---- */

static void machine_acpi_damaged_checksum(void **state)
{
	(void)state;
	load("qemu-7.2-pc", false);
	find("HPET")->bytes[41] += 0x12; /* its address */
	read_again();
	assert_int_equal(info.problem_count, 1);
	assert_problem("HPET at 0xffe1a78: checksum is off by 0x12: skipped");
	assert_int_equal(info.hpet.pa, 0);
	assert_tables("FACP APIC WAET DSDT");
	assert_int_equal(info.cpu_count, 2);
	assert_true(info.s5.found);
}

/* Whichever bit of whichever table is flipped, somebody says so. */
static void machine_acpi_no_flip_unnoticed(void **state)
{
	u64 random = 20240229;

	(void)state;
	load("ovmf-2022.11-q35", true);
	for (unsigned round = 0; round < 2000; round++) {
		struct segment *s = &segments[1 + next_random(&random) % (segment_count - 1)];
		u32 at = (u32)(next_random(&random) % s->len);
		u8 bit = (u8)(1 << next_random(&random) % 8);

		s->bytes[at] ^= bit;
		read_again();
		assert_true(info.problem_count >= 1);
		s->bytes[at] ^= bit;
	}
	read_again();
	assert_int_equal(info.problem_count, 0);
}

static void machine_acpi_damaged_xsdt(void **state)
{
	(void)state;
	load("ovmf-2022.11-q35", true);
	find("XSDT")->bytes[40] ^= 1;
	read_again();
	assert_false(info.xsdt);
	assert_problem("XSDT at 0xf77c0e8: checksum is off by 0x1: skipped");
	assert_problem("table at 0xf77c074: out of reach: skipped"); /* the RSDT, which was not recorded */
	assert_false(info.present);
	assert_int_equal(info.table_count, 0);
}

static void machine_acpi_cut_table(void **state)
{
	struct segment *s;

	(void)state;
	load("qemu-7.2-pc", false);
	s = find("DSDT");
	s->len = 6467;
	read_again();
	assert_problem("DSDT at 0xffe0040: 6468 bytes, out of reach: skipped");
	assert_false(info.s5.found);
	s->len = 35;
	read_again();
	assert_problem("table at 0xffe0040: out of reach: skipped");
}

static void machine_acpi_length_absurd(void **state)
{
	static const struct {
		u32 length;
		const char *problem;
	} cases[] = {{0, "APIC at 0xffe19f8: a length of 0 bytes: skipped"},
		     {35, "APIC at 0xffe19f8: a length of 35 bytes: skipped"},
		     {0xffffffff, "APIC at 0xffe19f8: a length of 4294967295 bytes: skipped"}};

	(void)state;
	load("qemu-7.2-pc", false);
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		memcpy(find("APIC")->bytes + 4, &cases[i].length, 4);
		read_again();
		assert_problem(cases[i].problem);
		assert_false(info.has_madt);
		assert_int_equal(info.hpet.pa, 0xfed00000);
	}
}

/* ---- the RSDP ---- */

/* A segment that is a page of the BIOS, with the RSDP at @offset of it. */
static void put_rsdp_into(u64 page, u32 size, u32 offset)
{
	u8 *bytes = segment_add(page, size);

	memcpy(bytes + offset, segments[0].bytes, min(segments[0].len, size - offset));
	segments[0].pa = 0x7f000000; /* no more where it was */
}

static void machine_acpi_rsdp_damaged(void **state)
{
	(void)state;
	load("qemu-7.2-pc", false);
	segments[0].bytes[17]++;
	put_rsdp_into(0xf5000, 0x1000, 0x9d0);
	read_again();
	assert_problem("RSDP by PVH at 0xf59d0: checksum is off by 0x1: skipped");
	assert_problem("RSDP by BIOS at 0xf59d0: checksum is off by 0x1: skipped"); /* the scan sees it too */
	assert_false(info.present);
	segments[segment_count - 1].bytes[0x9d0] = 'x';
	read_again();
	assert_problem("RSDP by PVH at 0xf59d0: has not its signature: skipped");
	assert_false(info.present);
}

static void machine_acpi_bios_scan(void **state)
{
	(void)state;
	load("qemu-7.2-pc", false);
	put_rsdp_into(0xe3000, 0x1000, 0x7f0);
	bi.rsdp_pa = 0;
	read_again();
	assert_true(info.present);
	assert_string_equal(info.found, "BIOS");
	assert_int_equal(info.rsdp_pa, 0xe37f0);
	assert_tables("FACP APIC HPET WAET DSDT");
}

static void machine_acpi_bios_scan_in_ebda(void **state)
{
	static const u8 segment[2] = {0xc0, 0x9f};

	(void)state;
	load("qemu-7.2-pc", false);
	put_rsdp_into(0x9fc00, 0x400, 0x3d0);
	memcpy(segment_add(0x40e, 2), segment, 2);
	bi.rsdp_pa = 0;
	read_again();
	assert_true(info.present);
	assert_int_equal(info.rsdp_pa, 0x9ffd0);
}

static void machine_acpi_bios_scan_off_the_grid(void **state)
{
	(void)state;
	load("qemu-7.2-pc", false);
	put_rsdp_into(0xe3000, 0x1000, 0x7f8);
	bi.rsdp_pa = 0;
	read_again();
	assert_false(info.present);
	assert_int_equal(info.problem_count, 0);
}

/* A loader's copy that is no good is no reason not to look further. */
static void machine_acpi_bad_copy_then_bios(void **state)
{
	(void)state;
	load("qemu-7.2-pc", true);
	put_rsdp_into(0xf5000, 0x1000, 0x9d0);
	bi.rsdp[17] ^= 1;
	read_again();
	assert_true(info.present);
	assert_string_equal(info.found, "BIOS");
	assert_int_equal(info.problem_count, 1);
}

static void machine_acpi_none(void **state)
{
	u16 flags = 7;

	(void)state;
	segments_clear();
	boot_info_init(&bi, "PVH");
	read_again();
	assert_false(info.present);
	assert_int_equal(info.problem_count, 0);
	assert_int_equal(info.cpu_count, 0);
	assert_true(acpi_has_8042(&info));
	assert_int_equal(acpi_isa_gsi(&info, 4, &flags), 4);
	assert_int_equal(flags, 0);
	bi.rsdp_pa = 0x1000;
	read_again();
	assert_problem("RSDP by PVH at 0x1000: out of reach: skipped");
}

static void machine_acpi_extended_checksum(void **state)
{
	(void)state;
	load("ovmf-2022.11-q35", true);
	bi.rsdp[33] ^= 4; /* reserved, but summed */
	read_again();
	assert_problem("RSDP: extended checksum is off by 0x4: its RSDT is taken");
	assert_false(info.xsdt);
	bi.rsdp_len = 20;
	read_again();
	assert_problem("RSDP: revision 2, but cut short: its RSDT is taken");
	bi.rsdp_len = 19;
	read_again();
	assert_problem("RSDP by multiboot2: has not its signature: skipped");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(machine_acpi_qemu_pc),
	cmocka_unit_test(machine_acpi_qemu_q35),
	cmocka_unit_test(machine_acpi_ovmf),
	cmocka_unit_test(machine_acpi_bochs),
	cmocka_unit_test(machine_acpi_damaged_checksum),
	cmocka_unit_test(machine_acpi_no_flip_unnoticed),
	cmocka_unit_test(machine_acpi_damaged_xsdt),
	cmocka_unit_test(machine_acpi_cut_table),
	cmocka_unit_test(machine_acpi_length_absurd),
	cmocka_unit_test(machine_acpi_rsdp_damaged),
	cmocka_unit_test(machine_acpi_bios_scan),
	cmocka_unit_test(machine_acpi_bios_scan_in_ebda),
	cmocka_unit_test(machine_acpi_bios_scan_off_the_grid),
	cmocka_unit_test(machine_acpi_bad_copy_then_bios),
	cmocka_unit_test(machine_acpi_none),
	cmocka_unit_test(machine_acpi_extended_checksum),
};

HOST_MAIN("machine_acpi", tests)
