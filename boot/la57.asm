; From four to five levels of page tables: CR4.LA57 changes only while paging is off, so long mode is left and entered
; again (SDM 3A 4.1.2, 9.8.5). void la57_switch(u64 top): @top below 4 GiB maps the image where it is and, meanwhile,
; the pages of this code at its physical address too, as the tables in use do. Boot CPU, interrupts off, nothing that
; could send an NMI. C ABI; the upper halves of all registers die on the way, so they are kept on the stack, and the
; stack's address here. The GDT is put back.

%include "asm_offsets.inc"

%define PA(sym) (sym - KBASE)
CR4_LA57 equ 1 << 12
CR0_PG   equ 1 << 31

section .data.boot progbits alloc noexec write align=8
kept_rsp:       dq 0
kept_gdt:       dw 0
                dq 0

section .text.boot progbits alloc exec nowrite align=16
global la57_switch, la57_switch_end
bits 64
la57_switch:
        push    rbx
        push    rbp
        push    r12
        push    r13
        push    r14
        push    r15
        mov     rax, kept_rsp
        mov     [rax], rsp
        mov     rax, kept_gdt
        sgdt    [rax]
        mov     rax, PA(.gdt_ptr)
        lgdt    [rax]
        push    SEL_CODE32
        push    PA(.compat)
        retfq

bits 32
.compat:
        mov     eax, cr0
        and     eax, ~CR0_PG
        mov     cr0, eax
        mov     eax, cr4
        or      eax, CR4_LA57
        mov     cr4, eax
        mov     cr3, edi
        mov     eax, cr0
        or      eax, CR0_PG
        mov     cr0, eax
        jmp     SEL_KERNEL_CS:PA(.back)

bits 64
.back:                                          ; here still: the new tables have this page executable nowhere else
        mov     rax, kept_rsp
        mov     rsp, [rax]
        mov     rax, kept_gdt
        lgdt    [rax]
        pop     r15
        pop     r14
        pop     r13
        pop     r12
        pop     rbp
        pop     rbx
        ret

SEL_CODE32 equ 0x18
align 8
.gdt:
        dq 0
        dq 0x00af9b000000ffff                   ; SEL_KERNEL_CS: 64-bit code
        dq 0x00cf93000000ffff                   ; SEL_KERNEL_DS
        dq 0x00cf9b000000ffff                   ; SEL_CODE32
.gdt_ptr:
        dw $ - .gdt - 1
        dq PA(.gdt)
la57_switch_end:

section .note.GNU-stack noalloc noexec nowrite progbits
