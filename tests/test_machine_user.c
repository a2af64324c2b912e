/*
 * User mode and the ways back: exceptions, interrupts, and the returns. What each entry must have right (GS, stack,
 * flags) is checked by tests/user.c at every one of them; here is what each must say and keep. SYSCALL:
 * tests/test_machine_syscall.c.
 */
#include "arch/cpufeature.h"
#include "arch/layout.h"
#include "arch/regs.h"
#include "lib/ksyms.h"
#include "lib/string.h"
#include "machine/fault.h"
#include "machine/irq.h"
#include "machine/pit.h"
#include "machine/time.h"
#include "machine/traps.h"
#include "mmu/kspace.h"
#include "pvops/backend.h"
#include "pvops/patch.h"
#include "pvops/pvops.h"
#include "tests/ktest.h"
#include "tests/user.h"

/* ---- exceptions ---- */

static const struct {
	u8 *program;
	u64 vector, error;
	unsigned advance; /* rip reported, behind the program's start */
} ends[] = {
	{user_ud2, 6, 0, 0},  {user_cli, 13, 0, 0}, {user_in, 13, 0, 0},         {user_hlt, 13, 0, 0},
	{user_int3, 3, 0, 1}, {user_int4, 4, 0, 2}, {user_gp_address, 13, 0, 0},
};

TEST(machine_user_exceptions_arrive)
{
	unsigned i;

	REQUIRE(user_setup());
	for (i = 0; i < ARRAY_SIZE(ends); i++) {
		struct pt_regs begin = user_regs(ends[i].program), r = begin;

		user_run(&r);
		EXPECT_EQ(user_trap_count, 1);
		EXPECT_STOP(r, ends[i].vector, ends[i].error, user_va(ends[i].program) + ends[i].advance);
		EXPECT_EQ(r.rsp, begin.rsp);
		EXPECT(memcmp(&r, &begin, 15 * sizeof(u64)) == 0);
	}
	user_teardown();
}

/* A gate that is not user mode's refuses with its vector, shifted, and the IDT bit (SDM 3A 6.13). */
TEST(machine_user_int_needs_a_gate)
{
	struct pt_regs r;

	REQUIRE(user_setup());
	r = user_regs(user_int81);
	user_run(&r);
	EXPECT_EQ(r.vector, X86_TRAP_GP);
	EXPECT_EQ(r.rip, user_va(user_int81));
	if (!ktest_deviates("tcg_idt_error"))
		EXPECT_EQ(r.error, 0x81 * 8 + 2);
	user_teardown();
}

static const struct {
	u8 *program;
	u64 address, error;
} page_faults[] = {
	{user_read, 0x10, X86_PF_USER},
	{user_write, 0x10, X86_PF_USER | X86_PF_WRITE},
	{user_write, USER_CODE, X86_PF_USER | X86_PF_WRITE | X86_PF_PROT},
	{user_read, DIRECT_BASE_CONST + 0x100000, X86_PF_USER | X86_PF_PROT},
	{user_jump, USER_DATA, X86_PF_USER | X86_PF_INSTR | X86_PF_PROT},
	{user_jump, 0x3000, X86_PF_USER | X86_PF_INSTR},
};

TEST(machine_user_page_faults)
{
	unsigned i;

	REQUIRE(user_setup());
	for (i = 0; i < ARRAY_SIZE(page_faults); i++) {
		struct pt_regs r = user_regs(page_faults[i].program);
		bool jump = page_faults[i].program == user_jump;

		r.rdi = page_faults[i].address;
		user_run(&r);
		EXPECT_STOP(r, X86_TRAP_PF, page_faults[i].error,
			    jump ? page_faults[i].address : user_va(page_faults[i].program));
		EXPECT_EQ(pv_read_cr2(), page_faults[i].address);
	}
	user_teardown();
}

