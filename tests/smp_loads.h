/*
 * Loads for several CPUs at once: each is a function that any CPU may call at any time, over and over, and that counts
 * on both sides: what was sent, and what arrived, for each CPU that it was meant for. Nothing may get lost, so at the
 * end the two columns are equal. The storm of NMIs (tests/test_smp_nmi.c) falls into some of them; the soak
 * (tests/soak.c) runs all of them at once. A new load is a row of smp_loads[].
 */
#ifndef TESTS_SMP_LOADS_H
#define TESTS_SMP_LOADS_H

#include "arch/cpumask.h"
#include "lib/types.h"

struct smp_load {
	const char *name;
	/* One turn, interrupts on, not from an interrupt. What it looks at itself goes to smp_load_wrong(). */
	void (*turn)(struct smp_load *load, u64 random);
	/* Before the first turn and behind the last one, on the boot CPU, nobody in a turn; may be NULL. */
	void (*begin)(struct smp_load *load);
	void (*end)(struct smp_load *load);
	u8 kind;                              /* SMP_LOAD_* */
	u32 busy;                             /* SMP_LOAD_SINGLE: somebody is in it */
	u64 sent[NR_CPUS], received[NR_CPUS]; /* by the CPU that it is for */
};

#define SMP_LOAD_SINGLE 1 /* by one CPU at a time; a turn while another has it is nothing */
#define SMP_LOAD_BOOT   2 /* by the boot CPU alone */
#define SMP_LOAD_STORM  4 /* is by one CPU for itself: what NMIs are sent into */

extern struct smp_load smp_loads[];
extern const unsigned smp_load_count;

/* Brackets turns: counters to zero, handlers set; handlers back. Boot CPU. False: with the test failed. */
bool smp_loads_begin(void);
void smp_loads_end(void);
void smp_load_turn(struct smp_load *load, u64 random);

/* One NMI to CPU @to, this one too, within the brackets, unless somebody's is under way there. */
void smp_load_nmi(unsigned to);

/* A look of a load was not as it should be: counted, and the last few are named by smp_loads_report(). Any CPU. */
void smp_load_wrong(const struct smp_load *load, const char *what);

/* Prints a line for each load (@lines), and one for whatever is not as it should be; how much that was. */
unsigned smp_loads_report(bool lines);

#endif
