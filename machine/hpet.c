/* The HPET's main counter: see machine/hpet.h. */
#include "machine/hpet.h"

#include "mmu/kspace.h"
#include "pvops/pvops.h"

enum { CAPABILITIES = 0x00 / 4, PERIOD = 0x04 / 4, CONFIG = 0x10 / 4, COUNTER = 0xf0 / 4 }; /* 32-bit words */

#define HPET_SIZE      0x400
#define CAP_64_BITS    BIT(13)
#define CONFIG_ENABLE  BIT(0)
#define STANDING_LOOKS 100000 /* at a counter that does not move, before it is given up */

const char *hpet_refusal(u64 capabilities)
{
	const u32 period = (u32)(capabilities >> 32);

	if (capabilities == ~0UL)
		return "nothing answers where ACPI has it";
	if (!period)
		return "its period is 0";
	if (period > HPET_PERIOD_MAX)
		return "its period is over 100 ns";
	return NULL;
}

/* Addresses of kspace_map_mmio() are not used again: one mapping, kept. */
static volatile u32 *map_once(pa_t pa)
{
	static volatile u32 *regs;
	static pa_t regs_pa;

	if (!regs || !pa_eq(regs_pa, pa)) {
		regs = kspace_map_mmio(pa, HPET_SIZE);
		regs_pa = pa;
	}
	return regs;
}

/* A bus may split a read of 64 bits, so the halves are read apart, the upper one until it stayed the same. */
void hpet_look(const struct hpet *h, struct hpet_look *look)
{
	u32 high = h->wide ? h->regs[COUNTER + 1] : 0, again, low;

	for (;; high = again) {
		look->before = pv_read_tsc();
		low = h->regs[COUNTER];
		look->after = pv_read_tsc();
		again = h->wide ? h->regs[COUNTER + 1] : 0;
		if (again == high)
			break;
	}
	look->count = (u64)high << 32 | low;
}

u64 hpet_ticks(const struct hpet *h, const struct hpet_look *first, const struct hpet_look *last)
{
	return h->wide ? last->count - first->count : (u32)(last->count - first->count);
}

static bool counts(const struct hpet *h)
{
	struct hpet_look first, now;

	hpet_look(h, &first);
	for (unsigned i = 0; i < STANDING_LOOKS; i++) {
		hpet_look(h, &now);
		if (now.count != first.count)
			return true;
	}
	return false;
}

const char *hpet_start(struct hpet *h, pa_t pa)
{
	const char *wrong;
	u32 low;

	h->regs = map_once(pa);
	if (!h->regs)
		return "it cannot be mapped";
	low = h->regs[CAPABILITIES];
	h->period_fs = h->regs[PERIOD];
	h->wide = low & CAP_64_BITS;
	wrong = hpet_refusal((u64)h->period_fs << 32 | low);
	if (wrong)
		return wrong;
	h->ran = h->regs[CONFIG] & CONFIG_ENABLE;
	if (!h->ran)
		h->regs[CONFIG] |= CONFIG_ENABLE;
	if (counts(h))
		return NULL;
	hpet_stop(h);
	return "its counter stands still";
}

void hpet_stop(const struct hpet *h)
{
	if (!h->ran)
		h->regs[CONFIG] &= ~(u32)CONFIG_ENABLE;
}
