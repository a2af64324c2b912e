/* The consoles: what shows the log, and where the monitor's input comes from. */
#ifndef BOOT_CONSOLE_H
#define BOOT_CONSOLE_H

/* Serial port on COM1 as a log sink, if there is one. First thing after entry. */
void console_init(void);

/* Input by interrupt where interrupts are seen to arrive, else by polling; tells the monitor. After traps and time. */
void console_input_init(void);

#endif
