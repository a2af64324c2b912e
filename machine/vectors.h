/*
 * The vectors that are a CPU's own (machine/irq.h has the others): what it is sent by others, its timer's, and what its
 * interrupt controller says of itself. One line of LOCAL_VECTORS() is one of them, with what `irqs` calls it.
 *
 * Must not know: who handles them. Read next: machine/ipi.h.
 */
#ifndef MACHINE_VECTORS_H
#define MACHINE_VECTORS_H

#define VECTOR_LOCAL_FIRST 0xf0
#define VECTOR_LOCAL_LAST  0xfe /* each of them is ended; the spurious one behind it is not */

/* name, vector, text */
#define LOCAL_VECTORS(V)                                                                                               \
	V(CALL, 0xf0, "call of another CPU")                                                                           \
	V(PARK, 0xf1, "park")                                                                                          \
	V(RESCHED, 0xf2, "reschedule")                                                                                 \
	V(TIMER, 0xf3, "timer")                                                                                        \
	V(LAPIC_ERROR, 0xfe, "local APIC's error")                                                                     \
	V(LAPIC_SPURIOUS, 0xff, "local APIC's spurious")

enum {
#define VECTOR_(name, vector, text) VECTOR_##name = (vector),
	LOCAL_VECTORS(VECTOR_)
#undef VECTOR_
};

#endif
