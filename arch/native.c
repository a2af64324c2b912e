/*
 * The bare instructions: see arch/native.h. Each function is one op of pvops/pv_ops.def on hardware; all lie in
 * .text.native, the only place (with .entry.raw and boot code) where the sensitive-instruction checker allows them.
 * Knows no policy and no op: what calls these is pvops/.
 */
#include "arch/native.h"

#include "arch/cpufeature.h"
#include "arch/layout.h"
#include "arch/regs.h"
#include "arch/section.h"
#include "lib/errno.h"
#include "lib/panic.h"

/* A register read and a register write by one mov each. */
#define NATIVE_REG(reg, insn_reg)                                                                                      \
	__native ulong native_read_##reg(void)                                                                         \
	{                                                                                                              \
		ulong value;                                                                                           \
		asm volatile("mov %%" insn_reg ", %0" : "=r"(value)::"memory");                                        \
		return value;                                                                                          \
	}                                                                                                              \
	__native void native_write_##reg(ulong value)                                                                  \
	{                                                                                                              \
		asm volatile("mov %0, %%" insn_reg ::"r"(value) : "memory");                                           \
	}
NATIVE_REG(cr0, "cr0")
NATIVE_REG(cr2, "cr2")
NATIVE_REG(cr3, "cr3")
NATIVE_REG(cr4, "cr4")
NATIVE_REG(cr8, "cr8")

#define NATIVE_IN(width, type)                                                                                         \
	__native type native_in##width(u16 port)                                                                       \
	{                                                                                                              \
		type value;                                                                                            \
		asm volatile("in %1, %0" : "=a"(value) : "d"(port));                                                   \
		return value;                                                                                          \
	}                                                                                                              \
	__native void native_out##width(type value, u16 port)                                                          \
	{                                                                                                              \
		asm volatile("out %0, %1" ::"a"(value), "d"(port));                                                    \
	}
NATIVE_IN(b, u8)
NATIVE_IN(w, u16)
NATIVE_IN(l, u32)

