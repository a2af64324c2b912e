/*
 * machine/tsc.c: which source of the TSC's rate is believed, by struct and by the words of the log; what CPUID's leaves
 * claim, by a model of CPUID. Measuring is the in-kernel suite's.
 */
#include "tests/host/host.h"

#include "lib/log.h"
#include "machine/tsc.h"

/* ---- claims ---- */

static struct {
	u32 top, eax15, ebx15, ecx15, mhz16, signature, hyper_top, hyper_khz;
	bool amd, guest;
} cpu;

static void model_cpuid(u32 *eax, u32 *ebx, u32 *ecx, u32 *edx)
{
	const u32 number = *eax;

	*eax = *ebx = *ecx = *edx = 0;
	if (number < 0x40000000 && number > cpu.top) {
		*eax = *ebx = *ecx = *edx = 0xdeadbeef; /* what is beyond the highest is garbage */
		return;
	}
	switch (number) {
	case 0:
		*eax = cpu.top;
		*ebx = cpu.amd ? 0x68747541 : 0x756e6547;
		break;
	case 1:
		*eax = cpu.signature;
		*ecx = cpu.guest ? 1U << 31 : 0;
		break;
	case 0x15:
		*eax = cpu.eax15;
		*ebx = cpu.ebx15;
		*ecx = cpu.ecx15;
		break;
	case 0x16:
		*eax = 0xabcd0000 | cpu.mhz16; /* the upper half is reserved */
		break;
	case 0x40000000:
		*eax = cpu.guest ? cpu.hyper_top : 0xdeadbeef;
		break;
	case 0x40000010:
		*eax = cpu.hyper_khz;
		break;
	}
}

static struct tsc_rate by[TSC_SOURCES];

static void claims(void)
{
	memset(by, 0x5a, sizeof(by));
	tsc_read_claims(by, model_cpuid);
	assert_int_equal(by[TSC_BY_PIT].khz, 0x5a5a5a5a5a5a5a5a); /* not its business */
}

static void machine_tsc_claims_of_cpuid(void **state)
{
	(void)state;
	memset(&cpu, 0, sizeof(cpu));
	cpu.top = 0x16;
	cpu.eax15 = 2;
	cpu.ebx15 = 216;
	cpu.ecx15 = 24000000;
	cpu.mhz16 = 2500; /* the crystal is the better one */
	claims();
	assert_int_equal(by[TSC_BY_CPUID].khz, 2592000);
	assert_int_equal(by[TSC_BY_CPUID].error_ppm, 100);
	cpu.ecx15 = 0;
	claims();
	assert_int_equal(by[TSC_BY_CPUID].khz, 2500000);
	assert_int_equal(by[TSC_BY_CPUID].error_ppm, 300); /* half a MHz more */
	cpu.signature = 0x000506f1;                        /* Denverton */
	claims();
	assert_int_equal(by[TSC_BY_CPUID].khz, 2700000);
	cpu.signature = 0x000506e3; /* Skylake: its ID differs in one bit */
	claims();
	assert_int_equal(by[TSC_BY_CPUID].khz, 2500000);
	cpu.ecx15 = cpu.ebx15 = 0xffffffff;
	cpu.eax15 = 1;
	claims();
	assert_int_equal(by[TSC_BY_CPUID].khz, 1000000000); /* too much for any, and for a u64 soon */
}

static void machine_tsc_claims_that_are_none(void **state)
{
	(void)state;
	memset(&cpu, 0, sizeof(cpu));
	cpu.top = 0x15;
	cpu.eax15 = 2;
	cpu.ebx15 = 200;
	claims();
	assert_int_equal(by[TSC_BY_CPUID].khz, 0); /* no crystal, and no leaf 16h */
	cpu.top = 0x16;
	claims();
	assert_int_equal(by[TSC_BY_CPUID].khz, 0); /* no base frequency */
	cpu.mhz16 = 2000;
	claims();
	assert_int_equal(by[TSC_BY_CPUID].khz, 2000000);
	cpu.eax15 = 0;
	claims();
	assert_int_equal(by[TSC_BY_CPUID].khz, 0);
	cpu.eax15 = 2;
	cpu.ebx15 = 0;
	claims();
	assert_int_equal(by[TSC_BY_CPUID].khz, 0);
	cpu.ebx15 = 200;
	cpu.amd = true;
	claims();
	assert_int_equal(by[TSC_BY_CPUID].khz, 0);
	cpu.amd = false;
	cpu.top = 0x14;
	claims();
	assert_int_equal(by[TSC_BY_CPUID].khz, 0);
}

