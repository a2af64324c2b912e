/* What the tests see of the test backend: tests/backend_mirror.c. */
#ifndef TESTS_BACKEND_MIRROR_H
#define TESTS_BACKEND_MIRROR_H

#include "lib/types.h"

extern u8 mirror_if;         /* 1: interrupts enabled, as the backend last saw it */
extern u64 mirror_io_delays; /* calls of its io_delay */

#endif
