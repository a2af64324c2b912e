/*
 * What an exception or a software interrupt leaves behind: nothing. And that assembly and C mean the same structs: the
 * numbers NASM saw, and the order in which the entry code pushes. Interrupts by hardware: tests/test_machine_irq.c.
 */
#include "tests/test_machine_regs.h"

#include "arch/layout.h"
#include "arch/regs.h"
#include "lib/string.h"
#include "machine/percpu.h"
#include "machine/traps.h"
#include "pvops/pvops.h"
#include "tests/ktest.h"

extern const u64 asm_saw[];

void probe_expect_kept(const struct probe *p, const char *what)
{
	static const char *const names[16] = {"r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10",
					      "r9",  "r8",  "rax", "rcx", "rdx", "rsi", "rdi", "rflags"};
	unsigned i;

	for (i = 0; i < 16; i++)
		if (p->out[i] != p->in[i])
			ktest_fail(__FILE__, __LINE__, "%s: %s is %#lx, was %#lx", what, names[i], p->out[i], p->in[i]);
	if (p->rsp_moved)
		ktest_fail(__FILE__, __LINE__, "%s: rsp moved by %ld bytes", what, (long)p->rsp_moved);
}

static struct pt_regs seen;
static unsigned seen_count, skip;

static bool record(struct pt_regs *regs)
{
	seen = *regs;
	seen_count++;
	regs->rip += skip;
	probe_scribble();
	return true;
}

/* One event of @vector through @run, with a handler that sees it and spoils every register. */
static void try_event(struct probe *p, void (*run)(struct probe *), unsigned vector, unsigned advance, const char *what)
{
	trap_handler former = trap_set_handler(vector, record);
	ulong flags = pv_irq_save();

	probe_fill(p, PROBE_ALL_FLAGS);
	seen_count = 0;
	skip = advance;
	run(p);
	pv_irq_restore(flags);
	trap_set_handler(vector, former);
	EXPECT_EQ(seen_count, 1);
	probe_expect_kept(p, what);
}

TEST(machine_regs_survive_an_exception)
{
	struct probe p;

	try_event(&p, probe_ud2, X86_TRAP_UD, 2, "ud2");
	EXPECT_EQ(seen.vector, X86_TRAP_UD);
	EXPECT_EQ(seen.rip, (ulong)probe_ud2_at);
}

TEST(machine_regs_survive_a_breakpoint)
{
	struct probe p;

	try_event(&p, probe_int3, X86_TRAP_BP, 0, "int3");
	EXPECT_EQ(seen.rip, (ulong)probe_int3_at + 1);
}

TEST(machine_regs_survive_a_software_interrupt)
{
	struct probe p;
	u64 unexpected = trap_unexpected_count();

	try_event(&p, probe_int81, 0x81, 0, "int 0x81");
	EXPECT_EQ(seen.vector, 0x81);
	EXPECT_EQ(seen.error, 0);
	EXPECT_EQ(seen.rip, (ulong)probe_int81_at + 2);
	EXPECT_EQ(trap_unexpected_count(), unexpected); /* it had a handler */
}

/* The NMI's entry is one of its own, which C's trap handlers never see. */
TEST(machine_regs_survive_an_nmi)
{
	struct probe p;
	u64 nmis = trap_nmi_count();
	ulong flags = pv_irq_save();

	probe_fill(&p, PROBE_ALL_FLAGS);
	probe_nmi(&p);
	pv_irq_restore(flags);
	EXPECT_EQ(trap_nmi_count(), nmis + 1);
	probe_expect_kept(&p, "nmi");
}

/* Every register is pushed where struct pt_regs has it, and the CPU's own part is the interrupted code's. */
TEST(machine_regs_are_pushed_in_the_order_of_pt_regs)
{
	struct probe p;

	try_event(&p, probe_ud2, X86_TRAP_UD, 2, "ud2");
	EXPECT(memcmp(&seen, p.in, 15 * sizeof(u64)) == 0);
	EXPECT_EQ(seen.r15, p.in[0]);
	EXPECT_EQ(seen.rbp, p.in[4]);
	EXPECT_EQ(seen.rax, p.in[10]);
	EXPECT_EQ(seen.rdi, p.in[14]);
	EXPECT_EQ(seen.rflags & ~X86_EFLAGS_RF, PROBE_ALL_FLAGS);
	EXPECT_EQ(seen.cs, pv_info.kernel_cs);
	EXPECT_EQ(seen.ss, pv_info.kernel_ss);
	EXPECT(!user_mode(&seen));
}

TEST(machine_asm_saw_the_same_structs)
{
	const u64 want[] = {
		offsetof(struct pt_regs, vector),
		offsetof(struct pt_regs, rip),
		offsetof(struct pt_regs, cs),
		offsetof(struct pt_regs, rsp),
		offsetof(struct pt_regs, rcx),
		offsetof(struct pt_regs, r11),
		sizeof(struct pt_regs),
		VECTOR_SYSCALL,
		offsetof(struct percpu, user_rsp),
		offsetof(struct percpu, kernel_rsp),
		offsetof(struct pv_info, kernel_cs),
		offsetof(struct pv_info, user_cs),
		offsetof(struct pv_info, user_ss),
		PV_TYPE(cpu, swapgs),
		PV_TYPE(cpu, iret),
		PV_TYPE(cpu, usergs_sysret64),
		PV_TYPES,
		KSTACK_SLOT,
		KBASE,
		DIRECT_BASE,
		POKE_BASE,
		SEL_KERNEL_CS,
		SEL_KERNEL_DS,
		0x5a5a,
	};
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(want); i++)
		EXPECT_EQ(asm_saw[i], want[i]);
	EXPECT_EQ(offsetof(struct percpu, self), 0); /* this_cpu() is mov gs:0 */
}
