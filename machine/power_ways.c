/*
 * A PC's ways to reset and to switch off, each one struct power_way (machine/power.h), in the order in which they are
 * tried: what the firmware's tables say, then what a PC usually has, then what emulators have. Ports that only an
 * emulator gives that meaning are written only on one.
 *
 * Must not know: how the tables are read. Facts: ACPI 6.5 4.8.3, 7.4.2; 8042 and PIIX3 data sheets; QEMU, Bochs and
 * VirtualBox sources. Read next: tests/test_machine_power.c.
 */
#include "abi/acpi.h"
#include "arch/cpufeature.h"
#include "arch/desc.h"
#include "lib/log.h"
#include "lib/string.h"
#include "machine/power.h"
#include "mmu/kspace.h"
#include "pvops/pvops.h"

#define PCI_ADDRESS    0xcf8
#define PCI_DATA       0xcfc

#define KBD_STATUS     0x64
#define KBD_COMMAND    0x64
#define KBD_INPUT_FULL 0x02
#define KBD_PULSE      0xfe /* pulse the line that resets the CPU */
#define KBD_POLLS      100000

#define RESET_CONTROL  0xcf9
#define RESET_HARD     0x02 /* which reset it will be; then RESET_GO */
#define RESET_GO       0x04

#define ACPI_MODE_MS   1000

/* ---- registers ---- */

/* Out of line: what a way crosses when it ends the machine are then the sites that tests cross. */
static __noinline u32 port_read(u16 port, unsigned bits)
{
	return bits == 8 ? pv_inb(port) : bits == 16 ? pv_inw(port) : pv_inl(port);
}

static __noinline void port_write(u16 port, unsigned bits, u32 value)
{
	if (bits == 8)
		pv_outb((u8)value, port);
	else if (bits == 16)
		pv_outw((u16)value, port);
	else
		pv_outl(value, port);
}

/* Selects a register of bus 0; the port at which it then shows. */
static u16 pci_select(u64 address)
{
	u32 device = (u32)(address >> 32) & 0x1f, function = (u32)(address >> 16) & 7, offset = (u32)address & 0xff;

	port_write(PCI_ADDRESS, 32, 0x80000000U | device << 11 | function << 8 | (offset & 0xfc));
	return (u16)(PCI_DATA + (offset & 3));
}

u32 acpi_register_read(const struct acpi_register *r, unsigned bits)
{
	volatile const void *at;
	u32 value;

	if (r->space == ACPI_SPACE_PORT)
		return port_read((u16)r->address, bits);
	if (r->space == ACPI_SPACE_PCI)
		return port_read(pci_select(r->address), bits);
	at = kspace_map_mmio(pa(r->address), bits / 8);
	if (!at)
		return 0;
	value = bits == 8    ? *(volatile const u8 *)at
		: bits == 16 ? *(volatile const u16 *)at
			     : *(volatile const u32 *)at;
	kspace_unmap_mmio((void *)at, bits / 8);
	return value;
}

void acpi_register_write(const struct acpi_register *r, unsigned bits, u32 value)
{
	volatile void *at;

	if (r->space == ACPI_SPACE_PORT)
		return port_write((u16)r->address, bits, value);
	if (r->space == ACPI_SPACE_PCI)
		return port_write(pci_select(r->address), bits, value);
	at = kspace_map_mmio(pa(r->address), bits / 8);
	if (!at)
		return;
	if (bits == 8)
		*(volatile u8 *)at = (u8)value;
	else if (bits == 16)
		*(volatile u16 *)at = (u16)value;
	else
		*(volatile u32 *)at = value;
	kspace_unmap_mmio((void *)at, bits / 8);
}

/* ---- reset ---- */

static bool always(const struct acpi_info *acpi)
{
	(void)acpi;
	return true;
}

static bool has_reset_register(const struct acpi_info *acpi)
{
	return acpi->fadt.reset.address != 0;
}

static void reset_by_acpi(const struct acpi_info *acpi)
{
	acpi_register_write(&acpi->fadt.reset, 8, acpi->fadt.reset_value);
}
POWER_WAY(reset, 10, reset_acpi) = {"ACPI register", has_reset_register, reset_by_acpi, 200};

