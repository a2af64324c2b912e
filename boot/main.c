/*
 * From the boot loader to the prompt: the table of contents of the kernel. boot/entry.asm calls boot_enter() on the
 * boot page tables; both protocols meet in kernel_start(). Each line of it is a room's init, in the order in which they
 * need each other.
 */
#include "boot/main.h"

#include "arch/cpufeature.h"
#include "arch/layout.h"
#include "boot/cmdline.h"
#include "boot/console.h"
#include "boot/job.h"
#include "boot/memory.h"
#include "boot/monitor.h"
#include "boot/multiboot2.h"
#include "boot/pvh.h"
#include "boot/report.h"
#include "boot/slides.h"
#include "lib/log.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "machine/acpi.h"
#include "machine/ipi.h"
#include "machine/irq.h"
#include "machine/lockup.h"
#include "machine/percpu.h"
#include "machine/power.h"
#include "machine/smp.h"
#include "machine/time.h"
#include "machine/timer.h"
#include "machine/traps.h"
#include "machine/tsc_sync.h"
#include "pvops/backend.h"
#include "pvops/patch.h"
#include "pvops/pvops.h"

#define BOOT_MAPPED (4 * GIB) /* what boot/entry.asm maps at DIRECT_BASE */

struct boot_info boot_info;
struct boot_options boot_options;
u64 boot_tsc, prompt_tsc;

void boot_refuse(const char *why)
{
	console_screen_init(&boot_info);
	printk("paravane: %s; halted.\n", why);
	machine_exit(EXIT_FAILED);
	machine_halt();
}

void boot_enter(u32 protocol, u32 info_pa)
{
	const struct phys_view low = {pa_va(pa(0)), BOOT_MAPPED};
	int err;

	boot_tsc = pv_read_tsc();
	console_init();
	machine_panic_init();
	printk("\nParavane " PARAVANE_VERSION "\n");
	if (protocol == BOOT_MULTIBOOT2)
		err = multiboot2_parse(pa_va(pa(info_pa)), BOOT_MAPPED - info_pa, &boot_info);
	else
		err = pvh_parse(&low, info_pa, &boot_info);
	if (err)
		log_line("boot", "what the boot loader handed over at %#x cannot be read", info_pa);
	kernel_start(&boot_info);
}

static void choose_backend(const char *name)
{
	const struct pv_backend *b = pv_backend_find(name);

	if (!b)
		log_line("pvops", "there is no backend '%s': native it is", name);
	pv_backend_attach(b ?: pv_backend_find("native"));
	report_backend();
}

static void patch_sites(void)
{
	u64 start = pv_read_tsc(), ticks;

	pv_patch_boot(boot_options.patch);
	ticks = pv_read_tsc() - start;
	if (!boot_options.patch)
		return;
	report_sites();
	log_line("patch", "took %lu.%03lu ms, %lu ticks a site", tsc_to_ns(ticks) / 1000000,
		 tsc_to_ns(ticks) / 1000 % 1000, ticks / pv_site_count());
}

static void start_cpus(u64 dead)
{
	smp_init((unsigned)min(dead, (u64)NR_CPUS));
	if (dead && dead >= smp_expected())
		log_line("boot", "problem: deadcpu=%lu: there is no CPU of that number", dead);
}

/* The word is the hypervisor's, which is not in the house yet. */
static void answer_guest(const char *name)
{
	if (name[0])
		log_line("boot", "problem: guest=%s: this image runs no guests yet", name);
}

/* What the command line asks for instead of a prompt. */
static void run_unattended(void)
{
	int failed = 0;

	if (!boot_options.test_set && !boot_options.bench_set && !boot_options.soak_set)
		return;
	if (boot_options.test_set)
		failed |= boot_job_run("test", boot_options.test);
	if (boot_options.soak_set)
		failed |= boot_job_run("soak", boot_options.soak);
	if (boot_options.bench_set)
		failed |= boot_job_run("bench", boot_options.bench);
	machine_exit(failed ? EXIT_FAILED : EXIT_PASSED);
	log_line("power", "no debug-exit device at port 0xf4: the machine goes on");
}

void kernel_start(struct boot_info *bi)
{
	cmdline_parse(bi->cmdline, &boot_options, bi);
	boot_drop_modules(bi, pa_num(image_pa(__image_start)), pa_num(image_pa(__image_end)));
	choose_backend(boot_options.backend);
	cpu_info_read(pv_cpuid);
	cpu_init_boot();
	traps_init();
	report_boot(bi);
	report_cpu();
	irq_init();
	cpu_enable_features();
	memory_init(bi);
	acpi_init(bi);
	power_report();
	console_screen_init(bi);
	time_init();
	patch_sites();
	ipi_init(boot_options.x2apic);
	irq_choose(!boot_options.noioapic);
	console_input_init();
	pv_irq_enable();
	start_cpus(boot_options.deadcpu);
	tsc_check_cpus();
	timer_init(boot_options.timer);
	console_timer_init();
	lockup_init(boot_options.lockup);
	answer_guest(boot_options.guest);
	crash_on_request(boot_options.crash);
	prompt_tsc = pv_read_tsc();
	run_unattended();
	if (boot_options.report_set)
		slides_run(boot_options.report);
	printk("\nReady. `help` lists the commands.\n");
	monitor_run();
}
