; What a slot holds while it is poisoned: stub n (16 bytes each) ends in pv_poison_hit(n), which panics.
; Entered as the op would be, by call or jmp; keeps nothing, does not return.
%include "asm_offsets.inc"
bits 64
section .text progbits alloc exec nowrite align=16
extern pv_poison_hit

global pv_poison_stubs
pv_poison_stubs:
%assign n 0
%rep PV_TYPES
align 16
        mov     edi, n
        jmp     poisoned
%assign n n+1
%endrep

poisoned:
        and     rsp, -16
        call    pv_poison_hit

section .note.GNU-stack noalloc noexec nowrite progbits
