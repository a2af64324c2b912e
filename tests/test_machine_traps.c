/*
 * Every exception that ring 0 can provoke arrives with its vector, error code and rip, #PF with its address, and
 * continues at its fixup; those that report behind the instruction arrive at their handler. A table says what is
 * provoked and what the manual promises (SDM 3A 6.15). User mode: tests/test_machine_user.c.
 */
#include "arch/cpufeature.h"
#include "arch/layout.h"
#include "arch/regs.h"
#include "machine/fault.h"
#include "machine/traps.h"
#include "mmu/fixmap.h"
#include "mmu/frame.h"
#include "pvops/pvops.h"
#include "tests/ktest.h"

#define NON_CANONICAL 0x8000000000000000UL
#define PAGE_ZERO     0x123UL
#define SEL_BEYOND    0x78 /* no such entry in the GDT */

/* One instruction at the global label @name, with a fixup behind it. Its function is never inlined: one label. */
#define PROVOKE(name, text, ...)                                                                                       \
	extern u8 name##_at[];                                                                                         \
	__noinline static void name(void)                                                                              \
	{                                                                                                              \
		asm volatile(".globl " #name "_at\n" #name "_at:\t" text                                               \
			     "\n9:\n" EXTABLE(#name "_at", "9b")::__VA_ARGS__                                          \
			     : "memory", "cc", "rax", "rdx");                                                          \
	}

PROVOKE(try_de, "divb %b0", "c"(0))
PROVOKE(try_ud, "ud2", )
PROVOKE(try_gp_address, "movb (%0), %%al", "c"(NON_CANONICAL))
PROVOKE(try_gp_selector, "mov %0, %%es", "c"(SEL_BEYOND))
PROVOKE(try_gp_ldt, "mov %0, %%es", "c"(0x0c)) /* there is no LDT */
PROVOKE(try_gp_busy_tss, "ltr %w0", "c"(SEL_TSS))
PROVOKE(try_np, "mov %0, %%es", "c"(SEL_TLS0))
PROVOKE(try_ss_selector, "mov %0, %%ss", "c"(SEL_TLS0))
PROVOKE(try_pf_read, "movb (%0), %%al", "c"(PAGE_ZERO))
PROVOKE(try_pf_write, "movb %%al, (%0)", "c"(PAGE_ZERO))
PROVOKE(try_pf_text, "movb %%al, (%0)", "c"(__text_start))
PROVOKE(try_nm, "fnop", )
PROVOKE(try_mf, "fwait", )

/* A data segment that is not present, in the first thread-local slot. */
static void absent_segment(bool on)
{
	struct thread_struct t = {{{on ? 0x00cf13000000ffff : 0}}};

	pv_load_tls(&t, this_cpu()->id);
}

static void fpu_off(bool on)
{
	ulong cr0 = pv_read_cr0();

	pv_write_cr0(on ? cr0 | X86_CR0_TS : cr0 & ~X86_CR0_TS);
}

/* An x87 division by zero, unmasked: pending until the next instruction that waits. */
static void fpu_error(bool on)
{
	static const u16 unmasked = 0x037f & ~0x0004;

	if (on)
		asm volatile("fninit\n\tfldcw %0\n\tfld1\n\tfldz\n\tfdivrp" ::"m"(unmasked));
	else
		asm volatile("fninit");
}

static const struct provocation {
	const char *name;
	void (*run)(void);
	u8 *at;
	void (*prepare)(bool on);
	u64 vector, error, address;
} provocations[] = {
	{"#DE by a division", try_de, try_de_at, NULL, 0, 0, 0},
	{"#UD by ud2", try_ud, try_ud_at, NULL, 6, 0, 0},
	{"#NM with CR0.TS", try_nm, try_nm_at, fpu_off, 7, 0, 0},
	{"#NP by a segment", try_np, try_np_at, absent_segment, 11, SEL_TLS0, 0},
	{"#SS by a segment", try_ss_selector, try_ss_selector_at, absent_segment, 12, SEL_TLS0, 0},
	{"#GP by an address", try_gp_address, try_gp_address_at, NULL, 13, 0, 0},
	{"#GP by a selector", try_gp_selector, try_gp_selector_at, NULL, 13, SEL_BEYOND, 0},
	{"#GP by an LDT selector", try_gp_ldt, try_gp_ldt_at, NULL, 13, 0x0c, 0},
	{"#GP by a busy TSS", try_gp_busy_tss, try_gp_busy_tss_at, NULL, 13, SEL_TSS, 0},
	{"#PF by a read", try_pf_read, try_pf_read_at, NULL, 14, 0, PAGE_ZERO},
	{"#PF by a write", try_pf_write, try_pf_write_at, NULL, 14, X86_PF_WRITE, PAGE_ZERO},
	{"#PF by a write to text", try_pf_text, try_pf_text_at, NULL, 14, X86_PF_WRITE | X86_PF_PROT,
	 (ulong)__text_start},
	{"#MF by a division", try_mf, try_mf_at, fpu_error, 16, 0, 0},
};

TEST(machine_traps_faults_arrive_as_documented)
{
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(provocations); i++) {
		const struct provocation *p = &provocations[i];
		struct fault_record got;

		if (p->prepare)
			p->prepare(true);
		fault_clear();
		p->run();
		got = fault_take();
		if (p->prepare)
			p->prepare(false);
		if (got.vector != p->vector || got.error != p->error || got.address != p->address ||
		    got.rip != (ulong)p->at)
			ktest_fail(__FILE__, __LINE__,
				   "%s: vector %lu error %#lx address %#lx at %#lx, not %lu %#lx %#lx at %p", p->name,
				   got.vector, got.error, got.address, got.rip, p->vector, p->error, p->address,
				   (void *)p->at);
	}
}

