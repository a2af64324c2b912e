/*
 * The monitor's view of the machine as a whole, and what ends or exercises it: info, test, bench, reboot, off. Tests and
 * benchmarks are known by three weak functions only (boot/unattended.h).
 */
#include "arch/layout.h"
#include "arch/regs.h"
#include "boot/console.h"
#include "boot/main.h"
#include "boot/monitor.h"
#include "boot/report.h"
#include "boot/unattended.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "machine/percpu.h"
#include "machine/pic.h"
#include "machine/power.h"
#include "machine/time.h"
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
	log_line("paging", "4 levels, %lu table pages, top at %#lx", kspace_root.table_count, kspace_root.top);
	log_line("paging", "cr0 %#lx, cr3 %#lx, cr4 %#lx, efer %#lx", pv_read_cr0(), pv_read_cr3(), pv_read_cr4(),
		 pv_read_msr(MSR_EFER));
}

static void info_time(void)
{
	u64 ns = pv_sched_clock();

	log_line("time", "TSC %lu.%03lu MHz, up %lu.%06lu s", tsc_khz() / 1000, tsc_khz() % 1000, ns / 1000000000,
		 ns / 1000 % 1000000);
}

static void info_interrupts(void)
{
	static const struct {
		unsigned irq;
		const char *name;
	} lines[] = {{IRQ_PIT, "PIT"}, {IRQ_COM1, "COM1"}};
	const u64 *count = this_cpu()->irq_count;
	u64 all = 0, named = 0;
	char text[64] = "";
	size_t used = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(this_cpu()->irq_count); i++)
		all += count[i];
	for (unsigned i = 0; i < ARRAY_SIZE(lines); i++) {
		u64 n = count[VECTOR_IRQ0 + lines[i].irq];

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
	info_memory();
	report_backend();
	report_sites();
	if (!pv_patching)
		log_line("patch", "off: patch=off was given");
	info_time();
	info_interrupts();
	console_report();
	return MONITOR_DONE;
}
MONITOR_CMD(info, "info", "this machine and kernel: CPU, memory, backend, time, interrupts, serial", cmd_info);

static int cmd_test(int argc, char **argv)
{
	bool list = argc > 1 && strcmp(argv[1], "-l") == 0;
	const char *glob = argc > 1 + list ? argv[1 + list] : "all";

	if (argc > 2 + list || glob[0] == '-')
		return MONITOR_USAGE;
	if (!ktest_run || !ktest_list)
		printk("test: this image was linked without tests\n");
	else if (!list)
		ktest_run(glob);
	else if (!ktest_list(glob))
		printk("test: no test matches '%s'\n", glob);
	return MONITOR_DONE;
}
MONITOR_CMD(test, "test [-l] [GLOB]", "runs the tests that match (all), or lists them", cmd_test);

static int cmd_bench(int argc, char **argv)
{
	if (argc > 2)
		return MONITOR_USAGE;
	if (bench_run)
		bench_run(argc > 1 ? argv[1] : "all");
	else
		printk("bench: this image was linked without benchmarks\n");
	return MONITOR_DONE;
}
MONITOR_CMD(bench, "bench [GLOB]", "runs the benchmarks that match (all)", cmd_bench);

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
