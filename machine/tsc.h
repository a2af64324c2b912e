/*
 * The TSC's rate: who claims to know it, who was measured, and whom to believe. What is in machine/tsc.c is pure: CPUID
 * comes by a function, measurements as numbers, so that every choice is tested on the host. Measuring is
 * machine/tsc_calibrate.c's.
 *
 * Must not know: what the rate is used for. Read next: machine/tsc.c, machine/time.h.
 */
#ifndef MACHINE_TSC_H
#define MACHINE_TSC_H

#include "lib/types.h"

/* In order of trust: two claim, two are measured. */
enum tsc_source { TSC_BY_CPUID, TSC_BY_HYPERVISOR, TSC_BY_HPET, TSC_BY_PIT, TSC_SOURCES };
#define TSC_BY_NONE TSC_SOURCES

struct tsc_rate {
	u64 khz;       /* 0: this source is not there */
	u32 error_ppm; /* off by at most so much, as far as the source itself can tell */
};

struct tsc_choice {
	enum tsc_source source; /* TSC_BY_NONE: none is there */
	enum tsc_source judge;  /* the measured one that claims were held against; TSC_BY_NONE: there is none */
	u32 against;            /* BIT(source): is there, and does not agree with the chosen one */
	u32 loose;              /* BIT(source): measured, but left for one that was measured more tightly */
};

struct tsc_calibration {
	struct tsc_rate by[TSC_SOURCES];
	struct tsc_choice choice;
	const char *hpet_refused; /* why the HPET that ACPI names was not used; NULL: it was, or there is none */
};

/* Fills in the two claims by @cpuid (in: *eax leaf, *ecx subleaf). SDM 2A CPUID 15H, 16H; 0x40000010: VMware, KVM. */
void tsc_read_claims(struct tsc_rate by[TSC_SOURCES], void (*cpuid)(u32 *eax, u32 *ebx, u32 *ecx, u32 *edx));

/*
 * The most trusted source that does not lie. A claim is refused if it is further from what was measured than the
 * measurement's own error and one percent; with nothing measured it is believed. One that HPET or PIT bears out stands,
 * whatever the other says; a measurement that is off by more than half a percent has no say if the other is better.
 */
struct tsc_choice tsc_choose(const struct tsc_rate by[TSC_SOURCES]);

/* Boot log lines: what was taken, what was refused and why, what contradicts it. */
void tsc_report(const struct tsc_calibration *c);

#define TSC_RATE_TEXT 128
/* "2294.612 MHz +- 509 ppm, measured against the HPET" */
const char *tsc_rate_text(const struct tsc_calibration *c, char buf[TSC_RATE_TEXT]);

/*
 * Reads the claims, measures against HPET and PIT (2 ms each, 16 where the machine is busy), chooses. Changes nothing
 * but *@c; logs nothing. machine/tsc_calibrate.c. After acpi_init(); one CPU at a time.
 */
void tsc_calibrate(struct tsc_calibration *c);

#endif
