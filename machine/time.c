/*
 * Calibration and clocks: see machine/time.h. Channel 2 of the PIT counts down with its gate opened by port 0x61 and
 * shows its output there, so that no interrupt is needed. Facts: Intel 8254 data sheet, mode 0.
 */
#include "machine/time.h"

#include "arch/native.h"
#include "machine/pit.h"
#include "pvops/pvops.h"

#define PORT_B 0x61 /* bit 0: gate of channel 2, bit 1: speaker, bit 5: output of channel 2 */

/*
 * A window of the PIT is 2 ms. Whoever runs us may take the CPU away in the middle of one: each window brackets its two
 * ends by the TSC, and the first whose brackets are tight enough is taken, else the tightest.
 */
#define WINDOW_COUNT (PIT_HZ * 2 / 1000)
#define WINDOW_TRIES 8
#define WINDOW_PPM   1000                     /* tight enough */
#define WINDOW_POLLS 200000                   /* an absent PIT must not hang the boot */
#define PIT_PPM      (1000000 / WINDOW_COUNT) /* it begins to count at its next tick; emulators at once */

static u64 khz = 1000000, clock_start;
static u32 error_ppm;

struct window {
	u64 least, most; /* TSC ticks that the count took */
};

/* ns = ticks * mult >> 32, exact to 2^-32; the 128-bit product never overflows. */
static u64 ns_mult = 1UL << 32;

u64 tsc_khz(void)
{
	return khz;
}

u32 tsc_error_ppm(void)
{
	return error_ppm;
}

u64 tsc_to_ns(u64 t)
{
	return (u64)((unsigned __int128)t * ns_mult >> 32);
}

__noinline u64 time_ns(void)
{
	return pv_sched_clock();
}

u64 native_sched_clock(void)
{
	return tsc_to_ns(pv_read_tsc() - clock_start);
}

/* Counts one window down on channel 2. False: the output is not low at first, or never rises. */
static bool measure(struct window *w)
{
	u64 before_start, after_start, low, now;
	unsigned polls;

	pv_outb(0xb0, PIT_CMD); /* channel 2, both bytes, mode 0: output rises when the count is through */
	pv_outb((u8)WINDOW_COUNT, PIT_CH2);
	before_start = pv_read_tsc();
	pv_outb((u8)(WINDOW_COUNT >> 8), PIT_CH2);
	after_start = low = pv_read_tsc();
	if (pv_inb(PORT_B) & 0x20)
		return false;
	for (polls = 0; polls < WINDOW_POLLS; polls++) {
		now = pv_read_tsc();
		if (pv_inb(PORT_B) & 0x20) {
			w->least = low - after_start;
			w->most = pv_read_tsc() - before_start;
			return true;
		}
		low = now;
	}
	return false;
}

/* Half of the window's uncertainty, in millionths of its length. */
static u64 window_ppm(const struct window *w)
{
	return (w->most - w->least) * 1000000 / (w->most + w->least);
}

bool time_init(void)
{
	struct window w, best = {0, ~0UL >> 24};
	u8 port_b = pv_inb(PORT_B) & 0xfc;
	unsigned tries;

	clock_start = pv_read_tsc();
	pv_outb(port_b | 1, PORT_B);
	for (tries = 0; tries < WINDOW_TRIES && window_ppm(&best) > WINDOW_PPM; tries++) {
		if (!measure(&w))
			continue; /* no PIT; or we were stopped for the whole window */
		if (window_ppm(&w) < window_ppm(&best))
			best = w;
	}
	pv_outb(port_b, PORT_B);
	if (!best.least)
		return false;
	error_ppm = (u32)window_ppm(&best) + PIT_PPM;
	khz = (best.least + best.most) / 2 * PIT_HZ / WINDOW_COUNT / 1000;
	ns_mult = (1000000UL << 32) / khz;
	return true;
}
