/*
 * The audit finds nothing in the tables as they are, and each kind of violation when one is planted. Every plant is
 * taken out again, and the tables are proven clean behind it.
 */
#include "arch/layout.h"
#include "arch/poke.h"
#include "arch/regs.h"
#include "mmu/audit.h"
#include "mmu/frame.h"
#include "mmu/kspace.h"
#include "mmu/pt.h"
#include "mmu/region.h"
#include "pvops/pvops.h"
#include "tests/ktest.h"

#define MMIO_VA    (MMIO_BASE + MMIO_SIZE - GIB) /* far from what is handed out */
#define OUTSIDE_VA SCRATCH_BASE

static struct audit_report audit(void)
{
	struct audit_report r = {.quiet = true};

	audit_kernel_space(&r);
	return r;
}

static void expect_clean(void)
{
	struct audit_report r = {.quiet = false};

	EXPECT_EQ(audit_kernel_space(&r), 0);
	EXPECT_EQ(r.violation_count, 0);
}

/* Exactly the kinds in @kinds (bits) are found. */
static void expect_kinds(struct audit_report r, u32 kinds)
{
	u32 total = 0;

	for (unsigned k = 0; k < AUDIT_KINDS; k++) {
		if (!!r.count[k] != !!(kinds & BIT(k)))
			ktest_fail(__FILE__, __LINE__, "%s: %u found", audit_violation_name((enum audit_violation)k),
				   r.count[k]);
		total += r.count[k];
	}
	EXPECT_EQ(r.violation_count, total);
}

/* Plants one mapping, audits, takes it out. */
static void plant(ulong va, pa_t pa, ulong prot, u32 kinds)
{
	u64 before = frame_stats().free_count;

	REQUIRE(pt_map(&kspace_root, va, pa, PAGE_SIZE, prot) == 0);
	struct audit_report r = audit();

	EXPECT_EQ(pt_unmap(&kspace_root, va, PAGE_SIZE), 0);
	expect_kinds(r, kinds);
	expect_clean();
	EXPECT_EQ(frame_stats().free_count, before);
}

/*
 * Likewise in the poke window, whose table is none of pt_map()'s: by the store that a poke makes. Nobody looks through
 * it.
 */
static void plant_in_window(unsigned page, pa_t pa, u32 kinds)
{
	volatile u64 *entry = &poke_page_table[page];

	REQUIRE(!*entry);
	*entry = pa_num(pa) | (PT_PROT_RW & kspace_root.prot_allowed);
	struct audit_report r = audit();

	*entry = 0;
	pv_flush_tlb_one_kernel(POKE_BASE + page * PAGE_SIZE);
	expect_kinds(r, kinds);
	expect_clean();
}

TEST(mmu_audit_is_clean)
{
	struct audit_report r = audit();

	expect_clean();
	EXPECT_EQ(r.executable_bytes, (u64)(__text_end - __text_start));
	EXPECT(r.writable_bytes > frame_stats().total_count * PAGE_SIZE);
	EXPECT_EQ(r.leaf_count,
		  kspace_root.leaf_count[PT_PTE] + kspace_root.leaf_count[PT_PMD] + kspace_root.leaf_count[PT_PUD]);
	EXPECT(r.range_count < r.leaf_count);
}

TEST(mmu_audit_finds_writable_alias_of_text)
{
	plant(MMIO_VA, image_pa(__text_start), PT_PROT_RW, BIT(AUDIT_WX_ALIAS) | BIT(AUDIT_READONLY));
	plant(MMIO_VA, image_pa((void *)((ulong)__text_end - PAGE_SIZE)), PT_PROT_RW,
	      BIT(AUDIT_WX_ALIAS) | BIT(AUDIT_READONLY));
}

TEST(mmu_audit_finds_executable_alias_of_data)
{
	pa_t pa = frame_alloc();

	REQUIRE(pa_ok(pa));
	plant(MMIO_VA, pa, PT_PROT_RX, BIT(AUDIT_WX_ALIAS) | BIT(AUDIT_RIGHTS));
	/* Both in one. */
	plant(MMIO_VA, pa, PT_PROT_RX | PTE_W, BIT(AUDIT_WX_ALIAS) | BIT(AUDIT_RIGHTS));
	frame_free(pa);
}

TEST(mmu_audit_finds_writable_rodata)
{
	plant(MMIO_VA, image_pa(__rodata_start), PT_PROT_RW, BIT(AUDIT_READONLY));
	plant(MMIO_VA, image_pa(__ksyms_start), PT_PROT_RW, BIT(AUDIT_READONLY));
}

