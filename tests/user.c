/* Ring 3 for tests: see tests/user.h. The checks at each entry are those that every entry from user mode must pass. */
#include "tests/user.h"

#include "arch/layout.h"
#include "arch/regs.h"
#include "lib/string.h"
#include "machine/percpu.h"
#include "machine/traps.h"
#include "mmu/frame.h"
#include "mmu/kspace.h"
#include "pvops/pvops.h"
#include "tests/ktest.h"

#define CODE_PROT (PTE_P | PTE_U | PTE_A)
#define DATA_PROT (PTE_P | PTE_U | PTE_W | PTE_A | PTE_D | PTE_NX)
#define DATA_SIZE (USER_STACK - USER_DATA)

void user_enter(struct pt_regs *regs, u64 *kernel_rsp);
extern u8 user_left[];

/* Where entries from user mode arrive while a run is under way. */
static u8 entry_stack[KSTACK_SLOT] __section(".bss.kstacks") __aligned(4096);

void (*user_on_syscall)(struct pt_regs *regs);
bool (*user_on_trap)(struct pt_regs *regs);
unsigned user_syscall_count, user_trap_count;

static pa_t data_pa;
static u64 free_before, tables_before, left_rsp;
static struct pt_regs stopped;

static void cross_once(void);

bool user_setup(void)
{
	free_before = frame_stats().free_count;
	tables_before = kspace_root.table_count;
	user_on_syscall = NULL;
	user_on_trap = NULL;
	data_pa = frame_alloc_contiguous(DATA_SIZE / PAGE_SIZE, PAGE_SIZE);
	EXPECT(pa_ok(data_pa));
	if (!pa_ok(data_pa))
		return false;
	memset(pa_va(data_pa), 0, DATA_SIZE);
	*(u64 *)(user_data() + 8) = USER_MARK;
	if (pt_map(&kspace_root, USER_CODE, image_pa(user_page), PAGE_SIZE, CODE_PROT) ||
	    pt_map(&kspace_root, USER_DATA, data_pa, DATA_SIZE, DATA_PROT)) {
		ktest_fail(__FILE__, __LINE__, "user pages cannot be mapped");
		return false;
	}
	cross_once();
	return true;
}

void user_teardown(void)
{
	user_on_syscall = NULL;
	user_on_trap = NULL;
	EXPECT_EQ(pt_unmap(&kspace_root, USER_CODE, PAGE_SIZE), 0);
	EXPECT_EQ(pt_unmap(&kspace_root, USER_DATA, DATA_SIZE), 0);
	if (pa_ok(data_pa))
		frame_free_contiguous(data_pa, DATA_SIZE / PAGE_SIZE);
	data_pa = PA_NONE;
	EXPECT_EQ(frame_stats().free_count, free_before);
	EXPECT_EQ(kspace_root.table_count, tables_before);
}

u8 *user_data(void)
{
	return pa_va(data_pa);
}

struct pt_regs user_regs(const u8 *program)
{
	struct pt_regs r;
	u64 *word = (u64 *)&r, i;

	for (i = 0; i < sizeof(r) / 8; i++)
		word[i] = (0x5300000000000001UL + i) * 0x0101010101010101UL;
	r.rip = user_va(program);
	r.cs = pv_info.user_cs;
	r.rflags = X86_EFLAGS_FIXED;
	r.rsp = USER_STACK - 64;
	r.ss = pv_info.user_ss;
	return r;
}

/* What must hold at every entry from user mode, whichever way it was. */
static void check_entry(const struct pt_regs *regs)
{
	EXPECT_EQ(pv_read_msr(MSR_GS_BASE), (ulong)this_cpu());
	EXPECT_EQ(pv_read_msr(MSR_KERNEL_GS_BASE), USER_DATA + 8);
	EXPECT_EQ(pv_save_fl() & (X86_EFLAGS_IF | X86_EFLAGS_TF | X86_EFLAGS_DF | X86_EFLAGS_NT), 0);
	EXPECT(user_mode(regs));
	/* On the stack that kernel_rsp names; a refused iret leaves its frame above. */
	EXPECT((ulong)(regs + 1) <= this_cpu()->kernel_rsp);
	EXPECT((ulong)(regs + 1) > this_cpu()->kernel_rsp - 64);
}

void user_stop(struct pt_regs *regs)
{
	stopped = *regs;
	regs->rip = (ulong)user_left;
	regs->cs = pv_info.kernel_cs;
	regs->ss = pv_info.kernel_ss;
	regs->rflags = X86_EFLAGS_FIXED;
	regs->rsp = left_rsp;
}

static bool trapped(struct pt_regs *regs)
{
	user_trap_count++;
	check_entry(regs);
	if (!user_on_trap || !user_on_trap(regs))
		user_stop(regs);
	return true;
}

static void syscalled(struct pt_regs *regs)
{
	user_syscall_count++;
	check_entry(regs);
	EXPECT_EQ((ulong)(regs + 1), this_cpu()->kernel_rsp);
	if (user_on_syscall)
		user_on_syscall(regs);
}

void user_run(struct pt_regs *regs)
{
	/* entry_return() gives up the stack below: the registers go where an entry would have put them. */
	struct pt_regs *leaving = (struct pt_regs *)(entry_stack + KSTACK_SLOT) - 1;
	ulong flags = pv_irq_save(), sp0 = this_cpu()->kernel_rsp;
	trap_handler former_trap = trap_user_handler;
	void (*former_syscall)(struct pt_regs *) = trap_syscall_handler;
	u64 gs_before = pv_read_msr(MSR_KERNEL_GS_BASE);

	user_syscall_count = user_trap_count = 0;
	trap_user_handler = trapped;
	trap_syscall_handler = syscalled;
	pv_load_sp0((ulong)entry_stack + KSTACK_SLOT);
	pv_write_msr64(MSR_KERNEL_GS_BASE, USER_DATA + 8);
	*leaving = *regs;
	user_enter(leaving, &left_rsp);
	*regs = stopped;
	EXPECT_EQ(pv_read_msr(MSR_GS_BASE), (ulong)this_cpu());
	EXPECT_EQ(pv_read_msr(MSR_KERNEL_GS_BASE), USER_DATA + 8);
	pv_write_msr64(MSR_KERNEL_GS_BASE, gs_before);
	pv_load_sp0(sp0);
	trap_user_handler = former_trap;
	trap_syscall_handler = former_syscall;
	pv_irq_restore(flags);
}

/*
 * Every site of the entry code once, on a good user stack: while the suite traces sites, the first crossing of those in
 * SYSCALL's entry and exit takes a #BP in ring 0 on the stack user mode left there.
 */
static void cross_once(void)
{
	struct pt_regs regs = user_regs(user_syscall);

	user_run(&regs);
}
