/*
 * The CPU as boot left it: control registers, EFER, system-call MSRs, descriptor tables as the CPU itself holds them,
 * and what CPUID said. Read here with the bare instructions, so that an op that lies would be seen.
 */
#include "arch/cpufeature.h"
#include "arch/layout.h"
#include "arch/native.h"
#include "arch/regs.h"
#include "lib/string.h"
#include "machine/percpu.h"
#include "mmu/kspace.h"
#include "pvops/pvops.h"
#include "tests/ktest.h"

extern u8 entry_syscall[], entry_nmi[], entry_bp[], entry_df[], entry_mc[], entry_stubs[];

TEST(arch_cpu_control_registers)
{
	ulong cr0, cr4;

	asm volatile("mov %%cr0, %0" : "=r"(cr0));
	asm volatile("mov %%cr4, %0" : "=r"(cr4));
	EXPECT_EQ(cr0 & (X86_CR0_PE | X86_CR0_MP | X86_CR0_NE | X86_CR0_WP | X86_CR0_PG),
		  X86_CR0_PE | X86_CR0_MP | X86_CR0_NE | X86_CR0_WP | X86_CR0_PG);
	EXPECT_EQ(cr0 & (X86_CR0_EM | X86_CR0_TS | X86_CR0_AM | BIT(29) | BIT(30)), 0); /* NW, CD */
	EXPECT(cr4 & X86_CR4_PAE);
	EXPECT(cr4 & X86_CR4_DE);
	EXPECT_EQ(!!(cr4 & X86_CR4_PGE), cpu_has(X86_FEATURE_PGE));
	EXPECT_EQ(!!(cr4 & X86_CR4_MCE), cpu_has(X86_FEATURE_MCE));
	EXPECT_EQ(!!(cr4 & X86_CR4_SMEP), cpu_has(X86_FEATURE_SMEP));
	EXPECT_EQ(!!(cr4 & X86_CR4_UMIP), cpu_has(X86_FEATURE_UMIP));
	EXPECT_EQ(!!(cr4 & X86_CR4_PCIDE), cpu_has(X86_FEATURE_PCID));
	EXPECT_EQ(!!(cr4 & X86_CR4_LA57), kspace_root.top_level == PT_PGD);
	EXPECT_EQ(pv_read_cr0(), cr0);
	EXPECT_EQ(pv_read_cr4(), cr4);
}

static u64 rdmsr(unsigned msr)
{
	u32 low, high;

	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (u64)high << 32 | low;
}

TEST(arch_cpu_msrs)
{
	u64 mask = rdmsr(MSR_SFMASK);

	EXPECT_EQ(rdmsr(MSR_EFER) & (EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE),
		  EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE);
	EXPECT_EQ(rdmsr(MSR_GS_BASE), (ulong)this_cpu());
	EXPECT_EQ(rdmsr(MSR_LSTAR), (ulong)entry_syscall);
	/* SYSCALL takes CS and SS = CS + 8 from one half, SYSRET CS + 16 and CS + 8 from the other (SDM 3A 5.8.8). */
	EXPECT_EQ(rdmsr(MSR_STAR) >> 32 & 0xffff, SEL_KERNEL_CS);
	EXPECT_EQ(SEL_KERNEL_CS + 8, SEL_KERNEL_DS);
	EXPECT_EQ((rdmsr(MSR_STAR) >> 48) + 16, SEL_USER_CS);
	EXPECT_EQ((rdmsr(MSR_STAR) >> 48) + 8, SEL_USER_DS);
	EXPECT(mask & X86_EFLAGS_IF);
	EXPECT(mask & X86_EFLAGS_DF);
	EXPECT(mask & X86_EFLAGS_TF);
	EXPECT(mask & X86_EFLAGS_NT);
}

/* ---- descriptors ---- */

struct decoded {
	u64 base, limit;
	unsigned type, dpl;
	bool system, present, long_mode;
};

/* SDM 3A figures 3-8 and 7-4. */
static struct decoded decode(const u64 *raw)
{
	struct decoded d = {
		.base = (raw[0] >> 16 & 0xffffff) | (raw[0] >> 56 & 0xff) << 24,
		.limit = (raw[0] & 0xffff) | (raw[0] >> 48 & 0xf) << 16,
		.type = raw[0] >> 40 & 0xf,
		.dpl = raw[0] >> 45 & 3,
		.system = !(raw[0] >> 44 & 1),
		.present = raw[0] >> 47 & 1,
		.long_mode = raw[0] >> 53 & 1,
	};

