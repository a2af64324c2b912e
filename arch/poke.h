/*
 * The poke window: the only way in which kernel text is ever written. Text is read-only in every mapping; to change it,
 * its frames are mapped writable for the length of one poke at POKE_BASE, through a page table that is static, belongs
 * to this file and hangs in every root (boot's, and the kernel's own, which mmu/kspace.c builds).
 * Raw stores and raw invlpg: the window works before and while the ops themselves are patched.
 */
#ifndef ARCH_POKE_H
#define ARCH_POKE_H

#include "lib/types.h"

/* The window's page table: 512 entries, page-aligned, to be hung below the pmd entry of POKE_BASE. */
extern u64 poke_page_table[512];

/* Bytes the window maps at a time: two pages, so that an instruction may straddle one boundary. */
#define POKE_MAX PAGE_SIZE

/*
 * A batch of pokes: interrupts are off from begin to end (returns the flags to give to end). Within it the window stays
 * where the last poke left it, so that pokes in address order remap once per page. One CPU at a time, others spin
 * here with interrupts off. No batch in a batch; not from NMI.
 */
ulong poke_begin(void);
void poke_end(ulong flags);

/* A panic is under way: batches wait for nobody any more, since who holds the window may be what panicked. */
extern bool poke_in_panic;

/*
 * Writes @len bytes (at most POKE_MAX) at image address @dst, inside a batch, and reads them back through the image's
 * own mapping: false if they are not what was written. @dst must lie in the image.
 */
bool poke_write(void *dst, const void *src, unsigned len);

/* One poke in a batch of its own. */
bool poke_text(void *dst, const void *src, unsigned len);

#endif
