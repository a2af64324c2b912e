/*
 * The ops of the groups time, cpu, io and hyp that nothing else in the kernel uses yet, each for what it promises,
 * through its wrapper: so it holds for whichever backend serves it. What the machine does not show is at least shown to
 * be harmless.
 */
#include "arch/cpufeature.h"
#include "arch/layout.h"
#include "arch/regs.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "machine/fault.h"
#include "machine/traps.h"
#include "pvops/pvops.h"
#include "tests/ktest.h"

/* ---- debug registers, CR8, flags ---- */

TEST(arch_ops_debug_registers)
{
	int i;

	for (i = 0; i < 4; i++) {
		pv_set_debugreg(i, 0x1000UL * (ulong)(i + 1));
		EXPECT_EQ(pv_get_debugreg(i), 0x1000UL * (ulong)(i + 1));
	}
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(pv_get_debugreg(i), 0x1000UL * (ulong)(i + 1)); /* four, not one */
		pv_set_debugreg(i, 0);
	}
	/* All off, but a condition for breakpoint 3; the bits that are fixed read so (SDM 3B 17.2.4). */
	pv_set_debugreg(7, 0x30000400);
	EXPECT_EQ(pv_get_debugreg(7), 0x30000400);
	pv_set_debugreg(7, 0x400);
	EXPECT_EQ(pv_get_debugreg(7), 0x400);
	pv_set_debugreg(6, 0xffff0ff1);
	EXPECT_EQ(pv_get_debugreg(6) & 0xf, 1);
	pv_set_debugreg(6, 0xffff0ff0);
	EXPECT_EQ(pv_get_debugreg(6), 0xffff0ff0);
}

TEST(arch_ops_cr8_is_the_task_priority)
{
	ulong flags, raw;

	if (!cpu_has(X86_FEATURE_APIC)) {
		ktest_not_here("no local APIC, whose task priority it is");
		return;
	}
	flags = pv_irq_save();
	pv_write_cr8(7);
	asm volatile("mov %%cr8, %0" : "=r"(raw));
	EXPECT_EQ(raw, 7);
	EXPECT_EQ(pv_read_cr8(), 7);
	pv_write_cr8(0);
	EXPECT_EQ(pv_read_cr8(), 0);
	pv_irq_restore(flags);
}

TEST(arch_ops_cr2)
{
	pv_write_cr2(0x123456789000);
	EXPECT_EQ(pv_read_cr2(), 0x123456789000);
	pv_write_cr2(0);
	EXPECT_EQ(pv_read_cr2(), 0);
}

/* Those that are nothing on native must leave everything as it is; a backend may do its part. */
TEST(arch_ops_context_switch_and_iopl)
{
	ulong flags = pv_irq_save(), cr3 = pv_read_cr3(), cr0 = pv_read_cr0();

	pv_start_context_switch(NULL);
	pv_end_context_switch(NULL);
	pv_set_iopl_mask(0);
	EXPECT_EQ(pv_read_cr3(), cr3);
	EXPECT_EQ(pv_read_cr0(), cr0);
	EXPECT_EQ(pv_save_fl() & X86_EFLAGS_IF, 0);
	EXPECT_EQ(pv_save_fl() & 0x3000, 0); /* IOPL */
	pv_irq_restore(flags);
	EXPECT_EQ(pv_save_fl() & X86_EFLAGS_IF, flags & X86_EFLAGS_IF);
}

TEST(arch_ops_caches_and_delays)
{
	static volatile u64 word;
	u64 before;

	word = 0x1122334455667788;
	pv_wbinvd(); /* written back before it is dropped */
	EXPECT_EQ(word, 0x1122334455667788);
	before = pv_read_tsc();
	pv_io_delay();
	EXPECT(pv_read_tsc() > before);
	EXPECT_EQ(pv_steal_clock(0), 0);
}

/* ---- MSRs ---- */

TEST(arch_ops_msr_round_trip)
{
	u64 before = pv_read_msr(MSR_FS_BASE), at_fs;
	static u64 word = 0xfeedfacecafebeef;

	pv_write_msr64(MSR_FS_BASE, (ulong)&word);
	EXPECT_EQ(pv_read_msr(MSR_FS_BASE), (ulong)&word);
	asm volatile("mov %%fs:0, %0" : "=r"(at_fs));
	EXPECT_EQ(at_fs, word);
	pv_write_msr64(MSR_FS_BASE, before);
	EXPECT_EQ(pv_read_msr(MSR_FS_BASE), before);
}

#define MSR_NONE 0x2fffffff /* no CPU has it */

