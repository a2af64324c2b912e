/*
 * What the firmware's ACPI tables say of this machine, copied out of them once at boot into one struct acpi_info: CPUs,
 * IOAPICs, interrupt overrides, power registers, HPET, PCI Express configuration space. The parsers are pure: they see
 * memory through struct acpi_memory alone, so that the image, the host tests and the fuzzer use the same ones. Lengths
 * and checksums are verified; a damaged table becomes a problem line and is skipped. AML is not run: all that is read
 * of it is the \_S5_ package, by a bounded search.
 *
 * Must not know: what is done with what was found. Facts: ACPI 6.5 chapter 5. Read next: abi/acpi.h, machine/acpi.c.
 */
#ifndef MACHINE_ACPI_H
#define MACHINE_ACPI_H

#include "lib/boot_info.h"
#include "lib/types.h"

#define ACPI_CPU_MAX        256 /* of each, what is more is a problem, and left out */
#define ACPI_IOAPIC_MAX     16
#define ACPI_OVERRIDE_MAX   32
#define ACPI_NMI_MAX        64
#define ACPI_NMI_SOURCE_MAX 8
#define ACPI_MCFG_MAX       8
#define ACPI_TABLE_MAX      64
#define ACPI_PROBLEM_MAX    16
#define ACPI_PROBLEM_TEXT   96

/* A table that was found whole; it stays in memory where it is. */
struct acpi_table {
	char signature[5];
	char oem[7]; /* both printable, with NUL */
	u8 revision;
	u32 length; /* bytes, with its header */
	u64 pa;
};

/* A CPU of the MADT, in the firmware's order; each APIC ID once. */
struct acpi_cpu {
	u32 apic_id; /* x2APIC ID: 8 bits in a LAPIC entry, 32 in an x2APIC entry */
	u32 uid;     /* ACPI processor UID: what the NMI entries name */
	bool enabled;
	bool online_capable; /* not enabled, but could be by hot-plug; no use to us */
	bool x2apic;         /* named by an x2APIC entry */
};

struct acpi_ioapic {
	u8 id;
	u32 gsi_base; /* the first global system interrupt that it serves */
	u64 pa;
};

/* MPS INTI flags of an override or NMI: polarity in bits 1:0, trigger in bits 3:2 (ACPI 6.5 table 5.26). */
#define ACPI_INTI_POLARITY          0x3
#define ACPI_INTI_ACTIVE_HIGH       0x1
#define ACPI_INTI_ACTIVE_LOW        0x3
#define ACPI_INTI_POLARITY_RESERVED 0x2
#define ACPI_INTI_TRIGGER           0xc
#define ACPI_INTI_EDGE              0x4
#define ACPI_INTI_TRIGGER_RESERVED  0x8
#define ACPI_INTI_LEVEL             0xc /* either field 0: as the bus has it; ISA is active high, edge */

/* ISA interrupt @irq arrives at @gsi, not at the one of its own number, or other than ISA's usual way. */
struct acpi_override {
	u8 irq;
	u16 flags;
	u32 gsi;
};

/* A pin of an IOAPIC at which NMI comes, and nothing else may (ACPI 6.5 5.2.12.6). */
struct acpi_nmi_source {
	u32 gsi;
	u16 flags;
};

#define ACPI_UID_ALL 0xffffffff

/* NMI arrives at LINT @lint of the CPU with @uid, or of all. */
struct acpi_nmi {
	u32 uid;
	u16 flags;
	u8 lint;
};

/* A register as the tables name it (ACPI 6.5, 5.2.3.2). No register: address 0. */
struct acpi_register {
	u8 space; /* ACPI_SPACE_* */
	u8 bits;  /* width */
	u64 address;
};

#define ACPI_SPACE_MEMORY 0
#define ACPI_SPACE_PORT   1
#define ACPI_SPACE_PCI    2 /* bus 0: device << 32 | function << 16 | offset */

