/*
 * The local APIC: how this CPU is addressed, sends to others and ends what they sent. By memory (xAPIC) or by MSRs
 * (x2APIC), chosen once: drivers of machine/ipi_ops.h's contract. SDM 3A 10; x2APIC 10.12.
 *
 * Must not know: what is sent and why. Read next: machine/lapic.c.
 */
#ifndef MACHINE_LAPIC_H
#define MACHINE_LAPIC_H

#include "lib/addr.h"
#include "machine/ipi_ops.h"
#include "machine/vectors.h"

/*
 * Chooses the way, by MSRs if @x2apic and the CPU can, and says which and why; maps the registers at @pa (xAPIC), and
 * turns this CPU's on. The PICs' interrupts go on arriving here. NULL: there is none, or no room to map it; then
 * nothing else here may be called.
 */
const struct ipi_ops *lapic_init(pa_t pa, bool x2apic);
/* "xAPIC", "x2APIC", or "nothing". */
const char *lapic_name(void);

u32 lapic_id(void);
/* Ends the interrupt in service that is the most urgent. */
void lapic_eoi(void);
/* Whether @vector was accepted and not ended yet. Interrupts off. */
bool lapic_in_service(unsigned vector);

#endif