/* A non-canonical address by way of rbp is the stack segment's fault (SDM 3A 6.15, #SS). */
TEST(machine_traps_stack_address_is_ss)
{
	struct fault_record got;

	fault_clear();
	asm volatile("push %%rbp\n\tmov %0, %%rbp\n"
		     "1:\tmovb (%%rbp), %%al\n"
		     "2:\tpop %%rbp\n" EXTABLE("1b", "2b")::"c"(NON_CANONICAL)
		     : "memory", "rax");
	got = fault_take();
	EXPECT_EQ(got.error, 0);
	if (!ktest_deviates("tcg_ss_address"))
		EXPECT_EQ(got.vector, 12);
}

TEST(machine_traps_fetch_faults)
{
	static u8 data[16] __aligned(16) = {0xc3};
	struct fault_record got;

	EXPECT(!fault_exec((ulong)data, &got));
	EXPECT_EQ(got.vector, X86_TRAP_PF);
	EXPECT_EQ(got.error, X86_PF_INSTR | X86_PF_PROT);
	EXPECT_EQ(got.address, (ulong)data);
	EXPECT_EQ(got.rip, (ulong)data);
	EXPECT(!fault_exec(0x3000, &got));
	EXPECT_EQ(got.error, X86_PF_INSTR);
	EXPECT_EQ(got.address, 0x3000);
}

/* Bit 51 of an entry is reserved where physical addresses are shorter (SDM 3A 4.5). */
TEST(machine_traps_reserved_bit_fault)
{
	pa_t frame = frame_alloc();
	ulong va = (ulong)fixmap_va(FIX_TEST);
	struct fault_record got;

	REQUIRE(pa_ok(frame));
	if (cpu_info.phys_bits > 51) {
		frame_free(frame);
		ktest_not_here("physical addresses of %u bits leave no reserved one", cpu_info.phys_bits);
		return;
	}
	pv_set_fixmap(FIX_TEST, pa_num(frame), (pgprot_t){PTE_P | PTE_W | PTE_NX | BIT(51)});
	EXPECT(!fault_read8(va, NULL, &got));
	pv_set_fixmap(FIX_TEST, 0, (pgprot_t){0});
	frame_free(frame);
	EXPECT_EQ(got.vector, X86_TRAP_PF);
	EXPECT_EQ(got.address, va);
	EXPECT(got.error & X86_PF_RSVD);
	if (!ktest_deviates("tcg_rsvd_error"))
		EXPECT_EQ(got.error, X86_PF_RSVD | X86_PF_PROT);
}

/* An access that goes through leaves no record, and the value is there. */
TEST(machine_traps_no_fault_no_record)
{
	static u8 byte = 0x5a;
	struct fault_record got;
	u8 value = 0;

	EXPECT(fault_read8((ulong)&byte, &value, &got));
	EXPECT_EQ(value, 0x5a);
	EXPECT_EQ(got.vector, FAULT_NONE);
	EXPECT(fault_write8((ulong)&byte, 0xa5, &got));
	EXPECT_EQ(byte, 0xa5);
	byte = 0x5a;
	FAULT_TRY("nop");
	EXPECT_EQ(fault_take().vector, FAULT_NONE);
	FAULT_TRY("ud2");
	EXPECT_EQ(fault_take().vector, X86_TRAP_UD);
	EXPECT_EQ(fault_take().vector, FAULT_NONE); /* taking forgets */
}

/* ---- those that report behind the instruction ---- */

static struct {
	struct pt_regs regs;
	ulong dr6;
	unsigned count;
} hit;

static bool note_hit(struct pt_regs *regs)
{
	hit.regs = *regs;
	hit.count++;
	return true;
}

/* Single-step and breakpoints: DR6 says which, and is cleared by whoever handles it (SDM 3B 17.2.3). */
static bool note_debug(struct pt_regs *regs)
{
	hit.dr6 = pv_get_debugreg(6);
	pv_set_debugreg(6, 0xffff0ff0);
	regs->rflags &= ~X86_EFLAGS_TF;
	regs->rflags |= X86_EFLAGS_RF; /* past an instruction breakpoint */
	return note_hit(regs);
}

