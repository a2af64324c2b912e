/*
 * Kernel space as it stands, tried by accesses: what must fault faults, and with the right error code; what must work
 * works.
 */
#include "arch/layout.h"
#include "arch/native.h"
#include "arch/regs.h"
#include "lib/string.h"
#include "machine/fault.h"
#include "machine/lapic.h"
#include "mmu/fixmap.h"
#include "mmu/frame.h"
#include "mmu/gather.h"
#include "mmu/kspace.h"
#include "mmu/pt.h"
#include "mmu/region.h"
#include "pvops/backend.h"
#include "pvops/pvops.h"
#include "tests/ktest.h"
#include "tests/pvops_sites.h"

static void expect_no_write(ulong va)
{
	struct fault_record r = {.vector = FAULT_NONE};
	u8 value = *(const volatile u8 *)va;

	EXPECT(!fault_write8(va, value, &r));
	EXPECT_EQ(r.vector, X86_TRAP_PF);
	EXPECT_EQ(r.error, X86_PF_PROT | X86_PF_WRITE);
	EXPECT_EQ(r.address, va);
}

static void expect_no_exec(ulong va)
{
	struct fault_record r = {.vector = FAULT_NONE};

	EXPECT(!fault_exec(va, &r));
	EXPECT_EQ(r.vector, X86_TRAP_PF);
	EXPECT_EQ(r.error, X86_PF_PROT | X86_PF_INSTR);
	EXPECT_EQ(r.address, va);
}

static void expect_unmapped(ulong va)
{
	struct fault_record r = {.vector = FAULT_NONE};
	u8 value;

	EXPECT(!fault_read8(va, &value, &r));
	EXPECT_EQ(r.vector, X86_TRAP_PF);
	EXPECT_EQ(r.error, 0);
	EXPECT_EQ(r.address, va);
	r.vector = FAULT_NONE;
	EXPECT(!fault_write8(va, 1, &r));
	EXPECT_EQ(r.error, X86_PF_WRITE);
}

/* The frames of image address @p, in the direct map. */
static ulong alias(const void *p)
{
	return (ulong)pa_va(image_pa(p));
}

TEST(mmu_kspace_text_is_read_only_everywhere)
{
	expect_no_write((ulong)__text_start);
	expect_no_write((ulong)__text_end - 1);
	expect_no_write(alias(__text_start));
	expect_no_write(alias(__text_end) - 1);
	expect_no_exec(alias(__text_start));
	expect_no_exec(alias(kspace_init));
}

TEST(mmu_kspace_rodata_and_symbols_are_read_only)
{
	expect_no_write((ulong)__rodata_start);
	expect_no_write((ulong)__rodata_end - 1);
	expect_no_exec((ulong)__rodata_start);
	expect_no_write(alias(__rodata_start));
	expect_no_write(alias(__rodata_end) - 1);
	expect_no_write((ulong)__ksyms_start);
	expect_no_write((ulong)__ksyms_end - 1);
	expect_no_write(alias(__ksyms_end) - 1);
	expect_no_exec((ulong)__ksyms_start);
}

static u8 some_data[16];

TEST(mmu_kspace_data_is_not_executable)
{
	volatile u8 *there = (volatile u8 *)alias(some_data);

	expect_no_exec((ulong)some_data);
	expect_no_exec(alias(some_data));
	EXPECT(fault_write8((ulong)some_data, 0xc3, NULL));
	EXPECT_EQ(*there, 0xc3);
	*there = 0x90;
	EXPECT_EQ(*(volatile u8 *)some_data, 0x90);
	expect_no_exec((ulong)some_data);
	u64 on_stack = 0;

	expect_no_exec((ulong)&on_stack);
}

