/*
 * Layouts of the ACPI tables that are read here: RSDP, header, MADT, FADT, HPET, MCFG, and the few AML opcodes around
 * \_S5_. Little-endian, packed, at any alignment: to be copied out before use. Facts: ACPI 6.5 chapter 5 and 20.2,
 * IA-PC HPET 1.0a 3.2.4, PCI Firmware 3.3 4.1.2.
 *
 * Must not know: what is done with it. Read next: machine/acpi.h.
 */
#ifndef ABI_ACPI_H
#define ABI_ACPI_H

#include <stddef.h>
#include <stdint.h>

#define ACPI_PACKED         __attribute__((packed))

#define ACPI_RSDP_SIGNATURE "RSD PTR "
#define ACPI_RSDP_V1_SIZE   20 /* revision 0 ends before length; its checksum covers these */

struct acpi_rsdp {
	char signature[8];
	uint8_t checksum;
	char oem[6];
	uint8_t revision;
	uint32_t rsdt_pa;
	uint32_t length;
	uint64_t xsdt_pa;
	uint8_t extended_checksum; /* of all length bytes */
	uint8_t reserved[3];
} ACPI_PACKED;

/* In front of each table; the bytes of the whole table add up to 0. RSDT: 32-bit addresses follow, XSDT: 64-bit. */
struct acpi_header {
	char signature[4];
	uint32_t length; /* with the header */
	uint8_t revision;
	uint8_t checksum;
	char oem[6];
	char oem_table[8];
	uint32_t oem_revision;
	char creator[4];
	uint32_t creator_revision;
} ACPI_PACKED;

/* Generic address structure. */
struct acpi_gas {
	uint8_t space;
	uint8_t bit_width;
	uint8_t bit_offset;
	uint8_t access_size;
	uint64_t address;
} ACPI_PACKED;

/* ---- MADT, signature "APIC" ---- */

struct acpi_madt {
	struct acpi_header header;
	uint32_t lapic_pa;
	uint32_t flags;
} ACPI_PACKED;

#define ACPI_MADT_PCAT_COMPAT 0x1

struct acpi_madt_entry {
	uint8_t type;
	uint8_t length; /* with these two bytes */
} ACPI_PACKED;

#define ACPI_MADT_LAPIC          0
#define ACPI_MADT_IOAPIC         1
#define ACPI_MADT_OVERRIDE       2
#define ACPI_MADT_NMI_SOURCE     3
#define ACPI_MADT_LAPIC_NMI      4
#define ACPI_MADT_LAPIC_ADDRESS  5
#define ACPI_MADT_X2APIC         9
#define ACPI_MADT_X2APIC_NMI     10

#define ACPI_MADT_ENABLED        0x1
#define ACPI_MADT_ONLINE_CAPABLE 0x2

struct acpi_madt_lapic {
	struct acpi_madt_entry entry;
	uint8_t uid;
	uint8_t apic_id;
	uint32_t flags;
} ACPI_PACKED;

struct acpi_madt_ioapic {
	struct acpi_madt_entry entry;
	uint8_t id;
	uint8_t reserved;
	uint32_t pa;
	uint32_t gsi_base;
} ACPI_PACKED;

struct acpi_madt_override {
	struct acpi_madt_entry entry;
	uint8_t bus; /* 0: ISA */
	uint8_t irq;
	uint32_t gsi;
	uint16_t flags;
} ACPI_PACKED;

struct acpi_madt_nmi_source {
	struct acpi_madt_entry entry;
	uint16_t flags;
	uint32_t gsi;
} ACPI_PACKED;

struct acpi_madt_lapic_nmi {
	struct acpi_madt_entry entry;
	uint8_t uid; /* 0xff: all */
	uint16_t flags;
	uint8_t lint;
} ACPI_PACKED;

struct acpi_madt_lapic_address {
	struct acpi_madt_entry entry;
	uint16_t reserved;
	uint64_t pa;
} ACPI_PACKED;

struct acpi_madt_x2apic {
	struct acpi_madt_entry entry;
	uint16_t reserved;
	uint32_t apic_id;
	uint32_t flags;
	uint32_t uid;
} ACPI_PACKED;

struct acpi_madt_x2apic_nmi {
	struct acpi_madt_entry entry;
	uint16_t flags;
	uint32_t uid;
	uint8_t lint;
	uint8_t reserved[3];
} ACPI_PACKED;

/* ---- FADT, signature "FACP" ---- */

#define ACPI_FADT_V1_SIZE       116 /* revision 1 ends before reset_register */

#define ACPI_FADT_TIMER_32      0x100
#define ACPI_FADT_RESET_REG     0x400
#define ACPI_FADT_HW_REDUCED    0x100000

#define ACPI_BOOT_8042          0x2
#define ACPI_BOOT_NO_VGA        0x4
#define ACPI_BOOT_NO_RTC        0x20
#define ACPI_BOOT_ARCH_REVISION 3 /* of the FADT, from which boot_arch means something */

