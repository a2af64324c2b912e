; NASM sites for the tests, and what only assembly can see: that a callee-save site keeps every register but rax.
; C prototypes: tests/pvops_sites.h. Both are ordinary functions.
%include "asm_offsets.inc"
%include "pvops/pv_asm.inc"
%include "tests/asm_regs.inc"

bits 64
section .text progbits alloc exec nowrite align=16

; ulong asm_save_fl(void): the op at a NASM site.
global asm_save_fl:function
asm_save_fl:
        PARA_SITE irq, save_fl, CLBR_RAX
        ret

; void asm_disable_enable(void)
global asm_disable_enable:function
asm_disable_enable:
        PARA_SITE irq, irq_disable, CLBR_RAX
        PARA_SITE irq, irq_enable, CLBR_RAX
        ret

; bool asm_callee_save_kept(void): crosses a save_fl, restore_fl, irq_disable, irq_enable, pte_val and unlock site with
; a pattern in every register; true if all of them, and what the ops returned, are as they should be. Enables
; interrupts.
global asm_callee_save_kept:function
asm_callee_save_kept:
        SAVE_CALLEE_REGS
        sub     rsp, 8
        mov     dword [rsp], 1                  ; a held lock
%macro FILL 0
        mov     rbx, 0x1111000000000001
        mov     rcx, 0x1111000000000002
        mov     rdx, 0x1111000000000003
        mov     rsi, 0x1111000000000004
        mov     rbp, 0x1111000000000006
        mov     r8,  0x1111000000000008
        mov     r9,  0x1111000000000009
        mov     r10, 0x111100000000000a
        mov     r11, 0x111100000000000b
        mov     r12, 0x111100000000000c
        mov     r13, 0x111100000000000d
        mov     r14, 0x111100000000000e
        mov     r15, 0x111100000000000f
%endmacro
%macro KEPT 2                                   ; register, low byte
        mov     rax, 0x1111000000000000 + %2
        cmp     %1, rax
        jne     .changed
%endmacro
        FILL
        PARA_SITE irq, save_fl, CLBR_RAX
        mov     rdi, rax
        PARA_SITE irq, irq_disable, CLBR_RAX
        PARA_SITE irq, restore_fl, CLBR_RAX
        PARA_SITE irq, irq_disable, CLBR_RAX
        PARA_SITE irq, irq_enable, CLBR_RAX
        mov     rdi, 0x1234
        PARA_SITE mmu, pte_val, CLBR_RAX
        cmp     rax, 0x1234
        jne     .changed
        mov     rdi, rsp
        PARA_SITE lock, queued_spin_unlock, CLBR_RAX
        cmp     dword [rsp], 0
        jne     .changed
        cmp     rdi, rsp
        jne     .changed
        PARA_SITE lock, vcpu_is_preempted, CLBR_RAX
        KEPT    rbx, 1
        KEPT    rcx, 2
        KEPT    rdx, 3
        KEPT    rsi, 4
        KEPT    rbp, 6
        KEPT    r8, 8
        KEPT    r9, 9
        KEPT    r10, 10
        KEPT    r11, 11
        KEPT    r12, 12
        KEPT    r13, 13
        KEPT    r14, 14
        KEPT    r15, 15
        mov     eax, 1
        jmp     .out
.changed:
        xor     eax, eax
.out:
        add     rsp, 8
        RESTORE_CALLEE_REGS
        ret

section .note.GNU-stack noalloc noexec nowrite progbits
