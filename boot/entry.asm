; The way in: multiboot2 (GRUB) and PVH (QEMU -kernel, Xen) both enter here in 32-bit protected mode, paging off, with a
; pointer to the loader's information in ebx. Checks the CPU, builds boot page tables, enters long mode and calls
; boot_enter(protocol, info) on the boot stack, at the kernel's own addresses. Runs at physical addresses until then.
;
; Boot page tables: the low 4 GiB by 2 MiB pages, at 0, at DIRECT_BASE; the first 1 GiB of them at KBASE; the poke
; window. mmu/kspace.c replaces them. Facts: multiboot2 3.3 (machine state), Xen docs/misc/pvh.pandoc, SDM 3A 9.8.5 (to
; IA-32e). Clobbers: everything. Nothing here is patched; the section ends its life before patching.

%include "asm_offsets.inc"

VGA_TEXT equ 0xb8000

%define PA(sym) (sym - KBASE)

; ---------------------------------------------------------------------------------------------------- headers
section .multiboot2 progbits alloc noexec nowrite align=8
mb2_header:
        dd MULTIBOOT2_HEADER_MAGIC, 0, mb2_header_end - mb2_header
        dd 0x100000000 - (MULTIBOOT2_HEADER_MAGIC + (mb2_header_end - mb2_header))
        align 8
        dw 3, 0                                 ; entry address tag (3.1.8)
        dd 12
        dd PA(multiboot2_entry)
        align 8
        dw 6, 1                                 ; modules page-aligned, please (3.1.10)
        dd 8
        align 8
        dw 5, 1                                 ; a framebuffer, where there is one (3.1.12)
        dd 20
        dd 1024, 768, 32                        ; or what the loader finds
        align 8
        dw 0, 0
        dd 8
mb2_header_end:

section .note.pvh note alloc noexec nowrite align=4
        dd 4, 8, PVH_NOTE_PHYS32_ENTRY          ; name size, descriptor size, type
        db "Xen", 0
        dq PA(pvh_entry)

; ---------------------------------------------------------------------------------------------------- boot data
section .bss.boot nobits alloc noexec write align=4096
boot_pml4:      resb 4096
boot_pdpt_low:  resb 4096
boot_pdpt_top:  resb 4096
boot_pd_top:    resb 4096
boot_pd:        resb 4 * 4096

extern boot_stack_slot, boot_enter, poke_page_table
%define boot_stack_top (boot_stack_slot + KSTACK_GUARD + KSTACK_SIZE)

section .rodata.boot progbits alloc noexec nowrite align=8
boot_gdt:
        dq 0
        dq 0x00af9b000000ffff                   ; SEL_KERNEL_CS: 64-bit code
        dq 0x00cf93000000ffff                   ; SEL_KERNEL_DS
boot_gdt_ptr:
        dw $ - boot_gdt - 1
        dd PA(boot_gdt)

; What the kernel cannot do without: leaf, register (0 ecx, 1 edx), bit, name. Not SYSCALL: Intel's CPUs show that bit
; in 64-bit mode only (SDM 2A CPUID, leaf 80000001H), and long mode does not come without it.
%macro NEED 4
        dd %1
        db %2, %3
        db %4, 0
%endmacro
cpu_needs:
        NEED 0x00000001, 1, 3,  "4 MiB pages (PSE)"
        NEED 0x00000001, 1, 4,  "time stamp counter (TSC)"
        NEED 0x00000001, 1, 5,  "model-specific registers (MSR)"
        NEED 0x00000001, 1, 6,  "physical address extension (PAE)"
        NEED 0x00000001, 1, 8,  "CMPXCHG8B"
        NEED 0x00000001, 1, 13, "global pages (PGE)"
        NEED 0x80000001, 1, 29, "long mode (LM)"
        NEED 0x80000001, 1, 20, "no-execute pages (NX)"
        dd 0
text_refused:   db 13, 10, "paravane: this CPU cannot run it, it lacks: ", 0
text_comma:     db ", ", 0
text_halted:    db 13, 10, "paravane: halted.", 13, 10, 0
text_cpuid:     db "CPUID", 0
text_magic:     db 13, 10, "paravane: entered by a boot loader that is not multiboot2", 0

; ---------------------------------------------------------------------------------------------------- entries
section .text.boot progbits alloc exec nowrite align=16
bits 32
global multiboot2_entry, pvh_entry

multiboot2_entry:
        cli
        cld
        mov     esp, PA(boot_stack_top)
        mov     ebp, BOOT_MULTIBOOT2
        cmp     eax, MULTIBOOT2_BOOT_MAGIC
        je      enter
        mov     esi, PA(text_magic)
        call    say
        jmp     refuse

pvh_entry:
        cli
        cld
        mov     esp, PA(boot_stack_top)
        mov     ebp, BOOT_PVH

; ebx: the loader's information, ebp: protocol.
enter:
        call    check_cpu
        call    build_tables
        jmp     to_long_mode

; Refuses in words a CPU that lacks something. Keeps ebx, ebp.
check_cpu:
        push    ebx
        push    ebp
        pushfd                                  ; CPUID exists where EFLAGS.ID can be changed (SDM 1 20.1.2)
        pop     eax
        mov     ecx, eax
        xor     eax, 1 << 21
        push    eax
        popfd
        pushfd
        pop     eax
        xor     eax, ecx
        test    eax, 1 << 21
        mov     edi, PA(text_cpuid)
        jz      .no_cpuid
        xor     ebp, ebp                        ; count of what is missing
        mov     edi, PA(cpu_needs)
