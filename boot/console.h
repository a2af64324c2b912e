/* The consoles: what shows the log, and where the monitor's input comes from. */
#ifndef BOOT_CONSOLE_H
#define BOOT_CONSOLE_H

#include "lib/boot_info.h"

/* Serial port on COM1 as a log sink, if there is one. First thing after entry. */
void console_init(void);

/*
 * The screen as a log sink: what was logged so far appears on it. After memory_init(); before that only to say why the
 * machine goes no further. A second call does nothing.
 */
void console_screen_init(const struct boot_info *bi);

/*
 * Gives the log its lock; input by interrupt where interrupts are seen to arrive, else by polling; tells the monitor.
 * After traps and time, interrupts off.
 */
void console_input_init(void);

/*
 * Where no device's interrupt arrives, but a timer's is seen to, the idle loop halts all the same and looks at the
 * inputs when that comes. After timer_init(), interrupts on.
 */
void console_timer_init(void);

/* The screen's size in characters; 80 x 24 if there is none, as a terminal at the serial line most likely has. */
void console_screen_size(u32 *cols, u32 *rows);

/* Prints how input comes, and the serial port's counters since boot. */
void console_report(void);

/* The next byte of input or -1; waiting for one to come. The monitor's, told by console_input_init(). */
int console_getc(void);
void console_idle(void);
/* As console_idle(), and not if *@stop, which an interrupt sets. */
void console_idle_unless(const bool *stop);

#endif
