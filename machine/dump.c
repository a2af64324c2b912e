/*
 * Trap dumps and backtraces: see machine/dump.h. Reads only what it has checked: it runs when everything else is
 * doubtful.
 */
#include "machine/dump.h"

#include "arch/regs.h"
#include "lib/ksyms.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "machine/traps.h"
#include "mmu/pt.h"
#include "mmu/region.h"
#include "pvops/pvops.h"

#define BACKTRACE_MAX 24
#define PUSH_RBP      0x55

static void print_address(const char *lead, ulong address)
{
	struct ksym sym;

	if (ksym_lookup(address, &sym))
		printk("%s%016lx %s+%#lx\n", lead, address, sym.name, sym.offset);
	else
		printk("%s%016lx\n", lead, address);
}

/* True if a frame, two words, lies at @at: all of it in one stack. */
static bool on_kernel_stack(ulong at)
{
	return IS_ALIGNED(at, 8) && region_is_stack(at) && region_is_stack(at + 8);
}

void dump_backtrace(ulong rip, ulong rbp)
{
	unsigned i;

	printk("backtrace:\n");
	if (rip)
		print_address("  ", rip);
	for (i = 0; i < BACKTRACE_MAX && on_kernel_stack(rbp); i++) {
		const ulong *frame = (const ulong *)rbp;

		if (!frame[1])
			return;
		print_address("  ", frame[1]);
		if (frame[0] <= rbp)
			return;
		rbp = frame[0];
	}
}

/* Page-fault error code: SDM 3A 4.7. Selector error codes: SDM 3A 6.13. */
void dump_error_code(u64 vector, u64 error, char *buf, size_t size)
{
	if (vector == X86_TRAP_PF)
		ksnprintf(buf, size, "%s by %s, %s%s",
			  error & X86_PF_INSTR   ? "fetch"
			  : error & X86_PF_WRITE ? "write"
						 : "read",
			  error & X86_PF_USER ? "user" : "supervisor",
			  error & X86_PF_PROT ? "not allowed" : "page not present",
			  error & X86_PF_RSVD ? ", reserved bit set" : "");
	else if (error)
		ksnprintf(buf, size, "%s selector %#lx%s",
			  error & 2   ? "IDT"
			  : error & 4 ? "LDT"
				      : "GDT",
			  error & 0xfff8, error & 1 ? ", external event" : "");
	else
		ksnprintf(buf, size, "none");
}

/*
 * Where the interrupted function returns to, if it has no frame of its own yet or at all (compilers give leaf functions
 * none): then the chain of frames begins one function too late. 0: it has a frame.
 */
static ulong leaf_return(ulong rip, ulong rsp)
{
	const ulong *stack = (const ulong *)rsp;
	struct ksym at;
	ulong to;

	if (!ksym_lookup(rip, &at) || !on_kernel_stack(rsp))
		return 0;
	if (at.offset == 0 || *(const u8 *)at.base != PUSH_RBP)
		to = stack[0];
	else if (at.offset == 1)
		to = stack[1];
	else
		return 0;
	return to >= (ulong)__text_start && to < (ulong)__text_end ? to : 0;
}

void dump_interrupted(ulong rip, ulong rsp, ulong rbp)
{
	print_address("at ", rip);
	dump_backtrace(leaf_return(rip, rsp), rbp);
}

void dump_trap(const struct pt_regs *r)
{
	char text[96];
	ulong cr2 = pv_read_cr2();

	dump_error_code(r->vector, r->error, text, sizeof(text));
	log_fresh_line();
	printk("trap: vector %lu, %s, in %s mode\n", r->vector, trap_name((unsigned)r->vector) ?: "interrupt",
	       user_mode(r) ? "user" : "kernel");
	printk("error code 0x%lx: %s\n", r->error, text);
	print_address("rip ", r->rip);
	printk("rsp %016lx  ss %04lx  cs %04lx  rflags %08lx\n", r->rsp, r->ss, r->cs, r->rflags);
	printk("rax %016lx  rbx %016lx  rcx %016lx  rdx %016lx\n", r->rax, r->rbx, r->rcx, r->rdx);
	printk("rsi %016lx  rdi %016lx  rbp %016lx  r8  %016lx\n", r->rsi, r->rdi, r->rbp, r->r8);
	printk("r9  %016lx  r10 %016lx  r11 %016lx  r12 %016lx\n", r->r9, r->r10, r->r11, r->r12);
	printk("r13 %016lx  r14 %016lx  r15 %016lx\n", r->r13, r->r14, r->r15);
	printk("cr0 %016lx  cr2 %016lx  cr3 %016lx  cr4 %016lx\n", pv_read_cr0(), cr2, pv_read_cr3(), pv_read_cr4());
	if (r->vector == X86_TRAP_PF || (r->vector == X86_TRAP_DF && cr2)) {
		struct pt_root live = pt_live_root();

		pt_describe(&live, cr2, printk);
	}
	if (!user_mode(r))
		dump_backtrace(leaf_return(r->rip, r->rsp), r->rbp);
}
