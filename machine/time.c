/* The clock: see machine/time.h. */
#include "machine/time.h"

#include "arch/native.h"
#include "pvops/pvops.h"

static struct tsc_calibration calibration = {.choice = {TSC_BY_NONE, TSC_BY_NONE, 0, 0}};
static u64 khz = 1000000, clock_start;

/* ns = ticks * mult >> 32, exact to 2^-32; the 128-bit product never overflows. */
static u64 ns_mult = 1UL << 32;

u64 tsc_khz(void)
{
	return khz;
}

const struct tsc_calibration *tsc_calibration(void)
{
	return &calibration;
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

void time_init(void)
{
	clock_start = pv_read_tsc();
	tsc_calibrate(&calibration);
	if (calibration.choice.source != TSC_BY_NONE)
		khz = calibration.by[calibration.choice.source].khz;
	ns_mult = (1000000UL << 32) / khz;
	tsc_report(&calibration);
}
