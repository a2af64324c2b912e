/*
 * SYSCALL and its returns, by SYSRET where that gives back all, else by IRET: what the handler is told, what user mode
 * finds again. The checks of every entry are those of tests/user.c; the other ways in and out:
 * tests/test_machine_user.c.
 */
#include "arch/layout.h"
#include "arch/regs.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "machine/traps.h"
#include "pvops/backend.h"
#include "pvops/pvops.h"
#include "tests/ktest.h"
#include "tests/user.h"

static struct pt_regs at_syscall;

static void note_syscall(struct pt_regs *regs)
{
	at_syscall = *regs;
	regs->rax = 0x1234567890abcdef;
}

/* By SYSRET all but rax, rcx and r11 come back; those are the result, rip and rflags (SDM 2B SYSRET). */
TEST(machine_user_syscall_keeps_registers)
{
	struct pt_regs begin, want, r;

	REQUIRE(user_setup());
	begin = user_regs(user_syscall);
	begin.rflags |= 0x8d5;
	r = begin;
	user_on_syscall = note_syscall;
	user_run(&r);
	EXPECT_EQ(user_syscall_count, 1);
	want = begin;
	want.rcx = user_va(user_syscall_back);
	want.r11 = begin.rflags;
	EXPECT_STOP(at_syscall, VECTOR_SYSCALL, 0, user_va(user_syscall_back));
	EXPECT(memcmp(&at_syscall, &want, 15 * sizeof(u64)) == 0);
	EXPECT_EQ(at_syscall.rflags, begin.rflags);
	EXPECT_EQ(at_syscall.rsp, begin.rsp);
	want.rax = 0x1234567890abcdef;
	EXPECT_STOP(r, X86_TRAP_UD, 0, user_va(user_syscall_back));
	EXPECT(memcmp(&r, &want, 15 * sizeof(u64)) == 0);
	EXPECT_EQ(r.rflags & ~X86_EFLAGS_RF, begin.rflags);
	EXPECT_EQ(r.rsp, begin.rsp);
	user_teardown();
}

static void change_rcx(struct pt_regs *regs)
{
	regs->rcx = 0xc0ffee;
	regs->r11 = 0xbadcafe;
}

/* What SYSRET cannot give back (rcx, r11 of the handler's choice) comes back all the same: by iret. */
TEST(machine_user_syscall_returns_by_iret)
{
	struct pt_regs r;

	REQUIRE(user_setup());
	r = user_regs(user_syscall);
	user_on_syscall = change_rcx;
	user_run(&r);
	EXPECT_STOP(r, X86_TRAP_UD, 0, user_va(user_syscall_back));
	EXPECT_EQ(r.rcx, 0xc0ffee);
	EXPECT_EQ(r.r11, 0xbadcafe);
	user_teardown();
}

/* One field after another that SYSRET would not give back as the handler wants it. */
TEST(machine_user_sysret_only_where_it_gives_back_all)
{
	static const struct {
		size_t field;
		u64 flip;
	} odd[] = {
		{offsetof(struct pt_regs, rcx), 1},
		{offsetof(struct pt_regs, r11), 1},
		{offsetof(struct pt_regs, cs), SEL_USER_CS ^ SEL_USER_CS32},
		{offsetof(struct pt_regs, cs), SEL_USER_CS ^ SEL_KERNEL_CS},
		{offsetof(struct pt_regs, ss), SEL_USER_DS ^ SEL_KERNEL_DS},
	};
	static const u64 odd_flags[] = {X86_EFLAGS_TF, X86_EFLAGS_RF};
	const struct pt_regs good = {.rip = USER_CODE,
				     .rcx = USER_CODE,
				     .rflags = 0x202,
				     .r11 = 0x202,
				     .cs = SEL_USER_CS,
				     .ss = SEL_USER_DS};
	void (*former)(struct pt_regs *) = trap_syscall_handler;
	struct pt_regs r = good;
	unsigned i;

	trap_syscall_handler = NULL;
	EXPECT(syscall_entry(&r));
	for (i = 0; i < ARRAY_SIZE(odd); i++) {
		r = good;
		*(u64 *)((u8 *)&r + odd[i].field) ^= odd[i].flip;
		if (syscall_entry(&r))
			ktest_fail(__FILE__, __LINE__, "SYSRET although the word at %zu is odd", odd[i].field);
	}
	for (i = 0; i < ARRAY_SIZE(odd_flags); i++) {
		r = good;
		r.rflags = r.r11 |= odd_flags[i];
		EXPECT(!syscall_entry(&r));
	}
	trap_syscall_handler = former;
}

static void set_trap_flag(struct pt_regs *regs)
{
	regs->rflags |= X86_EFLAGS_TF;
	regs->r11 = regs->rflags;
}

