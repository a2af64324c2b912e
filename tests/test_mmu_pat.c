/*
 * Memory types: every CPU's IA32_PAT holds the one table, and the leaves of device memory, small and large, name the
 * entries that they should. What a type does to speed, no emulator shows: docs/REALPC.md.
 */
#include "arch/cpu_local.h"
#include "arch/cpufeature.h"
#include "arch/regs.h"
#include "machine/ipi.h"
#include "mmu/audit.h"
#include "mmu/frame.h"
#include "mmu/kspace.h"
#include "mmu/pat.h"
#include "mmu/region.h"
#include "mmu/report.h"
#include "pvops/pvops.h"
#include "lib/log.h"
#include "lib/string.h"
#include "tests/ktest.h"

/* Said here again, byte by byte, entry 7 first: WB WC UC- UC WB WT UC- UC. */
#define PAT_WANTED 0x0007040600070106UL

static u64 pat[NR_CPUS];

static void read_pat(void *unused)
{
	(void)unused;
	pat[cpu_local()->id] = pv_read_msr(MSR_PAT);
}

static bool no_pat(void)
{
	if (cpu_has(X86_FEATURE_PAT))
		return false;
	EXPECT(!pat_has_wc());
	ktest_not_here("no PAT");
	return true;
}

TEST(mmu_pat_is_the_same_on_all_cpus)
{
	if (no_pat())
		return;
	memset(pat, 0, sizeof(pat));
	read_pat(NULL);
	smp_call_others(read_pat, NULL);
	for_each_online_cpu(id)
		EXPECT_EQ(pat[id], PAT_WANTED);
	EXPECT(pat_has_wc());
}

/* The register is what counts: what it held before goes. */
TEST(mmu_pat_is_written)
{
	if (no_pat())
		return;
	pv_write_msr64(MSR_PAT, 0x0007040600070406); /* as at reset */
	pat_init_cpu();
	EXPECT_EQ(pv_read_msr(MSR_PAT), PAT_WANTED);
}

/* Nothing is touched there: a device may be at home. */
#define DEVICE_PA pa(0xe0000000)

/* The leaf of each size in a mapping of 2 MiB and a page has these of PWT, PCD and PAT, and this type. */
static void expect_type(void *va, ulong bits, const char *name)
{
	struct pt_leaf leaf;
	pa_t got;

	REQUIRE(va != NULL);
	for (ulong at = (ulong)va; at <= (ulong)va + PMD_SIZE; at += PMD_SIZE) {
		REQUIRE(pt_translate(&kspace_root, at, &got, &leaf));
		EXPECT_EQ(leaf.level, at == (ulong)va ? PT_PMD : PT_PTE);
		EXPECT_EQ(leaf.entry & (PTE_PWT | PTE_PCD | (leaf.level == PT_PTE ? BIT(7) : BIT(12))), bits);
		EXPECT(strcmp(pat_name(pat_type(leaf.entry, leaf.level)), name) == 0);
	}
	kspace_unmap_mmio(va, PMD_SIZE + PAGE_SIZE);
}

TEST(mmu_pat_device_leaves)
{
	ulong wc = cpu_has(X86_FEATURE_PAT) ? PTE_PWT : PTE_PWT | PTE_PCD;
	struct pt_leaf ram;
	pa_t got;

	expect_type(kspace_map_mmio(DEVICE_PA, PMD_SIZE + PAGE_SIZE), PTE_PWT | PTE_PCD, "UC");
	expect_type(kspace_map_wc(DEVICE_PA, PMD_SIZE + PAGE_SIZE), wc, wc == PTE_PWT ? "WC" : "UC");
	EXPECT(!kspace_map_wc(pa(2 * MIB), PAGE_SIZE)); /* RAM has a type */
	REQUIRE(pt_translate(&kspace_root, (ulong)pa_va(pa(2 * MIB)), &got, &ram));
	EXPECT_EQ(pat_type(ram.entry, ram.level), CACHE_WB);
}

/* PAT is bit 7 of a pte, bit 12 of what is larger. */
TEST(mmu_pat_types_by_bits)
{
	static const enum mem_cache at_reset[] = {CACHE_WB, CACHE_WT, CACHE_UC_MINUS, CACHE_UC};

	for (unsigned i = 0; i < 8; i++) {
		ulong low = (i & 1 ? PTE_PWT : 0) | (i & 2 ? PTE_PCD : 0);
		enum mem_cache want = pat_has_wc() ? (enum mem_cache)(PAT_WANTED >> 8 * i & 7) : at_reset[i & 3];

		EXPECT_EQ(pat_type(low | (i & 4 ? BIT(7) : 0), PT_PTE), want);
		EXPECT_EQ(pat_type(low | (i & 4 ? BIT(12) : 0) | PTE_PS, PT_PMD), want);
		EXPECT_EQ(pat_type(low | (i & 4 ? BIT(12) : 0) | PTE_PS, PT_PUD), want);
	}
}

static char maps[16384];

TEST(mmu_pat_maps_shows_the_type)
{
	void *va = kspace_map_wc(DEVICE_PA, PAGE_SIZE);

	REQUIRE(va != NULL);
	log_capture(maps, sizeof(maps));
	mmu_print_maps(printk);
	log_capture_end();
	kspace_unmap_mmio(va, PAGE_SIZE);
	EXPECT(ktest_has(maps, pat_has_wc() ? " pa 0000e0000000          4 KiB  rw-  WC  1x4K  mmio\n"
					    : " pa 0000e0000000          4 KiB  rw-  UC  1x4K  mmio\n"));
	EXPECT(ktest_has(maps, " r-x  WB "));
}

static u32 audit_types(ulong va, pa_t pa, ulong prot)
{
	struct audit_report r = {.quiet = true};

	EXPECT_EQ(pt_map(&kspace_root, va, pa, PAGE_SIZE, prot), 0);
	audit_kernel_space(&r);
	EXPECT_EQ(pt_unmap(&kspace_root, va, PAGE_SIZE), 0);
	return r.count[AUDIT_TYPE];
}

/* RAM that is mapped uncached or write-combining, beside the direct map's WB; a device that is cached. */
TEST(mmu_pat_audit_finds_types_that_do_not_fit)
{
	ulong va = MMIO_BASE + MMIO_SIZE - GIB; /* far from what is handed out */
	pa_t ram = frame_alloc();

	REQUIRE(pa_ok(ram));
	EXPECT_EQ(audit_types(va, ram, PT_PROT_RW), 0);
	EXPECT_EQ(audit_types(va, ram, PT_PROT_IO), 1);
	EXPECT_EQ(audit_types(va, ram, PT_PROT_WC), 1);
	EXPECT_EQ(audit_types(va, DEVICE_PA, PT_PROT_IO), 0);
	EXPECT_EQ(audit_types(va, DEVICE_PA, PT_PROT_WC), 0);
	EXPECT_EQ(audit_types(va, DEVICE_PA, PT_PROT_RW), 1);
	frame_free(ram);
}
