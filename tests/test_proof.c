/*
 * Proof of patching, part one: with poisoned slots the whole suite ran, and these sites it crossed. See pvops/trace.h.
 */
#include "lib/ksyms.h"
#include "lib/log.h"
#include "lib/string.h"
#include "arch/cpufeature.h"
#include "arch/cpumask.h"
#include "machine/lapic.h"
#include "machine/time.h"
#include "machine/uart.h"
#include "pvops/backend.h"
#include "pvops/patch.h"
#include "pvops/pvops.h"
#include "pvops/trace.h"
#include "tests/ktest.h"

extern const u8 __text_test_start[], __text_test_end[];

static bool no_serial_port(void)
{
	return pv_inb(UART_COM1 + 5) == 0xff;
}

static bool no_8042(void)
{
	return pv_inb(0x64) == 0xff;
}

static bool one_cpu(void)
{
	return cpu_online_count == 1;
}

static bool no_hpet(void)
{
	return !tsc_calibration()->by[TSC_BY_HPET].khz;
}

static bool tsc_adjust(void)
{
	return cpu_has(X86_FEATURE_TSC_ADJUST);
}

static bool no_tsc_adjust(void)
{
	return !tsc_adjust();
}

static bool no_x2apic(void)
{
	return strcmp(lapic_name(), "x2APIC") != 0;
}

static bool no_pat(void)
{
	return !cpu_has(X86_FEATURE_PAT);
}

static bool no_lapic(void)
{
	return strcmp(lapic_name(), "nothing") == 0;
}

static bool no_tsc_deadline(void)
{
	return !cpu_has(X86_FEATURE_TSC_DEADLINE) || no_lapic();
}

static bool no_xapic(void)
{
	return strcmp(lapic_name(), "xAPIC") != 0;
}

/* Sites that a passing run cannot cross, by their function: always, or only on a machine that lacks something. */
static const struct {
	const char *function, *reason;
	bool (*lacks)(void); /* NULL: it is the same on every machine, and counts */
} unreachable[] = {
	{"poll", "there is no serial port", no_serial_port},
	{"uart_init", "there is no serial port", no_serial_port},
	{"uart_rx_irq_enable", "there is no serial port", no_serial_port},
	{"console_idle_unless", "there is no serial port", no_serial_port},
	{"ps2_data", "there is no keyboard controller", no_8042},
	{"ps2_put", "there is no keyboard controller", no_8042},
	{"ps2_irq_enable", "there is no keyboard controller", no_8042},
	{"input_pending", "there is no keyboard controller", no_8042},
	{"poll", "a byte arrives while another CPU or handler takes bytes", NULL},
	{"uart_init", "the port's own test by bytes: only where the modem lines do not loop", NULL},
	{"lapic_reg_read", "no local APIC is used by MSRs", no_x2apic},
	{"lapic_reg_write", "no local APIC is used by MSRs", no_x2apic},
	{"turn_on", "no local APIC is used by MSRs", no_x2apic},
	{"lapic_send", "no local APIC is used by MSRs, or there is one CPU", no_x2apic},
	{"lapic_reg_read", "there is one CPU: set up before the tests, and nobody to send to", one_cpu},
	{"lapic_reg_write", "there is one CPU: set up before the tests, and nobody to send to", one_cpu},
	{"turn_on", "there is one CPU: set up before the tests, and nobody to send to", one_cpu},
	{"turn_on", "sets up a CPU, before the tests", NULL},
	{"lapic_send", "no local APIC is used by memory", no_xapic},
	{"lapic_find_facts", "no local APIC is used", no_lapic},
	{"lapic_send", "there is one CPU", one_cpu},
	{"smp_idle", "there is one CPU", one_cpu},
	{"smp_ap_start", "a CPU that came too late halts there", NULL},
	{"smp_call_mask", "there is one CPU", one_cpu},
	{"smp_park", "there is one CPU", one_cpu},
	{"tlb_flush", "there is one CPU", one_cpu},
	{"pat_init_cpu", "there is no PAT", no_pat},
	{"answer", "there is one CPU", one_cpu},
	{"tsc_compare", "there is one CPU", one_cpu},
	{"correct_here", "there is one CPU", one_cpu},
	{"correct_here", "IA32_TSC is written where there is no IA32_TSC_ADJUST", tsc_adjust},
	{"correct_here", "there is no IA32_TSC_ADJUST", no_tsc_adjust},
	{"hpet_look", "there is no HPET", no_hpet},
	{"time_init", "runs once, before the tests", NULL},
	{"write_deadline", "there is no TSC-deadline", no_tsc_deadline},
	{"deadline_set_next", "there is no TSC-deadline", no_tsc_deadline},
	{"lapic_available", "measures the local APIC's timer once, before the tests", NULL},
	{"pit_available", "answers without looking where the PIT has been in use", NULL},
	{"pv_cpuid", "kernel_start's copy runs once, before the tests", NULL},
	{"loop_pv_cpu_read_pmc", "there may be no performance counter", NULL},
	{"kernel_start", "runs once, before the tests", NULL},
	{"enter_five_levels", "runs once, before the tests", NULL},
	{"boot_enter", "runs once, before the tests", NULL},
	{"patch_sites", "runs once, before the tests", NULL},
	{"pv_backend_switch", "is patched anew, without int3, in the very call that crosses it", NULL},
	{"machine_reset", "ends the run", NULL},
	{"machine_off", "ends the run", NULL},
	{"reset_by_triple_fault", "ends the run", NULL},
	{"machine_halt", "ends the run", NULL},
	{"machine_exit", "ends the run", NULL},
	{"exit_byte", "ends the run", NULL},
	{"dump_trap", "only a crash gets here: the crash environments do", NULL},
	{"print_and_stop", "only a crash gets here: the crash environments do", NULL},
	{"crash_gs", "only a crash gets here: the crash environments do", NULL},
	{"crash_mc", "only a crash gets here: the crash environments do", NULL},
};

