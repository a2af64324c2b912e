/* From the loader's memory map to the kernel's own page tables. */
#ifndef BOOT_MEMORY_H
#define BOOT_MEMORY_H

#include "lib/boot_info.h"

/* Frame allocator, final page tables, audit; reports each. Refuses, in words, a machine it cannot live on. */
void memory_init(struct boot_info *bi);

#endif
