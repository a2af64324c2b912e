/* What a person sees when something goes wrong: registers, why, the page walk, and who called whom. */
#ifndef MACHINE_DUMP_H
#define MACHINE_DUMP_H

#include "arch/pt_regs.h"

/*
 * Prints @regs: vector and error code in words, registers, for #PF the walk of the address, a backtrace. Any context.
 */
void dump_trap(const struct pt_regs *regs);

/*
 * Prints the chain of frame pointers that begins at @rbp, each return address with its symbol; stops at the first frame
 * that is not on a kernel stack. @rip is printed as the first line unless 0.
 */
void dump_backtrace(ulong rip, ulong rbp);

/* The same for code that was interrupted there: it may have no frame of its own. */
void dump_interrupted(ulong rip, ulong rsp, ulong rbp);

/* The error code of @vector in words: "write, user, page not present". Pure. */
void dump_error_code(u64 vector, u64 error, char *buf, size_t size);

#endif
