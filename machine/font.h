/*
 * The built-in font: 8x16 pixels, ASCII only, since the log is. tools/font.py makes font_data.c; its licence stands
 * there and in LICENSE.
 */
#ifndef MACHINE_FONT_H
#define MACHINE_FONT_H

#include "lib/types.h"

#define FONT_WIDTH  8
#define FONT_HEIGHT 16
#define FONT_FIRST  0x20
#define FONT_GLYPHS 96 /* 0x20 to 0x7e, and the box */

/* A byte a line, the left pixel in bit 7. Linked into .rodata.font, which the size check leaves out. */
extern const u8 font_glyphs[FONT_GLYPHS][FONT_HEIGHT];

/* The glyph of @c; the box where the font has none. */
static inline const u8 *font_glyph(u8 c)
{
	return font_glyphs[c < FONT_FIRST || c >= FONT_FIRST + FONT_GLYPHS ? FONT_GLYPHS - 1 : c - FONT_FIRST];
}

#endif
