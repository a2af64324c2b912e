/*
 * The boot option `report`: what there is to know of a machine, page by page on its screen, for a PC that has neither
 * serial port nor keyboard and a person with a camera.
 */
#ifndef BOOT_SLIDES_H
#define BOOT_SLIDES_H

#include "lib/types.h"

/*
 * Runs info, ops, test and bench, then shows what they printed, @seconds a page, over and over, until a key is pressed.
 * Interrupts on; where the screen is not known, pages are 80 x 24.
 */
void slides_run(u64 seconds);

/*
 * Shows what the RAM log has from position @from to @to, as pages of @cols x @rows characters, the last row of each
 * saying what it is; a pass of a test is left out. Each stands for @ns. True: a key was pressed, which ended it.
 */
bool slides_show(const char *title, u64 from, u64 to, u32 cols, u32 rows, u64 ns);

#endif
