/*
 * The local APIC: how this CPU is addressed, sends to others and ends what they sent. By memory (xAPIC) or by MSRs
 * (x2APIC), chosen once. SDM 3A 10; x2APIC 10.12.
 *
 * Must not know: what is sent and why. Read next: machine/ipi.h.
 */
#ifndef MACHINE_LAPIC_H
#define MACHINE_LAPIC_H

#include "lib/types.h"

#define LAPIC_SPURIOUS 0xff /* its vector: never ended */

/* What to do with whoever it is sent to: low half of the interrupt command register, figure 10-12. */
#define LAPIC_NMI     0x0400
#define LAPIC_INIT    0x4500 /* level, assert */
#define LAPIC_STARTUP 0x4600 /* plus the page number of the code */

/*
 * Chooses the way, maps the registers at @pa (xAPIC), and turns this CPU's on. The PICs' interrupts go on arriving
 * here. False: there is none, or no room to map it; then nothing else here may be called.
 */
bool lapic_init(u64 pa);
/* The same for another CPU, by itself. Its PIC and NMI pins stay shut. */
void lapic_init_cpu(void);
/* "xAPIC", "x2APIC", or "nothing". */
const char *lapic_name(void);

u32 lapic_id(void);
/* Ends the interrupt in service. */
void lapic_eoi(void);
/*
 * Sends @command, a vector or LAPIC_*, to the CPU of @apic_id. Returns when it is on its way, at the latest after a
 * count of polls. Any context.
 */
void lapic_send(u32 apic_id, u32 command);

#endif
