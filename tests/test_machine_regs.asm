; Events with every general register and the flags set to values of the caller's choice, and what they are afterwards:
; for tests that an exception or an interrupt leaves the interrupted code as it was.
;
; probe_EVENT(struct probe *p): loads the fifteen registers and rflags from p->in, causes the event, stores all into
; p->out and rsp's difference into p->rsp_moved. Callee-saved registers are kept, DF is clear on return, interrupts are
; off. Not reentrant. The order of registers is that of struct pt_regs; the C side is tests/test_machine_regs.h.

%include "asm_offsets.inc"
%include "tests/asm_regs.inc"

bits 64
%define OUT     (16 * 8)
%define MOVED   (32 * 8)

%macro EVENT_ud2 0
        ud2
%endmacro
%macro EVENT_int3 0
        int3
%endmacro
%macro EVENT_int81 0
        int     0x81
%endmacro
%macro EVENT_nmi 0
        int     2
%endmacro
%macro EVENT_irq 0                              ; one interrupt: those that are pending, or the next one
        sti
        hlt
        cli
%endmacro

%macro PROBE 1
global probe_%1, probe_%1_at
probe_%1:
        SAVE_CALLEE_REGS
        mov     [rel probe], rdi
        mov     [rel probe_rsp], rsp
        push    qword [rdi + 15 * 8]
        popfq
        mov     r15, [rdi + 0]
        mov     r14, [rdi + 8]
        mov     r13, [rdi + 16]
        mov     r12, [rdi + 24]
        mov     rbp, [rdi + 32]
        mov     rbx, [rdi + 40]
        mov     r11, [rdi + 48]
        mov     r10, [rdi + 56]
        mov     r9, [rdi + 64]
        mov     r8, [rdi + 72]
        mov     rax, [rdi + 80]
        mov     rcx, [rdi + 88]
        mov     rdx, [rdi + 96]
        mov     rsi, [rdi + 104]
        mov     rdi, [rdi + 112]
probe_%1_at:
        EVENT_%1
        jmp     store
%endmacro

section .text
PROBE ud2
PROBE int3
PROBE int81
PROBE nmi
PROBE irq

store:
        mov     [rel after_rsp], rsp
        mov     rsp, [rel probe_rsp]
        push    rdi
        pushfq
        cld
        mov     rdi, [rel probe]
        pop     qword [rdi + OUT + 15 * 8]
        pop     qword [rdi + OUT + 112]
        mov     [rdi + OUT + 0], r15
        mov     [rdi + OUT + 8], r14
        mov     [rdi + OUT + 16], r13
        mov     [rdi + OUT + 24], r12
        mov     [rdi + OUT + 32], rbp
        mov     [rdi + OUT + 40], rbx
        mov     [rdi + OUT + 48], r11
        mov     [rdi + OUT + 56], r10
        mov     [rdi + OUT + 64], r9
        mov     [rdi + OUT + 72], r8
        mov     [rdi + OUT + 80], rax
        mov     [rdi + OUT + 88], rcx
        mov     [rdi + OUT + 96], rdx
        mov     [rdi + OUT + 104], rsi
        mov     rax, [rel after_rsp]
        sub     rax, rsp
        mov     [rdi + MOVED], rax
        RESTORE_CALLEE_REGS
        ret

; What NASM believes of C's structs: the numbers that machine/entry.asm was assembled with, for comparison.
section .rodata
global asm_saw
asm_saw:
        dq      PT_REGS_VECTOR, PT_REGS_RIP, PT_REGS_CS, PT_REGS_RSP, PT_REGS_RCX, PT_REGS_R11, PT_REGS_SIZE
        dq      VECTOR_SYSCALL, PERCPU_USER_RSP, PERCPU_KERNEL_RSP
        dq      PV_INFO_KERNEL_CS, PV_INFO_USER_CS, PV_INFO_USER_SS
        dq      PV_cpu_swapgs, PV_cpu_iret, PV_cpu_usergs_sysret64, PV_TYPES
        dq      KSTACK_GUARD + KSTACK_SIZE, KBASE, DIRECT_BASE, POKE_BASE, SEL_KERNEL_CS, SEL_KERNEL_DS
        dq      0x5a5a                          ; the end, for a count that differs

section .bss
probe:          resq 1
probe_rsp:      resq 1
after_rsp:      resq 1

section .note.GNU-stack noalloc noexec nowrite progbits
