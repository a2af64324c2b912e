/*
 * The VGA's text screen: cells of character and attribute in memory, as the card itself shows them. Found by the boot
 * loader's word, or by the card's registers. Facts: IBM VGA, as in FreeVGA: Graphics register 6, CRTC 0x0a.
 *
 * Must not know: who mapped the memory.
 */
#ifndef MACHINE_VGATEXT_H
#define MACHINE_VGATEXT_H

#include "lib/log.h"
#include "machine/term.h"

#define VGATEXT_BASE 0xb8000UL
#define VGATEXT_COLS 80
#define VGATEXT_ROWS 25

struct vgatext {
	struct log_sink sink; /* add it with log_add_sink() */
	struct term *term;
	volatile u16 *base;
	u32 pitch; /* cells */
};

/* True if there is a VGA, and it shows text from VGATEXT_BASE. Changes nothing but which register is selected. */
bool vgatext_probe(void);

/* Takes the screen mapped at @base, @pitch bytes a row, blanks it and hides the card's own cursor. */
void vgatext_init(struct vgatext *v, volatile void *base, u32 cols, u32 rows, u32 pitch, struct term *term);

#endif
