/*
 * What every op is on bare hardware: one function per sensitive operation, all in .text.native. They are the initial
 * contents of the slots (pvops/pv_ops.def); nobody else calls them but boot code, and backends that stack on native.
 * Units and meaning are those of the op: SDM 2 under the instruction's name.
 *
 * A few natives need an upper room and are defined there; tools/check/upward.txt lists them.
 */
#ifndef ARCH_NATIVE_H
#define ARCH_NATIVE_H

#include "arch/cpumask.h"
#include "arch/desc.h"
#include "arch/pte.h"
#include "lib/types.h"

struct mm_struct;
struct vm_area_struct;
struct mmu_gather;
struct qspinlock;

u64 native_read_tsc(void);
u64 native_steal_clock(int cpu); /* always 0: nobody steals from bare hardware */
u64 native_sched_clock(void);    /* ns since boot; machine/time.c */

ulong native_get_debugreg(int regno); /* 0-3, 6, 7; any other panics */
void native_set_debugreg(int regno, ulong value);
ulong native_read_cr0(void);
void native_write_cr0(ulong value);
ulong native_read_cr2(void);
void native_write_cr2(ulong value);
ulong native_read_cr3(void);
void native_write_cr3(ulong value);
ulong native_read_cr4(void);
void native_write_cr4(ulong value);
ulong native_read_cr8(void);
void native_write_cr8(ulong value);

void native_load_tr_desc(void); /* SEL_TSS */
ulong native_store_tr(void);
void native_load_gdt(const struct desc_ptr *ptr);
void native_load_idt(const struct desc_ptr *ptr);
void native_set_ldt(const void *ldt, unsigned entries);           /* machine/cpu.c */
void native_load_tls(struct thread_struct *thread, unsigned cpu); /* machine/cpu.c */
void native_load_sp0(ulong sp0);                                  /* machine/cpu.c */
void native_load_gs_index(unsigned selector);
void native_write_ldt_entry(struct desc_struct *ldt, int entry, const void *desc);
/* @kind is an enum desc_kind: a TSS or LDT descriptor takes two slots. */
void native_write_gdt_entry(struct desc_struct *gdt, int entry, const void *desc, int kind);
void native_write_idt_entry(gate_desc *idt, int entry, const gate_desc *gate);

void native_wbinvd(void);
void native_io_delay(void);
void native_cpuid(u32 *eax, u32 *ebx, u32 *ecx, u32 *edx); /* in: eax leaf, ecx subleaf */
u64 native_read_msr(unsigned msr);                         /* #GP if there is no such MSR */
void native_write_msr(unsigned msr, unsigned low, unsigned high);
u64 native_read_msr_safe(unsigned msr, int *err); /* *err 0 or -EIO */
int native_write_msr_safe(unsigned msr, unsigned low, unsigned high);
u64 native_read_pmc(int counter);

/* NASM, arch/native_asm.asm: not C functions. */
void native_usergs_sysret64(void);
void native_iret(void);
void native_swapgs(void);

/* Callee-save class: called through generated thunks, pvops/native.c. */
ulong native_save_fl(void);
void native_restore_fl(ulong flags);
void native_irq_disable(void);
void native_irq_enable(void);
void native_safe_halt(void); /* sti; hlt: no interrupt fits between */
void native_halt(void);

void native_flush_tlb_user(void);   /* all but global entries of this CPU */
void native_flush_tlb_kernel(void); /* global ones too */
void native_flush_tlb_one_user(ulong va);
void native_flush_tlb_one_kernel(ulong va);
void native_flush_tlb_others(const struct cpumask *cpus, const struct flush_tlb_info *info); /* machine/cpu.c */
void native_tlb_remove_table(struct mmu_gather *tlb, void *table);                           /* mmu/ */
int native_pgd_alloc(struct mm_struct *mm);                                                  /* mmu/ */
void native_set_fixmap(unsigned idx, phys_addr_t pa, pgprot_t flags);                        /* mmu/ */

void native_set_pte(pte_t *ptep, pte_t pte);
void native_set_pte_at(struct mm_struct *mm, ulong va, pte_t *ptep, pte_t pte);
void native_set_pmd(pmd_t *pmdp, pmd_t pmd);
void native_set_pud(pud_t *pudp, pud_t pud);
void native_set_p4d(p4d_t *p4dp, p4d_t p4d);
void native_set_pgd(pgd_t *pgdp, pgd_t pgd);
pte_t native_ptep_modify_prot_start(struct vm_area_struct *vma, ulong va, pte_t *ptep);
void native_ptep_modify_prot_commit(struct vm_area_struct *vma, ulong va, pte_t *ptep, pte_t pte);

void native_queued_spin_lock_slowpath(struct qspinlock *lock, u32 val); /* pvops/qspinlock.c */
void native_queued_spin_unlock(struct qspinlock *lock);
bool native_vcpu_is_preempted(ulong cpu); /* false: a real CPU never is */

u8 native_inb(u16 port);
u16 native_inw(u16 port);
u32 native_inl(u16 port);
void native_outb(u8 value, u16 port);
void native_outw(u16 value, u16 port);
void native_outl(u32 value, u16 port);

long native_hypercall(ulong nr, ulong a0, ulong a1, ulong a2, ulong a3); /* -ENOSYS: nobody is there */

#endif
