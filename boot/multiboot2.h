/*
 * Reads the boot information of a multiboot2 loader. Pure: over (pointer, length), for the image,
 * the host tests and the fuzzer alike.
 */
#ifndef BOOT_MULTIBOOT2_H
#define BOOT_MULTIBOOT2_H

#include "lib/boot_info.h"

/*
 * Fills @bi from @info, of which @limit bytes can be read (its own total_size says how many belong
 * to it). What is wrong with the input becomes a boot_problem() line naming offset, type and size
 * of the tag, and the rest is read on. Returns 0, or -1 when nothing can be trusted: then @bi holds
 * the problem alone. Reads nothing outside, keeps no pointer into @info.
 */
int multiboot2_parse(const void *info, size_t limit, struct boot_info *bi);

#endif
