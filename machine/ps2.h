/*
 * The PS/2 keyboard behind an 8042 controller, polled or by its interrupt. Made for controllers that are not there or
 * do not answer: every wait ends after PS2_WAIT_NS. Facts: IBM PS/2 Technical Reference, "Keyboard and Auxiliary Device
 * Controller"; a mouse on the same controller is switched off.
 *
 * Must not know: which interrupt it has (boot/console.c routes that), what is typed.
 */
#ifndef MACHINE_PS2_H
#define MACHINE_PS2_H

#include "lib/types.h"
#include "machine/console.h"
#include "machine/scancode.h"
#include "pvops/qspinlock.h"

#define PS2_RING    64        /* bytes, a power of two */
#define PS2_WAIT_NS 100000000 /* a keyboard answers within 20 ms */

enum ps2_state { PS2_NO_CONTROLLER, PS2_NO_KEYBOARD, PS2_KEYBOARD };

struct ps2 {
	struct console_input input;
	enum ps2_state state;
	struct qspinlock lock; /* of what follows, and of the controller's ports */
	struct scancode decoder;
	u8 ring[PS2_RING];
	u32 head, tail;
	u64 dropped; /* bytes, because nobody read them */
};

/* Looks for controller and keyboard and sets them up; codes are translated to set 1. After time_init(). */
enum ps2_state ps2_init(struct ps2 *p);

/* Lets the keyboard raise its interrupt; whoever gets that interrupt calls ps2_irq(). */
void ps2_irq_enable(struct ps2 *p);
void ps2_irq(struct ps2 *p);

#endif