struct acpi_fadt {
	u8 revision;  /* 0: there is no FADT */
	u16 sci_irq;  /* ISA interrupt or GSI of the SCI */
	u32 smi_port; /* 0: no SMI_CMD, always in ACPI mode */
	u8 acpi_enable;
	u16 boot_arch; /* ACPI_BOOT_*; only from revision 3 on, and so read by acpi_has_*() */
	u32 flags;
	struct acpi_register pm1a_control, pm1b_control, pm_timer, reset;
	u8 reset_value;
	bool pm_timer_32; /* else its counter has 24 bits */
	u64 dsdt_pa;
};

/* What S5 (soft off) wants in SLP_TYP of the two control registers. */
struct acpi_s5 {
	bool found;
	u8 type_a, type_b;
};

struct acpi_hpet {
	u64 pa; /* 0: none */
	u32 id; /* EVENT_TIMER_BLOCK_ID: the low half of its capabilities register */
	u8 number;
	u16 min_tick;
};

/* Memory-mapped PCI configuration space of the buses of a segment. */
struct acpi_mcfg {
	u64 pa; /* of bus 0 */
	u16 segment;
	u8 bus_first, bus_last;
};

struct acpi_info {
	bool present;      /* an RSDP and a root table were found */
	const char *found; /* where: "multiboot2", "PVH", "BIOS"; static text */
	u64 rsdp_pa;       /* 0: the loader gave a copy */
	u8 rsdp_revision;
	char oem[7];
	bool xsdt; /* the root table is an XSDT, else an RSDT */
	u32 table_count;
	struct acpi_table table[ACPI_TABLE_MAX];

	bool has_madt;
	bool pc_at_pics; /* there are two 8259s besides */
	u64 lapic_pa;
	u32 cpu_count, ioapic_count, override_count, nmi_source_count, nmi_count;
	struct acpi_cpu cpu[ACPI_CPU_MAX];
	struct acpi_ioapic ioapic[ACPI_IOAPIC_MAX];
	struct acpi_override override[ACPI_OVERRIDE_MAX];
	struct acpi_nmi_source nmi_source[ACPI_NMI_SOURCE_MAX];
	struct acpi_nmi nmi[ACPI_NMI_MAX];

	struct acpi_fadt fadt;
	struct acpi_s5 s5;
	struct acpi_hpet hpet;
	u32 mcfg_count;
	struct acpi_mcfg mcfg[ACPI_MCFG_MAX];

	u32 problem_count; /* may exceed ACPI_PROBLEM_MAX: then the rest is only counted */
	char problem[ACPI_PROBLEM_MAX][ACPI_PROBLEM_TEXT];
};

/* This machine's; read-only after acpi_init(), all zero without ACPI. */
extern struct acpi_info acpi_info;

/*
 * How the parser sees memory: map() gives @size readable bytes at physical @pa, or NULL: out of reach. Each is given
 * back by unmap(), in the reverse order.
 */
struct acpi_memory {
	const void *(*map)(u64 pa, u64 size);
	void (*unmap)(const void *at, u64 size);
};

/* This machine's memory, from memory_init() on. */
extern const struct acpi_memory acpi_memory;

/*
 * Fills @info from the RSDP that @bi names or copied, else from the one that a BIOS scan finds. Pure but for @mem.
 * Without ACPI, @info->present is false.
 */
void acpi_read(struct acpi_info *info, const struct boot_info *bi, const struct acpi_memory *mem);

/* Reads this machine's tables into acpi_info and logs what was found. Boot only, after memory_init(). */
void acpi_init(const struct boot_info *bi);

/* Logs a summary, as at boot; the list of tables for the monitor. */
void acpi_report(void);
void acpi_report_tables(void);

/* CPUs that are enabled. */
u32 acpi_enabled_cpus(const struct acpi_info *info);

/*
 * Whether the tables leave room for an i8042, VGA, a CMOS clock: true unless a FADT of revision 3 or later denies it.
 */
bool acpi_has_8042(const struct acpi_info *info);
bool acpi_has_vga(const struct acpi_info *info);
bool acpi_has_rtc(const struct acpi_info *info);

/*
 * The global system interrupt of ISA interrupt @irq, and in *@flags its ACPI_INTI_* flags: by the overrides, else the
 * same number and 0.
 */
u32 acpi_isa_gsi(const struct acpi_info *info, u8 irq, u16 *flags);

#endif
