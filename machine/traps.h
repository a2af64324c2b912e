/*
 * Exceptions and interrupts: the IDT's table, who handles a vector, and what happens when nobody does (a dump and a
 * panic). Handlers run with interrupts off, on the interrupted kernel stack (from user mode: the CPU's kernel stack).
 */
#ifndef MACHINE_TRAPS_H
#define MACHINE_TRAPS_H

#include "arch/pt_regs.h"
#include "lib/types.h"
#include "pvops/pv_types.h"

/* The one place in C that tells user from kernel; machine/entry.asm has its twin, IF_KERNEL. */
static inline bool user_mode(const struct pt_regs *regs)
{
	return (u16)regs->cs != pv_info.kernel_cs;
}

/* Fills and loads the IDT. After cpu_init_boot(). */
void traps_init(void);
/* Loads it: for the other CPUs. */
void traps_load(void);

/* True: the trap is dealt with and the interrupted code may go on. */
typedef bool (*trap_handler)(struct pt_regs *regs);

/* Sets the handler of an exception or interrupt vector; NULL takes it away. Returns the former one. */
trap_handler trap_set_handler(unsigned vector, trap_handler handler);

/* Whoever runs user code (task/, tests): first asked about traps from user mode; SYSCALL goes to the second. */
extern trap_handler trap_user_handler;
extern void (*trap_syscall_handler)(struct pt_regs *regs);

/* "#PF page fault" and its like; NULL for vectors that are not exceptions. */
const char *trap_name(unsigned vector);

/* On all CPUs together: how many NMIs arrived, interrupts on vectors without a handler, interrupts on @vector. */
u64 trap_nmi_count(void);
u64 trap_unexpected_count(void);
u64 trap_irq_count(unsigned vector);

/* machine/entry.asm: leaves for what @regs say, giving up the stack below. */
__noreturn void entry_return(struct pt_regs *regs);

/* C side of the entries: called by machine/entry.asm only. */
void trap_entry(struct pt_regs *regs);
bool syscall_entry(struct pt_regs *regs);
__noreturn void trap_fatal(struct pt_regs *regs);
void nmi_raw(struct pt_regs *regs);
bool bp_raw(struct pt_regs *regs);

#endif
