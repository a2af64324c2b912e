; The two ops that do nothing. Called from callee-save sites too: they keep every register (ident: all but rax).
bits 64
section .text progbits alloc exec nowrite align=16

global paravirt_nop:function
paravirt_nop:
        ret

global paravirt_ident_64:function
paravirt_ident_64:
        mov     rax, rdi
        ret

section .note.GNU-stack noalloc noexec nowrite progbits