/* Supervisor mode does not execute user pages (CR4.SMEP), and may read them. */
TEST(machine_user_pages_are_not_the_kernels_to_run)
{
	struct fault_record got;
	u8 first;

	REQUIRE(user_setup());
	EXPECT(fault_read8(USER_CODE, &first, NULL));
	EXPECT_EQ(first, user_page[0]);
	if (cpu_has(X86_FEATURE_SMEP)) {
		EXPECT(!fault_exec(USER_CODE + PAGE_SIZE - 1, &got));
		EXPECT_EQ(got.vector, X86_TRAP_PF);
		EXPECT_EQ(got.error, X86_PF_INSTR | X86_PF_PROT);
	}
	user_teardown();
}

/* A handler that mends the cause lets the program go on: by iret, with every register as it was. */
static bool skip_two(struct pt_regs *regs)
{
	if (user_trap_count > 1)
		return false;
	regs->rip += 2;
	return true;
}

TEST(machine_user_goes_on_behind_a_trap)
{
	struct pt_regs begin, r;

	REQUIRE(user_setup());
	begin = user_regs(user_syscall_back); /* ud2; ud2 */
	begin.rflags |= 0x8d5;                /* CF PF AF ZF SF OF */
	r = begin;
	user_on_trap = skip_two;
	user_run(&r);
	EXPECT_EQ(user_trap_count, 2);
	EXPECT_STOP(r, X86_TRAP_UD, 0, user_va(user_syscall_back) + 2);
	EXPECT(memcmp(&r, &begin, 15 * sizeof(u64)) == 0);
	EXPECT_EQ(r.rflags & ~X86_EFLAGS_RF, begin.rflags);
	EXPECT_EQ(r.rsp, begin.rsp);
	user_teardown();
}

/* TF set by the return traps after one instruction, not before and not in the kernel. */
TEST(machine_user_single_step)
{
	struct pt_regs r;

	REQUIRE(user_setup());
	r = user_regs(user_step);
	r.rflags |= X86_EFLAGS_TF;
	user_run(&r);
	EXPECT_STOP(r, X86_TRAP_DB, 0, user_va(user_step) + 1);
	pv_set_debugreg(6, 0xffff0ff0);
	user_teardown();
}

/* ---- the ways back ---- */

/* Both ways back, and both swaps, were taken: while the suite traces its sites, each says whether it was crossed. */
TEST(machine_user_took_every_way_back)
{
	static const struct {
		const char *code;
		unsigned type;
	} ways[] = {
		{"trap_pushed", PV_TYPE(cpu, swapgs)},
		{"entry_return", PV_TYPE(cpu, swapgs)},
		{"entry_iret", PV_TYPE(cpu, iret)},
		{"syscall_common", PV_TYPE(cpu, usergs_sysret64)},
	};
	unsigned i, k, found = 0;

	REQUIRE(user_setup());
	user_teardown();
	for (i = 0; i < pv_site_count() && pv_patching; i++) {
		struct ksym sym;

		if (!ksym_lookup((ulong)pv_site(i)->instr, &sym))
			continue;
		for (k = 0; k < ARRAY_SIZE(ways); k++) {
			if (pv_site(i)->type != ways[k].type || strcmp(sym.name, ways[k].code) != 0)
				continue;
			found++;
			EXPECT(pv_site_state(i)->flags & PV_SITE_CROSSED);
		}
	}
	EXPECT_EQ(found, pv_patching ? ARRAY_SIZE(ways) : 0);
}

/* ---- returns that the CPU refuses ---- */

#define FIRST_NON_CANONICAL (1UL << (kspace_root.top_level == PT_PGD ? 56 : 47))

static void return_nowhere(struct pt_regs *regs)
{
	regs->rip = regs->rcx = FIRST_NON_CANONICAL;
}

/*
 * CVE-2012-0217: SYSRET with a rip that is not canonical faults in ring 0 on the user's stack. So it must go by iret,
 * and the fault, wherever the CPU raises it, is user mode's.
 */