static void machine_tsc_claim_of_a_hypervisor(void **state)
{
	(void)state;
	memset(&cpu, 0, sizeof(cpu));
	cpu.top = 0xd;
	cpu.hyper_khz = 2294612;
	cpu.hyper_top = 0x40000010;
	claims();
	assert_int_equal(by[TSC_BY_HYPERVISOR].khz, 0); /* CPUID.1:ECX[31] is 0: the leaves are not defined */
	cpu.guest = true;
	claims();
	assert_int_equal(by[TSC_BY_HYPERVISOR].khz, 2294612);
	assert_int_equal(by[TSC_BY_HYPERVISOR].error_ppm, 500);
	cpu.hyper_khz = 0xffffffff;
	claims();
	assert_int_equal(by[TSC_BY_HYPERVISOR].khz, 1000000000);
	cpu.hyper_khz = 2294612;
	cpu.hyper_top = 0x4000000f;
	claims();
	assert_int_equal(by[TSC_BY_HYPERVISOR].khz, 0);
	assert_int_equal(by[TSC_BY_CPUID].khz, 0);
}

/* ---- the choice ---- */

#define GHZ(khz, ppm)                                                                                                  \
	{                                                                                                              \
		khz, ppm                                                                                               \
	}
#define NONE GHZ(0, 0)
#define B(s) (u32) BIT(TSC_BY_##s)

static const struct row {
	const char *what;
	struct tsc_rate by[TSC_SOURCES]; /* CPUID, hypervisor, HPET, PIT */
	enum tsc_source source, judge;
	u32 against, loose;
} rows[] = {
	{"nobody", {NONE, NONE, NONE, NONE}, TSC_BY_NONE, TSC_BY_NONE, 0, 0},
	{"the PIT alone", {NONE, NONE, NONE, GHZ(2000000, 900)}, TSC_BY_PIT, TSC_BY_PIT, 0, 0},
	{"the HPET alone", {NONE, NONE, GHZ(2000000, 900), NONE}, TSC_BY_HPET, TSC_BY_HPET, 0, 0},
	{"both measured", {NONE, NONE, GHZ(2000000, 900), GHZ(2001000, 500)}, TSC_BY_HPET, TSC_BY_HPET, 0, 0},
	{"both, and not alike", {NONE, NONE, GHZ(2000000, 9), GHZ(2100000, 500)}, TSC_BY_HPET, TSC_BY_HPET, B(PIT), 0},
	{"a loose HPET", {NONE, NONE, GHZ(2010000, 30000), GHZ(2000000, 900)}, TSC_BY_PIT, TSC_BY_PIT, 0, B(HPET)},
	{"both loose", {NONE, NONE, GHZ(2010000, 30000), GHZ(2000000, 40000)}, TSC_BY_HPET, TSC_BY_HPET, 0, 0},
	{"a loose PIT has no say",
	 {GHZ(3000000, 0), NONE, GHZ(2000000, 50), GHZ(2800000, 400000)},
	 TSC_BY_HPET,
	 TSC_BY_HPET,
	 B(CPUID),
	 0},
	{"all say the same",
	 {GHZ(2000000, 100), GHZ(2000100, 100), GHZ(2000200, 50), GHZ(1999000, 900)},
	 TSC_BY_CPUID,
	 TSC_BY_HPET,
	 0,
	 0},
	{"a hypervisor's word",
	 {NONE, GHZ(2000100, 100), NONE, GHZ(1999000, 900)},
	 TSC_BY_HYPERVISOR,
	 TSC_BY_PIT,
	 0,
	 0},
	{"one percent and the error", {GHZ(1000000, 0), NONE, GHZ(990001, 0), NONE}, TSC_BY_CPUID, TSC_BY_HPET, 0, 0},
	{"more than that", {GHZ(1000000, 0), NONE, GHZ(989999, 0), NONE}, TSC_BY_HPET, TSC_BY_HPET, B(CPUID), 0},
	{"within its error", {GHZ(1000000, 0), NONE, GHZ(985001, 5000), NONE}, TSC_BY_CPUID, TSC_BY_HPET, 0, 0},
	{"a claim's own error counts not",
	 {GHZ(1000000, 90000), NONE, GHZ(985001, 0), NONE},
	 TSC_BY_HPET,
	 TSC_BY_HPET,
	 B(CPUID),
	 0},
	{"CPUID lies",
	 {GHZ(3600000, 100), GHZ(1000000, 100), GHZ(1000200, 50), GHZ(1000000, 900)},
	 TSC_BY_HYPERVISOR,
	 TSC_BY_HPET,
	 B(CPUID),
	 0},
	{"both lie",
	 {GHZ(3600000, 100), GHZ(900000, 100), NONE, GHZ(1000000, 900)},
	 TSC_BY_PIT,
	 TSC_BY_PIT,
	 B(CPUID) | B(HYPERVISOR),
	 0},
	{"the HPET lies",
	 {GHZ(2000000, 0), NONE, GHZ(1500000, 50), GHZ(2000500, 900)},
	 TSC_BY_CPUID,
	 TSC_BY_HPET,
	 B(HPET),
	 0},
	{"nothing to hold it against",
	 {GHZ(2000000, 0), GHZ(2500000, 0), NONE, NONE},
	 TSC_BY_CPUID,
	 TSC_BY_NONE,
	 B(HYPERVISOR),
	 0},
	{"the hypervisor's, unchecked", {NONE, GHZ(2500000, 0), NONE, NONE}, TSC_BY_HYPERVISOR, TSC_BY_NONE, 0, 0},
	{"the largest numbers",
	 {GHZ(1000000000, 0), GHZ(1000000000, 0), GHZ(1000, 0xffffffff), NONE},
	 TSC_BY_CPUID,
	 TSC_BY_HPET,
	 0,
	 0},
};

