/*
 * Text on a linear framebuffer: pixels of 15, 16, 24 or 32 bits, any size and pitch, colours where the boot loader says
 * they are. The framebuffer is only ever written: what is shown is known from the cells (machine/term.h). Large screens
 * get larger pixels, so that the cells fit and a photograph can be read.
 *
 * Must not know: who mapped the framebuffer, what is written.
 */
#ifndef MACHINE_FBCON_H
#define MACHINE_FBCON_H

#include "lib/boot_info.h"
#include "lib/log.h"
#include "machine/term.h"

struct fbcon {
	struct log_sink sink; /* add it with log_add_sink() */
	struct term *term;
	volatile u8 *base;
	u32 pitch;      /* bytes */
	u8 bytes;       /* of a pixel */
	u8 scale;       /* pixels of the screen, each way, that a pixel of the font takes */
	u32 colour[16]; /* the VGA's, as pixels */
};

/*
 * Why @fb cannot be used; NULL: it can. What the parser has checked (the lines lie within the pitch) is relied on.
 */
const char *fbcon_refuses(const struct boot_framebuffer *fb);

/* How many bytes of @fb are written to: what must be mapped. */
u64 fbcon_size(const struct boot_framebuffer *fb);

/*
 * Takes @fb, which fbcon_refuses() does not refuse, mapped at @base, and blanks it. @term is the driver's from now on.
 */
void fbcon_init(struct fbcon *f, const struct boot_framebuffer *fb, volatile void *base, struct term *term);

#endif
