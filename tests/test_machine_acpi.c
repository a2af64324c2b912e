/*
 * The firmware's tables on the live machine: read again they say the same, what they name is there, and an address that
 * nobody can map is a problem line and no fault. Damaged and odd tables are the host tests' (tests/host/test_acpi*.c).
 */
#include "abi/acpi.h"
#include "arch/layout.h"
#include "boot/main.h"
#include "lib/log.h"
#include "lib/string.h"
#include "machine/acpi.h"
#include "machine/power.h"
#include "mmu/frame.h"
#include "mmu/kspace.h"
#include "pvops/pvops.h"
#include "tests/ktest.h"

static struct acpi_info other;
static struct boot_info handed;
static char said[2048];

TEST(machine_acpi_read_again_is_the_same)
{
	u64 tables = kspace_root.table_count;

	memset(&other, 0xa5, sizeof(other));
	acpi_read(&other, &boot_info, &acpi_memory);
	EXPECT(memcmp(&other, &acpi_info, sizeof(other)) == 0);
	EXPECT(kspace_root.table_count <= tables + 2); /* what was mapped is mapped no more */
}

TEST(machine_acpi_names_this_cpu)
{
	u32 eax = 1, ebx = 0, ecx = 0, edx = 0;
	bool found = false;

	if (!acpi_info.has_madt) {
		ktest_not_here("no MADT");
		return;
	}
	pv_cpuid(&eax, &ebx, &ecx, &edx);
	for (u32 i = 0; i < acpi_info.cpu_count; i++)
		found |= acpi_info.cpu[i].apic_id == ebx >> 24 && acpi_info.cpu[i].enabled;
	EXPECT(found);
	EXPECT(acpi_enabled_cpus(&acpi_info) >= 1);
	EXPECT_EQ(acpi_info.lapic_pa & (PAGE_SIZE - 1), 0);
}

/* By its table and by its own register. */
TEST(machine_acpi_hpet_is_there)
{
	struct acpi_register id = {ACPI_SPACE_MEMORY, 32, acpi_info.hpet.pa}, control = {ACPI_SPACE_MEMORY, 32, 0};
	u32 low;

	if (!acpi_info.hpet.pa) {
		ktest_not_here("no HPET");
		return;
	}
	low = acpi_register_read(&id, 32);
	EXPECT_EQ(low, acpi_info.hpet.id);
	/* Its configuration, written as it is. */
	control.address = acpi_info.hpet.pa + 0x10;
	low = acpi_register_read(&control, 32);
	acpi_register_write(&control, 32, low);
	EXPECT_EQ(acpi_register_read(&control, 32), low);
}

TEST(machine_acpi_registers_by_port)
{
	struct acpi_register diagnostic = {ACPI_SPACE_PORT, 8, 0x80}, select = {ACPI_SPACE_PORT, 32, 0xcf8};

	acpi_register_write(&diagnostic, 8, 0x5a);
	acpi_register_write(&diagnostic, 16, 0x5a);
	acpi_register_read(&diagnostic, 16);
	acpi_register_write(&select, 32, 0x80000000);
	EXPECT_EQ(acpi_register_read(&select, 32), pv_inl(0xcf8));
}

/* Bus 0, device 0: its vendor and device, together and apart, and another device's. */
TEST(machine_acpi_registers_of_pci)
{
	struct acpi_register bridge = {ACPI_SPACE_PCI, 32, 0}, device = {ACPI_SPACE_PCI, 16, 2};
	u32 both = acpi_register_read(&bridge, 32), second;

	if (both == 0xffffffff) {
		ktest_not_here("no PCI");
		return;
	}
	EXPECT_EQ(acpi_register_read(&device, 16), both >> 16);
	device.address = 3;
	EXPECT_EQ(acpi_register_read(&device, 8), both >> 24);
	pv_outl(0x80000000 | 1 << 11 | 0 << 8, 0xcf8);
	second = pv_inl(0xcfc);
	bridge.address = 1UL << 32;
	EXPECT_EQ(acpi_register_read(&bridge, 32), second);
	bridge.address = 31UL << 32 | 7UL << 16; /* what is not there reads as ones; writing to it does nothing */
	acpi_register_write(&bridge, 32, 0);
}

TEST(machine_acpi_bios_scan_finds_the_same)
{
	boot_info_init(&handed, "PVH"); /* nothing handed over */
	acpi_read(&other, &handed, &acpi_memory);
	if (!other.present) {
		ktest_not_here("no RSDP where a BIOS has it");
		return;
	}
	EXPECT(strcmp(other.found, "BIOS") == 0);
	EXPECT_EQ(other.table_count, acpi_info.table_count);
	EXPECT(memcmp(other.table, acpi_info.table, sizeof(other.table)) == 0);
	EXPECT(memcmp(&other.fadt, &acpi_info.fadt, sizeof(other.fadt)) == 0);
}

/* The last bytes of the first RAM behind which there is none. */
static u64 border_of_ram(void)
{
	const struct memmap *m = frame_memmap();
	u64 end = 0;

	for (u32 i = 0; i < m->count; i++) {
		if (mem_type_is_ram(m->range[i].type) && (!end || m->range[i].base == end))
			end = m->range[i].end;
	}
	return end - 8;
}

static void expect_out_of_reach(u64 pa)
{
	boot_info_init(&handed, "test");
	handed.rsdp_pa = pa;
	acpi_read(&other, &handed, &acpi_memory);
	REQUIRE(other.problem_count >= 1);
	EXPECT(ktest_has(other.problem[0], "RSDP by test at 0x"));
	EXPECT(ktest_has(other.problem[0], ": out of reach: skipped"));
}

/* An address above what the CPU can name, some whose end wraps, one across the border of RAM. */
TEST(machine_acpi_out_of_reach_is_no_fault)
{
	expect_out_of_reach(1UL << 60);
	expect_out_of_reach(~0UL - 10);
	expect_out_of_reach(~0UL);
	expect_out_of_reach(border_of_ram());
	EXPECT(!acpi_memory.map(0, 0));
}

/* RAM is seen through the direct map, and stays mapped. */
TEST(machine_acpi_tables_in_ram)
{
	static char text[8] = "RAM";
	pa_t pa = image_pa(text);
	const char *seen = acpi_memory.map(pa_num(pa), sizeof(text));

	REQUIRE(seen);
	EXPECT(seen == pa_va(pa) && strcmp(seen, text) == 0);
	acpi_memory.unmap(seen, sizeof(text));
	EXPECT(strcmp(seen, text) == 0);
}

/* What is said of a machine with none, and of one with too many problems. */
TEST(machine_acpi_report)
{
	static struct acpi_info saved;

	saved = acpi_info;
	memset(&acpi_info, 0, sizeof(acpi_info));
	acpi_info.problem_count = ACPI_PROBLEM_MAX + 2;
	str_copy(acpi_info.problem[0], "HPET at 0x1: odd: skipped", ACPI_PROBLEM_TEXT);
	log_capture(said, sizeof(said));
	acpi_report();
	acpi_report_tables();
	log_capture_end();
	acpi_info = saved;
	EXPECT(ktest_has(said, "acpi        problem: HPET at 0x1: odd: skipped\n"));
	EXPECT(ktest_has(said, "acpi        problem: and 2 more\n"));
	EXPECT(ktest_has(said, "acpi        none found: one CPU,"));
	EXPECT(ktest_has(said, "no tables\n"));
}