	if (d.system)
		d.base |= raw[1] << 32;
	return d;
}

TEST(arch_cpu_gdt)
{
	const u64 *gdt;
	struct desc_ptr ptr;
	struct decoded d;

	asm volatile("sgdt %0" : "=m"(ptr));
	gdt = (const u64 *)ptr.base;
	EXPECT_EQ(ptr.base, (ulong)this_cpu()->gdt);
	EXPECT_EQ(ptr.limit, GDT_ENTRIES * 8 - 1);
	EXPECT_EQ(gdt[0], 0);
	d = decode(gdt + SEL_KERNEL_CS / 8);
	EXPECT(d.present && !d.system && d.long_mode && d.dpl == 0 && (d.type & 8));
	d = decode(gdt + SEL_KERNEL_DS / 8);
	EXPECT(d.present && !d.system && d.dpl == 0 && (d.type & 0xa) == 2);
	d = decode(gdt + SEL_USER_CS / 8);
	EXPECT(d.present && !d.system && d.long_mode && d.dpl == 3 && (d.type & 8));
	d = decode(gdt + SEL_USER_DS / 8);
	EXPECT(d.present && !d.system && d.dpl == 3 && (d.type & 0xa) == 2);
	d = decode(gdt + SEL_USER_CS32 / 8);
	EXPECT(d.present && !d.system && !d.long_mode && d.dpl == 3 && (d.type & 8));
	d = decode(gdt + SEL_TSS / 8);
	EXPECT(d.present && d.system && d.dpl == 0);
	EXPECT_EQ(d.type, 0xb); /* busy: the CPU took it */
	EXPECT_EQ(d.base, (ulong)&this_cpu()->tss);
	EXPECT_EQ(d.limit, sizeof(struct tss) - 1);
}

TEST(arch_cpu_selectors)
{
	u64 cs, ss, tr, ldt;

	asm volatile("mov %%cs, %0\n\tmov %%ss, %1" : "=r"(cs), "=r"(ss));
	asm volatile("str %k0\n\tsldt %k1" : "=r"(tr), "=r"(ldt));
	EXPECT_EQ(cs, pv_info.kernel_cs);
	EXPECT_EQ(cs & 3, pv_info.kernel_rpl);
	EXPECT_EQ(ss, pv_info.kernel_ss);
	EXPECT_EQ(tr, SEL_TSS);
	EXPECT_EQ(ldt, 0);
	EXPECT_EQ(pv_store_tr(), SEL_TSS);
}

static ulong gate_target(const gate_desc *g)
{
	return g->offset_low | (ulong)g->offset_mid << 16 | (ulong)g->offset_high << 32;
}

TEST(arch_cpu_idt)
{
	const gate_desc *idt;
	struct desc_ptr ptr;
	unsigned i;

	asm volatile("sidt %0" : "=m"(ptr));
	idt = (const gate_desc *)ptr.base;
	EXPECT_EQ(ptr.limit, 256 * sizeof(*idt) - 1);
	for (i = 0; i < 256; i++) {
		bool special = i == X86_TRAP_NMI || i == X86_TRAP_BP || i == X86_TRAP_DF || i == X86_TRAP_MC;
		bool user = i == X86_TRAP_BP || i == 4;

		EXPECT_EQ(idt[i].selector, SEL_KERNEL_CS);
		EXPECT_EQ(idt[i].attr, user ? 0xee : 0x8e); /* present 64-bit interrupt gate */
		if (!special) {
			EXPECT_EQ(idt[i].ist, 0);
			EXPECT_EQ(gate_target(&idt[i]), (ulong)entry_stubs + i * 16);
		}
	}
	EXPECT_EQ(gate_target(&idt[X86_TRAP_NMI]), (ulong)entry_nmi);
	EXPECT_EQ(gate_target(&idt[X86_TRAP_BP]), (ulong)entry_bp);
	EXPECT_EQ(gate_target(&idt[X86_TRAP_DF]), (ulong)entry_df);
	EXPECT_EQ(gate_target(&idt[X86_TRAP_MC]), (ulong)entry_mc);
	EXPECT_EQ(idt[X86_TRAP_NMI].ist, 1);
	EXPECT_EQ(idt[X86_TRAP_DF].ist, 2);
	EXPECT_EQ(idt[X86_TRAP_MC].ist, 3);
	EXPECT_EQ(idt[X86_TRAP_BP].ist, 0); /* it may interrupt itself */
}

