/* The table of emulator deviations: tests/deviations.def. */
#ifndef TESTS_DEVIATIONS_H
#define TESTS_DEVIATIONS_H

#include "lib/types.h"

struct deviation {
	const char *id, *text;
	/* Either tells the emulator: CPUID leaf 0x40000000; begin of the brand. No signature: Bochs. */
	const char *signature, *brand;
};

/* The row called @id if the kernel runs where it applies, else NULL. An unknown id is a panic. */
const struct deviation *deviation_here(const char *id);

#endif
