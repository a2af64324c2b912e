/*
 * machine/acpi_madt.c and machine/acpi_fadt.c on single tables, byte by byte as ACPI 6.5 has them, written here a
 * second time: lists that run out, entries that lie, registers that nobody can reach, and the AML around \_S5_.
 */
#include "machine/acpi_priv.h"
#include "tests/host/host.h"

static struct acpi_info info;
static u8 table[4096];
static u32 length;

static void begin(u32 size)
{
	memset(&info, 0, sizeof(info));
	memset(table, 0, sizeof(table));
	length = size;
}

static void put(const u8 *bytes, u32 count)
{
	memcpy(table + length, bytes, count);
	length += count;
}

#define PUT(...) put((const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}))

static void set(u32 at, u64 value, u32 size)
{
	memcpy(table + at, &value, size);
}

static void parse(void (*read)(struct acpi_info *, const u8 *, u32))
{
	u8 *copy = exact_copy(table, length);

	read(&info, copy, length);
	free(copy);
}

static void assert_only_problem(const char *text)
{
	assert_int_equal(info.problem_count, 1);
	assert_string_equal(info.problem[0], text);
}

/* ---- MADT ---- */

static void begin_madt(void)
{
	begin(44);
	set(36, 0xfee00000, 4);
	set(40, 1, 4);
}

static void machine_acpi_madt_cpus(void **state)
{
	(void)state;
	begin_madt();
	PUT(0, 8, 10, 0, 1, 0, 0, 0);                                      /* LAPIC 0: enabled */
	PUT(0, 8, 11, 2, 0, 0, 0, 0);                                      /* LAPIC 2: a slot */
	PUT(0, 8, 12, 4, 2, 0, 0, 0);                                      /* LAPIC 4: online capable */
	PUT(0, 8, 13, 0xff, 1, 0, 0, 0);                                   /* no LAPIC */
	PUT(99, 3, 0xee);                                                  /* of a later specification */
	PUT(9, 16, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 20, 0, 0, 0);             /* x2APIC 256 */
	PUT(9, 16, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 11, 0, 0, 0);             /* x2APIC 2: the slot again */
	PUT(9, 16, 0, 0, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 11, 0, 0, 0); /* none */
	PUT(5, 12, 0, 0, 0x00, 0x10, 0xe0, 0xfe, 1, 0, 0, 0);              /* LAPICs at another address */
	parse(acpi_read_madt);
	assert_int_equal(info.problem_count, 0);
	assert_true(info.has_madt);
	assert_true(info.pc_at_pics);
	assert_int_equal(info.lapic_pa, 0x1fee01000);
	assert_int_equal(info.cpu_count, 4);
	assert_int_equal(acpi_enabled_cpus(&info), 3);
	assert_int_equal(info.cpu[0].uid, 10);
	assert_true(info.cpu[1].enabled);
	assert_false(info.cpu[2].enabled);
	assert_true(info.cpu[2].online_capable);
	assert_int_equal(info.cpu[3].apic_id, 256);
	assert_int_equal(info.cpu[3].uid, 20);
	assert_true(info.cpu[3].x2apic);
	assert_false(info.cpu[0].x2apic);
}

static void machine_acpi_madt_wiring(void **state)
{
	u16 flags;

	(void)state;
	begin_madt();
	PUT(1, 12, 7, 0, 0x00, 0x10, 0xc0, 0xfe, 24, 0, 0, 0); /* IOAPIC 7 */
	PUT(2, 10, 0, 9, 20, 1, 0, 0, 0x0f, 0);                /* IRQ 9 at GSI 276, level, low */
	PUT(4, 6, 0xff, 5, 0, 1);                              /* NMI: all, LINT1 */
	PUT(4, 6, 3, 0, 0, 0);                                 /* NMI: CPU 3, LINT0 */
	PUT(10, 12, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0);             /* NMI: CPU 256, LINT1 */
	PUT(3, 8, 5, 0, 17, 1, 0, 0);                          /* NMI at GSI 273 */
	parse(acpi_read_madt);
	assert_int_equal(info.problem_count, 0);
	assert_int_equal(info.ioapic_count, 1);
	assert_int_equal(info.ioapic[0].id, 7);
	assert_int_equal(info.ioapic[0].pa, 0xfec01000);
	assert_int_equal(info.ioapic[0].gsi_base, 24);
	assert_int_equal(acpi_isa_gsi(&info, 9, &flags), 276);
	assert_int_equal(flags, ACPI_INTI_LEVEL | ACPI_INTI_ACTIVE_LOW);
	assert_int_equal(info.nmi_count, 3);
	assert_int_equal(info.nmi[0].uid, ACPI_UID_ALL);
	assert_int_equal(info.nmi[0].flags, 5);
	assert_int_equal(info.nmi[1].uid, 3);
	assert_int_equal(info.nmi[1].lint, 0);
	assert_int_equal(info.nmi[2].uid, 256);
	assert_int_equal(info.nmi[2].lint, 1);
	assert_int_equal(info.nmi_source_count, 1);
	assert_int_equal(info.nmi_source[0].gsi, 273);
	assert_int_equal(info.nmi_source[0].flags, 5);
}

