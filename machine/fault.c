/* The exception table and recorded faults: see machine/fault.h. */
#include "machine/fault.h"

#include "arch/regs.h"

struct extable_entry {
	s32 insn, fixup; /* each relative to its own address */
};
extern const struct extable_entry __extable_start[], __extable_end[];

/* By the stack, not by GS: what trapped may be that GS is not the kernel's. */
static struct percpu *trapped_cpu(const struct pt_regs *regs)
{
	return percpu_by_stack((ulong)regs);
}

static void record(const struct pt_regs *regs, u64 address)
{
	trapped_cpu(regs)->fault = (struct fault_record){regs->vector, regs->error, address, regs->rip};
}

bool fault_fixup(struct pt_regs *regs)
{
	const struct percpu *cpu = trapped_cpu(regs);
	const struct extable_entry *e;
	u64 address = regs->vector == X86_TRAP_PF ? pv_read_cr2() : 0;

	/* fault_exec() is about to call this address; the call's return address is the fixup. */
	if (cpu->exec_target && regs->rip == cpu->exec_target) {
		record(regs, address);
		regs->rip = *(u64 *)regs->rsp;
		regs->rsp += 8;
		return true;
	}
	for (e = __extable_start; e < __extable_end; e++) {
		if ((ulong)&e->insn + (ulong)(long)e->insn != regs->rip)
			continue;
		record(regs, address);
		regs->rip = (ulong)&e->fixup + (ulong)(long)e->fixup;
		return true;
	}
	return false;
}

void fault_clear(void)
{
	this_cpu()->fault = (struct fault_record){FAULT_NONE, 0, 0, 0};
}

struct fault_record fault_take(void)
{
	struct fault_record r = this_cpu()->fault;

	fault_clear();
	return r;
}

static bool outcome(struct fault_record *out)
{
	struct fault_record r = fault_take();

	if (out)
		*out = r;
	return r.vector == FAULT_NONE;
}

bool fault_read8(ulong va, u8 *value, struct fault_record *out)
{
	u8 seen = 0;

	fault_clear();
	asm volatile("1: movb %1, %0\n2:\n" EXTABLE("1b", "2b") : "+q"(seen) : "m"(*(u8 *)va) : "memory");
	if (value)
		*value = seen;
	return outcome(out);
}

bool fault_write8(ulong va, u8 value, struct fault_record *out)
{
	fault_clear();
	asm volatile("1: movb %1, %0\n2:\n" EXTABLE("1b", "2b") : "=m"(*(u8 *)va) : "q"(value) : "memory");
	return outcome(out);
}

bool fault_exec(ulong va, struct fault_record *out)
{
	fault_clear();
	this_cpu()->exec_target = va;
	((void (*)(void))va)();
	this_cpu()->exec_target = 0;
	return outcome(out);
}
