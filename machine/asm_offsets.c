/*
 * What NASM knows of C: compiled to assembler text only, from which the Makefile picks the lines "->NAME VALUE" and
 * makes build/asm_offsets.inc. The one way of numbers from C to assembly; a test compares what assembly saw.
 */
#include "abi/multiboot2.h"
#include "abi/pvh.h"
#include "arch/layout.h"
#include "arch/pt_regs.h"
#include "arch/regs.h"
#include "lib/errno.h"
#include "lib/boot_info.h"
#include "machine/percpu.h"
#include "machine/power.h"
#include "machine/uart.h"
#include "pvops/pv_types.h"

#define DEFINE(name, value) asm volatile("\n.ascii \"->" #name " %0\"" ::"i"(value))

void asm_offsets(void);

void asm_offsets(void)
{
	DEFINE(KBASE, KBASE_CONST);
	DEFINE(DIRECT_BASE, DIRECT_BASE_CONST);
	DEFINE(POKE_BASE, POKE_BASE_CONST);
	DEFINE(KSTACK_GUARD, KSTACK_GUARD);
	DEFINE(KSTACK_SIZE, KSTACK_SIZE);
	DEFINE(CPU_AREAS_BASE, CPU_AREAS_BASE);
	DEFINE(CPU_AREA_SHIFT, __builtin_ctzl(CPU_AREA_SIZE));
	DEFINE(SEL_KERNEL_CS, SEL_KERNEL_CS);
	DEFINE(SEL_KERNEL_DS, SEL_KERNEL_DS);
	DEFINE(MSR_EFER, MSR_EFER);
	DEFINE(MSR_GS_BASE, MSR_GS_BASE);
	DEFINE(ENOSYS, ENOSYS);
	DEFINE(EFER_LME, EFER_LME);
	DEFINE(EFER_NXE, EFER_NXE);
	DEFINE(EFER_SCE, EFER_SCE);

	DEFINE(MULTIBOOT2_HEADER_MAGIC, MULTIBOOT2_HEADER_MAGIC);
	DEFINE(MULTIBOOT2_BOOT_MAGIC, MULTIBOOT2_BOOT_MAGIC);
	DEFINE(PVH_NOTE_PHYS32_ENTRY, PVH_NOTE_PHYS32_ENTRY);
	DEFINE(BOOT_MULTIBOOT2, BOOT_MULTIBOOT2);
	DEFINE(BOOT_PVH, BOOT_PVH);
	DEFINE(DEBUG_EXIT_PORT, DEBUG_EXIT_PORT);
	DEFINE(EXIT_FAILED, EXIT_FAILED);
	DEFINE(UART_COM1, UART_COM1);

	DEFINE(PT_REGS_VECTOR, offsetof(struct pt_regs, vector));
	DEFINE(PT_REGS_RIP, offsetof(struct pt_regs, rip));
	DEFINE(PT_REGS_CS, offsetof(struct pt_regs, cs));
	DEFINE(PT_REGS_RSP, offsetof(struct pt_regs, rsp));
	DEFINE(PT_REGS_RCX, offsetof(struct pt_regs, rcx));
	DEFINE(PT_REGS_R11, offsetof(struct pt_regs, r11));
	DEFINE(PT_REGS_SIZE, sizeof(struct pt_regs));
	DEFINE(X86_TRAP_TS, X86_TRAP_TS);
	DEFINE(X86_TRAP_PF, X86_TRAP_PF);
	DEFINE(VECTOR_SYSCALL, VECTOR_SYSCALL);

	DEFINE(PERCPU_USER_RSP, offsetof(struct percpu, user_rsp));
	DEFINE(PERCPU_KERNEL_RSP, offsetof(struct percpu, kernel_rsp));
	DEFINE(PV_INFO_KERNEL_CS, offsetof(struct pv_info, kernel_cs));
	DEFINE(PV_INFO_USER_CS, offsetof(struct pv_info, user_cs));
	DEFINE(PV_INFO_USER_SS, offsetof(struct pv_info, user_ss));
	DEFINE(CLBR_RAX, CLBR_RAX);
	DEFINE(CLBR_ANY, CLBR_ANY);

	DEFINE(PV_TYPES, PV_TYPES);
#define PV_OP(group, pos, name, class, len, native, ...)                                                               \
	DEFINE(PV_##group##_##name, PV_TYPE(group, name));                                                             \
	DEFINE(PVLEN_##group##_##name, len);
#include "pvops/pv_ops.def"
}
