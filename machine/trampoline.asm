; Where another CPU begins: real mode, at the start of a page below 1 MiB that machine/smp.c copied this to, CS = page.
; By way of 32-bit protected mode to long mode on the kernel's page tables, in which this page is also mapped at its own
; address; then, on the first stack of its area, to smp_ap_start(cpu number), which does not return. All CPUs may run
; here at once: nothing is written. Which number a CPU has is told by its initial APIC ID; 0xff: none, it halts.
; Facts: SDM 3A 8.4 (start-up), 9.8.5 (to IA-32e mode). Clobbers: everything. It is data in the image: never executed
; where it is linked.

%include "asm_offsets.inc"

%define AT(label) (label - trampoline_start)
SEL_CODE32 equ 0x18

extern smp_ap_start

section .rodata.trampoline progbits alloc noexec nowrite align=16
global trampoline_start, trampoline_end, trampoline_gdt_at, trampoline_jump32, trampoline_jump64
global trampoline_cr3, trampoline_cr4, trampoline_ids

bits 16
trampoline_start:
        cli
        cld
        xor     ebp, ebp
        mov     bp, cs
        mov     ds, bp
        shl     ebp, 4                          ; where this page is
        o32 lgdt [AT(gdt_ptr)]
        mov     eax, 0x11                       ; CR0: ET PE
        mov     cr0, eax
        jmp     dword far [AT(trampoline_jump32)]

bits 32
protected:
        mov     eax, SEL_KERNEL_DS
        mov     ds, eax
        mov     es, eax
        mov     ss, eax
        mov     eax, 1
        cpuid
        shr     ebx, 24
        movzx   esi, byte [ebp + ebx + AT(trampoline_ids)]
        cmp     esi, 0xff
        je      .nobody
        mov     eax, [ebp + AT(trampoline_cr4)]
        mov     cr4, eax
        mov     eax, [ebp + AT(trampoline_cr3)]
        mov     cr3, eax
        mov     ecx, MSR_EFER
        rdmsr
        or      eax, EFER_LME | EFER_NXE | EFER_SCE
        wrmsr
        mov     eax, 0x80010033                 ; CR0: PG WP NE ET MP PE
        mov     cr0, eax
        jmp     far [ebp + AT(trampoline_jump64)]
.nobody:
        hlt
        jmp     .nobody

bits 64
long_mode:
        xor     eax, eax
        mov     fs, eax
        mov     gs, eax
        mov     edi, esi
        mov     eax, esi
        shl     rax, CPU_AREA_SHIFT
        mov     rsp, CPU_AREAS_BASE + KSTACK_GUARD + KSTACK_SIZE
        add     rsp, rax
        xor     ebp, ebp                        ; ends backtraces
        push    rbp                             ; no return address
        mov     rax, smp_ap_start
        jmp     rax

; What the copy's maker fills in: where the page is, added to what stands here; the top of the page tables, and
; LA57 where it has five levels; the numbers.
align 8
gdt:
        dq 0
        dq 0x00af9b000000ffff                   ; SEL_KERNEL_CS: 64-bit code
        dq 0x00cf93000000ffff                   ; SEL_KERNEL_DS
        dq 0x00cf9b000000ffff                   ; SEL_CODE32
gdt_ptr:
        dw $ - gdt - 1
trampoline_gdt_at:
        dd AT(gdt)
align 4
trampoline_jump32:
        dd AT(protected)
        dw SEL_CODE32
align 4
trampoline_jump64:
        dd AT(long_mode)
        dw SEL_KERNEL_CS
align 4
trampoline_cr3:
        dd 0
trampoline_cr4:
        dd 0x20                                 ; PAE
trampoline_ids:
        times 256 db 0xff
trampoline_end:

section .note.GNU-stack noalloc noexec nowrite progbits