static void machine_acpi_madt_bad_entries(void **state)
{
	(void)state;
	begin_madt();
	PUT(0, 7, 1, 1, 1, 0, 0);            /* too short for a LAPIC */
	PUT(2, 10, 1, 9, 9, 0, 0, 0, 0, 0);  /* of a bus that is not ISA */
	PUT(2, 10, 0, 16, 9, 0, 0, 0, 0, 0); /* no ISA interrupt */
	PUT(4, 6, 0xff, 0, 0, 2);            /* no LINT */
	PUT(0, 8, 1, 5, 1, 0, 0, 0);         /* good */
	PUT(0, 0, 1, 6, 1, 0, 0, 0);         /* leads nowhere */
	PUT(0, 8, 1, 7, 1, 0, 0, 0);         /* never reached */
	parse(acpi_read_madt);
	assert_int_equal(info.problem_count, 5);
	assert_string_equal(info.problem[0], "APIC: entry of type 0 at 0x2c: 7 bytes, not 8: left out");
	assert_string_equal(info.problem[1], "APIC: override of IRQ 9 of bus 1: no ISA interrupt: left out");
	assert_string_equal(info.problem[3], "APIC: NMI at LINT2: there are two: left out");
	assert_string_equal(info.problem[4], "APIC: entry of type 0 at 0x55: 0 bytes: the rest is left out");
	assert_int_equal(info.cpu_count, 1);
	assert_int_equal(info.cpu[0].apic_id, 5);
	assert_int_equal(info.override_count, 0);
	assert_int_equal(info.nmi_count, 0);
}

static void machine_acpi_madt_past_its_end(void **state)
{
	(void)state;
	begin_madt();
	PUT(0, 8, 1, 5, 1, 0, 0);
	parse(acpi_read_madt);
	assert_only_problem("APIC: entry of type 0 at 0x2c: 8 bytes: the rest is left out");
	assert_int_equal(info.cpu_count, 0);
	begin(43);
	parse(acpi_read_madt);
	assert_only_problem("APIC: 43 bytes, at least 44: left out");
	assert_false(info.has_madt);
}

