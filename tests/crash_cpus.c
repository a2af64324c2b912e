/*
 * crash=cpus: a panic while the other CPUs are where they are hardest to stop: CPU 1 in user mode, CPU 2 with
 * interrupts off, CPU 3 writing to the log; what there is more idles. Each must be stopped, and shown.
 */
#include "arch/regs.h"
#include "boot/job.h"
#include "lib/log.h"
#include "lib/panic.h"
#include "pvops/pvops.h"
#include "tests/smp.h"
#include "tests/user.h"

#define BUSY_CPUS 3

static volatile bool busy[BUSY_CPUS + 1];

/* User mode was there, and goes back to spin. */
static void go_on_to_spin(struct pt_regs *regs)
{
	regs->rip = user_va(user_spin);
	regs->rdi = USER_DATA;
	busy[1] = true;
}

static void spin_in_user_mode(void *unused)
{
	struct pt_regs regs = user_regs(user_syscall);

	(void)unused;
	regs.rflags |= X86_EFLAGS_IF;
	user_on_syscall = go_on_to_spin;
	user_run(&regs);
}

static __noinline void spin_without_interrupts(void *unused)
{
	(void)unused;
	pv_irq_disable();
	for (;;) {
		busy[2] = true;
		asm volatile("pause");
	}
}

static __noinline void write_to_the_log(void *unused)
{
	(void)unused;
	for (;;) {
		printk("CPU 3 runs\n");
		busy[3] = true;
	}
}

static int crash_cpus(const char *unused)
{
	static void (*const what[BUSY_CPUS + 1])(void *) = {NULL, spin_in_user_mode, spin_without_interrupts,
							    write_to_the_log};

	(void)unused;
	if (!user_setup())
		return -1;
	for (unsigned id = 1; id <= BUSY_CPUS; id++) {
		if (!cpumask_has(&cpu_online, id))
			continue;
		smp_work(id, what[id], NULL);
		while (!busy[id])
			asm volatile("pause");
	}
	for (u64 end = pv_sched_clock() + 5000000; pv_sched_clock() < end;)
		asm volatile("pause");
	panic("all CPUs are to stop");
}

BOOT_JOB(crash_cpus, crash_cpus, NULL);
