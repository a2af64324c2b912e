; Every way into the kernel after boot: 256 IDT stubs, SYSCALL, and the raw entries. All build one struct pt_regs
; (arch/pt_regs.h) and leave through the iret and sysret ops.
;
; trap_common:	on entry the CPU's frame, error code and vector are on the kernel stack (aligned by the CPU: SDM 3A
; 6.14.2);
;		user GS if user mode was interrupted. Calls trap_entry(regs), interrupts off.
; raw:		NMI, #DF, #MC (IST stacks) and #BP stay in .entry.raw, which holds no patchable site: safe while sites
;		are being changed. #BP that is not the tracer's, and #BP from user mode, go on to trap_common.
; Who is interrupted, user or kernel, is decided by IF_KERNEL here and user_mode() in C (machine/traps.h), from pv_info.

%include "asm_offsets.inc"
%include "pvops/pv_asm.inc"

bits 64
extern trap_entry, syscall_entry, trap_fatal, nmi_raw, bp_raw, native_iret

%macro PUSH_REGS 0
        push    rdi
        push    rsi
        push    rdx
        push    rcx
        push    rax
        push    r8
        push    r9
        push    r10
        push    r11
        push    rbx
        push    rbp
        push    r12
        push    r13
        push    r14
        push    r15
%endmacro

%macro POP_REGS 0
        pop     r15
        pop     r14
        pop     r13
        pop     r12
        pop     rbp
        pop     rbx
        pop     r11
        pop     r10
        pop     r9
        pop     r8
        pop     rax
        pop     rcx
        pop     rdx
        pop     rsi
        pop     rdi
%endmacro

; Jumps to %1 when the pt_regs at rsp are the kernel's. Clobbers ax.
%macro IF_KERNEL 1
        mov     ax, [rel pv_info + PV_INFO_KERNEL_CS]
        cmp     [rsp + PT_REGS_CS], ax
        je      %1
%endmacro

%define HAS_ERROR(v) (v == 8 || (v >= 10 && v <= 14) || v == 17 || v == 21 || v == 29 || v == 30)

; ------------------------------------------------------------------------------------------------ ordinary traps
section .text progbits alloc exec nowrite align=16

global entry_stubs                              ; 16 bytes each
align 16
entry_stubs:
%assign v 0
%rep 256
align 16
%if !HAS_ERROR(v)
        push    0
%endif
        push    v
        jmp     strict near trap_common
%assign v v+1
%endrep

align 16
trap_common:
        PUSH_REGS
trap_pushed:
        cld
        IF_KERNEL trap_kernel
.user:
        PARA_SITE cpu, swapgs, 0
.call:
        mov     rdi, rsp
        call    trap_entry

; entry_return(regs): leaves for whatever the pt_regs at rdi say. Not a call: the stack below them is given up.
        mov     rdi, rsp
global entry_return
entry_return:
        mov     rsp, rdi
        IF_KERNEL .kernel
        PARA_SITE cpu, swapgs, 0
.kernel:
        POP_REGS
        add     rsp, 16                         ; vector, error
entry_iret:
        PARA_JUMP cpu, iret, 0

; A trap of the kernel. One is the user's in truth: an iret to user mode that the CPU refuses (rip not canonical, a bad
; selector: SDM 2A IRET) faults here, with the user's GS already in place. What it was to load is taken for what was
; interrupted.
trap_kernel:
        lea     rax, [rel entry_iret]
        cmp     [rsp + PT_REGS_RIP], rax
        je      .iret
        lea     rax, [rel native_iret]
        cmp     [rsp + PT_REGS_RIP], rax
        jne     trap_pushed.call
.iret:
        mov     rdx, [rsp + PT_REGS_RSP]        ; -> rip cs rflags rsp ss
        mov     ax, [rel pv_info + PV_INFO_KERNEL_CS]
        cmp     [rdx + 8], ax
        je      trap_pushed.call                ; to the kernel: our own bug, and our own GS
        cmp     qword [rsp + PT_REGS_VECTOR], X86_TRAP_TS
        jb      trap_pushed.call                ; #DB, say: nothing was refused
        cmp     qword [rsp + PT_REGS_VECTOR], X86_TRAP_PF
        ja      trap_pushed.call
%assign i 0
%rep 5
        mov     rax, [rdx + i]
        mov     [rsp + PT_REGS_RIP + i], rax
%assign i i+8
%endrep
        jmp     trap_pushed.user

; SYSCALL, on the kernel's stack and GS (from entry_syscall below): rcx = user rip, r11 = user rflags, interrupts off by
; SFMASK.
align 16
syscall_common:
        sub     rsp, 40
        mov     [rsp + 0], rcx                  ; rip
        mov     [rsp + 16], r11                 ; rflags
        push    0                               ; error
        push    VECTOR_SYSCALL
        PUSH_REGS
        movzx   eax, word [rel pv_info + PV_INFO_USER_CS]
        mov     [rsp + PT_REGS_CS], rax
        movzx   eax, word [rel pv_info + PV_INFO_USER_SS]
        mov     [rsp + PT_REGS_RSP + 8], rax
        mov     rax, [gs:PERCPU_USER_RSP]
        mov     [rsp + PT_REGS_RSP], rax
        mov     rdi, rsp
        call    syscall_entry                   ; al: may leave by SYSRET (rip canonical, rcx and r11 as it wants them)
        mov     rdi, rsp
        test    al, al
        jz      entry_return
        POP_REGS
        mov     rsp, [rsp + PT_REGS_RSP - PT_REGS_VECTOR]
        PARA_JUMP cpu, usergs_sysret64, 0

; ------------------------------------------------------------------------------------------------ raw entries
section .entry.raw progbits alloc exec nowrite align=16

; SYSCALL leaves the user's rsp and GS in place. No site here: an indirect or direct call to the swapgs op would push
; its return address wherever rsp points, and that is user mode's choice. A backend with another ring has its own entry
; for SYSCALL.
global entry_syscall
entry_syscall:
        swapgs
        mov     [gs:PERCPU_USER_RSP], rsp
        mov     rsp, [gs:PERCPU_KERNEL_RSP]
        jmp     syscall_common

; SYSCALL from 32-bit user code, on AMD only: no such calls. No stack and no GS is needed to say so.
global entry_syscall32
entry_syscall32:
        mov     eax, -ENOSYS
        o32 sysret

global entry_nmi, entry_bp, entry_df, entry_mc
entry_nmi:
        push    0
        push    2
        PUSH_REGS
        cld
        mov     rdi, rsp
        call    nmi_raw
raw_return:
        POP_REGS
        add     rsp, 16
        iretq

entry_bp:
        push    0
        push    3
        PUSH_REGS
        cld
        IF_KERNEL .kernel
        jmp     trap_pushed
.kernel:
        mov     rdi, rsp
        call    bp_raw
        test    al, al
        jnz     raw_return
        jmp     trap_pushed

entry_df:
        push    8
        jmp     fatal
entry_mc:
        push    0
        push    18
fatal:
        PUSH_REGS
        cld
        mov     rdi, rsp
        call    trap_fatal                      ; does not return
        ud2

section .note.GNU-stack noalloc noexec nowrite progbits
