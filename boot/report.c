/*
 * The lines of the boot log that the monitor prints too: see boot/report.h. Reads what others found out; decides
 * nothing. Read next: boot/main.c, boot/monitor_machine.c.
 */
#include "boot/report.h"

#include "arch/cpufeature.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mmu/audit.h"
#include "pvops/backend.h"

void report_boot(const struct boot_info *bi)
{
	log_line("boot", "%s by %s", bi->protocol ?: "unknown protocol",
		 bi->loader[0] ? bi->loader : "an unnamed loader");
	if (bi->cmdline[0])
		log_line("boot", "command line '%s'%s", bi->cmdline, bi->cmdline_cut ? " (cut)" : "");
	else
		log_line("boot", "command line empty");
	for (u32 i = 0; i < min(bi->problem_count, (u32)BOOT_PROBLEM_MAX); i++)
		log_line("boot", "problem: %s", bi->problem[i]);
	if (bi->problem_count > BOOT_PROBLEM_MAX)
		log_line("boot", "problem: and %u more", bi->problem_count - BOOT_PROBLEM_MAX);
}

/* Signatures in leaf 0x40000000 by the names that people know. */
static const char *hypervisor_name(const char *signature)
{
	static const struct {
		const char *signature, *name;
	} known[] = {
		{"TCGTCGTCGTCG", "QEMU TCG"}, {"KVMKVMKVM", "KVM"},       {"Microsoft Hv", "Hyper-V"},
		{"XenVMMXenVMM", "Xen"},      {"VMwareVMware", "VMware"}, {"bhyve bhyve ", "bhyve"},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(known); i++)
		if (strcmp(signature, known[i].signature) == 0)
			return known[i].name;
	return "an unknown hypervisor";
}

void report_cpu(void)
{
	const char *brand = cpu_info.brand;
	char under[64] = "";
	char names[160];

	while (*brand == ' ')
		brand++;
	if (cpu_has(X86_FEATURE_HYPERVISOR))
		ksnprintf(under, sizeof(under), ", under %s ('%s')", hypervisor_name(cpu_info.hypervisor),
			  cpu_info.hypervisor);
	cpu_feature_names(names, sizeof(names));
	log_line("cpu", "%s", *brand ? brand : "no name in CPUID");
	log_line("cpu", "%s family %u model %u stepping %u%s", cpu_info.vendor, cpu_info.family, cpu_info.model,
		 cpu_info.stepping, under);
	log_line("cpu", "features %s", names);
	log_line("cpu", "addresses of %u bits physical, %u virtual", cpu_info.phys_bits, cpu_info.virt_bits);
}

void report_backend(void)
{
	const struct pv_backend *b = pv_backend_current();

	log_line("pvops", "backend %s: %s", b->name, b->text);
}

struct site_counts count_sites(int type)
{
	struct site_counts counts = {0, {0}};

	for (unsigned i = 0; i < pv_site_count(); i++) {
		const struct paravirt_patch_site *site = pv_site(i);

		if (type != PV_ALL_TYPES && site->type != type)
			continue;
		counts.all++;
		counts.kind[pv_site_kind(site->instr)]++;
	}
	return counts;
}

const char *site_counts_text(const struct site_counts *counts, char buf[SITE_COUNTS_TEXT])
{
	const unsigned *kind = counts->kind;
	int used = ksnprintf(buf, SITE_COUNTS_TEXT, "%u inlined, %u nothing, %u direct, %u jmp, %u indirect",
			     kind[PV_INLINED], kind[PV_NOTHING], kind[PV_DIRECT], kind[PV_JUMP], kind[PV_INDIRECT]);

	if (kind[PV_UD2] && used < SITE_COUNTS_TEXT)
		ksnprintf(buf + used, SITE_COUNTS_TEXT - (size_t)used, ", %u ud2", kind[PV_UD2]);
	return buf;
}

void report_sites(void)
{
	struct site_counts counts = count_sites(PV_ALL_TYPES);
	char text[SITE_COUNTS_TEXT];

	log_line("patch", "%u sites: %s", counts.all, site_counts_text(&counts, text));
}

int report_audit(void)
{
	struct audit_report report = {.quiet = false};
	int violations = audit_kernel_space(&report);

	log_line("audit", "%lu leaves in %u ranges, %lu KiB executable, %lu KiB writable", report.leaf_count,
		 report.range_count, report.executable_bytes / KIB, report.writable_bytes / KIB);
	if (violations)
		log_line("audit", "%d violation%s", violations, violations == 1 ? "" : "s");
	else
		log_line("audit", "no violation: no frame both writable and executable, nothing outside the layout");
	return violations;
}
