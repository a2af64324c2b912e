/*
 * Scan codes of a PC keyboard, set 1, to the bytes of a terminal: US layout, Shift, Ctrl, Caps Lock, arrows
 * and their like as escape sequences. The keypad types digits. Pure. Facts: IBM PS/2 Technical Reference, "Scan Code
 * Set 1"; what the bytes mean to the line editor: boot/line.h.
 */
#ifndef MACHINE_SCANCODE_H
#define MACHINE_SCANCODE_H

#include "lib/types.h"

#define SCANCODE_BYTES 4 /* one code gives at most */

struct scancode {
	bool extended; /* the code before was 0xe0 */
	u8 skip;       /* codes that belong to the Pause key */
	bool shift_left, shift_right, ctrl_left, ctrl_right, caps;
};

/* Feeds one code; writes what it types to @out and returns how many bytes that is. */
u32 scancode_feed(struct scancode *s, u8 code, char out[SCANCODE_BYTES]);

#endif
