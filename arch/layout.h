/*
 * Where things lie in the kernel's virtual address space: the one place of these numbers. NASM and the page-table
 * builder take them from here; linker.ld repeats three and asserts that they are these. Top half only; the low half
 * belongs to user processes.
 *
 *	PML4 slot 256..271  0xffff8000_00000000  kept empty: a hypervisor's (Xen's ABI; our own switcher)
 *	PML4 slot 272..     0xffff8800_00000000  direct map of all RAM: va = pa + DIRECT_BASE
 *	slot 511, top 2 GiB 0xffffffff_80000000  the image: va = pa + KBASE - phys_base
 *	                    0xffffffff_ff800000  poke window (2 MiB of address space, one page table)
 *	                    0xffffffff_ffa00000  fixmap (2 MiB, one page table)
 */
#ifndef ARCH_LAYOUT_H
#define ARCH_LAYOUT_H

#define KBASE_CONST       0xffffffff80000000
#define KERNEL_LMA_CONST  0x100000
#define DIRECT_BASE_CONST 0xffff880000000000
#define POKE_BASE_CONST   0xffffffffff800000
#define FIXMAP_BASE_CONST 0xffffffffffa00000

/*
 * GDT selectors: SYSCALL wants kernel code, kernel data in a row; SYSRET user 32, user data, user code (SDM 3A 5.8.8).
 */
#define SEL_KERNEL_CS 0x08
#define SEL_KERNEL_DS 0x10
#define SEL_USER_CS32 0x1b
#define SEL_USER_DS   0x23
#define SEL_USER_CS   0x2b
#define SEL_TSS       0x30 /* 16 bytes: two slots */
#define SEL_TLS0      0x40 /* three thread-local segments: load_tls */
#define GDT_ENTRIES   11

/* Kernel stacks lie in section .bss.kstacks as an array of these: a guard page, left unmapped, then the stack. */
#define KSTACK_GUARD 0x1000
#define KSTACK_SIZE  0x4000
#define KSTACK_SLOT  (KSTACK_GUARD + KSTACK_SIZE)

#ifndef __ASSEMBLER__
#include "lib/addr.h"
#include "lib/types.h"

#define KBASE       ((ulong)KBASE_CONST)
#define DIRECT_BASE ((ulong)DIRECT_BASE_CONST)
#define POKE_BASE   ((ulong)POKE_BASE_CONST)
#define FIXMAP_BASE ((ulong)FIXMAP_BASE_CONST)

/* Physical address of the image minus its link-time LMA; 0 unless a loader moved it. */
extern ulong phys_base;

/* Image symbols only (code and static data): address in the image <-> physical address. */
static inline pa_t image_pa(const void *va)
{
	return pa((ulong)va - KBASE + phys_base);
}

/* Any RAM in the direct map, once boot/ has mapped it (the boot tables cover the low 4 GiB). */
static inline void *pa_va(pa_t at)
{
	return (void *)(pa_num(at) + DIRECT_BASE);
}

static inline pa_t direct_pa(const void *va)
{
	return pa((ulong)va - DIRECT_BASE);
}

/* Section boundaries from linker.ld; pages between them carry one protection each. */
extern char __image_start[], __text_start[], __text_end[], __rodata_start[], __rodata_end[];
extern char __data_start[], __data_end[], __image_end[];
extern char __kstacks_start[], __kstacks_end[]; /* inside data; an array of KSTACK_SLOT */
extern char __ksyms_start[], __ksyms_end[];     /* read-only, behind data */
#endif
#endif