TEST(mmu_kspace_stack_guards_fault)
{
	unsigned stacks = 0;

	for (char *p = __kstacks_start; p < __kstacks_end; p += KSTACK_SLOT, stacks++) {
		EXPECT(region_is_guard((ulong)p) && region_is_guard((ulong)p + KSTACK_GUARD - 1));
		EXPECT(!region_is_guard((ulong)p + KSTACK_GUARD));
		EXPECT_EQ(region_guard(stacks), (ulong)p);
		EXPECT(!region_is_stack((ulong)p) && !region_is_stack((ulong)p + KSTACK_GUARD - 1));
		EXPECT(region_is_stack((ulong)p + KSTACK_GUARD) && region_is_stack((ulong)p + KSTACK_SLOT - 1));
		expect_unmapped((ulong)p);
		expect_unmapped((ulong)p + KSTACK_GUARD - 1);
		EXPECT(fault_read8((ulong)p + KSTACK_GUARD, some_data, NULL));
		EXPECT(fault_read8((ulong)p + KSTACK_SLOT - 1, some_data, NULL));
	}
	EXPECT(stacks > 0);
	EXPECT_EQ(region_guard(stacks), CPU_AREAS_BASE);
	EXPECT(region_guard(stacks + NR_CPUS * CPU_AREA_STACKS - 1));
	EXPECT_EQ(region_guard(stacks + NR_CPUS * CPU_AREA_STACKS), 0);
	EXPECT(!region_is_stack((ulong)__kstacks_start - 1) && !region_is_stack((ulong)__kstacks_end));
}

TEST(mmu_kspace_low_half_is_empty)
{
	struct fault_record r = {.vector = FAULT_NONE};

	expect_unmapped(0);
	expect_unmapped(0xfff);
	expect_unmapped(0x100000); /* where boot ran */
	expect_unmapped(4 * GIB);
	expect_unmapped(0x7fffffffffff);
	EXPECT(!fault_exec(8, &r)); /* 0 is fault_exec's "none" */
	EXPECT_EQ(r.vector, X86_TRAP_PF);
	EXPECT_EQ(r.error, X86_PF_INSTR);
	for (unsigned i = 0; i < 256; i++)
		EXPECT_EQ(((ulong *)pa_va(kspace_root.top))[i], 0);
	/* Slots 256 to 271 are a hypervisor's. */
	for (unsigned i = 256; i < 272; i++)
		EXPECT_EQ(((ulong *)pa_va(kspace_root.top))[i], 0);
}

TEST(mmu_kspace_direct_map_is_ram_and_only_ram)
{
	const struct memmap *map = frame_memmap();
	u64 end = 0;
	u8 value;

	for (u32 i = 0; i < map->count; i++) {
		const struct mem_range *r = &map->range[i];

		if (r->base > end)
			expect_unmapped(DIRECT_BASE + end);
		if (mem_type_is_ram(r->type)) {
			EXPECT(fault_read8(DIRECT_BASE + r->base, &value, NULL));
			EXPECT(fault_read8(DIRECT_BASE + r->end - 1, &value, NULL));
		} else if (r->end <= DIRECT_SIZE) {
			expect_unmapped(DIRECT_BASE + r->base);
			expect_unmapped(DIRECT_BASE + r->end - 1);
		}
		end = r->end;
	}
	expect_no_exec((ulong)pa_va(frame_reservation(image_pa(__text_start))->base));
}

/* Large pages wherever alignment allows: at most two borders of small pages for each range, and those of the image. */
TEST(mmu_kspace_direct_map_uses_large_pages)
{
	const struct memmap *map = frame_memmap();
	struct pt_leaf leaf;
	pa_t got;

	for (u32 i = 0; i < map->count; i++) {
		u64 base = ALIGN_UP(map->range[i].base, GIB);

		if (map->range[i].type != MEM_USABLE)
			continue;
		if (base + GIB <= map->range[i].end && base > pa_num(image_pa(__image_end))) {
			EXPECT(pt_translate(&kspace_root, DIRECT_BASE + base, &got, &leaf));
			EXPECT_EQ(leaf.level, kspace_root.max_leaf);
		}
		base = ALIGN_UP(max(map->range[i].base, pa_num(image_pa(__image_end))), 2 * MIB);
		if (base + 2 * MIB <= map->range[i].end) {
			EXPECT(pt_translate(&kspace_root, DIRECT_BASE + base, &got, &leaf));
			EXPECT(leaf.level >= PT_PMD);
			EXPECT_PA(got, pa(base));
			EXPECT(leaf.entry & PTE_G || !(kspace_root.prot_allowed & PTE_G));
		}
	}
}