TEST(machine_user_return_to_non_canonical_rip)
{
	struct pt_regs r;

	REQUIRE(user_setup());
	r = user_regs(user_syscall);
	user_on_syscall = return_nowhere;
	user_run(&r);
	EXPECT_EQ(user_syscall_count, 1);
	EXPECT_EQ(user_trap_count, 1);
	EXPECT_STOP(r, X86_TRAP_GP, 0, FIRST_NON_CANONICAL);
	EXPECT_EQ(r.rsp, USER_STACK - 64);
	user_teardown();
}

static const struct {
	u16 cs, ss;
	u64 vector, error;
} refused[] = {
	{SEL_USER_CS, 0, 13, 0},                             /* a null stack segment */
	{SEL_USER_CS, SEL_KERNEL_DS | 3, 13, SEL_KERNEL_DS}, /* one of another level */
	{SEL_USER_DS, SEL_USER_DS, 13, SEL_USER_DS & ~3},    /* code that is data */
	{0x7b, SEL_USER_DS, 13, 0x78},                       /* beyond the GDT */
	{SEL_TLS0 | 3, SEL_USER_DS, 11, SEL_TLS0},           /* code that is not present */
};

/* iret itself faults, in ring 0 with the user's GS in place. The run must end as if user mode had faulted. */
TEST(machine_user_refused_iret_is_the_users_fault)
{
	struct thread_struct absent = {{{0x00af7b000000ffff}}}, none = {{{0}}};
	unsigned i;

	REQUIRE(user_setup());
	pv_load_tls(&absent, this_cpu()->id);
	for (i = 0; i < ARRAY_SIZE(refused); i++) {
		struct pt_regs begin = user_regs(user_ud2), r;

		begin.cs = refused[i].cs;
		begin.ss = refused[i].ss;
		r = begin;
		user_run(&r);
		EXPECT_EQ(user_trap_count, 1);
		EXPECT_EQ(r.vector, refused[i].vector);
		EXPECT_EQ(r.error, refused[i].error);
		EXPECT_EQ((u16)r.cs, refused[i].cs);
		EXPECT_EQ((u16)r.ss, refused[i].ss);
		EXPECT_EQ(r.rip, begin.rip);
		EXPECT_EQ(r.rsp, begin.rsp);
		EXPECT(memcmp(&r, &begin, 15 * sizeof(u64)) == 0);
	}
	pv_load_tls(&none, this_cpu()->id);
	user_teardown();
}

/* ---- interrupts ---- */

static trap_handler pit_handler;
static u64 interrupted_cs, interrupted_gs;

static bool tick_in_user(struct pt_regs *regs)
{
	interrupted_cs = regs->cs;
	interrupted_gs = pv_read_msr(MSR_GS_BASE);
	user_data()[0] = user_mode(regs);
	return pit_handler(regs);
}

/* User mode spins with interrupts on until a tick has come to it, and finds its registers as they were. */
TEST(machine_user_is_interrupted)
{
	struct pt_regs begin, r;
	ulong flags;

	REQUIRE(user_setup());
	flags = pv_irq_save();
	begin = user_regs(user_spin);
	begin.rdi = USER_DATA;
	begin.rflags |= X86_EFLAGS_IF;
	r = begin;
	pit_start(1000);
	pit_handler = irq_set_handler(IRQ_PIT, tick_in_user);
	user_run(&r);
	pit_stop();
	irq_set_handler(IRQ_PIT, pit_handler);
	pv_irq_restore(flags);
	EXPECT_EQ(interrupted_cs, SEL_USER_CS);
	EXPECT_EQ(interrupted_gs, (ulong)this_cpu());
	EXPECT_EQ(r.vector, X86_TRAP_UD);
	EXPECT(r.rflags & X86_EFLAGS_IF);
	EXPECT(memcmp(&r, &begin, 15 * sizeof(u64)) == 0);
	EXPECT_EQ(r.rsp, begin.rsp);
	user_teardown();
}