.next:
        mov     eax, [edi]
        test    eax, eax
        jz      .done
        mov     ecx, eax                        ; leaves beyond the highest return anything: ask first
        and     eax, 0x80000000
        push    ecx
        cpuid
        pop     ecx
        cmp     eax, ecx
        mov     eax, ecx
        mov     ecx, 0
        mov     edx, 0
        jb      .have
        cpuid
.have:
        cmp     byte [edi + 4], 0
        je      .in_ecx
        mov     ecx, edx
.in_ecx:
        movzx   eax, byte [edi + 5]
        add     edi, 6
        bt      ecx, eax
        jc      .skip_name
        mov     esi, PA(text_refused)
        test    ebp, ebp
        jz      .first
        mov     esi, PA(text_comma)
.first:
        call    say
        mov     esi, edi
        call    say
        inc     ebp
.skip_name:
        mov     al, [edi]
        inc     edi
        test    al, al
        jnz     .skip_name
        jmp     .next
.done:
        test    ebp, ebp
        jnz     refuse
        pop     ebp
        pop     ebx
        ret
.no_cpuid:
        mov     esi, PA(text_refused)
        call    say
        mov     esi, edi
        call    say

; Nothing can be done: says so, tells the debug port "not passed" and halts.
refuse:
        mov     esi, PA(text_halted)
        call    say
        mov     al, EXIT_FAILED
        out     DEBUG_EXIT_PORT, al
.forever:
        hlt
        jmp     .forever

; Prints the text at esi on COM1 and on the VGA text screen (where there is none, nothing is seen). Clobbers eax, ecx,
; edx, esi.
say:
        lodsb
        test    al, al
        jz      .out
        mov     ah, al
        mov     edx, UART_COM1 + 5
        mov     ecx, 100000                     ; an absent or stuck UART never gets ready
.wait:
        in      al, dx
        cmp     al, 0xff
        je      .screen
        test    al, 0x20
        loopz   .wait
        jz      .screen
        mov     edx, UART_COM1
        mov     al, ah
        out     dx, al
.screen:
        mov     edx, [PA(screen_at)]
        cmp     ah, ' '
        jb      .control
        mov     al, ah
        mov     ah, 0x4f                        ; white on red
        mov     [VGA_TEXT + edx], ax
        add     edx, 2
        jmp     .advance
.control:
        cmp     ah, 10
        jne     say
        add     edx, 159                        ; to the start of the next line of 80 cells
        push    eax
        mov     eax, edx
        xor     edx, edx
        mov     ecx, 160
        div     ecx
        mul     ecx
        mov     edx, eax
        pop     eax
.advance:
        cmp     edx, 160 * 25
        jb      .keep
        xor     edx, edx
.keep:
        mov     [PA(screen_at)], edx
        jmp     say
.out:
        ret

; The boot page tables (zero-filled by the loader). Keeps ebx, ebp.
build_tables:
        mov     edi, PA(boot_pml4)
        mov     eax, PA(boot_pdpt_low) + 3
        mov     [edi], eax
        mov     [edi + 8 * ((DIRECT_BASE >> 39) & 511)], eax
        mov     dword [edi + 8 * 511], PA(boot_pdpt_top) + 3
        mov     eax, PA(boot_pd) + 3
        mov     edi, PA(boot_pdpt_low)
        mov     [PA(boot_pdpt_top) + 8 * 510], eax
        mov     ecx, 4
.pdpt:
        mov     [edi], eax
        add     eax, 4096
        add     edi, 8
        loop    .pdpt
        mov     dword [PA(boot_pdpt_top) + 8 * 511], PA(boot_pd_top) + 3
        mov     dword [PA(boot_pd_top) + 8 * ((POKE_BASE >> 21) & 511)], PA(poke_page_table) + 3
        mov     edi, PA(boot_pd)
        mov     eax, 0x83                       ; present, writable, 2 MiB
        mov     ecx, 4 * 512
.pd:
        mov     [edi], eax
        add     eax, 0x200000
        add     edi, 8
        loop    .pd
        ret

to_long_mode:
        mov     eax, 0x20                       ; CR4: PAE and nothing a loader may have left
        mov     cr4, eax
        mov     eax, PA(boot_pml4)
        mov     cr3, eax
        mov     ecx, MSR_EFER
        rdmsr
        or      eax, EFER_LME | EFER_NXE | EFER_SCE
        wrmsr
        mov     eax, 0x80010033                 ; CR0: PG WP NE ET MP PE
        mov     cr0, eax
        lgdt    [PA(boot_gdt_ptr)]
        jmp     SEL_KERNEL_CS:PA(long_mode)

bits 64
long_mode:
        mov     eax, SEL_KERNEL_DS
        mov     ds, eax
        mov     es, eax
        mov     ss, eax
        xor     eax, eax
        mov     fs, eax
        mov     gs, eax
        mov     rax, high
        jmp     rax
high:
        mov     rsp, boot_stack_top
        push    0
        popfq
        mov     edi, ebp
        mov     esi, ebx
        xor     ebp, ebp                        ; ends backtraces
        push    rbp                             ; no return address: boot_enter does not return
        jmp     boot_enter

section .data.boot progbits alloc noexec write align=4
screen_at:      dd 0

section .note.GNU-stack noalloc noexec nowrite progbits