/* The local APIC's version register (SDM 3A 10.4.8) is there on every CPU this runs on. */
TEST(mmu_kspace_mmio)
{
	struct frame_stats before = frame_stats();
	volatile u32 *apic = kspace_map_mmio(pa(0xfee00000), 0x400);
	struct pt_leaf leaf;
	pa_t got;

	REQUIRE(apic);
	if (strcmp(lapic_name(), "xAPIC") == 0) /* an x2APIC answers by MSRs only (SDM 3A 10.12.2) */
		EXPECT(apic[0x30 / 4] != 0 && apic[0x30 / 4] != 0xffffffff);
	EXPECT(pt_translate(&kspace_root, (ulong)apic, &got, &leaf));
	EXPECT_PA(got, pa(0xfee00000));
	EXPECT_EQ(leaf.entry & (PTE_PCD | PTE_PWT), PTE_PCD | PTE_PWT);
	expect_no_exec((ulong)apic);
	kspace_unmap_mmio((void *)(ulong)apic, 0x400);
	expect_unmapped((ulong)apic);
	EXPECT_EQ(frame_stats().free_count, before.free_count);
	EXPECT(!kspace_map_mmio(pa(2 * MIB), PAGE_SIZE));
	EXPECT(!kspace_map_mmio(pa(0xfee00000), 0));
	EXPECT(!kspace_map_mmio(pa(~0xfffUL), 0x2000));
	EXPECT(!kspace_map_mmio(pa(1UL << 51), 2 * MMIO_SIZE));
	/* A framebuffer's worth, unaligned: large pages inside. */
	char *big = kspace_map_mmio(pa(0xe0001234), 16 * MIB);

	REQUIRE(big);
	EXPECT(pt_translate(&kspace_root, (ulong)big + 4 * MIB, &got, &leaf));
	EXPECT_PA(got, pa(0xe0001234 + 4 * MIB));
	EXPECT_EQ(leaf.level, PT_PMD);
	kspace_unmap_mmio(big, 16 * MIB);
	EXPECT_EQ(frame_stats().free_count, before.free_count);
}

TEST(mmu_kspace_fixmap)
{
	pa_t pa = frame_alloc();
	volatile u32 *here = fixmap_va(FIX_TEST), *there = pa_va(pa);

	REQUIRE(pa_ok(pa));
	expect_unmapped((ulong)here);
	pv_set_fixmap(FIX_TEST, pa_num(pa), (pgprot_t){PT_PROT_RW});
	*here = 0xf1f2f3f4;
	EXPECT_EQ(*there, 0xf1f2f3f4);
	expect_no_exec((ulong)here);
	pv_set_fixmap(FIX_TEST, pa_num(image_pa(__text_start)), (pgprot_t){PT_PROT_RO});
	EXPECT_EQ(*here, *(u32 *)__text_start);
	expect_no_write((ulong)here);
	pv_set_fixmap(FIX_TEST, 0, (pgprot_t){0});
	expect_unmapped((ulong)here);
	frame_free(pa);
}

static u64 kernel_flushes;

static void counting_flush(void)
{
	__atomic_add_fetch(&kernel_flushes, 1, __ATOMIC_RELAXED);
	native_flush_tlb_kernel();
}

/*
 * A load of CR3 leaves global translations in the TLB (SDM 3A 4.10.4.1). TCG drops them
 * too, so what is looked at is the op that was called.
 */
TEST(mmu_gather_flushes_global_translations)
{
	pa_t pa = frame_alloc();
	u64 size = (GATHER_VA_MAX + 1) * PAGE_SIZE;
	int err = 0;

	REQUIRE(pa_ok(pa));
	for (u64 at = 0; at < size && !err; at += PAGE_SIZE)
		err = pt_map(&kspace_root, SCRATCH_BASE + at, pa, PAGE_SIZE, PT_PROT_RW);
	EXPECT_EQ(err, 0);
	pvops_test_begin();
	pv_ops.mmu.flush_tlb_kernel = counting_flush;
	pv_patch(PV_TYPE(mmu, flush_tlb_kernel));
	kernel_flushes = 0;
	EXPECT_EQ(pt_unmap(&kspace_root, SCRATCH_BASE, size), 0);
	EXPECT_EQ(kernel_flushes, cpu_online_count);
	if (!pv_patching)
		pv_unpatch(PV_TYPE(mmu, flush_tlb_kernel));
	pvops_test_end();
	frame_free(pa);
}
