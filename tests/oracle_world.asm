; The oracle's world: one page of code, below 4 GiB, that turns the CPU into what a test asks for (no paging, 32-bit
; paging, PAE, long mode with 4 or 5 levels; any CR0.WP, CR4, EFER.NXE, PKRU), does a list of accesses, at CPL 0 and 3,
; and comes back to the kernel's long mode. Every access ends in an exception: #PF or #GP where it is refused; else the
; #BP behind it, or #GP by a null descriptor that was read. All 32 vectors have a stub that notes what the CPU says and
; goes on with the next access.
;
; oracle_enter(struct oracle_block *block): on entry interrupts off, the block mapped where it lies physically, all of
; struct oracle_control filled in. Returns in the kernel's state but for TR, which is the world's: the caller loads it
; again. NMI must not come meanwhile. Callee-saved registers are kept. Layout of the block and its numbers:
; tests/oracle_world.h, which asserts them.
;
; In the world: ebp the block, esi the current access, edi its address, bl its byte. The page is data in the image.

%include "asm_offsets.inc"
%include "tests/asm_regs.inc"

; struct oracle_control
CTL_CR0         equ 0x1000
CTL_CR3         equ 0x1004
CTL_CR4         equ 0x1008
CTL_EFER        equ 0x100c
CTL_PKRU        equ 0x1010
CTL_PKE         equ 0x1014
CTL_LONG        equ 0x1018
CTL_LEFT        equ 0x101c
CTL_KERNEL_CR0  equ 0x1020
CTL_KERNEL_CR3  equ 0x1024
CTL_KERNEL_CR4  equ 0x1028
CTL_KERNEL_EFER equ 0x102c
CTL_KERNEL_RSP  equ 0x1030
CTL_KERNEL_GS   equ 0x1038
CTL_GDTR        equ 0x1040
CTL_IDTR64      equ 0x1050
CTL_IDTR32      equ 0x1060
CTL_KERNEL_GDTR equ 0x1070
CTL_KERNEL_IDTR equ 0x1080
CTL_GDT         equ 0x1090
STACK_TOP       equ 0x3000
USER_PAGE       equ 0x3000
ACCESSES        equ 0x4000

; struct oracle_access
A_VA            equ 0
A_KIND          equ 8                           ; 0 read, 1 write, 2 fetch, 3 descriptor
A_USER          equ 12
A_FLAGS         equ 16
A_VECTOR        equ 20
A_ERROR         equ 24
A_VALUE         equ 28
A_CR2           equ 32
A_RIP           equ 40
A_SNAP          equ 48                          ; 5 addresses of entries, 0: none
A_BYTE          equ 68                          ; what a write writes; the selector of a descriptor
A_SEEN          equ 72                          ; what stood there afterwards
A_LDT           equ 112                         ; 3: descriptor of an LDT that begins at the address
A_SIZE          equ 128

; The world's GDT
W_CODE64        equ 0x08
W_DATA          equ 0x10
W_CODE32        equ 0x18
W_USER32        equ 0x23
W_USER_DATA     equ 0x2b
W_USER64        equ 0x33
W_TSS           equ 0x38
W_LDT           equ 0x48

CR2_BEFORE      equ 0x0badc0de

%define HAS_ERROR(v) (v == 8 || (v >= 10 && v <= 14) || v == 17 || v == 21 || v == 29 || v == 30)

bits 64
section .text

global oracle_enter
oracle_enter:
        SAVE_CALLEE_REGS
        mov     ebp, edi
        mov     [rbp + CTL_KERNEL_RSP], rsp
        sgdt    [rbp + CTL_KERNEL_GDTR]
        sidt    [rbp + CTL_KERNEL_IDTR]
        mov     ecx, MSR_GS_BASE
        rdmsr
        mov     [rbp + CTL_KERNEL_GS], eax
        mov     [rbp + CTL_KERNEL_GS + 4], edx
        jmp     rbp                             ; world_entry
