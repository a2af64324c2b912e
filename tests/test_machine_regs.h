/*
 * The C side of tests/test_machine_regs.asm: registers before and after an event. Shared by the tests of traps and of
 * interrupts. Not reentrant.
 */
#ifndef TESTS_TEST_MACHINE_REGS_H
#define TESTS_TEST_MACHINE_REGS_H

#include "arch/pt_regs.h"
#include "lib/types.h"

/* The general registers as struct pt_regs orders them (r15 first, rdi last), then rflags. */
#define PROBE_FLAGS 15

struct probe {
	u64 in[16], out[16];
	u64 rsp_moved; /* 0: the stack pointer came back */
};

/* Interrupts are off afterwards; probe_irq() waits for one interrupt with `sti; hlt`. */
void probe_ud2(struct probe *p);
void probe_int3(struct probe *p);
void probe_int81(struct probe *p);
void probe_nmi(struct probe *p);
void probe_irq(struct probe *p);

/* Where the event's first instruction stands. */
extern u8 probe_ud2_at[], probe_int3_at[], probe_int81_at[], probe_nmi_at[], probe_irq_at[];

/* CF PF AF ZF SF DF OF and ID: all flags that a program may keep. Interrupts off. */
#define PROBE_ALL_FLAGS 0x200cd7UL

/* A different value for every register, non-canonical as an address; @flags into rflags. */
static inline void probe_fill(struct probe *p, u64 flags)
{
	u64 i;

	for (i = 0; i < 15; i++)
		p->in[i] = (0xa5c3000000000001UL + i) * 0x0101010101010101UL;
	p->in[PROBE_FLAGS] = flags;
}

/*
 * For handlers: leaves nothing in the registers that a C function may use freely, and in those it must give back only
 * what it pushed, so that a register that the entry code forgot is seen.
 */
static inline void probe_scribble(void)
{
	asm volatile("mov $-1, %%rax\n\tmov %%rax, %%rcx\n\tmov %%rax, %%rdx\n\tmov %%rax, %%rsi\n\t"
		     "mov %%rax, %%rdi\n\tmov %%rax, %%r8\n\tmov %%rax, %%r9\n\tmov %%rax, %%r10\n\t"
		     "mov %%rax, %%r11\n\tmov %%rax, %%rbx\n\tmov %%rax, %%r12\n\tmov %%rax, %%r13\n\t"
		     "mov %%rax, %%r14\n\tmov %%rax, %%r15\n\tadd $1, %%eax" ::
			     : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "rbx", "r12", "r13", "r14",
			       "r15", "cc");
}

/* Expects out == in and an unmoved stack; @what names the event in a failure. */
void probe_expect_kept(const struct probe *p, const char *what);

#endif