static void machine_tsc_choice(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct tsc_choice c = tsc_choose(rows[i].by);

		if (c.source != rows[i].source || c.judge != rows[i].judge || c.against != rows[i].against ||
		    c.loose != rows[i].loose)
			fail_msg("%s: source %u, judge %u, against %#x, loose %#x", rows[i].what, c.source, c.judge,
				 c.against, c.loose);
	}
}

/* ---- in words ---- */

static const char *said(const char *what, const char *hpet_refused)
{
	static char text[2048];
	struct tsc_calibration c = {.hpet_refused = hpet_refused};

	log_capture(text, sizeof(text));
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		if (strcmp(rows[i].what, what) != 0)
			continue;
		memcpy(c.by, rows[i].by, sizeof(c.by));
		c.choice = tsc_choose(c.by);
		tsc_report(&c);
	}
	log_capture_end();
	return text;
}

static void machine_tsc_words(void **state)
{
	(void)state;
	assert_string_equal(said("both measured", NULL),
			    "time        TSC 2000.000 MHz +- 900 ppm, measured against the HPET\n");
	assert_string_equal(
		said("CPUID lies", NULL),
		"time        TSC 1000.000 MHz +- 100 ppm, by the hypervisor's leaf 0x40000010; the HPET says "
		"1000.200 MHz +- 50 ppm\n"
		"time        CPUID leaf 15h says 3600.000 MHz +- 100 ppm: refused, the HPET says "
		"1000.200 MHz +- 50 ppm\n");
	assert_string_equal(said("the PIT alone", "its period is 0"),
			    "time        HPET refused: its period is 0\n"
			    "time        TSC 2000.000 MHz +- 900 ppm, measured against the PIT\n");
	assert_string_equal(said("both, and not alike", NULL),
			    "time        TSC 2000.000 MHz +- 9 ppm, measured against the HPET\n"
			    "time        the PIT says 2100.000 MHz +- 500 ppm: that contradicts the HPET\n");
	assert_string_equal(
		said("a loose HPET", NULL),
		"time        TSC 2000.000 MHz +- 900 ppm, measured against the PIT\n"
		"time        the HPET says 2010.000 MHz +- 30000 ppm: left, the PIT was measured more tightly\n");
	assert_string_equal(said("nothing to hold it against", NULL),
			    "time        TSC 2000.000 MHz +- 0 ppm, by CPUID leaf 15h, not checked: no HPET, no PIT\n"
			    "time        the hypervisor's leaf 0x40000010 says 2500.000 MHz +- 0 ppm: that contradicts "
			    "CPUID leaf 15h\n");
	assert_string_equal(said("nobody", NULL),
			    "time        TSC taken to be 1000 MHz: CPUID does not say, no HPET or PIT answers\n");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(machine_tsc_claims_of_cpuid),
	cmocka_unit_test(machine_tsc_claims_that_are_none),
	cmocka_unit_test(machine_tsc_claim_of_a_hypervisor),
	cmocka_unit_test(machine_tsc_choice),
	cmocka_unit_test(machine_tsc_words),
};

HOST_MAIN("machine_tsc", tests)