/* ---- CPUID ---- */

/* OSXSAVE, OSPKE and the APIC's presence follow control registers and MSRs, not the CPU: not compared. */
TEST(arch_cpu_features_are_cpuids)
{
	u32 a = 1, b, c = 0, d;

	native_cpuid(&a, &b, &c, &d);
	EXPECT_EQ(cpu_info.words[CPU_1_EDX] & ~BIT(9), d & ~BIT(9));
	EXPECT_EQ(cpu_info.words[CPU_1_ECX] & ~BIT(27), c & ~BIT(27));
	EXPECT_EQ(cpu_has(X86_FEATURE_PGE), d >> 13 & 1);
	EXPECT_EQ(cpu_has(X86_FEATURE_HYPERVISOR), c >> 31 & 1);
	a = 0x80000001;
	c = 0;
	native_cpuid(&a, &b, &c, &d);
	EXPECT_EQ(cpu_info.words[CPU_8_1_EDX], d);
	EXPECT_EQ(cpu_info.words[CPU_8_1_ECX], c);
	EXPECT(cpu_has(X86_FEATURE_NX));
	EXPECT(d >> 29 & 1); /* long mode: we are in it */
	EXPECT_EQ(strnlen(cpu_info.vendor, sizeof(cpu_info.vendor)), 12);
	EXPECT(cpu_info.phys_bits >= 32 && cpu_info.phys_bits <= 52);
	EXPECT(cpu_info.virt_bits == 48 || cpu_info.virt_bits == 57);
}

/* A CPU of the test's own: highest leaves 1 and 0x80000004, everything else must not be asked for. */
static void old_cpu(u32 *eax, u32 *ebx, u32 *ecx, u32 *edx)
{
	static const struct {
		u32 leaf, eax, ebx, ecx, edx;
	} leaves[] = {
		{0, 1, 0x64636261, 0x6c6b6a69, 0x68676665},
		{1, 0x00a20f12, 0, 0x00000020, 0x00002080},
		{0x80000000, 0x80000004, 0, 0, 0},
		{0x80000001, 0, 0, 0x00000004, 0x00100000},
		{0x80000002, 0x64726142, 0x58202e, 0, 0},
		{0x80000003, 0, 0, 0, 0},
		{0x80000004, 0, 0, 0, 0},
	};
	u32 leaf = *eax, i;

	*eax = *ebx = *ecx = *edx = 0xffffffff;
	for (i = 0; i < ARRAY_SIZE(leaves); i++) {
		if (leaves[i].leaf != leaf)
			continue;
		*eax = leaves[i].eax;
		*ebx = leaves[i].ebx;
		*ecx = leaves[i].ecx;
		*edx = leaves[i].edx;
	}
}

static struct cpu_info saved;

/*
 * What the op says is what the kernel believes: so a backend can mask features. Leaves that do not exist are not
 * believed.
 */
TEST(arch_cpu_info_is_read_through_the_op)
{
	char names[64], few[8];

	saved = cpu_info;
	cpu_info_read(old_cpu);
	cpu_feature_names(names, sizeof(names));
	cpu_feature_names(few, sizeof(few));
	EXPECT(strcmp(cpu_info.vendor, "abcdefghijkl") == 0);
	EXPECT(strcmp(cpu_info.brand, "Bard. X") == 0);
	EXPECT_EQ(cpu_info.hypervisor[0], 0);
	EXPECT_EQ(cpu_info.family, 0x19);
	EXPECT_EQ(cpu_info.model, 0x21);
	EXPECT_EQ(cpu_info.stepping, 2);
	EXPECT(cpu_has(X86_FEATURE_NX) && cpu_has(X86_FEATURE_PGE) && cpu_has(X86_FEATURE_SVM));
	EXPECT(!cpu_has(X86_FEATURE_SMEP));
	EXPECT_EQ(cpu_info.words[CPU_7_EBX] | cpu_info.words[CPU_7_ECX] | cpu_info.words[CPU_8_7_EDX], 0);
	EXPECT_EQ(cpu_info.phys_bits, 36);
	EXPECT_EQ(cpu_info.virt_bits, 48);
	EXPECT(strcmp(names, "nx pge vmx svm") == 0);
	EXPECT(strcmp(few, "nx pge ") == 0 || strcmp(few, "nx pge") == 0);
	cpu_info_read(pv_cpuid);
	EXPECT(memcmp(&cpu_info, &saved, sizeof(saved)) == 0);
	cpu_info = saved;
}