static void reset_by_8042(const struct acpi_info *acpi)
{
	unsigned polls;

	(void)acpi;
	for (polls = 0; polls < KBD_POLLS && (port_read(KBD_STATUS, 8) & KBD_INPUT_FULL); polls++)
		asm volatile("pause");
	port_write(KBD_COMMAND, 8, KBD_PULSE);
}
POWER_WAY(reset, 20, reset_8042) = {"8042", acpi_has_8042, reset_by_8042, 200};

static void reset_by_cf9(const struct acpi_info *acpi)
{
	u32 keep = port_read(RESET_CONTROL, 8) & ~(u32)(RESET_HARD | RESET_GO);

	(void)acpi;
	port_write(RESET_CONTROL, 8, keep | RESET_HARD);
	port_write(RESET_CONTROL, 8, keep | RESET_HARD | RESET_GO);
}
POWER_WAY(reset, 30, reset_cf9) = {"port 0xcf9", always, reset_by_cf9, 200};

static void reset_by_triple_fault(const struct acpi_info *acpi)
{
	struct desc_ptr no_idt = {0, 0};

	(void)acpi;
	pv_load_idt(&no_idt);
	asm volatile("ud2");
}
POWER_WAY(reset, 40, reset_triple) = {"triple fault", always, reset_by_triple_fault, 0};

/* ---- off ---- */

static bool has_s5(const struct acpi_info *acpi)
{
	return acpi->s5.found && acpi->fadt.pm1a_control.address != 0;
}

static bool in_acpi_mode(const struct acpi_fadt *f)
{
	return acpi_register_read(&f->pm1a_control, 16) & ACPI_PM1_SCI_EN;
}

/* The sleep registers are the firmware's until the machine is in ACPI mode, which SCI_EN shows. */
static void enter_acpi_mode(const struct acpi_fadt *f)
{
	unsigned waited;

	if (!f->smi_port || !f->acpi_enable || in_acpi_mode(f))
		return;
	port_write((u16)f->smi_port, 8, f->acpi_enable);
	for (waited = 0; waited < ACPI_MODE_MS; waited++) {
		if (in_acpi_mode(f))
			return;
		power_wait(1);
	}
	log_line("power", "the firmware does not enter ACPI mode by port %#x", f->smi_port);
}

static void sleep_write(const struct acpi_register *r, u8 type, u16 enable)
{
	u32 value;

	if (!r->address)
		return;
	value = acpi_register_read(r, 16) & ~(u32)(ACPI_PM1_SLP_TYP | ACPI_PM1_SLP_EN);
	acpi_register_write(r, 16, value | (u32)type << ACPI_PM1_SLP_SHIFT | enable);
}

/* Both types first: the two blocks must agree before either is told to go. */
static void off_by_s5(const struct acpi_info *acpi)
{
	const struct acpi_fadt *f = &acpi->fadt;

	enter_acpi_mode(f);
	sleep_write(&f->pm1a_control, acpi->s5.type_a, 0);
	sleep_write(&f->pm1b_control, acpi->s5.type_b, 0);
	sleep_write(&f->pm1a_control, acpi->s5.type_a, ACPI_PM1_SLP_EN);
	sleep_write(&f->pm1b_control, acpi->s5.type_b, ACPI_PM1_SLP_EN);
}
POWER_WAY(off, 10, off_s5) = {"ACPI S5", has_s5, off_by_s5, 1000};

/* Bochs' CPUID has no hypervisor bit, but its firmware signs the tables. */
static bool is_emulator(const struct acpi_info *acpi)
{
	return cpu_has(X86_FEATURE_HYPERVISOR) || strcmp(acpi->oem, "BOCHS") == 0;
}

/* What S5 would be, without tables to say so. */
static void off_by_emulator_ports(const struct acpi_info *acpi)
{
	static const struct {
		u16 port, value;
	} known[] = {{0x604, 0x2000}, {0xb004, 0x2000}, {0x4004, 0x3400}}; /* QEMU; Bochs, older QEMU; VirtualBox */

	(void)acpi;
	for (unsigned i = 0; i < ARRAY_SIZE(known); i++)
		port_write(known[i].port, 16, known[i].value);
}
POWER_WAY(off, 20, off_ports) = {"the emulators' ports", is_emulator, off_by_emulator_ports, 500};

static void off_by_exit_devices(const struct acpi_info *acpi)
{
	(void)acpi;
	machine_exit(EXIT_PASSED);
}
POWER_WAY(off, 30, off_exit) = {"the emulators' exit devices", is_emulator, off_by_exit_devices, 500};
