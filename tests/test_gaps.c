/*
 * What the mutants of tests/mutants found missing in the other tests: bugs that an emulator's mercy or a sound machine hides,
 * made visible by putting something else in the place of the machine. Each test names the mutant that it stands against.
 */
#include "arch/layout.h"
#include "arch/native.h"
#include "arch/poke.h"
#include "arch/regs.h"
#include "lib/string.h"
#include "machine/pic.h"
#include "machine/traps.h"
#include "mmu/frame.h"
#include "mmu/gather.h"
#include "mmu/kspace.h"
#include "mmu/pt.h"
#include "mmu/pt_priv.h"
#include "mmu/region.h"
#include "pvops/backend.h"
#include "pvops/pvops.h"
#include "tests/ktest.h"
#include "tests/pvops_sites.h"

/*
 * 07-poke-not-verified. The poke window writes to the frame that an image address has by the link; here another frame is
 * mapped at that address, as if the image lay elsewhere than thought.
 */
TEST(arch_poke_says_what_does_not_read_back)
{
	static const u8 bytes[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
	static const u8 lengths[] = {6, 9, 7}; /* a short site's, a long site's, neither */
	u64 written = frame_alloc_zeroed(), seen = frame_alloc_zeroed();
	u8 *code = (u8 *)(KBASE + written - phys_base);
	u64 there;

	REQUIRE(written && seen && (char *)code > __image_end &&
		!pt_translate(&kspace_root, (ulong)code, &there, NULL));
	REQUIRE(pt_map(&kspace_root, (ulong)code, seen, PAGE_SIZE, PT_PROT_RO) == 0);
	for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
		ulong flags = poke_begin();
		/* The first write to a page opens the window, the second finds it open. */
		bool first = poke_write(code, bytes, lengths[i]), second = poke_write(code, bytes, lengths[i]);

		memcpy(pa_va(seen), bytes, lengths[i]); /* as if it were the same frame */
		bool same = poke_write(code, bytes, lengths[i]);

		((u8 *)pa_va(seen))[lengths[i] - 1] ^= 0x80;
		bool last_differs = poke_write(code, bytes, lengths[i]);

		poke_end(flags);
		EXPECT(!first);
		EXPECT(!second);
		EXPECT(same);
		EXPECT(!last_differs);
		EXPECT(memcmp(pa_va(written), bytes, lengths[i]) == 0);
		memset(pa_va(seen), 0, PAGE_SIZE);
	}
	EXPECT_EQ(pt_unmap(&kspace_root, (ulong)code, PAGE_SIZE), 0);
	frame_free(seen);
	frame_free(written);
}

static u64 kernel_flushes;

static void counting_flush(void)
{
	kernel_flushes++;
	native_flush_tlb_kernel();
}

/*
 * 40-gather-global-entries-survive. A load of CR3 leaves global translations in the TLB (SDM 3A 4.10.4.1). TCG drops them
 * too, so what is looked at is the op that was called.
 */
TEST(mmu_gather_flushes_global_translations)
{
	u64 pa = frame_alloc(), size = (GATHER_VA_MAX + 1) * PAGE_SIZE;
	int err = 0;

	REQUIRE(pa);
	for (u64 at = 0; at < size && !err; at += PAGE_SIZE)
		err = pt_map(&kspace_root, SCRATCH_BASE + at, pa, PAGE_SIZE, PT_PROT_RW);
	EXPECT_EQ(err, 0);
	pvops_test_begin();
	pv_ops.mmu.flush_tlb_kernel = counting_flush;
	pv_patch(PV_TYPE(mmu, flush_tlb_kernel));
	kernel_flushes = 0;
	EXPECT_EQ(pt_unmap(&kspace_root, SCRATCH_BASE, size), 0);
	EXPECT_EQ(kernel_flushes, 1);
	if (!pv_patching)
		pv_unpatch(PV_TYPE(mmu, flush_tlb_kernel));
	pvops_test_end();
	frame_free(pa);
}