TEST(mmu_audit_finds_changed_rights)
{
	struct audit_report r;

	/* Text, through its own mapping and through the direct map. */
	EXPECT_EQ(pt_protect(&kspace_root, (ulong)__text_start, PAGE_SIZE, PT_PROT_RX | PTE_W), 0);
	r = audit();
	EXPECT_EQ(pt_protect(&kspace_root, (ulong)__text_start, PAGE_SIZE, PT_PROT_RX), 0);
	expect_kinds(r, BIT(AUDIT_WX_ALIAS) | BIT(AUDIT_READONLY) | BIT(AUDIT_RIGHTS));
	ulong va = (ulong)pa_va(image_pa(__text_start));

	EXPECT_EQ(pt_protect(&kspace_root, va, PAGE_SIZE, PT_PROT_RW), 0);
	r = audit();
	EXPECT_EQ(pt_protect(&kspace_root, va, PAGE_SIZE, PT_PROT_RO), 0);
	expect_kinds(r, BIT(AUDIT_WX_ALIAS) | BIT(AUDIT_READONLY));
	/* NX lost on data. */
	EXPECT_EQ(pt_protect(&kspace_root, (ulong)__rodata_start, PAGE_SIZE, PT_PROT_RX), 0);
	r = audit();
	EXPECT_EQ(pt_protect(&kspace_root, (ulong)__rodata_start, PAGE_SIZE, PT_PROT_RO), 0);
	expect_kinds(r, BIT(AUDIT_RIGHTS));
	expect_clean();
}

TEST(mmu_audit_finds_user_page)
{
	pa_t pa = frame_alloc();

	REQUIRE(pa_ok(pa));
	plant(OUTSIDE_VA, pa, PT_PROT_RW | PTE_U, BIT(AUDIT_USER) | BIT(AUDIT_OUTSIDE));
	frame_free(pa);
}

TEST(mmu_audit_finds_mappings_outside_the_layout)
{
	pa_t pa = frame_alloc();

	REQUIRE(pa_ok(pa));
	plant(OUTSIDE_VA, pa, PT_PROT_RW, BIT(AUDIT_OUTSIDE));
	plant(0xffff800000000000, pa, PT_PROT_RW, BIT(AUDIT_OUTSIDE));
	plant(0x7ffffffff000, pa, PT_PROT_RW, BIT(AUDIT_OUTSIDE));
	plant(-PAGE_SIZE, pa, PT_PROT_RW, BIT(AUDIT_OUTSIDE));
	plant((ulong)__image_end + 16 * PAGE_SIZE, pa, PT_PROT_RW, BIT(AUDIT_OUTSIDE));
	plant(0, pa, PT_PROT_RW, BIT(AUDIT_OUTSIDE) | BIT(AUDIT_PAGE_ZERO));
	plant(0, pa, PT_PROT_RO, BIT(AUDIT_OUTSIDE) | BIT(AUDIT_PAGE_ZERO));
	frame_free(pa);
}

TEST(mmu_audit_finds_mapped_guard)
{
	ulong guard = (ulong)__kstacks_start;

	plant(guard, image_pa(__kstacks_start), PT_PROT_RW, BIT(AUDIT_GUARD));
	guard = (ulong)__kstacks_end - KSTACK_SLOT;
	plant(guard, image_pa((void *)guard), PT_PROT_RO, BIT(AUDIT_GUARD));
}

TEST(mmu_audit_finds_wrong_frames)
{
	pa_t frame = frame_alloc(), hole = pa(40UL << 40);

	REQUIRE(pa_ok(frame));
	plant((ulong)pa_va(hole), frame, PT_PROT_RW, BIT(AUDIT_WRONG_FRAME));
	plant((ulong)pa_va(hole), hole, PT_PROT_RW, BIT(AUDIT_NOT_RAM));
	frame_free(frame);
}

TEST(mmu_audit_finds_open_poke_window)
{
	pa_t pa = frame_alloc();

	REQUIRE(pa_ok(pa));
	plant_in_window(0, pa, BIT(AUDIT_SHUT));
	plant_in_window(1, image_pa(__text_start), BIT(AUDIT_SHUT) | BIT(AUDIT_WX_ALIAS) | BIT(AUDIT_READONLY));
	frame_free(pa);
}

TEST(mmu_audit_finds_corrupt_entries)
{
	ulong *top = pa_va(kspace_root.top), *entry = &top[403];
	struct audit_report r;

	REQUIRE(!*entry);
	pv_set_p4d((p4d_t *)entry, pv_make_p4d(0x000ffffffffff000 | PTE_P | PTE_W));
	r = audit();
	pv_set_p4d((p4d_t *)entry, pv_make_p4d(0));
	expect_kinds(r, BIT(AUDIT_BROKEN));
	expect_clean();
}

TEST(mmu_audit_finds_rights_that_are_not_enforced)
{
	ulong flags = pv_irq_save(), cr0 = pv_read_cr0();
	struct audit_report r;

	pv_write_cr0(cr0 & ~X86_CR0_WP);
	r = audit();
	pv_write_cr0(cr0);
	pv_irq_restore(flags);
	expect_kinds(r, BIT(AUDIT_CPU));
	expect_clean();
}
