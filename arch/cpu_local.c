/*
 * The list of CPUs, for rooms that must not know machine/. machine/cpu.c and machine/smp.c write it.
 *
 * Must not know: how CPUs are started. Read next: arch/cpu_local.h.
 */
#include "arch/cpu_local.h"

struct cpu_local *cpu_locals[NR_CPUS];
struct cpumask cpu_online = {{1}};
unsigned cpu_online_count = 1;
