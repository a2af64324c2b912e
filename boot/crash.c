/* crash=KIND: the faults a person may want to see the dump of. Each is the real thing, not an imitation. */
#include "boot/main.h"

#include "arch/regs.h"
#include "boot/job.h"
#include "lib/log.h"
#include "lib/panic.h"
#include "lib/printf.h"
#include "boot/console.h"
#include "lib/string.h"
#include "machine/ipi.h"
#include "machine/park.h"
#include "machine/traps.h"
#include "pvops/pvops.h"
#include "pvops/qspinlock.h"

/* The compiler must not know where the pointer points, or it would know better. */
static void store(ulong va)
{
	asm volatile("" : "+r"(va));
	*(volatile u64 *)va = 1;
}

static void crash_pf(void)
{
	store(0x10); /* page zero is not mapped */
}

static void crash_ud(void)
{
	asm volatile("ud2");
}

static void crash_gp(void)
{
	store(0x8000000000000000UL); /* not canonical */
}

/* Runs the stack into its guard page: #PF finds no stack to push on, and #DF arrives on its own. */
static void crash_df(void)
{
	asm volatile("1: push $0\n\tjmp 1b");
}

static void crash_bug(void)
{
	BUG_ON(boot_options.crash[0] == 'b');
}

/* A bad string given to printk: the fault comes while the log's lock is held, and its dump must get through. */
static void crash_log(void)
{
	const char *text = (const char *)0x10;

	asm volatile("" : "+r"(text));
	printk("this is cut short: %s\n", text);
}

/* A machine check while the user's GS is loaded, as from user mode or beside a swapgs: the dump needs the kernel's. */
static void crash_mc(void)
{
	pv_write_msr64(MSR_KERNEL_GS_BASE, pv_read_msr(MSR_GS_BASE));
	pv_write_msr64(MSR_GS_BASE, 0);
	asm volatile("int %0" ::"i"(X86_TRAP_MC));
}

/* A trap of the kernel with the wrong GS: whoever dumps it must not rely on GS, nor dump the faults of the dump. */
static void crash_gs(void)
{
	pv_write_msr64(MSR_GS_BASE, 0);
	asm volatile("ud2");
}

/* ---- locks: what an image that watches them must not let pass ---- */

#define VECTOR_CRASH 0x92

static struct qspinlock crash_lock;

static void crash_lock_twice(void)
{
	spin_lock(&crash_lock);
	spin_lock(&crash_lock);
}

static void crash_lock_free(void)
{
	spin_unlock(&crash_lock);
}

static void crash_lock_idle(void)
{
	spin_lock(&crash_lock);
	console_idle();
}

static bool take_in_interrupt(struct pt_regs *regs)
{
	(void)regs;
	spin_lock(&crash_lock);
	spin_unlock(&crash_lock);
	return true;
}

static void crash_lock_irq(void)
{
	trap_set_handler(VECTOR_CRASH, take_in_interrupt);
	asm volatile("int %0" ::"i"(VECTOR_CRASH) : "memory");
	spin_lock(&crash_lock);
}

static bool keep_in_interrupt(struct pt_regs *regs)
{
	(void)regs;
	spin_lock(&crash_lock);
	return true;
}

static void crash_lock_kept(void)
{
	trap_set_handler(VECTOR_CRASH, keep_in_interrupt);
	asm volatile("int %0" ::"i"(VECTOR_CRASH) : "memory");
}

/* With the others busy: the tests know how. */
static void crash_cpus(void)
{
	boot_job_run("crash_cpus", "");
}

static void nothing(void *unused)
{
	(void)unused;
}

/* Who is parked is called, and would run code that whoever parked it is about to change. */
static void crash_call_parked(void)
{
	if (smp_park())
		smp_call_others(nothing, NULL);
}

static const struct {
	const char *kind;
	void (*run)(void);
	bool debug; /* in an image that watches locks only */
} crashes[] = {
	{"pf", crash_pf, false},
	{"ud", crash_ud, false},
	{"gp", crash_gp, false},
	{"df", crash_df, false},
	{"bug", crash_bug, false},
	{"log", crash_log, false},
	{"mc", crash_mc, false},
	{"gs", crash_gs, false},
	{"lock-twice", crash_lock_twice, true},
	{"lock-free", crash_lock_free, true},
	{"lock-idle", crash_lock_idle, true},
	{"lock-irq", crash_lock_irq, true},
	{"lock-kept", crash_lock_kept, true},
	{"cpus", crash_cpus, false},
	{"call-parked", crash_call_parked, false},
};

void crash_on_request(const char *kind)
{
	char known[128];
	size_t len = 0;

	if (!kind[0])
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(crashes); i++) {
		if (crashes[i].debug && !LOCK_DEBUG)
			continue;
		if (strcmp(kind, crashes[i].kind) == 0)
			crashes[i].run();
		len += (size_t)ksnprintf(known + len, sizeof(known) - len, " %s", crashes[i].kind);
		ASSERT(len < sizeof(known));
	}
	log_line("boot", "problem: crash=%s: known are%s", kind, known);
}