oracle_return:
        lgdt    [rbp + CTL_KERNEL_GDTR]
        lidt    [rbp + CTL_KERNEL_IDTR]
        mov     eax, SEL_KERNEL_DS
        mov     ss, eax
        mov     ds, eax
        mov     es, eax
        mov     ecx, MSR_GS_BASE                ; its upper half may be lost
        mov     eax, [rbp + CTL_KERNEL_GS]
        mov     edx, [rbp + CTL_KERNEL_GS + 4]
        wrmsr
        RESTORE_CALLEE_REGS
        ret

section .rodata.oracle progbits alloc noexec nowrite align=16
global oracle_page_start, oracle_page_end, oracle_stubs32, oracle_stubs64
oracle_page_start:
%define AT(label) (label - oracle_page_start)

world_entry:                                    ; long mode, the kernel's tables
        lgdt    [rbp + CTL_GDTR]
        lea     esp, [rbp + STACK_TOP]
        push    W_CODE32
        lea     eax, [rbp + AT(world_32)]
        push    rax
        o64 retf

bits 32
world_32:                                       ; compatibility mode, still the kernel's tables
        mov     eax, W_DATA
        mov     ss, eax
        mov     eax, W_USER_DATA
        mov     ds, eax
        mov     es, eax
        mov     eax, cr0
        and     eax, 0x7fffffff
        mov     cr0, eax
        xor     edx, edx
        mov     ecx, MSR_EFER
        mov     eax, [ebp + CTL_EFER]
        wrmsr
        mov     eax, [ebp + CTL_CR4]
        mov     cr4, eax
        mov     eax, [ebp + CTL_CR3]
        mov     cr3, eax
        mov     eax, [ebp + CTL_CR0]
        mov     cr0, eax
        cmp     dword [ebp + CTL_PKE], 0
        je      .keyed
        xor     ecx, ecx
        mov     eax, [ebp + CTL_PKRU]
        db      0x0f, 0x01, 0xef                ; wrpkru
.keyed:
        lea     esi, [ebp + ACCESSES]
        cmp     dword [ebp + CTL_LONG], 0
        jne     .long
        lidt    [ebp + CTL_IDTR32]
        mov     eax, W_TSS
        ltr     ax
        jmp     next32
.long:
        push    W_CODE64
        lea     eax, [ebp + AT(world_64)]
        push    eax
        retf
bits 64
world_64:
        lidt    [rbp + CTL_IDTR64]
        mov     eax, W_TSS
        ltr     ax
        jmp     next64

; The list, in code of %1 bits.
%macro RUNNER 1
bits %1
%if %1 == 64
%define R(name) r %+ name
%define WORD_BYTES 8
%define USER_CODE W_USER64
%else
%define R(name) e %+ name
%define WORD_BYTES 4
%define USER_CODE W_USER32
%endif
next%1:
        mov     eax, CR2_BEFORE
        mov     cr2, R(ax)
        mov     R(di), [R(si) + A_VA]
        mov     ecx, [R(si) + A_KIND]
        mov     ebx, [R(si) + A_BYTE]
        cmp     ecx, 3
        jne     .ready
%assign i 0
%rep 4
        mov     eax, [R(si) + A_LDT + i]
        mov     [R(bp) + CTL_GDT + W_LDT + i], eax
%assign i i+4
%endrep
        mov     eax, W_LDT
        lldt    ax
.ready:
        mov     eax, [R(si) + A_FLAGS]
        cmp     dword [R(si) + A_USER], 0
        jne     .user
        push    R(ax)
%if %1 == 64
        popfq
%else
        popfd
%endif
        cmp     ecx, 1
        je      .write
        cmp     ecx, 2
        je      .fetch
        ja      .descriptor
        mov     al, [R(di)]
        int3
.descriptor:
        mov     fs, ebx
        int3
.write:
        mov     [R(di)], bl
        int3
.fetch:
        jmp     R(di)
