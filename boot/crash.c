/* crash=KIND: the faults a person may want to see the dump of. Each is the real thing, not an imitation. */
#include "boot/main.h"

#include "arch/regs.h"
#include "lib/log.h"
#include "lib/panic.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "pvops/pvops.h"

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

static const struct {
	const char *kind;
	void (*run)(void);
} crashes[] = {
	{"pf", crash_pf},   {"ud", crash_ud},   {"gp", crash_gp}, {"df", crash_df},
	{"bug", crash_bug}, {"log", crash_log}, {"mc", crash_mc}, {"gs", crash_gs},
};

void crash_on_request(const char *kind)
{
	char known[64];
	size_t len = 0;

	if (!kind[0])
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(crashes); i++) {
		if (strcmp(kind, crashes[i].kind) == 0)
			crashes[i].run();
		len += (size_t)ksnprintf(known + len, sizeof(known) - len, " %s", crashes[i].kind);
		ASSERT(len < sizeof(known));
	}
	log_line("boot", "problem: crash=%s: known are%s", kind, known);
}