/* Why the site at @instr in @function was not crossed; NULL: nobody knows. *@excused: the machine lacks something. */
static const char *why_uncrossed(const char *function, const u8 *instr, bool *excused)
{
	unsigned i;

	*excused = false;
	if (instr >= __text_test_start && instr < __text_test_end) {
		*excused = ktest_not_here_count() > 0 || one_cpu();
		return "a test's own, on a path that this machine does not take";
	}
	for (i = 0; i < ARRAY_SIZE(unreachable); i++) {
		if (strcmp(unreachable[i].function, function) != 0)
			continue;
		if (unreachable[i].lacks && !unreachable[i].lacks())
			continue;
		*excused = unreachable[i].lacks != NULL;
		return unreachable[i].reason;
	}
	return NULL;
}

/* Names the site; fails the test if there is no reason. True: it counts against the 5 %. */
static bool report_uncrossed(unsigned index)
{
	const struct paravirt_patch_site *site = pv_site(index);
	struct ksym sym = {"?", 0, 0};
	const char *why;
	bool excused;

	ksym_lookup((ulong)site->instr, &sym);
	why = why_uncrossed(sym.name, site->instr, &excused);
	printk("# not crossed: %s.%s in %s+%#lx: %s\n", pv_op_desc[site->type].group, pv_op_desc[site->type].name,
	       sym.name, sym.offset, why ?: "NO REASON KNOWN");
	EXPECT(why != NULL);
	return !excused;
}

TEST(pvops_proof_all_sites_crossed)
{
	unsigned i, crossed = 0, missed = 0, count = pv_site_count();

	if (!ktest_whole_suite()) {
		ktest_skip("needs the whole suite as its workload");
		return;
	}
	if (!pv_patching) { /* then every site must be as linked */
		for (i = 0; i < count; i++)
			EXPECT_EQ(pv_site_kind(pv_site(i)->instr), PV_INDIRECT);
		return;
	}
	EXPECT(pv_poisoned());
	for (i = 0; i < count; i++)
		crossed += !!(pv_site_state(i)->flags & PV_SITE_CROSSED);
	printk("# slots poisoned; sites crossed: %u of %u\n", crossed, count);
	for (i = 0; i < count; i++)
		if (!(pv_site_state(i)->flags & PV_SITE_CROSSED))
			missed += report_uncrossed(i);
	EXPECT(missed * 20 <= count); /* at most 5 % */
}