TEST(arch_ops_msr_safe)
{
	u64 fs = pv_read_msr(MSR_FS_BASE), value, faults[3];
	int err = 1, written[2];

	EXPECT_EQ(pv_read_msr_safe(MSR_GS_BASE, &err), (ulong)this_cpu());
	EXPECT_EQ(err, 0);
	EXPECT_EQ(pv_write_msr_safe(MSR_KERNEL_GS_BASE, 0x1000, 0), 0);
	EXPECT_EQ(pv_read_msr(MSR_KERNEL_GS_BASE), 0x1000);
	EXPECT_EQ(pv_write_msr_safe(MSR_KERNEL_GS_BASE, 0, 0), 0);
	fault_clear();
	value = pv_read_msr_safe(MSR_NONE, &err);
	faults[0] = fault_take().vector;
	written[0] = pv_write_msr_safe(MSR_NONE, 1, 2);
	faults[1] = fault_take().vector;
	written[1] = pv_write_msr_safe(MSR_FS_BASE, 0, 0x80000000); /* not canonical */
	faults[2] = fault_take().vector;
	pv_write_msr64(MSR_FS_BASE, fs);
	EXPECT_EQ(value, 0);
	if (!ktest_deviates("tcg_rdmsr_unknown")) {
		EXPECT_EQ(err, -EIO);
		EXPECT_EQ(written[0], -EIO);
		EXPECT(faults[0] == X86_TRAP_GP && faults[1] == X86_TRAP_GP);
	}
	if (!ktest_deviates("tcg_wrmsr_canonical")) {
		EXPECT_EQ(written[1], -EIO);
		EXPECT_EQ(faults[2], X86_TRAP_GP);
	}
}

static unsigned pmc_faults;

/* Whether a counter may be read is the machine's affair; that nothing else faults is ours. */
static bool skip_rdpmc(struct pt_regs *regs)
{
	const u8 *code = (const u8 *)regs->rip;

	if (code[0] != 0x0f || code[1] != 0x33)
		return false;
	pmc_faults++;
	regs->rax = regs->rdx = 0;
	regs->rip += 2;
	return true;
}

TEST(arch_ops_read_pmc)
{
	trap_handler former_gp = trap_set_handler(X86_TRAP_GP, skip_rdpmc);
	trap_handler former_ud = trap_set_handler(X86_TRAP_UD, skip_rdpmc);
	u64 value;

	pmc_faults = 0;
	value = pv_read_pmc(0);
	trap_set_handler(X86_TRAP_GP, former_gp);
	trap_set_handler(X86_TRAP_UD, former_ud);
	EXPECT(pmc_faults <= 1);
	EXPECT(!pmc_faults || value == 0);
}

/* ---- descriptors ---- */

#define DATA_SEGMENT 0x00cff3000000ffffUL /* flat, DPL 3 */

/* A segment at @base; only FS and GS have one in long mode. */
static struct desc_struct segment_at(u32 base)
{
	return (struct desc_struct){DATA_SEGMENT | (u64)(base & 0xffffff) << 16 | (u64)(base >> 24) << 56};
}

TEST(arch_ops_load_tls)
{
	struct thread_struct t = {{{DATA_SEGMENT}, {DATA_SEGMENT | 1UL << 16}, {DATA_SEGMENT | 2UL << 16}}},
			     none = {{{0}}};
	const struct desc_struct *gdt = this_cpu()->gdt + SEL_TLS0 / 8;

	pv_load_tls(&t, this_cpu()->id);
	EXPECT(memcmp(gdt, t.tls_array, sizeof(t.tls_array)) == 0);
	pv_load_tls(&none, this_cpu()->id);
	EXPECT(memcmp(gdt, none.tls_array, sizeof(none.tls_array)) == 0);
}

/* The user's GS changes, the kernel's does not; a selector that the CPU refuses becomes the null one. */
TEST(arch_ops_load_gs_index)
{
	struct thread_struct t = {{segment_at(0x12345678)}}, none = {{{0}}};
	u64 self = (ulong)this_cpu();
	ulong irqs = pv_save_fl() & X86_EFLAGS_IF;
	unsigned selector;

	pv_load_tls(&t, this_cpu()->id);
	pv_load_gs_index(SEL_TLS0 | 3);
	asm volatile("mov %%gs, %0" : "=r"(selector));
	EXPECT_EQ(selector, SEL_TLS0 | 3);
	EXPECT_EQ(pv_read_msr(MSR_GS_BASE), self);
	EXPECT_EQ((ulong)this_cpu(), self);
	EXPECT_EQ(pv_read_msr(MSR_KERNEL_GS_BASE), 0x12345678);
	fault_clear();
	pv_load_gs_index(0x7b); /* beyond the GDT: refused by the CPU */
	EXPECT_EQ(fault_take().vector, X86_TRAP_GP);
	asm volatile("mov %%gs, %0" : "=r"(selector));
	EXPECT_EQ(selector, 0);
	EXPECT_EQ(pv_read_msr(MSR_GS_BASE), self);
	EXPECT_EQ(pv_read_msr(MSR_KERNEL_GS_BASE), 0);
	pv_load_gs_index(SEL_TLS0 | 3);
	pv_load_gs_index(0);
	EXPECT_EQ(pv_read_msr(MSR_GS_BASE), self);
	EXPECT_EQ(pv_read_msr(MSR_KERNEL_GS_BASE), 0);
	EXPECT_EQ(pv_save_fl() & X86_EFLAGS_IF, irqs);
	pv_load_tls(&none, this_cpu()->id);
}

