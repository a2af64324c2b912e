/*
 * machine/power_ways.c before a model of ports: what each way writes, in what order, and what it leaves alone. The PM1
 * control registers are kept, SCI_EN comes some reads after the firmware was asked; memory is one register.
 */
#define PARAVANE_HOST
#include "tests/host/host.h"
#include "machine/power_ways.c"

#define WRITES 32

enum { PM1A = 0x604, PM1B = 0x704, SMI = 0xb2 };

static struct {
	u16 port[WRITES];
	u8 bits[WRITES];
	u32 value[WRITES];
	unsigned count, reads;
	u32 pm1a, pm1b;
	unsigned sci_after; /* reads of PM1a until SCI_EN, once asked; 0: never */
	bool asked;
	u8 kbd_busy; /* reads until the 8042 takes a command */
	u32 memory;
	unsigned waited_ms, exits;
} hw;

static struct acpi_info acpi;

struct cpu_info cpu_info;

static void wrote(u16 port, u8 bits, u32 value)
{
	assert_true(hw.count < WRITES);
	hw.port[hw.count] = port;
	hw.bits[hw.count] = bits;
	hw.value[hw.count++] = value;
	if (port == PM1A)
		hw.pm1a = value;
	if (port == PM1B)
		hw.pm1b = value;
	if (port == SMI && value == 0xf1)
		hw.asked = true;
}

void pv_outb(u8 value, u16 port)
{
	wrote(port, 8, value);
}

void pv_outw(u16 value, u16 port)
{
	wrote(port, 16, value);
}

void pv_outl(u32 value, u16 port)
{
	wrote(port, 32, value);
}

u8 pv_inb(u16 port)
{
	hw.reads++;
	if (port == 0x64 && hw.kbd_busy)
		return hw.kbd_busy == 0xff ? 0xff : (hw.kbd_busy--, 0x1f);
	if (port == 0xcf9)
		return 0x8c; /* the bits in between are someone else's */
	return port == 0xcfd ? 0x55 : 0x1c;
}

u16 pv_inw(u16 port)
{
	if (port == PM1A && hw.asked && hw.sci_after && !--hw.sci_after)
		hw.pm1a |= 1;
	return (u16)(port == PM1A ? hw.pm1a : port == PM1B ? hw.pm1b : 0xffff);
}

u32 pv_inl(u16 port)
{
	return port == 0xcfc ? 0x12378086 : 0xffffffff;
}

void pv_load_idt(const struct desc_ptr *ptr)
{
	(void)ptr;
}

void *kspace_map_mmio(pa_t at, u64 size)
{
	return pa_eq(at, pa(0xfed80000)) && size <= 4 ? &hw.memory : NULL;
}

void kspace_unmap_mmio(void *va, u64 size)
{
	assert_true(va == &hw.memory && size <= 4);
}

void power_wait(u64 ms)
{
	hw.waited_ms += (unsigned)ms;
}

void machine_exit(u8 code)
{
	assert_int_equal(code, EXIT_PASSED);
	hw.exits++;
}

static void begin(void)
{
	memset(&hw, 0, sizeof(hw));
	memset(&acpi, 0, sizeof(acpi));
	acpi.fadt.pm1a_control = (struct acpi_register){ACPI_SPACE_PORT, 16, PM1A};
	acpi.fadt.smi_port = SMI;
	acpi.fadt.acpi_enable = 0xf1;
	acpi.s5 = (struct acpi_s5){true, 5, 7};
}

static void expect_write(unsigned i, u16 port, u8 bits, u32 value)
{
	assert_true(i < hw.count);
	assert_int_equal(hw.port[i], port);
	assert_int_equal(hw.bits[i], bits);
	assert_int_equal(hw.value[i], value);
}

/* ---- off ---- */

static void machine_power_s5(void **state)
{
	(void)state;
	begin();
	hw.pm1a = 0x3c05; /* in ACPI mode, another type left over */
	off_by_s5(&acpi);
	assert_int_equal(hw.count, 2);
	expect_write(0, PM1A, 16, 0x1405);
	expect_write(1, PM1A, 16, 0x3405);
}

static void machine_power_s5_of_two_blocks(void **state)
{
	(void)state;
	begin();
	acpi.fadt.pm1b_control = (struct acpi_register){ACPI_SPACE_PORT, 16, PM1B};
	hw.pm1a = 1;
	hw.pm1b = 0x200;
	off_by_s5(&acpi);
	assert_int_equal(hw.count, 4);
	expect_write(0, PM1A, 16, 0x1401);
	expect_write(1, PM1B, 16, 0x1e00);
	expect_write(2, PM1A, 16, 0x3401);
	expect_write(3, PM1B, 16, 0x3e00);
}

static void machine_power_s5_enters_acpi_mode(void **state)
{
	(void)state;
	begin();
	hw.sci_after = 5;
	off_by_s5(&acpi);
	expect_write(0, SMI, 8, 0xf1);
	expect_write(1, PM1A, 16, 0x1401);
	expect_write(2, PM1A, 16, 0x3401);
	assert_int_equal(hw.count, 3);
	assert_int_equal(hw.waited_ms, 4);
}

