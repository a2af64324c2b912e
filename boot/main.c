/*
 * From the boot loader to the prompt: the table of contents of the kernel. boot/entry.asm calls boot_enter() on the boot page
 * tables; both protocols meet in kernel_start(). Each line of it is a room's init, in the order in which they need each other.
 */
#include "boot/main.h"

#include "arch/cpufeature.h"
#include "arch/layout.h"
#include "boot/cmdline.h"
#include "boot/console.h"
#include "boot/memory.h"
#include "boot/monitor.h"
#include "boot/multiboot2.h"
#include "boot/pvh.h"
#include "lib/log.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "machine/percpu.h"
#include "machine/pic.h"
#include "machine/power.h"
#include "machine/time.h"
#include "machine/traps.h"
#include "pvops/backend.h"
#include "pvops/patch.h"
#include "pvops/pvops.h"

#define BOOT_MAPPED (4 * GIB) /* what boot/entry.asm maps at DIRECT_BASE */

struct boot_info boot_info;
struct boot_options boot_options;
ulong phys_base;

void boot_refuse(const char *why)
{
	printk("paravane: %s; halted.\n", why);
	machine_exit(EXIT_FAILED);
	machine_halt();
}

void boot_enter(u32 protocol, u32 info_pa)
{
	const struct phys_view low = {pa_va(0), BOOT_MAPPED};
	int err;

	console_init();
	machine_panic_init();
	printk("\nParavane " PARAVANE_VERSION "\n");
	if (protocol == BOOT_MULTIBOOT2)
		err = multiboot2_parse(pa_va(info_pa), BOOT_MAPPED - info_pa, &boot_info);
	else
		err = pvh_parse(&low, info_pa, &boot_info);
	if (err)
		log_line("boot", "what the boot loader handed over at %#x cannot be read", info_pa);
	kernel_start(&boot_info);
}

static void report_boot(const struct boot_info *bi)
{
	u32 i;

	log_line("boot", "%s by %s", bi->protocol ?: "unknown protocol", bi->loader[0] ? bi->loader : "an unnamed loader");
	log_line("boot", "command line '%s'%s", bi->cmdline, bi->cmdline_cut ? " (cut)" : "");
	for (i = 0; i < min(bi->problem_count, (u32)BOOT_PROBLEM_MAX); i++)
		log_line("boot", "problem: %s", bi->problem[i]);
	if (bi->problem_count > BOOT_PROBLEM_MAX)
		log_line("boot", "problem: and %u more", bi->problem_count - BOOT_PROBLEM_MAX);
}

static void report_cpu(void)
{
	char names[160];

	cpu_feature_names(names, sizeof(names));
	log_line("cpu", "%s %s family %u model %u stepping %u%s%s", cpu_info.vendor, cpu_info.brand, cpu_info.family,
		 cpu_info.model, cpu_info.stepping, cpu_info.hypervisor[0] ? ", under " : "", cpu_info.hypervisor);
	log_line("cpu", "%s", names);
	log_line("cpu", "addresses: %u bits physical, %u virtual", cpu_info.phys_bits, cpu_info.virt_bits);
}

static void choose_backend(const char *name)
{
	if (pv_backend_attach(name)) {
		log_line("pvops", "backend %s: %s", pv_info.name, pv_backend_current()->text);
		return;
	}
	pv_backend_attach("native");
	log_line("pvops", "there is no backend '%s': native it is", name);
}

static void patch_sites(void)
{
	unsigned kinds[PV_KINDS] = {0}, i;
	u64 start = pv_read_tsc(), ticks;

	pv_patch_boot(boot_options.patch);
	ticks = pv_read_tsc() - start;
	if (!boot_options.patch)
		return;
	for (i = 0; i < pv_site_count(); i++)
		kinds[pv_site_kind(pv_site(i)->instr)]++;
	log_line("patch", "%u sites in %lu.%03lu ms, %lu ticks a site", pv_site_count(), tsc_to_ns(ticks) / 1000000,
		 tsc_to_ns(ticks) / 1000 % 1000, ticks / pv_site_count());
	log_line("patch", "%u inlined, %u nothing, %u direct, %u jmp, %u indirect", kinds[PV_INLINED],
		 kinds[PV_NOTHING], kinds[PV_DIRECT], kinds[PV_JUMP], kinds[PV_INDIRECT] + kinds[PV_UD2]);
}

static void start_time(void)
{
	if (time_init())
		log_line("time", "TSC %lu.%03lu MHz, measured against the PIT", tsc_khz() / 1000, tsc_khz() % 1000);
	else
		log_line("time", "no PIT answers: TSC taken to be 1000 MHz");
}

/* Set by tests/ and bench/ through the linker: absent in an image without them. */
extern int ktest_run(const char *glob) __attribute__((weak));
extern int bench_run(const char *glob) __attribute__((weak));

/* What the command line asks for instead of a prompt. */
static void run_unattended(void)
{
	int failed = 0;

	if (!boot_options.test_set && !boot_options.bench_set)
		return;
	if (boot_options.test_set)
		failed |= ktest_run ? ktest_run(boot_options.test) : -1;
	if (boot_options.bench_set)
		failed |= bench_run ? bench_run(boot_options.bench) : -1;
	machine_exit(failed ? EXIT_FAILED : EXIT_PASSED);
	log_line("power", "no debug-exit device at port 0xf4: the machine goes on");
}

void kernel_start(struct boot_info *bi)
{
	cmdline_parse(bi->cmdline, &boot_options, bi);
	choose_backend(boot_options.backend);
	cpu_info_read(pv_cpuid);
	cpu_init_boot();
	traps_init();
	report_boot(bi);
	report_cpu();
	pic_init();
	cpu_enable_features();
	memory_init(bi);
	start_time();
	patch_sites();
	console_input_init();
	pv_irq_enable();
	crash_on_request(boot_options.crash);
	run_unattended();
	printk("\nReady. `help` lists the commands.\n");
	monitor_run();
}
