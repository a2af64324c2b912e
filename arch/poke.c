/*
 * The poke window: see arch/poke.h. In .text.native because it runs while the ops are being patched and inside the #BP
 * handler: it must not depend on a single site. INVLPG serialises (SDM 3A 8.3), so code that was written is fetched
 * anew.
 */
#include "arch/poke.h"

#include "arch/layout.h"
#include "arch/native.h"
#include "arch/pte.h"
#include "arch/regs.h"
#include "arch/section.h"

u64 poke_page_table[512] __aligned(4096);
static pa_t window_pa;  /* frame now mapped in the window's first page, or PA_NONE */
static u32 window_busy; /* the window's lock: of its own, because a lock's release is a site */
bool poke_in_panic;

/* Two pages from @pa on; PA_NONE takes the window down. */
static __native void window_map(pa_t pa)
{
	const u64 flags = PTE_P | PTE_W | PTE_A | PTE_D | PTE_NX;

	poke_page_table[0] = pa_ok(pa) ? pa_num(pa) | flags : 0;
	poke_page_table[1] = pa_ok(pa) ? (pa_num(pa) + PAGE_SIZE) | flags : 0;
	native_flush_tlb_one_kernel(POKE_BASE);
	native_flush_tlb_one_kernel(POKE_BASE + PAGE_SIZE);
	window_pa = pa;
}

__native ulong poke_begin(void)
{
	ulong flags = native_save_fl();

	native_irq_disable();
	while (__atomic_exchange_n(&window_busy, 1, __ATOMIC_ACQUIRE) &&
	       !__atomic_load_n(&poke_in_panic, __ATOMIC_RELAXED))
		asm volatile("pause");
	return flags;
}

__native void poke_end(ulong flags)
{
	if (pa_ok(window_pa))
		window_map(PA_NONE);
	__atomic_store_n(&window_busy, 0, __ATOMIC_RELEASE);
	if (flags & X86_EFLAGS_IF)
		native_irq_enable();
}

/* Unaligned stores and loads of the two lengths that patchable sites have: fewer instructions than a string move. */
struct bytes6 {
	u32 low;
	u16 high;
} __packed;
struct bytes9 {
	u64 low;
	u8 high;
} __packed;

/* What is not a site of the page that the window shows. */
static __native bool write_slow(void *dst, const void *src, unsigned len)
{
	pa_t at = image_pa(dst), page = pa_down(at, PAGE_SIZE);
	void *to = (u8 *)POKE_BASE + pa_offset(at, PAGE_SIZE);
	const void *from = src, *seen = dst;
	ulong count = len;
	bool same;

	if (!pa_eq(page, window_pa))
		window_map(page);
	asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count)::"memory");
	from = src;
	count = len;
	asm volatile("repe cmpsb" : "+D"(seen), "+S"(from), "+c"(count), "=@ccz"(same)::"memory");
	return same;
}

#define WRITE_AND_READ_BACK(type)                                                                                      \
	({                                                                                                             \
		*(type *)to = *(const type *)src;                                                                      \
		asm volatile("" ::: "memory");                                                                         \
		((const type *)dst)->low == ((const type *)src)->low &&                                                \
			((const type *)dst)->high == ((const type *)src)->high;                                        \
	})

__native bool poke_write(void *dst, const void *src, unsigned len)
{
	pa_t at = image_pa(dst), page = pa_down(at, PAGE_SIZE);
	void *to = (u8 *)POKE_BASE + pa_offset(at, PAGE_SIZE);

	if (unlikely(!pa_eq(page, window_pa)))
		return write_slow(dst, src, len);
	if (len == sizeof(struct bytes6))
		return WRITE_AND_READ_BACK(struct bytes6);
	if (len == sizeof(struct bytes9))
		return WRITE_AND_READ_BACK(struct bytes9);
	return write_slow(dst, src, len);
}

__native bool poke_text(void *dst, const void *src, unsigned len)
{
	ulong flags = poke_begin();
	bool ok = poke_write(dst, src, len);

	poke_end(flags);
	return ok;
}
