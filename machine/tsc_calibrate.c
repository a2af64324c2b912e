/*
 * Measuring the TSC: see tsc_calibrate() in machine/tsc.h. A window is 2 ms by the HPET, or by channel 2 of the PIT: it
 * counts down with its gate opened by port 0x61 and shows its output there, so that no interrupt is needed. Facts:
 * Intel 8254 data sheet, mode 0; IA-PC HPET 1.0a.
 *
 * Whoever runs us may take the CPU away in the middle of one: each window brackets its two ends by the TSC, and the
 * first whose brackets are tight enough is taken, else the tightest. With the HPET it may grow meanwhile.
 */
#include "machine/acpi.h"
#include "machine/hpet.h"
#include "machine/pit.h"
#include "machine/tsc.h"
#include "pvops/pvops.h"

#define PORT_B       0x61 /* bit 0: gate of channel 2, bit 1: speaker, bit 5: output of channel 2 */

#define WINDOW_COUNT (PIT_HZ * 2 / 1000)
#define WINDOW_FS    2000000000000UL
#define WINDOW_TRIES 8
#define FIRST_LOOKS  4
#define WINDOW_PPM   1000                     /* tight enough */
#define SECOND_PPM   5000                     /* for one that only bears the other out */
#define WINDOW_POLLS 200000                   /* what is absent must not hang the boot */
#define TICKS_MAX    10000000000UL            /* in a window; times 10^9 is still a u64 */
#define PIT_PPM      (1000000 / WINDOW_COUNT) /* it begins to count at its next tick; emulators at once */

struct window {
	u64 least, most; /* TSC ticks that it took */
	u64 ps;          /* its length by the other clock */
	u32 tick_ppm;    /* what one tick of that clock is of its length */
};

static const struct window no_window = {0, ~0UL >> 24, 1, 0};

/* Half of the window's uncertainty, in millionths of its length. */
static u64 window_ppm(const struct window *w)
{
	return (w->most - w->least) * 1000000 / (w->most + w->least);
}

enum outcome { MEASURED, MISSED, DEAD };

/* Counts one window down on channel 2. MISSED: the output is not low at first; DEAD: it never rises. */
static enum outcome pit_window(struct window *w)
{
	u64 before_start, after_start, low, now;
	unsigned polls;

	pv_outb(0xb0, PIT_CMD); /* channel 2, both bytes, mode 0: output rises when the count is through */
	pv_outb((u8)WINDOW_COUNT, PIT_CH2);
	before_start = pv_read_tsc();
	pv_outb((u8)(WINDOW_COUNT >> 8), PIT_CH2);
	after_start = low = pv_read_tsc();
	if (pv_inb(PORT_B) & 0x20)
		return MISSED;
	for (polls = 0; polls < WINDOW_POLLS; polls++) {
		now = pv_read_tsc();
		if (pv_inb(PORT_B) & 0x20) {
			*w = (struct window){.least = low - after_start,
					     .most = pv_read_tsc() - before_start,
					     .ps = WINDOW_COUNT * 1000000000000UL / PIT_HZ,
					     .tick_ppm = PIT_PPM};
			return MEASURED;
		}
		low = now;
	}
	return DEAD;
}

static struct tsc_rate rate_of(const struct window *w)
{
	if (!w->least)
		return (struct tsc_rate){0, 0};
	return (struct tsc_rate){(w->least + w->most) / 2 * 1000000000 / w->ps, (u32)window_ppm(w) + w->tick_ppm};
}

static struct tsc_rate measure_by_pit(u64 enough_ppm)
{
	struct window w, best = no_window;
	u8 port_b = pv_inb(PORT_B) & 0xfc;

	pv_outb(port_b | 1, PORT_B);
	for (unsigned tries = 0; tries < WINDOW_TRIES && window_ppm(&best) > enough_ppm; tries++) {
		enum outcome outcome = pit_window(&w);

		if (outcome == DEAD)
			break;
		/* No PIT; or we were stopped for the whole window, or for long. */
		if (outcome == MEASURED && w.most <= TICKS_MAX && window_ppm(&w) < window_ppm(&best))
			best = w;
	}
	pv_outb(port_b, PORT_B);
	return rate_of(&best);
}

/* The tightest of a few. */
static void tight_look(const struct hpet *h, struct hpet_look *best)
{
	struct hpet_look look;

	hpet_look(h, best);
	for (unsigned i = 1; i < FIRST_LOOKS; i++) {
		hpet_look(h, &look);
		if (look.after - look.before < best->after - best->before)
			*best = look;
	}
}

/*
 * The PIT is measured within the HPET's window, so that both take 2 ms. That window then grows until it is tight
 * enough, to 16 ms; of its ends the tightest is taken.
 */
static bool hpet_window(const struct hpet *h, struct window *w, struct tsc_rate *pit)
{
	const u64 goal = WINDOW_FS / h->period_fs;
	struct hpet_look first, last;
	struct window now;
	unsigned polls = 0;
	u64 ticks;

	*w = no_window;
	tight_look(h, &first);
	*pit = measure_by_pit(SECOND_PPM);
	do {
		tight_look(h, &last);
		ticks = hpet_ticks(h, &first, &last);
		if (ticks < goal || ticks > ~0UL / h->period_fs)
			continue;
		now = (struct window){.least = last.before - first.after,
				      .most = last.after - first.before,
				      .ps = ticks * h->period_fs / 1000,
				      .tick_ppm = (u32)(1000000 / ticks + 1)};
		if (now.most <= TICKS_MAX && window_ppm(&now) < window_ppm(w))
			*w = now;
	} while (++polls < WINDOW_POLLS && ticks < WINDOW_TRIES * goal && window_ppm(w) > WINDOW_PPM);
	return w->least;
}

/* HPET and PIT; without an HPET the PIT is not measured here. */
static void measure_by_hpet(struct tsc_calibration *c)
{
	struct window w;
	struct hpet hpet;

	c->by[TSC_BY_HPET] = (struct tsc_rate){0, 0};
	c->hpet_refused = NULL;
	if (!acpi_info.hpet.pa)
		return;
	c->hpet_refused = hpet_start(&hpet, pa(acpi_info.hpet.pa));
	if (c->hpet_refused)
		return;
	if (hpet_window(&hpet, &w, &c->by[TSC_BY_PIT]))
		c->by[TSC_BY_HPET] = rate_of(&w);
	else
		c->hpet_refused = "its counter does not advance as its period says";
	hpet_stop(&hpet);
}

void tsc_calibrate(struct tsc_calibration *c)
{
	tsc_read_claims(c->by, pv_cpuid);
	measure_by_hpet(c);
	if (!c->by[TSC_BY_HPET].khz)
		c->by[TSC_BY_PIT] = measure_by_pit(WINDOW_PPM);
	c->choice = tsc_choose(c->by);
}
