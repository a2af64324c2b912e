/*
 * A CPU's tables: GDT, TSS with its IST stacks, GS base, system-call MSRs; and the ops that are about them. Each is
 * loaded through its op, on every CPU by the same functions. Starting the others: machine/smp.c.
 */
#include "arch/native.h"
#include "arch/regs.h"
#include "arch/section.h"
#include "arch/cpufeature.h"
#include "lib/panic.h"
#include "machine/percpu.h"
#include "mmu/pat.h"
#include "pvops/pvops.h"

extern u8 entry_syscall[], entry_syscall32[];

struct percpu boot_cpu __aligned(64);
/* Stacks with a guard page below each: the one boot/entry.asm starts on; NMI, #DF, #MC. */
u8 boot_stack_slot[KSTACK_SLOT] __section(".bss.kstacks") __aligned(4096);
static u8 ist_stacks[3][KSTACK_SLOT] __section(".bss.kstacks") __aligned(4096);

/* Flat segments; in long mode only the type, DPL and L bits matter (SDM 3A 3.4.5.1). */
static const struct desc_struct flat_gdt[SEL_TSS / 8] = {
	[SEL_KERNEL_CS / 8] = {0x00af9b000000ffff}, [SEL_KERNEL_DS / 8] = {0x00cf93000000ffff},
	[SEL_USER_CS32 / 8] = {0x00cffb000000ffff}, [SEL_USER_DS / 8] = {0x00cff3000000ffff},
	[SEL_USER_CS / 8] = {0x00affb000000ffff},
};

static void gdt_load(struct percpu *cpu)
{
	struct desc_ptr ptr = {sizeof(cpu->gdt) - 1, (ulong)cpu->gdt};
	u64 base = (ulong)&cpu->tss, limit = sizeof(cpu->tss) - 1;
	struct desc_struct tss[2] = {
		{limit | (base & 0xffffff) << 16 | 0x89UL << 40 | (base >> 24 & 0xff) << 56},
		{base >> 32},
	};
	int i;

	for (i = 1; i < SEL_TSS / 8; i++)
		pv_write_gdt_entry(cpu->gdt, i, &flat_gdt[i], DESC_SEGMENT);
	pv_write_gdt_entry(cpu->gdt, SEL_TSS / 8, tss, DESC_TSS);
	pv_load_gdt(&ptr);
	pv_load_tr_desc();
	pv_set_ldt(NULL, 0);
}

/* What the boot CPU and the others have in common. */
static void percpu_fill(struct percpu *cpu, unsigned id, ulong stack, ulong ist)
{
	int i;

	cpu->self = cpu;
	cpu->local.id = cpu->id = id;
	cpu->kernel_rsp = cpu->stack_top = stack + KSTACK_SLOT;
	cpu->fault.vector = FAULT_NONE;
	for (i = 0; i < 3; i++)
		cpu->tss.ist[i] = ist + (ulong)(i + 1) * KSTACK_SLOT;
	cpu->tss.iomap_base = sizeof(cpu->tss);
	cpu_locals[id] = &cpu->local;
}

void percpu_prepare(struct percpu *cpu, unsigned id, ulong stacks)
{
	percpu_fill(cpu, id, stacks, stacks + KSTACK_SLOT);
}

void cpu_init_boot(void)
{
	percpu_fill(&boot_cpu, 0, (ulong)boot_stack_slot, (ulong)ist_stacks);
	cpu_init(&boot_cpu);
}

void cpu_init(struct percpu *cpu)
{
	pv_write_msr64(MSR_GS_BASE, (ulong)cpu);
	pv_write_msr64(MSR_KERNEL_GS_BASE, 0);
	gdt_load(cpu);
	pv_load_sp0(cpu->kernel_rsp);
	pv_write_msr64(MSR_STAR, (u64)SEL_USER_CS32 << 48 | (u64)SEL_KERNEL_CS << 32);
	pv_write_msr64(MSR_LSTAR, (ulong)entry_syscall);
	pv_write_msr64(MSR_CSTAR, (ulong)entry_syscall32);
	pv_write_msr64(MSR_SFMASK, X86_EFLAGS_TF | X86_EFLAGS_IF | X86_EFLAGS_DF | X86_EFLAGS_NT | X86_EFLAGS_AC);
}

void cpu_enable_features(void)
{
	ulong cr4 = X86_CR4_PAE | X86_CR4_DE | X86_CR4_PGE | (pv_read_cr4() & X86_CR4_LA57);

	if (cpu_has(X86_FEATURE_MCE))
		cr4 |= X86_CR4_MCE;
	if (cpu_has(X86_FEATURE_SMEP))
		cr4 |= X86_CR4_SMEP;
	if (cpu_has(X86_FEATURE_UMIP))
		cr4 |= X86_CR4_UMIP;
	if (cpu_has(X86_FEATURE_PCID))
		cr4 |= X86_CR4_PCIDE; /* allowed: CR3 is of PCID 0 */
	pat_init_cpu();
	pv_write_cr4(cr4);
}

__native void native_load_sp0(ulong sp0)
{
	struct percpu *cpu = this_cpu();

	cpu->kernel_rsp = sp0;
	cpu->tss.rsp[0] = sp0;
}

__native void native_load_tls(struct thread_struct *thread, unsigned cpu_id)
{
	struct percpu *cpu = this_cpu();
	int i;

	BUG_ON(cpu_id != cpu->id);
	for (i = 0; i < 3; i++)
		cpu->gdt[SEL_TLS0 / 8 + i] = thread->tls_array[i];
}

/* Loads an LDT of @entries 8-byte descriptors, or none. Its own GDT slots come with its first user. */
__native void native_set_ldt(const void *ldt, unsigned entries)
{
	BUG_ON(ldt || entries);
	asm volatile("lldt %w0" ::"r"(0));
}
