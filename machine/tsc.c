/*
 * Whom to believe about the TSC's rate: see machine/tsc.h. Firmware, hypervisors and emulators are known to claim a
 * crystal that the TSC does not follow, so a claim is held against a clock before it is taken. Facts: SDM 3B 18.7.3,
 * SDM 2A CPUID 15H and 16H; what to do where ECX of 15H is 0 is Linux' answer (arch/x86/kernel/tsc.c).
 */
#include "machine/tsc.h"

#include "lib/log.h"
#include "lib/printf.h"
#include "lib/string.h"

#define CRYSTAL_PPM      100          /* what quartz crystals are sold with: no source says its own */
#define HOST_PPM         500          /* what Linux is content with when it measures the TSC whose rate it tells */
#define SLACK_PPM        10000        /* beyond a measurement's own error, before somebody is called a liar */
#define LOOSE_PPM        5000         /* a measurement as bad as this is worth less than a tighter one */
#define KHZ_MAX          1000000000UL /* a claim of more is refused as this: sums stay within 64 bits */
#define MODEL_GOLDMONT_D 0x5f         /* family 6: does not say that its crystal has 25 MHz */

static const char *const names[TSC_SOURCES] = {
	[TSC_BY_CPUID] = "CPUID leaf 15h",
	[TSC_BY_HYPERVISOR] = "the hypervisor's leaf 0x40000010",
	[TSC_BY_HPET] = "the HPET",
	[TSC_BY_PIT] = "the PIT",
};

/* ---- the claims ---- */

struct leaf {
	u32 eax, ebx, ecx, edx;
};

typedef void cpuid_fn(u32 *eax, u32 *ebx, u32 *ecx, u32 *edx);

static struct leaf leaf(cpuid_fn *cpuid, u32 number)
{
	struct leaf l = {number, 0, 0, 0};

	cpuid(&l.eax, &l.ebx, &l.ecx, &l.edx);
	return l;
}

static struct tsc_rate rate_by_crystal(cpuid_fn *cpuid)
{
	struct leaf top = leaf(cpuid, 0), ratio, id;
	struct tsc_rate rate = {0, CRYSTAL_PPM};

	if (top.eax < 0x15 || top.ebx != 0x756e6547) /* "Genu": nobody else defines these leaves */
		return rate;
	ratio = leaf(cpuid, 0x15);
	id = leaf(cpuid, 1);
	if (!ratio.eax || !ratio.ebx)
		return rate;
	if (!ratio.ecx &&
	    (id.eax & 0xf0ff0) == ((MODEL_GOLDMONT_D & 0xf0) << 12 | 6 << 8 | (MODEL_GOLDMONT_D & 0xf) << 4))
		ratio.ecx = 25000000;
	if (ratio.ecx) {
		rate.khz = min((u64)ratio.ecx * ratio.ebx / ratio.eax / 1000, KHZ_MAX);
	} else if (top.eax >= 0x16) {
		/* The crystal that gives the base frequency by this ratio: so the TSC has the base frequency. */
		rate.khz = (leaf(cpuid, 0x16).eax & 0xffff) * 1000UL;
		if (rate.khz)
			rate.error_ppm += (u32)(500000000 / rate.khz); /* it is given in MHz */
	}
	return rate;
}

static struct tsc_rate rate_by_hypervisor(cpuid_fn *cpuid)
{
	struct tsc_rate rate = {0, HOST_PPM};

	if (leaf(cpuid, 1).ecx & BIT(31) && leaf(cpuid, 0x40000000).eax >= 0x40000010)
		rate.khz = min((u64)leaf(cpuid, 0x40000010).eax, KHZ_MAX);
	return rate;
}

void tsc_read_claims(struct tsc_rate by[TSC_SOURCES], cpuid_fn *cpuid)
{
	by[TSC_BY_CPUID] = rate_by_crystal(cpuid);
	by[TSC_BY_HYPERVISOR] = rate_by_hypervisor(cpuid);
}

/* ---- the choice ---- */

static bool is_measured(enum tsc_source s)
{
	return s >= TSC_BY_HPET;
}

static bool agree(const struct tsc_rate by[TSC_SOURCES], enum tsc_source a, enum tsc_source b)
{
	u64 apart = by[a].khz > by[b].khz ? by[a].khz - by[b].khz : by[b].khz - by[a].khz;
	u64 slack = SLACK_PPM;

	if (is_measured(a))
		slack += by[a].error_ppm;
	if (is_measured(b))
		slack += by[b].error_ppm;
	return apart * 1000000 <= slack * max(by[a].khz, by[b].khz);
}