static void machine_acpi_madt_too_many(void **state)
{
	(void)state;
	begin_madt();
	for (u32 i = 0; i < 250; i++)
		PUT(0, 8, 0, (u8)i, 1, 0, 0, 0);
	for (u32 i = 0; i < 10; i++)
		PUT(9, 16, 0, 0, (u8)i, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0);
	for (u32 i = 0; i < 17; i++)
		PUT(1, 12, (u8)i, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	for (u32 i = 0; i < 33; i++)
		PUT(2, 10, 0, 1, 0, 0, 0, 0, 0, 0);
	for (u32 i = 0; i < 65; i++)
		PUT(4, 6, 1, 0, 0, 0);
	parse(acpi_read_madt);
	assert_int_equal(info.cpu_count, ACPI_CPU_MAX);
	assert_int_equal(info.ioapic_count, ACPI_IOAPIC_MAX);
	assert_int_equal(info.override_count, ACPI_OVERRIDE_MAX);
	assert_int_equal(info.nmi_count, ACPI_NMI_MAX);
	assert_int_equal(info.problem_count, 4 + 1 + 1 + 1);
	assert_string_equal(info.problem[0], "APIC: more than 256 CPUs: APIC ID 262 left out");
	assert_string_equal(info.problem[4], "APIC: more than 16 IOAPICs: 16 left out");
}

/* ---- FADT ---- */

static void gas(u32 at, u8 space, u64 address)
{
	table[at] = space;
	table[at + 1] = 8;
	set(at + 4, address, 8);
}

/* Revision 6, with the old fields and the new ones at odds. */
static void begin_fadt(void)
{
	begin(276);
	table[8] = 6;
	set(40, 0x1000, 4);
	set(46, 9, 2);
	set(48, 0xb2, 4);
	table[52] = 0xa0;
	set(64, 0x1804, 4);
	set(68, 0x1904, 4);
	set(76, 0x1808, 4);
	set(109, 0x02, 2);  /* an 8042 */
	set(112, 0x500, 4); /* reset register, 32-bit timer */
	gas(116, 1, 0xcf9);
	table[128] = 6;
}

static void machine_acpi_fadt_fields(void **state)
{
	(void)state;
	begin_fadt();
	set(140, 0x123456000, 8);
	gas(172, 1, 0x604);
	parse(acpi_read_fadt);
	assert_int_equal(info.problem_count, 0);
	assert_int_equal(info.fadt.dsdt_pa, 0x123456000);
	assert_int_equal(info.fadt.pm1a_control.address, 0x604);
	assert_int_equal(info.fadt.pm1b_control.address, 0x1904);
	assert_int_equal(info.fadt.pm1b_control.space, ACPI_SPACE_PORT);
	assert_int_equal(info.fadt.pm_timer.address, 0x1808);
	assert_true(info.fadt.pm_timer_32);
	assert_int_equal(info.fadt.smi_port, 0xb2);
	assert_int_equal(info.fadt.acpi_enable, 0xa0);
	assert_int_equal(info.fadt.reset.address, 0xcf9);
	assert_int_equal(info.fadt.reset_value, 6);
	assert_true(acpi_has_8042(&info));
	assert_true(acpi_has_vga(&info));
	assert_true(acpi_has_rtc(&info));
}

static void machine_acpi_fadt_legacy_free(void **state)
{
	(void)state;
	begin_fadt();
	set(109, 0x24, 2);
	parse(acpi_read_fadt);
	assert_false(acpi_has_8042(&info));
	assert_false(acpi_has_vga(&info));
	assert_false(acpi_has_rtc(&info));
	begin_fadt();
	set(109, 0x24, 2);
	table[8] = 2; /* before revision 3 these bits are not defined */
	parse(acpi_read_fadt);
	assert_true(acpi_has_8042(&info));
	assert_true(acpi_has_vga(&info));
}

static void machine_acpi_fadt_registers(void **state)
{
	(void)state;
	begin_fadt();
	gas(116, 1, 0x10000);
	parse(acpi_read_fadt);
	assert_only_problem("FACP: reset register at 0x10000 in space 1: left out");
	assert_int_equal(info.fadt.reset.address, 0);
	begin_fadt();
	gas(116, 5, 0x10); /* SMBus */
	parse(acpi_read_fadt);
	assert_only_problem("FACP: reset register at 0x10 in space 5: left out");
	begin_fadt();
	set(112, 0, 4); /* the register stands there, the flag does not */
	parse(acpi_read_fadt);
	assert_int_equal(info.fadt.reset.address, 0);
	begin_fadt();
	set(112, 0x100400, 4); /* hardware-reduced */
	parse(acpi_read_fadt);
	assert_int_equal(info.fadt.pm1a_control.address, 0);
	assert_int_equal(info.fadt.reset.address, 0xcf9);
	begin_fadt();
	set(48, 0x10000, 4);
	parse(acpi_read_fadt);
	assert_only_problem("FACP: SMI command port 0x10000: left out");
	assert_int_equal(info.fadt.smi_port, 0);
}

static void machine_acpi_fadt_lengths(void **state)
{
	(void)state;
	begin_fadt();
	length = 115;
	parse(acpi_read_fadt);
	assert_only_problem("FACP: 115 bytes, at least 116: left out");
	assert_int_equal(info.fadt.revision, 0);
	begin_fadt();
	length = 116; /* revision 1 ends here, whatever the flag says */
	parse(acpi_read_fadt);
	assert_int_equal(info.problem_count, 0);
	assert_int_equal(info.fadt.reset.address, 0);
	assert_int_equal(info.fadt.pm1a_control.address, 0x1804);
	assert_int_equal(info.fadt.dsdt_pa, 0x1000);
}

/* ---- HPET, MCFG ---- */

static void machine_acpi_hpet(void **state)
{
	(void)state;
	begin(56);
	gas(40, 0, 0xfed00000);
	set(36, 0x8086a701, 4);
	set(53, 128, 2);
	parse(acpi_read_hpet);
	gas(40, 0, 0xfed01000); /* a second block */
	parse(acpi_read_hpet);
	assert_int_equal(info.problem_count, 0);
	assert_int_equal(info.hpet.pa, 0xfed00000);
	assert_int_equal(info.hpet.min_tick, 128);
	begin(55);
	parse(acpi_read_hpet);
	assert_only_problem("HPET: 55 bytes, at least 56: left out");
	begin(56);
	gas(40, 1, 0x500);
	parse(acpi_read_hpet);
	assert_only_problem("HPET: at 0x500 in space 1: left out");
}

static void machine_acpi_mcfg(void **state)
{
	(void)state;
	begin(44);
	PUT(0, 0, 0, 0xb0, 0, 0, 0, 0, 0, 0, 0, 63, 0, 0, 0, 0);
	PUT(0, 0, 0, 0xc0, 0, 0, 0, 0, 1, 0, 9, 8, 0, 0, 0, 0);
	PUT(1, 2, 3); /* no whole entry */
	parse(acpi_read_mcfg);
	assert_only_problem("MCFG: buses 9-8 at 0xc0000000: left out");
	assert_int_equal(info.mcfg_count, 1);
	assert_int_equal(info.mcfg[0].pa, 0xb0000000);
	assert_int_equal(info.mcfg[0].bus_last, 63);
	begin(40);
	parse(acpi_read_mcfg);
	assert_int_equal(info.mcfg_count, 0);
}

/* ---- \_S5_ ---- */

static const struct aml {
	const char *what;
	u8 bytes[32];
	u32 count;
	bool found;
	u8 a, b;
} aml[] = {
	{"bytes", {8, '_', 'S', '5', '_', 0x12, 6, 4, 0x0a, 5, 0x0a, 7}, 12, true, 5, 7},
	{"zero and one", {8, '_', 'S', '5', '_', 0x12, 6, 4, 0, 1, 0, 0}, 12, true, 0, 1},
	{"from the root", {8, '\\', '_', 'S', '5', '_', 0x12, 6, 4, 0x0a, 5, 0x0a, 6}, 13, true, 5, 6},
	{"a length of two bytes", {8, '_', 'S', '5', '_', 0x12, 0x47, 0, 2, 0x0a, 5, 0x0a, 7}, 13, true, 5, 7},
	{"words", {8, '_', 'S', '5', '_', 0x12, 8, 2, 0x0b, 3, 0, 0x0b, 4, 0}, 14, true, 3, 4},
	{"double words", {8, '_', 'S', '5', '_', 0x12, 12, 2, 0x0c, 3, 0, 0, 0, 0x0c, 4, 0, 0, 0}, 18, true, 3, 4},
	{"both in one", {8, '_', 'S', '5', '_', 0x12, 5, 1, 0x0b, 5, 7}, 11, true, 5, 7},
	{"only called", {0x70, '_', 'S', '5', '_', 0x12, 6, 4, 0x0a, 5, 0x0a, 7}, 12, false, 0, 0},
	{"no package", {8, '_', 'S', '5', '_', 0x0a, 6, 4, 0x0a, 5, 0x0a, 7}, 12, false, 0, 0},
	{"empty package", {8, '_', 'S', '5', '_', 0x12, 2, 0, 0x0a, 5, 0x0a, 7}, 12, false, 0, 0},
	{"package past the end", {8, '_', 'S', '5', '_', 0x12, 7, 4, 0x0a, 5, 0x0a, 7}, 12, false, 0, 0},
	{"package ends early", {8, '_', 'S', '5', '_', 0x12, 4, 4, 0x0a, 5, 0x0a, 7}, 12, false, 0, 0},
	{"package shorter than its length", {8, '_', 'S', '5', '_', 0x12, 0x40, 0, 4, 0x0a, 5}, 11, false, 0, 0},
	{"a type of four bits", {8, '_', 'S', '5', '_', 0x12, 6, 4, 0x0a, 8, 0x0a, 7}, 12, false, 0, 0},
	{"a string", {8, '_', 'S', '5', '_', 0x12, 6, 4, 0x0d, 5, 0x0a, 7}, 12, false, 0, 0},
	{"cut behind the name", {8, '_', 'S', '5', '_'}, 5, false, 0, 0},
	{"cut in the name", {8, '_', 'S', '5'}, 4, false, 0, 0},
	{"the second time",
	 {'_', 'S', '5', '_', 0, 8, '_', 'S', '5', '_', 0x12, 6, 4, 0x0a, 5, 0x0a, 7},
	 17,
	 true,
	 5,
	 7},
	{"nothing", {0}, 0, false, 0, 0},
};

static void machine_acpi_s5(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(aml); i++) {
		begin(36);
		put(aml[i].bytes, aml[i].count);
		parse(acpi_read_aml);
		if (info.s5.found != aml[i].found || info.s5.type_a != aml[i].a || info.s5.type_b != aml[i].b)
			fail_msg("%s: found %d: %u %u", aml[i].what, info.s5.found, info.s5.type_a, info.s5.type_b);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(machine_acpi_madt_cpus),
	cmocka_unit_test(machine_acpi_madt_wiring),
	cmocka_unit_test(machine_acpi_madt_bad_entries),
	cmocka_unit_test(machine_acpi_madt_past_its_end),
	cmocka_unit_test(machine_acpi_madt_too_many),
	cmocka_unit_test(machine_acpi_fadt_fields),
	cmocka_unit_test(machine_acpi_fadt_legacy_free),
	cmocka_unit_test(machine_acpi_fadt_registers),
	cmocka_unit_test(machine_acpi_fadt_lengths),
	cmocka_unit_test(machine_acpi_hpet),
	cmocka_unit_test(machine_acpi_mcfg),
	cmocka_unit_test(machine_acpi_s5),
};

HOST_MAIN("machine_acpi_tables", tests)
