/* Ending: the debug port that ends an emulator with a code, reset, power off, and standing still. */
#ifndef MACHINE_POWER_H
#define MACHINE_POWER_H

#include "lib/types.h"

/*
 * QEMU's isa-debug-exit: the emulator ends with code * 2 + 1. Bochs with port_e9_hack: prints the code as one byte, and
 * ends when "Shutdown" is written to its port (iodev/unmapped.cc). Elsewhere nothing happens, and it returns.
 */
#define DEBUG_EXIT_PORT     0xf4
#define BOCHS_DEBUG_PORT    0xe9
#define BOCHS_SHUTDOWN_PORT 0x8900
#define EXIT_PASSED         0x10 /* 33 */
#define EXIT_FAILED         0x11 /* 35 */
void machine_exit(u8 code);

/*
 * Bochs' debug port reads its own number; a PC has nothing there. Asked before the shutdown port is written, which is
 * not to be written blindly: on a PC it can be some device's.
 */
bool machine_in_bochs(void);
/* Waits, not for ever, until COM1 has sent all that it was given. */
void machine_serial_drain(void);

/* Interrupts off, halted, for ever. */
__noreturn void machine_halt(void);
/* Keyboard controller, then the chipset's reset port, then a triple fault. */
__noreturn void machine_reset(void);
/* Tries the known emulators' power-off ports; halts if none answers, having said so. */
__noreturn void machine_off(void);

/* Makes a panic print a backtrace, end by EXIT_FAILED, or halt. */
void machine_panic_init(void);

#endif