struct acpi_fadt_table {
	struct acpi_header header;
	uint32_t firmware_control;
	uint32_t dsdt;
	uint8_t reserved;
	uint8_t profile;
	uint16_t sci_irq;
	uint32_t smi_command;
	uint8_t acpi_enable, acpi_disable, s4bios, pstate_control;
	uint32_t pm1a_event, pm1b_event, pm1a_control, pm1b_control, pm2_control, pm_timer, gpe0, gpe1;
	uint8_t pm1_event_length, pm1_control_length, pm2_control_length, pm_timer_length;
	uint8_t gpe0_length, gpe1_length, gpe1_base, cst_control;
	uint16_t p_level2_latency, p_level3_latency, flush_size, flush_stride;
	uint8_t duty_offset, duty_width, day_alarm, month_alarm, century;
	uint16_t boot_arch;
	uint8_t reserved2;
	uint32_t flags;
	struct acpi_gas reset_register;
	uint8_t reset_value;
	uint16_t arm_boot_arch;
	uint8_t minor;
	uint64_t x_firmware_control;
	uint64_t x_dsdt;
	struct acpi_gas x_pm1a_event, x_pm1b_event, x_pm1a_control, x_pm1b_control, x_pm2_control, x_pm_timer;
} ACPI_PACKED;

/* PM1 control registers. */
#define ACPI_PM1_SCI_EN    0x0001
#define ACPI_PM1_SLP_SHIFT 10
#define ACPI_PM1_SLP_TYP   (7 << ACPI_PM1_SLP_SHIFT)
#define ACPI_PM1_SLP_EN    0x2000

/* ---- HPET, MCFG ---- */

struct acpi_hpet_table {
	struct acpi_header header;
	uint32_t id;
	struct acpi_gas address;
	uint8_t number;
	uint16_t min_tick;
	uint8_t page_protection;
} ACPI_PACKED;

/* Behind 8 reserved bytes. */
struct acpi_mcfg_entry {
	uint64_t pa;
	uint16_t segment;
	uint8_t bus_first, bus_last;
	uint32_t reserved;
} ACPI_PACKED;

#define ACPI_MCFG_ENTRIES (sizeof(struct acpi_header) + 8)

/* ---- AML, ACPI 6.5 20.2 ---- */

#define AML_ZERO    0x00
#define AML_ONE     0x01
#define AML_NAME    0x08
#define AML_BYTE    0x0a
#define AML_WORD    0x0b
#define AML_DWORD   0x0c
#define AML_PACKAGE 0x12
#define AML_ROOT    0x5c /* '\\' */

_Static_assert(sizeof(struct acpi_rsdp) == 36, "ACPI 5.2.5.3");
_Static_assert(sizeof(struct acpi_header) == 36, "ACPI 5.2.6");
_Static_assert(sizeof(struct acpi_gas) == 12, "ACPI 5.2.3.2");
_Static_assert(sizeof(struct acpi_madt) == 44, "ACPI 5.2.12");
_Static_assert(sizeof(struct acpi_madt_lapic) == 8, "ACPI 5.2.12.2");
_Static_assert(sizeof(struct acpi_madt_ioapic) == 12, "ACPI 5.2.12.3");
_Static_assert(sizeof(struct acpi_madt_override) == 10, "ACPI 5.2.12.5");
_Static_assert(sizeof(struct acpi_madt_nmi_source) == 8, "ACPI 5.2.12.6");
_Static_assert(sizeof(struct acpi_madt_lapic_nmi) == 6, "ACPI 5.2.12.7");
_Static_assert(sizeof(struct acpi_madt_lapic_address) == 12, "ACPI 5.2.12.8");
_Static_assert(sizeof(struct acpi_madt_x2apic) == 16, "ACPI 5.2.12.12");
_Static_assert(sizeof(struct acpi_madt_x2apic_nmi) == 12, "ACPI 5.2.12.13");
_Static_assert(offsetof(struct acpi_fadt_table, boot_arch) == 109, "ACPI 5.2.9");
_Static_assert(offsetof(struct acpi_fadt_table, reset_register) == ACPI_FADT_V1_SIZE, "ACPI 5.2.9");
_Static_assert(offsetof(struct acpi_fadt_table, x_dsdt) == 140, "ACPI 5.2.9");
_Static_assert(offsetof(struct acpi_fadt_table, x_pm1a_control) == 172, "ACPI 5.2.9");
_Static_assert(offsetof(struct acpi_fadt_table, x_pm_timer) == 208, "ACPI 5.2.9");
_Static_assert(sizeof(struct acpi_hpet_table) == 56, "HPET 3.2.4");
_Static_assert(sizeof(struct acpi_mcfg_entry) == 16, "PCI Firmware 4.1.2");

#endif
