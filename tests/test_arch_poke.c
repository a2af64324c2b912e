/*
 * The poke window: text changes through it, across a page boundary too, and it is shut before and after. What is poked
 * here is code of this file's own, laid over the boundary of two pages.
 */
#include "arch/layout.h"
#include "arch/native.h"
#include "arch/poke.h"
#include "arch/regs.h"
#include "lib/string.h"
#include "machine/fault.h"
#include "mmu/frame.h"
#include "mmu/kspace.h"
#include "mmu/pt.h"
#include "mmu/region.h"
#include "pvops/pvops.h"
#include "tests/ktest.h"

/* mov $0x11111111, %eax; ret: its immediate lies in two pages. Around it only NOPs. */
asm(".pushsection .text.poke, \"ax\"\n\t"
    ".balign 4096\n"
    "poke_area:\n\t"
    ".skip 4093, 0x90\n"
    "poke_victim:\n\t"
    "mov $0x11111111, %eax\n\t"
    "ret\n\t"
    ".skip 64, 0x90\n"
    ".popsection");
extern u8 poke_area[], poke_victim[];
#define POKE_PAD 4093

static const u8 move_2[5] = {0xb8, 0x22, 0x22, 0x22, 0x22};
static const u8 move_1[5] = {0xb8, 0x11, 0x11, 0x11, 0x11};

static u32 call_victim(void)
{
	return ((u32(*)(void))poke_victim)();
}

static void expect_shut(void)
{
	struct fault_record got;
	ulong off;

	for (off = 0; off < 4 * PAGE_SIZE; off += PAGE_SIZE) {
		EXPECT(!fault_read8(POKE_BASE + off, NULL, &got));
		EXPECT_EQ(got.vector, X86_TRAP_PF);
		EXPECT_EQ(got.error, 0);
	}
}

TEST(arch_poke_across_a_page_boundary)
{
	EXPECT_EQ(((ulong)poke_victim & (PAGE_SIZE - 1)) + sizeof(move_2), PAGE_SIZE + 2);
	expect_shut();
	EXPECT_EQ(call_victim(), 0x11111111);
	EXPECT(poke_text(poke_victim, move_2, sizeof(move_2)));
	EXPECT_EQ(call_victim(), 0x22222222);
	EXPECT(memcmp(poke_victim, move_2, sizeof(move_2)) == 0);
	expect_shut();
	EXPECT(poke_text(poke_victim, move_1, sizeof(move_1)));
	EXPECT_EQ(call_victim(), 0x11111111);
	expect_shut();
}

/*
 * Nothing beside the bytes asked for changes, whatever their count: the shortest, those of sites, and the window's
 * limit.
 */
TEST(arch_poke_writes_what_it_was_given)
{
	static const u16 lengths[] = {1, 5, 6, 8, 9, 15, 100, POKE_PAD - 16};
	static u8 want[POKE_PAD], part[POKE_PAD];
	unsigned i, k;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		memset(want, 0x90, sizeof(want));
		for (k = 0; k < lengths[i]; k++)
			want[8 + k] = part[k] = (u8)(k * 7 + i);
		EXPECT(poke_text(poke_area + 8, part, lengths[i]));
		EXPECT(memcmp(poke_area, want, sizeof(want)) == 0);
		memset(part, 0x90, sizeof(part));
		EXPECT(poke_text(poke_area + 8, part, lengths[i]));
	}
	EXPECT_EQ(poke_area[8], 0x90);
	expect_shut();
}

/* In a batch the window stays where it was; it follows from page to page, and the end shuts it. */
TEST(arch_poke_batch)
{
	const u8 other = 0xcc, nop = 0x90;
	ulong flags;

	pv_irq_enable();
	flags = poke_begin(); /* no site from here on: tracing one is a poke */
	EXPECT(!(native_save_fl() & X86_EFLAGS_IF));
	EXPECT(poke_write(poke_area, &other, 1));
	EXPECT_EQ(*(u8 *)POKE_BASE, other);
	EXPECT(poke_write(poke_victim + 6, &other, 1)); /* the next page */
	EXPECT_EQ(*(u8 *)(POKE_BASE + 3), other);
	EXPECT(poke_write(poke_area, &nop, 1));
	EXPECT_EQ(poke_area[0], nop);
	EXPECT(poke_write(poke_victim + 6, &nop, 1));
	poke_end(flags);
	EXPECT(pv_save_fl() & X86_EFLAGS_IF);
	expect_shut();
	flags = pv_irq_save();
	EXPECT(poke_text(poke_area, &nop, 1));
	EXPECT(!(pv_save_fl() & X86_EFLAGS_IF)); /* were off, stay off */
	pv_irq_restore(flags);
}

/*
 * The poke window writes to the frame that an image address has by the link; here another frame is
 * mapped at that address, as if the image lay elsewhere than thought.
 */
TEST(arch_poke_says_what_does_not_read_back)
{
	static const u8 bytes[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
	static const u8 lengths[] = {6, 9, 7}; /* a short site's, a long site's, neither */
	pa_t written = frame_alloc_zeroed(), seen = frame_alloc_zeroed();
	u8 *code = (u8 *)(KBASE + pa_num(written) - phys_base);
	pa_t there;

	REQUIRE(pa_ok(written) && pa_ok(seen) && (char *)code > __image_end &&
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