#define NATIVE_SET(level)                                                                                              \
	__native void native_set_##level(level##_t *entry, level##_t value)                                            \
	{                                                                                                              \
		*(volatile level##_t *)entry = value;                                                                  \
	}
NATIVE_SET(pte)
NATIVE_SET(pmd)
NATIVE_SET(pud)
NATIVE_SET(p4d)
NATIVE_SET(pgd)

__native void native_set_pte_at(struct mm_struct *mm, ulong va, pte_t *ptep, pte_t pte)
{
	(void)mm, (void)va;
	*(volatile pte_t *)ptep = pte;
}

/* Takes the entry out, so that the CPU cannot set A or D between reading and writing it. */
__native pte_t native_ptep_modify_prot_start(struct vm_area_struct *vma, ulong va, pte_t *ptep)
{
	pte_t old = {0};

	(void)vma, (void)va;
	asm volatile("xchg %0, %1" : "+r"(old.pte), "+m"(ptep->pte)::"memory");
	return old;
}

__native void native_ptep_modify_prot_commit(struct vm_area_struct *vma, ulong va, pte_t *ptep, pte_t pte)
{
	(void)vma, (void)va;
	*(volatile pte_t *)ptep = pte;
}

__native u64 native_read_tsc(void)
{
	u32 low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
	return (u64)high << 32 | low;
}

__native u64 native_steal_clock(int cpu)
{
	(void)cpu;
	return 0;
}

#define DEBUGREG_READ(n)                                                                                               \
	case n:                                                                                                        \
		asm volatile("mov %%db" #n ", %0" : "=r"(value));                                                      \
		return value
#define DEBUGREG_WRITE(n)                                                                                              \
	case n:                                                                                                        \
		asm volatile("mov %0, %%db" #n ::"r"(value));                                                          \
		return

__native ulong native_get_debugreg(int regno)
{
	ulong value;

	switch (regno) {
		DEBUGREG_READ(0);
		DEBUGREG_READ(1);
		DEBUGREG_READ(2);
		DEBUGREG_READ(3);
		DEBUGREG_READ(6);
		DEBUGREG_READ(7);
	}
	panic("get_debugreg: there is no db%d", regno);
}

__native void native_set_debugreg(int regno, ulong value)
{
	switch (regno) {
		DEBUGREG_WRITE(0);
		DEBUGREG_WRITE(1);
		DEBUGREG_WRITE(2);
		DEBUGREG_WRITE(3);
		DEBUGREG_WRITE(6);
		DEBUGREG_WRITE(7);
	}
	panic("set_debugreg: there is no db%d", regno);
}

__native void native_load_tr_desc(void)
{
	asm volatile("ltr %w0" ::"r"(SEL_TSS));
}

__native ulong native_store_tr(void)
{
	ulong selector;

	asm volatile("str %k0" : "=r"(selector));
	return selector;
}

__native void native_load_gdt(const struct desc_ptr *ptr)
{
	asm volatile("lgdt %0" ::"m"(*ptr));
}

__native void native_load_idt(const struct desc_ptr *ptr)
{
	asm volatile("lidt %0" ::"m"(*ptr));
}

/*
 * The selector with the kernel's own GS base kept: its base becomes the user's. A selector that the CPU refuses leaves
 * the null one. The load is done on the kernel's GS, so that its fault finds this CPU's data; a null selector clears
 * the base on one vendor's CPUs and keeps it on the other's, so it is cleared here.
 */
__native void native_load_gs_index(unsigned selector)
{
	ulong flags = native_save_fl();
	u64 kernel_base, user_base;

	native_irq_disable();
	kernel_base = native_read_msr(MSR_GS_BASE);
	asm volatile("1: mov %0, %%gs\n\t"
		     "jmp 3f\n"
		     "2: xor %0, %0\n\t"
		     "mov %0, %%gs\n"
		     "3:\n" EXTABLE("1b", "2b")
		     : "+r"(selector));
	user_base = selector & 0xfffc ? native_read_msr(MSR_GS_BASE) : 0;
	native_write_msr(MSR_KERNEL_GS_BASE, (u32)user_base, (u32)(user_base >> 32));
	native_write_msr(MSR_GS_BASE, (u32)kernel_base, (u32)(kernel_base >> 32));
	native_restore_fl(flags);
}

__native void native_write_ldt_entry(struct desc_struct *ldt, int entry, const void *desc)
{
	ldt[entry] = *(const struct desc_struct *)desc;
}

__native void native_write_gdt_entry(struct desc_struct *gdt, int entry, const void *desc, int kind)
{
	const struct desc_struct *from = desc;

	gdt[entry] = from[0];
	if (kind != DESC_SEGMENT)
		gdt[entry + 1] = from[1];
}

__native void native_write_idt_entry(gate_desc *idt, int entry, const gate_desc *gate)
{
	idt[entry] = *gate;
}

__native void native_wbinvd(void)
{
	asm volatile("wbinvd" ::: "memory");
}

/* A write to an unused port takes about a microsecond on an ISA bus; old devices need it between two accesses. */
__native void native_io_delay(void)
{
	asm volatile("outb %al, $0x80");
}

__native void native_cpuid(u32 *eax, u32 *ebx, u32 *ecx, u32 *edx)
{
	asm volatile("cpuid" : "=a"(*eax), "=b"(*ebx), "=c"(*ecx), "=d"(*edx) : "0"(*eax), "2"(*ecx) : "memory");
}

__native u64 native_read_msr(unsigned msr)
{
	u32 low, high;

	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (u64)high << 32 | low;
}

__native void native_write_msr(unsigned msr, unsigned low, unsigned high)
{
	asm volatile("wrmsr" ::"c"(msr), "a"(low), "d"(high) : "memory");
}

__native u64 native_read_msr_safe(unsigned msr, int *err)
{
	u32 low = 0, high = 0;
	int result = -EIO;

	asm volatile("1: rdmsr\n\t"
		     "xor %2, %2\n"
		     "2:\n" EXTABLE("1b", "2b")
		     : "+a"(low), "+d"(high), "+r"(result)
		     : "c"(msr));
	*err = result;
	return result ? 0 : (u64)high << 32 | low;
}

__native int native_write_msr_safe(unsigned msr, unsigned low, unsigned high)
{
	int result = -EIO;

	asm volatile("1: wrmsr\n\t"
		     "xor %0, %0\n"
		     "2:\n" EXTABLE("1b", "2b")
		     : "+r"(result)
		     : "c"(msr), "a"(low), "d"(high)
		     : "memory");
	return result;
}

__native u64 native_read_pmc(int counter)
{
	u32 low, high;

	asm volatile("rdpmc" : "=a"(low), "=d"(high) : "c"(counter));
	return (u64)high << 32 | low;
}

__native ulong native_save_fl(void)
{
	ulong flags;

	asm volatile("pushf\n\tpop %0" : "=r"(flags)::"memory");
	return flags;
}

__native void native_restore_fl(ulong flags)
{
	asm volatile("push %0\n\tpopf" ::"r"(flags) : "memory", "cc");
}

__native void native_irq_disable(void)
{
	asm volatile("cli" ::: "memory");
}

__native void native_irq_enable(void)
{
	asm volatile("sti" ::: "memory");
}

__native void native_safe_halt(void)
{
	asm volatile("sti\n\thlt" ::: "memory");
}

__native void native_halt(void)
{
	asm volatile("hlt" ::: "memory");
}

__native void native_flush_tlb_user(void)
{
	native_write_cr3(native_read_cr3());
}

/* INVPCID of all PCIDs, globals too (SDM 2A INVPCID, type 2); else clearing CR4.PGE, which does the same (4.10.4.1). */
__native void native_flush_tlb_kernel(void)
{
	static const u64 nothing[2];
	ulong cr4;

	if (cpu_has(X86_FEATURE_INVPCID)) {
		asm volatile("invpcid %0, %1" ::"m"(nothing), "r"(2UL) : "memory");
		return;
	}
	cr4 = native_read_cr4();

	if (cr4 & X86_CR4_PGE) {
		native_write_cr4(cr4 & ~X86_CR4_PGE);
		native_write_cr4(cr4);
	} else {
		native_write_cr3(native_read_cr3());
	}
}

__native void native_flush_tlb_one_user(ulong va)
{
	asm volatile("invlpg (%0)" ::"r"(va) : "memory");
}

__native void native_flush_tlb_one_kernel(ulong va)
{
	asm volatile("invlpg (%0)" ::"r"(va) : "memory");
}

__native bool native_vcpu_is_preempted(ulong cpu)
{
	(void)cpu;
	return false;
}

__native long native_hypercall(ulong nr, ulong a0, ulong a1, ulong a2, ulong a3)
{
	(void)nr, (void)a0, (void)a1, (void)a2, (void)a3;
	return -ENOSYS;
}
