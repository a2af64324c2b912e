/*
 * Reads what a PVH loader hands over. Pure: its pointers are physical addresses, which are followed
 * through a view of memory only; in the image that is the boot map of the low 4 GiB, on the host an
 * array.
 */
#ifndef BOOT_PVH_H
#define BOOT_PVH_H

#include "lib/boot_info.h"

/* Physical memory from 0 to size, readable at base. */
struct phys_view {
	const u8 *base;
	u64 size; /* bytes */
};

/*
 * Fills @bi from the start_info at physical address @info_pa. What is wrong with the input becomes
 * a boot_problem() line, and the rest is read on. Returns 0, or -1 when it is no start_info: then
 * @bi holds the problem alone. Reads nothing outside @mem, keeps no pointer into it.
 */
int pvh_parse(const struct phys_view *mem, u64 info_pa, struct boot_info *bi);

#endif
