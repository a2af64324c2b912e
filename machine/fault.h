/*
 * Faults that are expected: instructions listed in .extable continue at their fixup instead of ending in a panic, and
 * the CPU's account of the fault is kept, so that a test can compare it (vector, error code, address).
 */
#ifndef MACHINE_FAULT_H
#define MACHINE_FAULT_H

#include "arch/pt_regs.h"
#include "arch/section.h"
#include "machine/percpu.h"
#include "pvops/pvops.h"

/* From trap_entry(): true if @regs now continue at a fixup. Records the fault on this CPU. */
bool fault_fixup(struct pt_regs *regs);

/* Forgets this CPU's last recorded fault. */
void fault_clear(void);
/* It, or vector FAULT_NONE; and forgets it. */
struct fault_record fault_take(void);

/* One access at @va. True: it went through; false: it faulted, and @record (may be NULL) says how. */
bool fault_read8(ulong va, u8 *value, struct fault_record *record);
bool fault_write8(ulong va, u8 value, struct fault_record *record);
/* Calls @va as a function without arguments; false if its first instruction could not be fetched or executed. */
bool fault_exec(ulong va, struct fault_record *record);

/*
 * Executes assembler text with a fixup behind it: FAULT_TRY("ud2"), FAULT_TRY("mov %0, %%cr4", "r"(x)). Only for code
 * in tests/ and .text.native where the text is sensitive. Afterwards fault_take() tells what happened.
 */
#define FAULT_TRY(text, ...)                                                                                           \
	do {                                                                                                           \
		fault_clear();                                                                                         \
		asm volatile("1: " text "\n2:\n" EXTABLE("1b", "2b")::__VA_ARGS__ : "memory", "cc", "rax");            \
	} while (0)

#endif