TEST(arch_ops_write_ldt_entry)
{
	static struct desc_struct ldt[4];
	struct desc_struct d = segment_at(0xabcdef01);

	memset(ldt, 0, sizeof(ldt));
	pv_alloc_ldt(ldt, ARRAY_SIZE(ldt));
	pv_write_ldt_entry(ldt, 2, &d);
	EXPECT_EQ(ldt[2].raw, d.raw);
	EXPECT_EQ(ldt[1].raw | ldt[3].raw, 0);
	pv_free_ldt(ldt, ARRAY_SIZE(ldt));
	EXPECT_EQ(ldt[2].raw, d.raw);
	pv_set_ldt(NULL, 0);
}

/* A system descriptor takes two slots, a segment one (arch/desc.h). */
TEST(arch_ops_write_gdt_entry)
{
	static struct desc_struct table[5];
	const struct desc_struct pair[2] = {{0x1111111111111111}, {0x2222222222222222}};

	memset(table, 0, sizeof(table));
	pv_write_gdt_entry(table, 1, pair, DESC_SEGMENT);
	EXPECT_EQ(table[1].raw, pair[0].raw);
	EXPECT_EQ(table[2].raw, 0);
	pv_write_gdt_entry(table, 2, pair, DESC_TSS);
	EXPECT_EQ(table[2].raw, pair[0].raw);
	EXPECT_EQ(table[3].raw, pair[1].raw);
	pv_write_gdt_entry(table, 3, pair, DESC_LDT);
	EXPECT_EQ(table[4].raw, pair[1].raw);
	EXPECT_EQ(table[0].raw, 0);
}

TEST(arch_ops_write_idt_entry)
{
	static gate_desc table[3];
	const gate_desc g = {0x5678, SEL_KERNEL_CS, 1, 0x8e, 0x1234, 0xffffffff, 0};

	memset(table, 0, sizeof(table));
	pv_write_idt_entry(table, 1, &g);
	EXPECT(memcmp(&table[1], &g, sizeof(g)) == 0);
	EXPECT_EQ(table[0].attr | table[2].attr, 0);
}

/* ---- ports: PCI's configuration address and data registers hold what is written, where there is PCI ---- */

#define PCI_ADDRESS 0xcf8
#define PCI_DATA    0xcfc
#define PCI_COMMAND 4

TEST(arch_ops_ports_of_every_width)
{
	u32 whole, address;
	u16 command;

	pv_outl(0x80000000, PCI_ADDRESS);
	address = pv_inl(PCI_ADDRESS);
	whole = pv_inl(PCI_DATA); /* device and vendor of the host bridge; all ones without PCI */
	EXPECT_EQ(pv_inw(PCI_DATA), (u16)whole);
	EXPECT_EQ(pv_inw(PCI_DATA + 2), whole >> 16);
	EXPECT_EQ(pv_inb(PCI_DATA), (u8)whole);
	EXPECT_EQ(pv_inb(PCI_DATA + 3), whole >> 24);
	if (address != 0x80000000 || whole == 0xffffffff) {
		ktest_not_here("no PCI: written values cannot be read back");
		return;
	}
	pv_outl(0x80000000 | PCI_COMMAND, PCI_ADDRESS);
	EXPECT_EQ(pv_inl(PCI_ADDRESS), 0x80000000 | PCI_COMMAND);
	command = pv_inw(PCI_DATA);
	pv_outw(command ^ BIT(8), PCI_DATA); /* SERR# enable: nothing reports errors here */
	EXPECT_EQ((pv_inw(PCI_DATA) ^ command) & ~BIT(8), 0);
	pv_outw(command, PCI_DATA);
	EXPECT_EQ(pv_inw(PCI_DATA), command);
	pv_outl(0, PCI_ADDRESS);
}

/* ---- a hypervisor's ---- */

TEST(arch_ops_hypercall_finds_nobody)
{
	EXPECT_EQ(pv_hypercall(0, 1, 2, 3, 4), (u64)-ENOSYS);
	EXPECT_EQ(pv_hypercall(~0UL, 0, 0, 0, 0), (u64)-ENOSYS);
}
