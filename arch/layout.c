/* Where a loader put the image: see arch/layout.h. Set before anything is translated; boot/entry.asm runs where it is linked. */
#include "arch/layout.h"

ulong phys_base;
