/* Bits of control registers, EFLAGS, MSR numbers and page-fault error codes: SDM 3A 2.5, 4.7; SDM 4 table 2-2. */
#ifndef ARCH_REGS_H
#define ARCH_REGS_H

#include "lib/types.h"

#define X86_CR0_PE         BIT(0)
#define X86_CR0_MP         BIT(1)
#define X86_CR0_EM         BIT(2)
#define X86_CR0_TS         BIT(3)
#define X86_CR0_NE         BIT(5)
#define X86_CR0_WP         BIT(16)
#define X86_CR0_AM         BIT(18)
#define X86_CR0_PG         BIT(31)

#define X86_CR4_DE         BIT(3)
#define X86_CR4_PSE        BIT(4)
#define X86_CR4_PAE        BIT(5)
#define X86_CR4_MCE        BIT(6)
#define X86_CR4_PGE        BIT(7)
#define X86_CR4_LA57       BIT(12)
#define X86_CR4_PCIDE      BIT(17)
#define CR3_NOFLUSH        BIT(63)
#define X86_CR4_UMIP       BIT(11)
#define X86_CR4_SMEP       BIT(20)
#define X86_CR4_SMAP       BIT(21)
#define X86_CR4_PKE        BIT(22)

#define X86_EFLAGS_FIXED   BIT(1)
#define X86_EFLAGS_TF      BIT(8)
#define X86_EFLAGS_IF      BIT(9)
#define X86_EFLAGS_DF      BIT(10)
#define X86_EFLAGS_NT      BIT(14)
#define X86_EFLAGS_RF      BIT(16)
#define X86_EFLAGS_AC      BIT(18)

#define MSR_EFER           0xc0000080
#define MSR_STAR           0xc0000081
#define MSR_LSTAR          0xc0000082
#define MSR_CSTAR          0xc0000083
#define MSR_SFMASK         0xc0000084
#define MSR_FS_BASE        0xc0000100
#define MSR_GS_BASE        0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102
#define MSR_TSC            0x10
#define MSR_APIC_BASE      0x1b
#define MSR_TSC_ADJUST     0x3b
#define MSR_PAT            0x277
#define MSR_X2APIC         0x800
#define MSR_TSC_DEADLINE   0x6e0
#define EFER_SCE           BIT(0)
#define EFER_LME           BIT(8)
#define EFER_LMA           BIT(10)
#define EFER_NXE           BIT(11)

#define X86_TRAP_DB        1
#define X86_TRAP_NMI       2
#define X86_TRAP_BP        3
#define X86_TRAP_UD        6
#define X86_TRAP_DF        8
#define X86_TRAP_TS        10
#define X86_TRAP_GP        13
#define X86_TRAP_PF        14
#define X86_TRAP_MC        18

#define X86_PF_PROT        BIT(0)
#define X86_PF_WRITE       BIT(1)
#define X86_PF_USER        BIT(2)
#define X86_PF_RSVD        BIT(3)
#define X86_PF_INSTR       BIT(4)
#define X86_PF_PK          BIT(5)

#endif
