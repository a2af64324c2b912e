/*
 * What a console is to the rest of the kernel: output is a log sink (lib/log.h: struct log_sink), input is this. A
 * driver holds one of each kind it can be; boot/console.c binds those that were found, all at once.
 */
#ifndef MACHINE_CONSOLE_H
#define MACHINE_CONSOLE_H

#include "lib/types.h"

struct console_input {
	/*
	 * The next byte that was typed, 0 to 255, -1: none. Never waits. Keys that are no character are the escape
	 * sequences that a VT220 sends. One caller at a time; its own interrupt may come meanwhile.
	 */
	int (*getc)(struct console_input *in);
	/* True if getc() would return a byte: asked with interrupts off before halting. NULL: no such device. */
	bool (*pending)(struct console_input *in);
};

#endif
