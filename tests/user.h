/*
 * Ring 3 for tests: two mappings in the low half of the live kernel tables, one page of code (tests/user_asm.asm) and
 * two of data and stack, and a run that ends with the first trap that the test does not take for itself. Interrupts are
 * off in the kernel while a run is set up; user mode runs with the flags that the test gives it. One run at a time.
 *
 *	struct pt_regs regs = user_regs(user_ud2);
 *	user_run(&regs);
 *	EXPECT_EQ(regs.vector, X86_TRAP_UD);
 */
#ifndef TESTS_USER_H
#define TESTS_USER_H

#include "arch/pt_regs.h"
#include "lib/types.h"

#define USER_CODE  0x10000000UL
#define USER_DATA  0x10010000UL /* writable, not executable: one page for data, */
#define USER_STACK 0x10012000UL /* one for the stack below this */

/* What the word at USER_DATA + 8 holds: user mode's GS base is USER_DATA + 8. */
#define USER_MARK 0x757365726d61726bUL

/* The programs; a test names them, user_va() says where they are in user mode. */
extern u8 user_page[], user_syscall[], user_syscall_back[], user_ud2[], user_cli[], user_in[], user_hlt[], user_int3[],
	user_int4[], user_int81[], user_read[], user_write[], user_jump[], user_gs[], user_spin[], user_step[],
	user_flags[], user_gp_address[];

/*
 * Maps and allocates; false, with the test failed, if that cannot be done. user_teardown() in either case; it checks
 * for leaks.
 */
bool user_setup(void);
void user_teardown(void);

/* The kernel's view of the data page. */
u8 *user_data(void);

static inline ulong user_va(const u8 *program)
{
	return USER_CODE + (ulong)(program - user_page);
}

/* Registers to begin @program with: a different value in each, the stack's top, interrupts off. */
struct pt_regs user_regs(const u8 *program);

/*
 * What a test wants to do at an entry; both may be NULL. They may change @regs, and run on the kernel stack of user
 * mode's entries with the kernel's GS. on_trap returns true to go on in user mode; false ends the run. A syscall goes
 * on unless the handler calls user_stop().
 */
extern void (*user_on_syscall)(struct pt_regs *regs);
extern bool (*user_on_trap)(struct pt_regs *regs);
void user_stop(struct pt_regs *regs);

/*
 * Enters user mode with @regs, which hold the state at the end of the run when this returns. At every entry GS, the
 * kernel stack and the flags are checked. Counts entries by kind.
 */
void user_run(struct pt_regs *regs);
extern unsigned user_syscall_count, user_trap_count;

/* One end of a program: how, and with which rip. */
#define EXPECT_STOP(r, want_vector, want_error, want_rip)                                                              \
	do {                                                                                                           \
		EXPECT_EQ((r).vector, want_vector);                                                                    \
		EXPECT_EQ((r).error, want_error);                                                                      \
		EXPECT_EQ((r).rip, want_rip);                                                                          \
		EXPECT_EQ((r).cs, SEL_USER_CS);                                                                        \
		EXPECT_EQ((r).ss, SEL_USER_DS);                                                                        \
	} while (0)

#endif
