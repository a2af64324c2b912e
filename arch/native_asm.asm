; The native ops that are not C functions: they leave by iretq or sysretq, or run where C must not (user GS, user
; stack). State on entry is that of the site (machine/entry.asm): what the instruction needs is on the stack or in
; rcx/r11. native_iret, native_usergs_sysret64 are jumped to and do not return; native_swapgs is called. Clobbers: none.

bits 64
section .text.native progbits alloc exec nowrite align=16

global native_iret
native_iret:
        iretq

global native_usergs_sysret64
native_usergs_sysret64:
        swapgs
        o64 sysret

global native_swapgs
native_swapgs:
        swapgs
        ret

section .note.GNU-stack noalloc noexec nowrite progbits
