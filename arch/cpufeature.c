/* CPUID, read once: see arch/cpufeature.h. Leaves beyond the highest return garbage (SDM 2A CPUID): asked for first. */
#include "arch/cpufeature.h"

#include "lib/string.h"

struct cpu_info cpu_info;

static void (*cpuid_op)(u32 *, u32 *, u32 *, u32 *);

struct leaf {
	u32 eax, ebx, ecx, edx;
};

static struct leaf leaf(u32 number)
{
	struct leaf l = {number, 0, 0, 0};
	struct leaf top = {number & 0xc0000000 ? number & 0xffff0000 : 0, 0, 0, 0};

	cpuid_op(&top.eax, &top.ebx, &top.ecx, &top.edx);
	if (top.eax < number)
		return (struct leaf){0, 0, 0, 0};
	cpuid_op(&l.eax, &l.ebx, &l.ecx, &l.edx);
	return l;
}

static void read_identity(struct cpu_info *c)
{
	struct leaf l = leaf(0), f = leaf(1);
	u32 i;

	memcpy(c->vendor, &l.ebx, 4);
	memcpy(c->vendor + 4, &l.edx, 4);
	memcpy(c->vendor + 8, &l.ecx, 4);
	c->stepping = f.eax & 0xf;
	c->model = f.eax >> 4 & 0xf;
	c->family = f.eax >> 8 & 0xf;
	if (c->family == 6 || c->family == 15)
		c->model |= f.eax >> 12 & 0xf0;
	if (c->family == 15)
		c->family += f.eax >> 20 & 0xff;
	for (i = 0; i < 3; i++) {
		l = leaf(0x80000002 + i);
		memcpy(c->brand + i * 16, &l, 16);
	}
	memset(c->hypervisor, 0, sizeof(c->hypervisor));
	if (cpu_has(X86_FEATURE_HYPERVISOR)) {
		l = leaf(0x40000000);
		memcpy(c->hypervisor, &l.ebx, 12);
	}
}

void cpu_info_read(void (*cpuid)(u32 *eax, u32 *ebx, u32 *ecx, u32 *edx))
{
	struct cpu_info *c = &cpu_info;
	struct leaf l;

	cpuid_op = cpuid;
	l = leaf(1);
	c->words[CPU_1_EDX] = l.edx;
	c->words[CPU_1_ECX] = l.ecx;
	l = leaf(7);
	c->words[CPU_7_EBX] = l.ebx;
	c->words[CPU_7_ECX] = l.ecx;
	l = leaf(0x80000001);
	c->words[CPU_8_1_EDX] = l.edx;
	c->words[CPU_8_1_ECX] = l.ecx;
	c->words[CPU_8_7_EDX] = leaf(0x80000007).edx;
	l = leaf(0x80000008);
	c->phys_bits = l.eax & 0xff ?: 36;
	c->virt_bits = l.eax >> 8 & 0xff ?: 48;
	read_identity(c);
}

static const struct {
	u16 feature;
	const char *name;
} feature_names[] = {
	{X86_FEATURE_NX, "nx"},
	{X86_FEATURE_PGE, "pge"},
	{X86_FEATURE_PAT, "pat"},
	{X86_FEATURE_PDPE1GB, "1g"},
	{X86_FEATURE_SMEP, "smep"},
	{X86_FEATURE_SMAP, "smap"},
	{X86_FEATURE_UMIP, "umip"},
	{X86_FEATURE_PCID, "pcid"},
	{X86_FEATURE_INVPCID, "invpcid"},
	{X86_FEATURE_PKU, "pku"},
	{X86_FEATURE_LA57, "la57"},
	{X86_FEATURE_X2APIC, "x2apic"},
	{X86_FEATURE_TSC_DEADLINE, "tsc-deadline"},
	{X86_FEATURE_TSC_ADJUST, "tsc-adjust"},
	{X86_FEATURE_RDTSCP, "rdtscp"},
	{X86_FEATURE_INVARIANT_TSC, "invariant-tsc"},
	{X86_FEATURE_VMX, "vmx"},
	{X86_FEATURE_SVM, "svm"},
	{X86_FEATURE_HYPERVISOR, "hypervisor"},
};

void cpu_feature_names(char *buf, size_t size)
{
	size_t used = 0, i;

	buf[0] = 0;
	for (i = 0; i < ARRAY_SIZE(feature_names); i++) {
		if (!cpu_has(feature_names[i].feature))
			continue;
		if (used && used + 1 < size)
			buf[used++] = ' ';
		used += str_copy(buf + used, feature_names[i].name, size - used);
		if (used >= size)
			return;
	}
}
