/* The consoles: what shows the log, and where the monitor's input comes from. */
#ifndef BOOT_CONSOLE_H
#define BOOT_CONSOLE_H

/* Serial port on COM1 as a log sink, if there is one. First thing after entry. */
void console_init(void);

/*
 * Gives the log its lock; input by interrupt where interrupts are seen to arrive, else by polling; tells the monitor.
 * After traps and time, interrupts off.
 */
void console_input_init(void);

/* Prints how input comes, and the serial port's counters since boot. */
void console_report(void);

/* The next byte of input or -1; waiting for one to come. The monitor's, told by console_input_init(). */
int console_getc(void);
void console_idle(void);

#endif