/* 45-pt-split-keeps-large-pat-bit. Bit 7 says PS in a large leaf and PAT in a pte: memory would become uncached. */
TEST(mmu_pt_split_adds_no_pat)
{
	u64 pa = frame_alloc_contiguous(512, 2 * MIB), there;
	struct pt_leaf first = {.entry = 0}, last = {.entry = 0};

	REQUIRE(pa);
	EXPECT_EQ(pt_map(&kspace_root, SCRATCH_BASE, pa, 2 * MIB, PT_PROT_RW), 0);
	EXPECT_EQ(pt_protect(&kspace_root, SCRATCH_BASE, PAGE_SIZE, PT_PROT_RO), 0);
	EXPECT(pt_translate(&kspace_root, SCRATCH_BASE, &there, &first));
	EXPECT(pt_translate(&kspace_root, SCRATCH_BASE + 2 * MIB - 1, &there, &last));
	EXPECT_EQ(first.level, PT_PTE);
	EXPECT_EQ(last.level, PT_PTE);
	EXPECT_EQ((first.entry | last.entry) & PT_BIT_PAT, 0);
	EXPECT_EQ(pt_unmap(&kspace_root, SCRATCH_BASE, 2 * MIB), 0);
	frame_free_contiguous(pa, 512);
}

/* 09-patch-original-cut. Behind the call of six bytes a long site is filled up with one-byte NOPs, in C and in NASM. */
TEST(pvops_unpatch_gives_back_the_padding)
{
	unsigned padding = 0, wrong = 0;

	pvops_test_begin();
	pv_unpatch(PV_ALL_TYPES);
	for (unsigned i = 0; i < pv_site_count(); i++) {
		const struct paravirt_patch_site *s = pv_site(i);

		for (unsigned at = 6; at < s->len; at++, padding++)
			wrong += s->instr[at] != 0x90;
	}
	pvops_test_end();
	EXPECT(padding > 0);
	EXPECT_EQ(wrong, 0);
}

/*
 * 63-entry-sysret-beyond-canonical. AMD's SYSRET (and TCG's) faults in user mode, where nothing is lost; Intel's in ring 0. So
 * the decision is asked, not the machine.
 */
TEST(machine_syscall_leaves_by_iret_where_sysret_would_fault)
{
	const u64 last = (1UL << 47) - 1;
	struct pt_regs r = {.rflags = X86_EFLAGS_FIXED, .r11 = X86_EFLAGS_FIXED};
	void (*former)(struct pt_regs *) = trap_syscall_handler;

	trap_syscall_handler = NULL;
	r.cs = pv_info.user_cs;
	r.ss = pv_info.user_ss;
	r.rip = r.rcx = last;
	EXPECT(syscall_entry(&r));
	r.rip = r.rcx = last + 1;
	EXPECT(!syscall_entry(&r));
	r.rip = r.rcx = (ulong)__text_start; /* canonical, but above: a user has no business there */
	EXPECT(!syscall_entry(&r));
	trap_syscall_handler = former;
}

/* ---- a line of the second PIC: the clock chip's periodic interrupt (MC146818: register A rate, B enables, C tells and ends) ---- */

#define IRQ_RTC    8
#define CMOS_INDEX 0x70
#define CMOS_DATA  0x71
#define RTC_B      0x0b
#define RTC_C      0x0c
#define RTC_PIE    0x40
#define RTC_WAIT   500000000UL /* ns; the chip ticks every millisecond */

static unsigned rtc_ticks;

static u8 cmos_read(u8 reg)
{
	pv_outb(reg, CMOS_INDEX);
	return pv_inb(CMOS_DATA);
}

static void cmos_write(u8 reg, u8 value)
{
	pv_outb(reg, CMOS_INDEX);
	pv_outb(value, CMOS_DATA);
}

static bool rtc_tick(struct pt_regs *regs)
{
	(void)regs;
	rtc_ticks++;
	cmos_read(RTC_C);
	return true;
}

/* 68-pic-slave-not-told. A line that is not ended at its own PIC comes once and never again. */
TEST(machine_pic_line_of_the_second_comes_again)
{
	trap_handler former = trap_set_handler(VECTOR_IRQ0 + IRQ_RTC, rtc_tick);
	u64 deadline = pv_sched_clock() + RTC_WAIT;
	ulong flags = pv_irq_save();
	u8 b = cmos_read(RTC_B);

	rtc_ticks = 0;
	cmos_read(RTC_C);
	cmos_write(RTC_B, b | RTC_PIE);
	pic_unmask(IRQ_RTC);
	pv_irq_enable();
	while (*(volatile unsigned *)&rtc_ticks < 3 && pv_sched_clock() < deadline)
		asm volatile("pause");
	pv_irq_disable();
	pic_mask(IRQ_RTC);
	cmos_write(RTC_B, b);
	cmos_read(RTC_C);
	pv_irq_restore(flags);
	trap_set_handler(VECTOR_IRQ0 + IRQ_RTC, former);
	EXPECT(rtc_ticks >= 3);
}
