/*
 * The local APIC's registers, for the drivers that it serves: by the numbers of x2APIC's MSRs (SDM 3A table 10-6),
 * whichever way they are reached.
 */
#ifndef MACHINE_LAPIC_PRIV_H
#define MACHINE_LAPIC_PRIV_H

#include "lib/types.h"
#include "machine/lapic.h"

enum {
	LAPIC_REG_ID = 0x02,
	LAPIC_REG_TPR = 0x08,
	LAPIC_REG_EOI = 0x0b,
	LAPIC_REG_SPURIOUS = 0x0f,
	LAPIC_REG_ISR = 0x10, /* eight of 32 vectors each */
	LAPIC_REG_ESR = 0x28,
	LAPIC_REG_ICR = 0x30
};
enum {
	LAPIC_REG_ICR_HIGH = 0x31,
	LAPIC_REG_LVT_TIMER = 0x32,
	LAPIC_REG_LVT_LINT0 = 0x35,
	LAPIC_REG_LVT_LINT1 = 0x36,
	LAPIC_REG_LVT_ERROR = 0x37
};

#define LVT_MASKED BIT(16)
#define LVT_EXTINT 0x700
#define LVT_NMI    0x400

/* What to do with whoever it is sent to: the low half of the interrupt command register, figure 10-12. */
#define ICR_NMI     0x0400
#define ICR_INIT    0x4500 /* level, assert */
#define ICR_STARTUP 0x4600 /* plus the page number of the code */

/* Starting CPUs, as struct ipi_ops has it: machine/lapic_start.c. */
const char *lapic_start_refuses(u32 id);
const char *lapic_start_begin(void);
void lapic_start_end(void);
u64 lapic_start_step(unsigned cpu, unsigned step);
u64 lapic_put_back(unsigned cpu);

/*
 * What decides between memory and MSRs. x2APIC is for who has remapped devices' interrupts (10.12.7), or whose
 * hypervisor routes them without; there is no way back from it without a reset.
 */
struct lapic_facts {
	bool capable;  /* the CPU can x2APIC at all: CPUID.1:ECX[21] */
	bool on;       /* the firmware left it on: IA32_APIC_BASE.EXTD */
	bool wanted;   /* by the command line */
	bool wide_ids; /* an enabled CPU's does not fit xAPIC's eight bits */
	bool guest;    /* CPUID.1:ECX[31] */
};

/* Those that this machine tells by itself: all but wanted. */
void lapic_find_facts(struct lapic_facts *facts);
/* True: x2APIC. *@why is the reason either way. */
bool lapic_choose(const struct lapic_facts *facts, const char **why);

/* One register of this CPU's, of 32 bits. After lapic_init(). */
u32 lapic_reg_read(unsigned reg);
void lapic_reg_write(unsigned reg, u32 value);

/* Sends CPU number @cpu @command, a vector or one of ICR_*; returns when it is on its way. */
void lapic_send(unsigned cpu, u32 command);

#endif
