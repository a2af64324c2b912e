; User code for the tests of ring 3, and the way there and back.
;
; user_enter(struct pt_regs *regs, u64 *kernel_rsp): leaves for user mode through entry_return; returns when a handler
; has made its pt_regs say: rip user_left, rsp what *kernel_rsp holds. Interrupts off, callee-saved registers kept. regs
; lie at the top of a stack of their own, for entry_return gives up what is below them.
;
; user_page is one page of its own, which the tests map where user mode may execute it. It is position-independent; each
; program gets its registers from the test and ends by an instruction that traps. Nothing in it may run in ring 0.

%include "tests/asm_regs.inc"

bits 64
section .text

extern entry_return
global user_enter, user_left
user_enter:
        SAVE_CALLEE_REGS
        mov     [rsi], rsp
        jmp     entry_return
user_left:
        RESTORE_CALLEE_REGS
        ret

section .text.user progbits alloc exec nowrite align=4096
global user_page, user_syscall, user_syscall_back, user_ud2, user_cli, user_in, user_hlt, user_int3, user_int4
global user_int81, user_read, user_write, user_jump, user_gs, user_spin, user_step, user_flags, user_gp_address
user_page:

user_syscall:
        syscall
user_syscall_back:
        ud2
user_ud2:
        ud2
user_cli:
        cli
user_in:
        in      al, 0x80
user_hlt:
        hlt
user_int3:
        int3
        ud2
user_int4:
        int     4
        ud2
user_int81:
        int     0x81
        ud2
user_read:
        mov     al, [rdi]
        ud2
user_write:
        mov     [rdi], al
        ud2
user_jump:
        jmp     rdi
user_gp_address:
        mov     al, [rax]                       ; rax is not canonical
user_gs:                                        ; the user's GS before and after a syscall
        mov     r12, [gs:0]
        syscall
        mov     r13, [gs:0]
        ud2
user_spin:                                      ; until the byte at rdi is set
        pause
        cmp     byte [rdi], 0
        je      user_spin
        ud2
user_step:
        nop
        nop
        ud2
user_flags:                                     ; what user mode may do to its flags
        std
        stc
        syscall
        ud2
        align   4096, int3                      ; all of the page is user code, and nothing else is in it

section .note.GNU-stack noalloc noexec nowrite progbits