/* Those that may judge claims: all that were measured tightly, else the tightest. A mask. */
static u32 find_judges(const struct tsc_rate by[TSC_SOURCES])
{
	const struct tsc_rate *hpet = &by[TSC_BY_HPET], *pit = &by[TSC_BY_PIT];
	u32 judges = (hpet->khz ? BIT(TSC_BY_HPET) : 0) | (pit->khz ? BIT(TSC_BY_PIT) : 0);

	if (!hpet->khz || !pit->khz)
		return judges;
	if (hpet->error_ppm > LOOSE_PPM && hpet->error_ppm > pit->error_ppm)
		judges &= ~BIT(TSC_BY_HPET);
	else if (pit->error_ppm > LOOSE_PPM && pit->error_ppm > hpet->error_ppm)
		judges &= ~BIT(TSC_BY_PIT);
	return judges;
}

static bool borne_out(const struct tsc_rate by[TSC_SOURCES], enum tsc_source claim, u32 judges)
{
	for (enum tsc_source s = TSC_BY_HPET; s < TSC_SOURCES; s++)
		if (judges & BIT(s) && agree(by, claim, s))
			return true;
	return !judges;
}

struct tsc_choice tsc_choose(const struct tsc_rate by[TSC_SOURCES])
{
	u32 judges = find_judges(by);
	struct tsc_choice c = {.source = TSC_BY_NONE, .judge = TSC_BY_NONE};
	enum tsc_source s;

	for (s = TSC_SOURCES; s-- > 0;) {
		if (judges & BIT(s))
			c.judge = s;
		if (is_measured(s) ? !!(judges & BIT(s)) : by[s].khz && borne_out(by, s, judges))
			c.source = s;
	}
	for (s = 0; s < TSC_SOURCES && c.source != TSC_BY_NONE; s++) {
		if (by[s].khz && !agree(by, s, c.source))
			c.against |= BIT(s);
		else if (by[s].khz && is_measured(s) && s < c.source)
			c.loose |= BIT(s);
	}
	return c;
}

/* ---- in words ---- */

static const char *mhz_text(const struct tsc_rate *rate, char buf[TSC_RATE_TEXT])
{
	ksnprintf(buf, TSC_RATE_TEXT, "%lu.%03lu MHz +- %u ppm", rate->khz / 1000, rate->khz % 1000, rate->error_ppm);
	return buf;
}

const char *tsc_rate_text(const struct tsc_calibration *c, char buf[TSC_RATE_TEXT])
{
	const enum tsc_source s = c->choice.source, judge = c->choice.judge;
	char own[TSC_RATE_TEXT], judged[TSC_RATE_TEXT];

	if (s == TSC_BY_NONE)
		return "taken to be 1000 MHz";
	mhz_text(&c->by[s], own);
	if (is_measured(s))
		ksnprintf(buf, TSC_RATE_TEXT, "%s, measured against %s", own, names[s]);
	else if (judge == TSC_BY_NONE)
		ksnprintf(buf, TSC_RATE_TEXT, "%s, by %s, not checked: no HPET, no PIT", own, names[s]);
	else
		ksnprintf(buf, TSC_RATE_TEXT, "%s, by %s; %s says %s", own, names[s], names[judge],
			  mhz_text(&c->by[judge], judged));
	return buf;
}

static void report_other(const struct tsc_calibration *c, enum tsc_source s)
{
	const struct tsc_choice *choice = &c->choice;
	char text[TSC_RATE_TEXT], judge[TSC_RATE_TEXT];

	mhz_text(&c->by[s], text);
	if (choice->loose & BIT(s))
		log_line("time", "%s says %s: left, %s was measured more tightly", names[s], text,
			 names[choice->source]);
	else if (!(choice->against & BIT(s)))
		return;
	else if (!is_measured(s) && s < choice->source)
		log_line("time", "%s says %s: refused, %s says %s", names[s], text, names[choice->judge],
			 mhz_text(&c->by[choice->judge], judge));
	else
		log_line("time", "%s says %s: that contradicts %s", names[s], text, names[choice->source]);
}

void tsc_report(const struct tsc_calibration *c)
{
	char text[TSC_RATE_TEXT];

	if (c->hpet_refused)
		log_line("time", "HPET refused: %s", c->hpet_refused);
	log_line("time", "TSC %s%s", tsc_rate_text(c, text),
		 c->choice.source == TSC_BY_NONE ? ": CPUID does not say, no HPET or PIT answers" : "");
	for (enum tsc_source s = 0; s < TSC_SOURCES; s++)
		report_other(c, s);
}
