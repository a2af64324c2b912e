/*
 * The monitor's view of the machine as a whole, and what ends or exercises it: info, test, bench, reboot, off. Tests
 * and benchmarks are jobs (boot/job.h).
 */
#include "arch/layout.h"
#include "arch/regs.h"
#include "boot/console.h"
#include "boot/main.h"
#include "boot/job.h"
#include "boot/monitor.h"
#include "boot/report.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "machine/acpi.h"
#include "machine/irq.h"
#include "machine/power.h"
#include "machine/smp.h"
#include "machine/time.h"
#include "machine/timer.h"
#include "machine/traps.h"
#include "mmu/frame.h"
#include "mmu/kspace.h"
#include "pvops/backend.h"
#include "pvops/pvops.h"

static void info_memory(void)
{
	struct frame_stats s = frame_stats();

	log_line("memory", "%lu MiB usable: %lu KiB free, %lu KiB used, %lu KiB reserved, %lu KiB out of reach",
		 s.usable_count * PAGE_SIZE / MIB, s.free_count * PAGE_SIZE / KIB, s.used_count * PAGE_SIZE / KIB,
		 s.reserved_count * PAGE_SIZE / KIB, s.ignored_count * PAGE_SIZE / KIB);
	log_line("paging", "%u levels, %lu table pages, top at %#lx", kspace_root.top_level + 1,
		 kspace_root.table_count, pa_num(kspace_root.top));
	log_line("paging", "cr0 %#lx, cr3 %#lx, cr4 %#lx, efer %#lx", pv_read_cr0(), pv_read_cr3(), pv_read_cr4(),
		 pv_read_msr(MSR_EFER));
}

static void info_time(void)
{
	u64 ns = pv_sched_clock();

	tsc_report(tsc_calibration());
	log_line("time", "up %lu.%06lu s", ns / 1000000000, ns / 1000 % 1000000);
}

static void info_interrupts(void)
{
	static const struct {
		unsigned irq;
		const char *name;
	} lines[] = {{IRQ_PIT, "PIT"}, {IRQ_COM1, "COM1"}, {IRQ_KEYBOARD, "keyboard"}};
	u64 all = 0, named = 0;
	char text[64] = "";
	size_t used = 0;

	for (unsigned i = 0; i < 256; i++)
		all += trap_irq_count(i);
	for (unsigned i = 0; i < ARRAY_SIZE(lines); i++) {
		u64 n = irq_count(lines[i].irq);

		named += n;
		used += (size_t)ksnprintf(text + used, sizeof(text) - used, "%s %lu, ", lines[i].name, n);
	}
	log_line("interrupts", "%lu: %sothers %lu", all, text, all - named);
	log_line("interrupts", "on unexpected vectors %lu; NMIs %lu", trap_unexpected_count(), trap_nmi_count());
}

static int cmd_info(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return MONITOR_USAGE;
	log_line("version", "Paravane " PARAVANE_VERSION);
	report_boot(&boot_info);
	report_cpu();
	smp_report();
	info_memory();
	report_backend();
	report_sites();
	if (!pv_patching)
		log_line("patch", "off: patch=off was given");
	acpi_report();
	power_report();
	info_time();
	timer_report();
	info_interrupts();
	console_report();
	return MONITOR_DONE;
}
MONITOR_CMD(info, "info", "this machine and kernel: CPU, memory, backend, ACPI, time, interrupts, serial", cmd_info);

static int cmd_acpi(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return MONITOR_USAGE;
	acpi_report_tables();
	acpi_report();
	return MONITOR_DONE;
}
MONITOR_CMD(acpi, "acpi", "the firmware's tables, and what they say", cmd_acpi);

static int job(int argc, char **argv)
{
	const struct boot_job *j = boot_job_find(argv[0]);
	bool list = argc > 1 && strcmp(argv[1], "-l") == 0;
	const char *glob = argc > 1 + list ? argv[1 + list] : "all";

	if (argc > 2 + list || glob[0] == '-' || (list && j && !j->list))
		return MONITOR_USAGE;
	if (!j || !list)
		boot_job_run(argv[0], glob);
	else if (!j->list(glob))
		printk("%s: nothing matches '%s'\n", argv[0], glob);
	return MONITOR_DONE;
}
MONITOR_CMD(test, "test [-l] [GLOB]", "runs the tests that match (all), or lists them", job);
MONITOR_CMD(bench, "bench [GLOB]", "runs the benchmarks that match (all)", job);

static int cmd_reboot(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return MONITOR_USAGE;
	log_line("power", "starting again");
	machine_reset();
}
MONITOR_CMD(reboot, "reboot", "starts the machine again", cmd_reboot);

static int cmd_off(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return MONITOR_USAGE;
	log_line("power", "switching off");
	machine_off();
}
MONITOR_CMD(off, "off", "switches the machine off", cmd_off);