static void machine_power_s5_of_stubborn_firmware(void **state)
{
	(void)state;
	begin();
	off_by_s5(&acpi);
	assert_int_equal(hw.waited_ms, ACPI_MODE_MS);
	expect_write(2, PM1A, 16, 0x3400); /* tried all the same */
	begin();
	acpi.fadt.smi_port = 0; /* always in ACPI mode: nobody to be asked */
	off_by_s5(&acpi);
	assert_int_equal(hw.count, 2);
	assert_int_equal(hw.waited_ms, 0);
}

static void machine_power_emulators(void **state)
{
	(void)state;
	begin();
	off_by_emulator_ports(&acpi);
	expect_write(0, 0x604, 16, 0x2000);
	expect_write(1, 0xb004, 16, 0x2000);
	expect_write(2, 0x4004, 16, 0x3400);
	begin();
	off_by_exit_devices(&acpi);
	assert_int_equal(hw.count, 0); /* which port there is, is machine_exit()'s to know */
	assert_int_equal(hw.exits, 1);
}

/* A PC's ports are its own: an emulator is told by CPUID or by the firmware's signature. */
static void machine_power_real_machine(void **state)
{
	(void)state;
	begin();
	assert_false(is_emulator(&acpi));
	strcpy(acpi.oem, "BOCHS");
	assert_true(is_emulator(&acpi));
	strcpy(acpi.oem, "LENOVO");
	assert_false(is_emulator(&acpi));
	cpu_info.words[CPU_1_ECX] = 1U << 31;
	assert_true(is_emulator(&acpi));
	cpu_info.words[CPU_1_ECX] = 0;
}

/* ---- reset ---- */

static void machine_power_reset_register(void **state)
{
	(void)state;
	begin();
	acpi.fadt.reset_value = 0x0e;
	acpi.fadt.reset = (struct acpi_register){ACPI_SPACE_PORT, 8, 0xcf9};
	reset_by_acpi(&acpi);
	assert_int_equal(hw.count, 1);
	expect_write(0, 0xcf9, 8, 0x0e);
	begin();
	acpi.fadt.reset_value = 0x0e;
	acpi.fadt.reset = (struct acpi_register){ACPI_SPACE_PCI, 8, 31UL << 32 | 3UL << 16 | 0x65};
	reset_by_acpi(&acpi);
	assert_int_equal(hw.count, 2);
	expect_write(0, 0xcf8, 32, 0x80000000 | 31 << 11 | 3 << 8 | 0x64);
	expect_write(1, 0xcfd, 8, 0x0e);
	begin();
	acpi.fadt.reset_value = 0x0e;
	acpi.fadt.reset = (struct acpi_register){ACPI_SPACE_MEMORY, 8, 0xfed80000};
	hw.memory = 0x11223344;
	reset_by_acpi(&acpi);
	assert_int_equal(hw.count, 0);
	assert_int_equal(hw.memory, 0x1122330e);
	acpi.fadt.reset.address = 0x1000; /* cannot be mapped: nothing happens */
	reset_by_acpi(&acpi);
	assert_int_equal(hw.memory, 0x1122330e);
}

static void machine_power_reset_by_8042(void **state)
{
	(void)state;
	begin();
	hw.kbd_busy = 3;
	reset_by_8042(&acpi);
	assert_int_equal(hw.reads, 4);
	assert_int_equal(hw.count, 1);
	expect_write(0, 0x64, 8, 0xfe);
	begin();
	hw.kbd_busy = 0xff; /* nothing there, or stuck: bounded, and tried */
	reset_by_8042(&acpi);
	assert_int_equal(hw.reads, KBD_POLLS);
	assert_int_equal(hw.count, 1);
}

static void machine_power_reset_by_cf9(void **state)
{
	(void)state;
	begin();
	reset_by_cf9(&acpi);
	assert_int_equal(hw.count, 2);
	expect_write(0, 0xcf9, 8, 0x8a);
	expect_write(1, 0xcf9, 8, 0x8e);
}

/* ---- registers ---- */

static void machine_power_register_widths(void **state)
{
	struct acpi_register memory = {ACPI_SPACE_MEMORY, 32, 0xfed80000}, pci = {ACPI_SPACE_PCI, 8, 1};

	(void)state;
	begin();
	acpi_register_write(&memory, 32, 0xaabbccdd);
	assert_int_equal(acpi_register_read(&memory, 32), 0xaabbccdd);
	assert_int_equal(acpi_register_read(&memory, 16), 0xccdd);
	assert_int_equal(acpi_register_read(&memory, 8), 0xdd);
	acpi_register_write(&memory, 16, 0x1234);
	assert_int_equal(hw.memory, 0xaabb1234);
	memory.address = 0x1000;
	assert_int_equal(acpi_register_read(&memory, 32), 0);
	assert_int_equal(acpi_register_read(&pci, 8), 0x55);
	expect_write(0, 0xcf8, 32, 0x80000000);
	pci.address = 0;
	assert_int_equal(acpi_register_read(&pci, 32), 0x12378086);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(machine_power_s5),
	cmocka_unit_test(machine_power_s5_of_two_blocks),
	cmocka_unit_test(machine_power_s5_enters_acpi_mode),
	cmocka_unit_test(machine_power_s5_of_stubborn_firmware),
	cmocka_unit_test(machine_power_emulators),
	cmocka_unit_test(machine_power_real_machine),
	cmocka_unit_test(machine_power_reset_register),
	cmocka_unit_test(machine_power_reset_by_8042),
	cmocka_unit_test(machine_power_reset_by_cf9),
	cmocka_unit_test(machine_power_register_widths),
};

HOST_MAIN("machine_power", tests)
