/*
 * What this CPU is and can: CPUID read once, through the op that the caller passes (so that a backend sees it and may
 * mask it), and asked by name afterwards. A feature is word * 32 + bit. Facts: SDM 2A CPUID, APM 3 appendix E.
 */
#ifndef ARCH_CPUFEATURE_H
#define ARCH_CPUFEATURE_H

#include "lib/types.h"

enum cpu_word { CPU_1_EDX, CPU_1_ECX, CPU_7_EBX, CPU_7_ECX, CPU_8_1_EDX, CPU_8_1_ECX, CPU_8_7_EDX, CPU_WORDS };

#define X86_FEATURE(word, bit)    ((word)*32 + (bit))
#define X86_FEATURE_PSE           X86_FEATURE(CPU_1_EDX, 3)
#define X86_FEATURE_MCE           X86_FEATURE(CPU_1_EDX, 7)
#define X86_FEATURE_APIC          X86_FEATURE(CPU_1_EDX, 9)
#define X86_FEATURE_PGE           X86_FEATURE(CPU_1_EDX, 13)
#define X86_FEATURE_PAT           X86_FEATURE(CPU_1_EDX, 16)
#define X86_FEATURE_PSE36         X86_FEATURE(CPU_1_EDX, 17)
#define X86_FEATURE_PCID          X86_FEATURE(CPU_1_ECX, 17)
#define X86_FEATURE_X2APIC        X86_FEATURE(CPU_1_ECX, 21)
#define X86_FEATURE_TSC_DEADLINE  X86_FEATURE(CPU_1_ECX, 24)
#define X86_FEATURE_VMX           X86_FEATURE(CPU_1_ECX, 5)
#define X86_FEATURE_HYPERVISOR    X86_FEATURE(CPU_1_ECX, 31)
#define X86_FEATURE_TSC_ADJUST    X86_FEATURE(CPU_7_EBX, 1)
#define X86_FEATURE_SMEP          X86_FEATURE(CPU_7_EBX, 7)
#define X86_FEATURE_INVPCID       X86_FEATURE(CPU_7_EBX, 10)
#define X86_FEATURE_SMAP          X86_FEATURE(CPU_7_EBX, 20)
#define X86_FEATURE_UMIP          X86_FEATURE(CPU_7_ECX, 2)
#define X86_FEATURE_PKU           X86_FEATURE(CPU_7_ECX, 3)
#define X86_FEATURE_LA57          X86_FEATURE(CPU_7_ECX, 16)
#define X86_FEATURE_NX            X86_FEATURE(CPU_8_1_EDX, 20)
#define X86_FEATURE_PDPE1GB       X86_FEATURE(CPU_8_1_EDX, 26)
#define X86_FEATURE_RDTSCP        X86_FEATURE(CPU_8_1_EDX, 27)
#define X86_FEATURE_SVM           X86_FEATURE(CPU_8_1_ECX, 2)
#define X86_FEATURE_INVARIANT_TSC X86_FEATURE(CPU_8_7_EDX, 8)

struct cpu_info {
	char vendor[13];     /* "GenuineIntel" */
	char brand[49];      /* empty if the CPU does not say */
	char hypervisor[13]; /* leaf 0x40000000, empty on bare hardware */
	u32 family, model, stepping;
	u32 phys_bits, virt_bits;
	u32 words[CPU_WORDS];
};

/* The boot CPU's; filled by cpu_info_read(). */
extern struct cpu_info cpu_info;

/* Reads everything by @cpuid (in: *eax leaf, *ecx subleaf). */
void cpu_info_read(void (*cpuid)(u32 *eax, u32 *ebx, u32 *ecx, u32 *edx));

static inline bool cpu_has(unsigned feature)
{
	return cpu_info.words[feature / 32] >> feature % 32 & 1;
}

/* The names of the features above that are present, separated by blanks. */
void cpu_feature_names(char *buf, size_t size);

#endif
