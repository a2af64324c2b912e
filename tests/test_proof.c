/* Proof of patching, part one: with poisoned slots the whole suite ran, and these sites it crossed. See pvops/trace.h. */
#include "lib/ksyms.h"
#include "lib/log.h"
#include "lib/string.h"
#include "pvops/backend.h"
#include "pvops/patch.h"
#include "pvops/trace.h"
#include "tests/ktest.h"

extern const u8 __text_test_start[], __text_test_end[];

/* Sites that a passing run cannot cross, by the function they are in. */
static const struct {
	const char *function, *reason;
} unreachable[] = {
	{"poll", "a byte arrives while another CPU or handler takes bytes"},
	{"uart_init", "the port's own test by bytes: only where the modem lines do not loop"},
	{"pv_cpuid", "kernel_start's copy runs once, before the tests"},
	{"loop_pv_cpu_read_pmc", "there may be no performance counter"},
	{"kernel_start", "runs once, before the tests"},
	{"boot_enter", "runs once, before the tests"},
	{"patch_sites", "runs once, before the tests"},
	{"pv_backend_switch", "is patched anew, without int3, in the very call that crosses it"},
	{"machine_reset", "ends the run"},
	{"machine_off", "ends the run"},
	{"wait_for_power_off", "ends the run"},
	{"machine_halt", "ends the run"},
	{"machine_exit", "ends the run"},
	{"dump_trap", "only a crash gets here: the crash environments do"},
	{"print_and_stop", "only a crash gets here: the crash environments do"},
};

static const char *why_uncrossed(const char *function, const u8 *instr)
{
	unsigned i;

	if (instr >= __text_test_start && instr < __text_test_end)
		return "a test's own, on a path that this machine does not take";
	for (i = 0; i < ARRAY_SIZE(unreachable); i++)
		if (strcmp(unreachable[i].function, function) == 0)
			return unreachable[i].reason;
	return NULL;
}

/* Names the site; false if nobody knows why it was not crossed. */
static bool report_uncrossed(unsigned index)
{
	const struct paravirt_patch_site *site = pv_site(index);
	struct ksym sym = {"?", 0, 0};
	const char *why;

	ksym_lookup((ulong)site->instr, &sym);
	why = why_uncrossed(sym.name, site->instr);
	printk("# not crossed: %s.%s in %s+%#lx: %s\n", pv_op_desc[site->type].group, pv_op_desc[site->type].name,
	       sym.name, sym.offset, why ?: "NO REASON KNOWN");
	return why != NULL;
}

TEST(pvops_proof_all_sites_crossed)
{
	unsigned i, crossed = 0, count = pv_site_count();

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
			EXPECT(report_uncrossed(i));
	EXPECT((count - crossed) * 20 <= count); /* at most 5 % */
}