TEST(machine_traps_breakpoint_that_is_no_site)
{
	trap_handler former = trap_set_handler(X86_TRAP_BP, note_hit);
	extern u8 try_bp_at[];

	hit.count = 0;
	asm volatile(".globl try_bp_at\ntry_bp_at: int3");
	trap_set_handler(X86_TRAP_BP, former);
	EXPECT_EQ(hit.count, 1);
	EXPECT_EQ(hit.regs.vector, X86_TRAP_BP);
	EXPECT_EQ(hit.regs.rip, (ulong)try_bp_at + 1);
	EXPECT_EQ(hit.regs.error, 0);
}

TEST(machine_traps_overflow)
{
	trap_handler former = trap_set_handler(4, note_hit);
	extern u8 try_of_at[];

	hit.count = 0;
	asm volatile(".globl try_of_at\ntry_of_at: int $4");
	trap_set_handler(4, former);
	EXPECT_EQ(hit.count, 1);
	EXPECT_EQ(hit.regs.vector, 4);
	EXPECT_EQ(hit.regs.rip, (ulong)try_of_at + 2);
}

/* popf sets TF; the trap comes after the instruction that follows it. */
TEST(machine_traps_single_step)
{
	trap_handler former = trap_set_handler(X86_TRAP_DB, note_debug);
	extern u8 try_step_at[];

	hit.count = 0;
	pv_set_debugreg(6, 0xffff0ff0);
	asm volatile("pushf\n\torq %0, (%%rsp)\n\tpopf\n"
		     ".globl try_step_at\ntry_step_at: nop\n\tnop" ::"i"(X86_EFLAGS_TF)
		     : "memory", "cc");
	trap_set_handler(X86_TRAP_DB, former);
	EXPECT_EQ(hit.count, 1);
	EXPECT_EQ(hit.regs.vector, X86_TRAP_DB);
	EXPECT_EQ(hit.regs.rip, (ulong)try_step_at + 1);
	EXPECT_EQ(hit.dr6 & 0xe00f, BIT(14)); /* BS */
}

/* DR7: local enable of breakpoint 0, its kind in bits 16 and 17, its length in 18 and 19. */
#define DR7_EXECUTE0 0x00000401UL
#define DR7_WRITE0   0x00010401UL

TEST(machine_traps_instruction_breakpoint)
{
	trap_handler former = trap_set_handler(X86_TRAP_DB, note_debug);
	extern u8 try_break_at[];

	hit.count = 0;
	pv_set_debugreg(0, (ulong)try_break_at);
	pv_set_debugreg(7, DR7_EXECUTE0);
	asm volatile(".globl try_break_at\ntry_break_at: nop");
	pv_set_debugreg(7, 0x400);
	trap_set_handler(X86_TRAP_DB, former);
	EXPECT_EQ(hit.count, 1);
	EXPECT_EQ(hit.regs.rip, (ulong)try_break_at);
	EXPECT_EQ(hit.dr6 & 0xe00f, BIT(0));
	pv_set_debugreg(0, 0);
}

TEST(machine_traps_data_breakpoint)
{
	trap_handler former = trap_set_handler(X86_TRAP_DB, note_debug);
	static volatile u8 watched;
	extern u8 try_watch_at[];

	hit.count = 0;
	pv_set_debugreg(0, (ulong)&watched);
	pv_set_debugreg(7, DR7_WRITE0);
	asm volatile("movb $7, %0\n.globl try_watch_at\ntry_watch_at: nop" : "=m"(watched));
	pv_set_debugreg(7, 0x400);
	trap_set_handler(X86_TRAP_DB, former);
	EXPECT_EQ(hit.count, 1);
	EXPECT_EQ(hit.regs.rip, (ulong)try_watch_at);
	EXPECT_EQ(hit.dr6 & 0xe00f, BIT(0));
	EXPECT_EQ(watched, 7);
	pv_set_debugreg(0, 0);
}

/* ---- who is asked ---- */

static bool refuse(struct pt_regs *regs)
{
	(void)regs;
	hit.count++;
	return false;
}

/* A handler comes before the fixups; one that says no leaves the fault to them. */
TEST(machine_traps_handler_comes_first)
{
	trap_handler former = trap_set_handler(X86_TRAP_UD, refuse);

	hit.count = 0;
	try_ud();
	EXPECT(trap_set_handler(X86_TRAP_UD, former) == refuse);
	EXPECT_EQ(hit.count, 1);
	EXPECT_EQ(fault_take().vector, X86_TRAP_UD);
}

TEST(machine_traps_names)
{
	EXPECT(trap_name(14) && trap_name(14)[0] == '#' && trap_name(14)[1] == 'P' && trap_name(14)[2] == 'F');
	EXPECT(trap_name(2) != NULL);
	EXPECT(trap_name(15) == NULL);
	EXPECT(trap_name(31) == NULL);
	EXPECT(trap_name(32) == NULL);
	EXPECT(trap_name(0x100) == NULL);
}
