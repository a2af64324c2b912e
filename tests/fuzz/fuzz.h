/*
 * What the fuzz targets share: libFuzzer's entry and a check that stops with a message. A target is
 * one file; its seeds come from tests/fuzz/seeds.py, its earlier finds from
 * tests/fuzz/corpus/NAME/.
 *
 * Must not know: any subject. Read next: tests/fuzz/run.py.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/types.h"

/* Called for each input; returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* For checks that return NULL or what is broken. */
static inline void must_hold(const char *fault)
{
	if (fault) {
		fprintf(stderr, "broken: %s\n", fault);
		abort();
	}
}

#endif
