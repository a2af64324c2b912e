/*
 * Where a loader put the image, and the numbers of arch/layout.h for those who cannot include it.
 *
 * Must not know: who reads phys_base. Read next: arch/layout.h, linker.ld.
 */
#include "arch/layout.h"

#include "lib/ksyms.h"

/* Set before anything is translated; boot/entry.asm runs where it is linked. */
ulong phys_base;

/* Absolute symbols, by which linker.ld proves that its numbers are the same. */
#define TELL_LINKER(name, value)  TELL_LINKER_(name, value)
#define TELL_LINKER_(name, value) asm(".globl " #name "\n" #name " = " #value)
TELL_LINKER(__layout_kbase, KBASE_CONST);
TELL_LINKER(__layout_lma, KERNEL_LMA_CONST);
TELL_LINKER(__layout_kstack_slot, KSTACK_SLOT);

_Static_assert(KSYM_BASE == KBASE_CONST, "symbols are told by their distance from where the image is linked");