.user:
        push    W_USER_DATA
        push    0
        push    R(ax)
        push    USER_CODE
        lea     edx, [R(bp) + USER_PAGE + AT_USER(user_read)]
        cmp     ecx, 1
        jb      .there
        lea     edx, [R(bp) + USER_PAGE + AT_USER(user_write)]
        je      .there
        mov     R(dx), R(di)
        cmp     ecx, 2
        je      .there
        lea     edx, [R(bp) + USER_PAGE + AT_USER(user_descriptor)]
.there:
        push    R(dx)
%if %1 == 64
        iretq
%else
        iretd
%endif

; An exception: error code and vector on the stack.
trap%1:
        mov     [R(si) + A_VALUE], al
        pop     R(ax)
        mov     [R(si) + A_VECTOR], eax
        pop     R(ax)
        mov     [R(si) + A_ERROR], eax
        pop     R(ax)
        mov     [R(si) + A_RIP], R(ax)
        mov     R(ax), cr2
        mov     [R(si) + A_CR2], R(ax)
        lea     esp, [R(bp) + STACK_TOP]
        push    2
%if %1 == 64
        popfq
%else
        popfd
%endif
        xor     ecx, ecx
.entry:
        mov     edx, [R(si) + A_SNAP + R(cx) * 4]
        test    edx, edx
        jz      .none
        mov     eax, [R(dx)]
        mov     [R(si) + A_SEEN + R(cx) * 8], eax
        mov     eax, [R(dx) + 4]
        mov     [R(si) + A_SEEN + R(cx) * 8 + 4], eax
.none:
        inc     ecx
        cmp     ecx, 5
        jb      .entry
        add     esi, A_SIZE
        dec     dword [R(bp) + CTL_LEFT]
        jnz     next%1
%if %1 == 64
        mov     eax, W_DATA
        mov     ss, eax                         ; null behind an exception at CPL 3
        push    W_CODE32
        lea     eax, [rbp + AT(world_leave)]
        push    rax
        o64 retf
%else
        jmp     world_leave
%endif

align 16
oracle_stubs%1:                                 ; 16 bytes each
%assign v 0
%rep 32
align 16
%if !HAS_ERROR(v)
        push    0
%endif
        push    v
        jmp     strict near trap%1
%assign v v+1
%endrep
%endmacro

%define AT_USER(label) (label - user_programs)

RUNNER 64
RUNNER 32

bits 32
world_leave:
        cmp     dword [ebp + CTL_PKE], 0
        je      .keyed
        xor     eax, eax
        xor     ecx, ecx
        xor     edx, edx
        db      0x0f, 0x01, 0xef                ; wrpkru
.keyed:
        mov     eax, cr0
        and     eax, 0x7fffffff
        mov     cr0, eax
        mov     eax, [ebp + CTL_KERNEL_CR4]
        mov     cr4, eax                        ; before EFER: QEMU's SVM loses the host's CR0.PG at an exit of a guest
        xor     edx, edx                        ; that has LME without PAE and paging
        mov     ecx, MSR_EFER
        mov     eax, [ebp + CTL_KERNEL_EFER]
        wrmsr
        mov     eax, [ebp + CTL_KERNEL_CR3]
        mov     cr3, eax
        mov     eax, [ebp + CTL_KERNEL_CR0]
        mov     cr0, eax
        push    W_CODE64
        lea     eax, [ebp + AT(world_back)]
        push    eax
        retf
bits 64
world_back:
        mov     rsp, [rbp + CTL_KERNEL_RSP]
        mov     rax, oracle_return
        jmp     rax
oracle_page_end:

; What runs at CPL 3, in a page of its own; the same bytes in 32-bit and in long mode.
align 16
global oracle_user_start, oracle_user_end
oracle_user_start:
user_programs:
bits 32
user_read:
        mov     al, [edi]
        int3
user_write:
        mov     [edi], bl
        int3
user_descriptor:
        mov     fs, ebx
        int3
oracle_user_end:

section .note.GNU-stack noalloc noexec nowrite progbits