/* Single-stepping that begins in a syscall: one instruction of the user's, then the trap. */
TEST(machine_user_syscall_sets_the_trap_flag)
{
	struct pt_regs r;

	REQUIRE(user_setup());
	r = user_regs(user_gs);
	user_on_syscall = set_trap_flag;
	user_run(&r);
	EXPECT_EQ(r.vector, X86_TRAP_DB);
	EXPECT_EQ(r.r13, USER_MARK); /* that instruction's */
	pv_set_debugreg(6, 0xffff0ff0);
	user_teardown();
}

/* A stack pointer that points nowhere is user mode's affair: the kernel never touches it. */
TEST(machine_user_syscall_with_a_wild_stack)
{
	struct pt_regs r;

	REQUIRE(user_setup());
	r = user_regs(user_syscall);
	r.rsp = 0x8000000000000000UL;
	user_run(&r);
	EXPECT_EQ(user_syscall_count, 1);
	EXPECT_STOP(r, X86_TRAP_UD, 0, user_va(user_syscall_back));
	EXPECT_EQ(r.rsp, 0x8000000000000000UL);
	r = user_regs(user_syscall);
	r.rsp = 0;
	user_run(&r);
	EXPECT_EQ(r.rsp, 0);
	user_teardown();
}

/* SFMASK: user mode's DF, NT and AC do not reach the kernel (checked at the entry), and come back. */
TEST(machine_user_syscall_flags)
{
	const u64 odd = X86_EFLAGS_DF | X86_EFLAGS_NT | X86_EFLAGS_AC | 1;
	struct pt_regs r;

	REQUIRE(user_setup());
	r = user_regs(user_flags);
	r.rflags |= X86_EFLAGS_NT | X86_EFLAGS_AC;
	user_on_syscall = note_syscall;
	user_run(&r);
	EXPECT_EQ(user_syscall_count, 1);
	EXPECT_EQ(at_syscall.rflags & odd, odd);
	EXPECT_EQ(r.rflags & odd, odd);
	EXPECT_EQ(r.vector, X86_TRAP_UD);
	user_teardown();
}

/* The user's GS is in place on the user's side of every SYSCALL. */
TEST(machine_user_gs_belongs_to_the_user)
{
	struct pt_regs r;

	REQUIRE(user_setup());
	r = user_regs(user_gs);
	user_run(&r);
	EXPECT_EQ(r.r12, USER_MARK);
	EXPECT_EQ(r.r13, USER_MARK);
	EXPECT_EQ(user_syscall_count, 1);
	r = user_regs(user_gs); /* the same when the way back is iret */
	user_on_syscall = change_rcx;
	user_run(&r);
	EXPECT_EQ(r.r12, USER_MARK);
	EXPECT_EQ(r.r13, USER_MARK);
	user_teardown();
}

/*
 * AMD's SYSRET (and TCG's) faults in user mode, where nothing is lost; Intel's in ring 0. So the decision is asked, not
 * the machine.
 */
TEST(machine_syscall_leaves_by_iret_where_sysret_would_fault)
{
	const u64 last = (1UL << 47) - 1;
	struct pt_regs r = {.rflags = X86_EFLAGS_FIXED, .r11 = X86_EFLAGS_FIXED};
	void (*former)(struct pt_regs *) = trap_syscall_handler;

	trap_syscall_handler = NULL;
	r.cs = pv_info.user_cs;
	r.ss = pv_info.user_ss;
	r.rip = r.rcx = last;
	EXPECT(syscall_entry(&r));
	r.rip = r.rcx = last + 1;
	EXPECT(!syscall_entry(&r));
	r.rip = r.rcx = (ulong)__text_start; /* canonical, but above: a user has no business there */
	EXPECT(!syscall_entry(&r));
	trap_syscall_handler = former;
}

/*
 * SYSCALL in 32-bit code: AMD's CPUs come to CSTAR, with the user's stack and GS, and are sent back with -ENOSYS;
 * Intel's say #UD. Either way ring 0 has touched nothing of the user's.
 */
TEST(machine_user_syscall_from_32_bit_code)
{
	struct pt_regs begin, r;

	REQUIRE(user_setup());
	begin = user_regs(user_syscall);
	begin.cs = SEL_USER_CS32;
	r = begin;
	user_run(&r);
	EXPECT_EQ(r.vector, X86_TRAP_UD);
	EXPECT_EQ(r.cs, SEL_USER_CS32);
	EXPECT_EQ((u32)r.rsp, (u32)begin.rsp);
	EXPECT_EQ(user_syscall_count, 0);
	if (r.rip != user_va(user_syscall)) { /* not Intel's way */
		EXPECT_EQ(r.rip, user_va(user_syscall_back));
		EXPECT_EQ((u32)r.rax, (u32)-ENOSYS);
	}
	user_teardown();
}
