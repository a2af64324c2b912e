/*
 * What this machine gives the oracle to choose from: see tests/oracle.h.
 */
#include "tests/oracle.h"

#include "arch/cpufeature.h"
#include "arch/layout.h"
#include "arch/regs.h"
#include "lib/string.h"
#include "machine/power.h"
#include "mmu/frame.h"
#include "pvops/pvops.h"
#include "tests/ktest.h"

/* 4 MiB of RAM above 4 GiB that PSE-36 reaches; is read, never owned. */
static u64 find_high(void)
{
	const struct memmap *map = frame_memmap();

	for (u32 i = 0; i < map->count; i++) {
		u64 base = ALIGN_UP(max(map->range[i].base, 4 * GIB), 4 * MIB);

		if (map->range[i].type == MEM_USABLE && base + 4 * MIB <= min(map->range[i].end, pa_num(frame_reach())))
			return base;
	}
	return 0;
}

/*
 * QEMU without KVM, KVM on top of that, and Bochs: three rules hold in none of them, so that no row of
 * tests/deviations.def could say where they do. With AC set at CPL 0 they let implicit accesses through SMAP (SDM 3A
 * 4.6.1: AC is about explicit ones); their AMD CPUs ignore bit 8 of PML4Es and PML5Es (APM 2 5.3.3: must be 0); QEMU
 * takes bits 20:13 of a 4 MiB page for address even without PSE-36 (SDM 3A table 4-4: reserved then). All are asked of
 * other CPUs, and in tests/host/test_vmmu.c.
 */
static bool emulated(void)
{
	return strcmp(cpu_info.hypervisor, "TCGTCGTCGTCG") == 0 || strncmp(cpu_info.brand, "QEMU TCG", 8) == 0 ||
	       machine_in_bochs();
}

struct oracle_cpu oracle_cpu_here(void)
{
	struct oracle_cpu cpu = {
		.cr0 = pv_read_cr0() & ~(X86_CR0_WP | X86_CR0_PG | X86_CR0_AM),
		.cr4 = pv_read_cr4() & (X86_CR4_DE | X86_CR4_MCE | X86_CR4_UMIP),
		.efer = pv_read_msr(MSR_EFER) & ~(EFER_LME | EFER_LMA | EFER_NXE),
		.modes = {true, true, true, true, cpu_has(X86_FEATURE_LA57)},
		.pse = cpu_has(X86_FEATURE_PSE),
		.has_1g = cpu_has(X86_FEATURE_PDPE1GB),
		.maxphyaddr = (u8)cpu_info.phys_bits,
	};

	cpu.cr4_choice = (cpu_has(X86_FEATURE_SMEP) ? X86_CR4_SMEP : 0) |
			 (cpu_has(X86_FEATURE_SMAP) ? X86_CR4_SMAP : 0) | (cpu_has(X86_FEATURE_PKU) ? X86_CR4_PKE : 0);
	cpu.features = cpu.has_1g ? VMMU_HAS_1G : 0;
	cpu.strict_pse = cpu.implicit_ac[0] = !emulated();
	cpu.implicit_ac[1] = !ktest_deviates("bochs_implicit_ac");
	if (strcmp(cpu_info.vendor, "AuthenticAMD") == 0 && !emulated())
		cpu.features |= VMMU_AMD;
	if (cpu_has(X86_FEATURE_PSE36)) {
		cpu.features |= VMMU_HAS_PSE36;
		cpu.high = cpu.pse ? find_high() : 0;
	}
	return cpu;
}
