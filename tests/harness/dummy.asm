; A tiny PVH kernel that ends in one way, chosen by -DMODE_...: what the harness's own tests boot (test_selftest.py).
; Contract: entered by PVH (ebx = hvm_start_info, 32-bit protected mode, flat segments, paging off) or, by a debugger's
; redirection, at multiboot2_entry (eax = magic, ebx = information). Uses no stack but its own.

bits 32

COM1		equ 0x3f8
EXIT_PORT	equ 0xf4
EXIT_PASSED	equ 0x10
EXIT_FAILED	equ 0x11
BOCHS_DEBUG	equ 0xe9
BOCHS_OFF	equ 0x8900

section .multiboot2 progbits alloc align=8
header:	dd 0xe85250d6, 0, header_end - header, 0x100000000 - (0xe85250d6 + header_end - header)
	dw 3, 0				; entry address (3.1.8)
	dd 12, multiboot2_entry, 0
	dw 0, 0
	dd 8
header_end:

section .note.pvh note alloc align=4
	dd 4, 4, 18			; XEN_ELFNOTE_PHYS32_ENTRY
	db "Xen", 0
	dd pvh_entry

section .text
global pvh_entry
pvh_entry:
	mov esp, stack_top
%ifdef MODE_ECHO
	mov esi, [ebx + 24]		; hvm_start_info.cmdline_paddr
	call puts
	mov al, 10
	call putc
%endif
%ifdef MODE_PROMPT
	jmp prompt
%endif
%ifdef TEXT
	mov esi, text
	call puts
%endif
%ifdef MODE_TRIPLE
	lidt [no_idt]
	ud2
%endif
%ifdef CODE
	mov al, CODE
	out EXIT_PORT, al
	out BOCHS_DEBUG, al		; still here: this is Bochs (bochs.py)
	mov esi, shutdown
	mov ecx, 8
	mov edx, BOCHS_OFF
	rep outsb
%endif
.hang:	hlt
	jmp .hang

global multiboot2_entry
multiboot2_entry:
%ifndef MODE_ECHO
	jmp pvh_entry			; says the same, however it came here: by GRUB, too
%endif
	mov esp, stack_top
	cmp eax, 0x36d76289
	jne pvh_entry.hang
	lea esi, [ebx + 16]		; the first tag's payload: a string when it is the command line
	call puts
	mov al, 10
	call putc
	mov al, EXIT_FAILED
	out EXIT_PORT, al
	jmp pvh_entry.hang

puts:	lodsb
	test al, al
	jz .end
	call putc
	jmp puts
.end:	ret

; Waits until it is sent: Bochs' line takes its time, and what ends the run must not cut it off.
putc:	push edx
	push eax
	mov dx, COM1
	out dx, al
	mov dx, COM1 + 5
.sent:	in al, dx
	test al, 0x40
	jz .sent
	pop eax
	pop edx
	ret

%ifdef MODE_PROMPT
; A line monitor: echoes, answers every line, `off` leaves with 33.
prompt:	mov esi, prompt_text
	call puts
	mov edi, line
.next:	mov dx, COM1 + 5
	in al, dx
	test al, 1
	jz .next
	mov dx, COM1
	in al, dx
	cmp al, 13
	je .line
	cmp al, 10
	je .line
	out dx, al
	stosb
	jmp .next
.line:	mov byte [edi], 0
	mov al, 10
	call putc
	cmp dword [line], 'off'
	je .off
	mov esi, unknown_text
	call puts
	mov esi, line
	call puts
	mov al, 10
	call putc
	jmp prompt
.off:	mov al, EXIT_PASSED
	out EXIT_PORT, al
	jmp pvh_entry.hang
%endif

section .rodata
%ifdef TEXT
text:	db TEXT, 0
%endif
shutdown:	db "Shutdown"
prompt_text:	db "pv> ", 0
unknown_text:	db "unknown: ", 0
no_idt:	dw 0
	dd 0
name_a:	db "lib_a", 0
name_b:	db "lib_b", 0

; Two entries as tests/ktest.h lays them out: name, run, file, line, unused.
section .ktests progbits alloc align=8
	dq name_a, 0, name_a
	dd 1, 0
	dq name_b, 0, name_b
	dd 2, 0

section .bss nobits alloc write align=16
line:	resb 256
	resb 4096
stack_top:
