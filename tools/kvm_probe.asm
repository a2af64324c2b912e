; A machine of one page of code that tells a KVM from something that only looks like one (tools/run_kvm.py runs it).
;
; Some /dev/kvm emulate ring 0 in software and stop the VM at int3 or other everyday instructions, or deliver them
; wrongly. So each step below names itself on the debug console (port 0xe9), then does the thing for real. The last
; name seen is the step that failed; after the last step the image leaves through isa-debug-exit with PASSED.
;
; Entry: PVH, 32-bit protected mode, flat segments, paging off (Xen docs/misc/pvh.pandoc).
; A flat ELF64, made by `nasm -f bin`. No stray fault is handled: it becomes a triple fault, which ends QEMU
; under -no-reboot, without PASSED.
; It shares no code with the kernel, so that neither can hide the other's mistakes.

%define BASE	   0x100000
%define PASSED	   0x2a		; QEMU's exit code is then 2 * 0x2a + 1
%define PORT_SAY   0xe9
%define PORT_EXIT  0xf4
%define CODE64	   0x08
%define DATA	   0x10
%define TSS	   0x28
%define MSR_EFER   0xc0000080
%define MSR_STAR   0xc0000081
%define MSR_LSTAR  0xc0000082
%define MSR_SFMASK 0xc0000084

org BASE
bits 32

elf_header:	; ELF64, two program headers
	db 0x7f, "ELF", 2, 1, 1, 0
	dq 0
	dw 2, 62
	dd 1
	dq entry, segments - BASE, 0
	dd 0
	dw 64, 56, 2, 0, 0, 0
segments:
	dd 1, 7				; PT_LOAD, all of this file and the memory behind it
	dq 0, BASE, BASE, file_end - BASE, memory_end - BASE, 0x1000
	dd 4, 4				; PT_NOTE
	dq note - BASE, note, note, note_end - note, note_end - note, 4

align 4
note:					; XEN_ELFNOTE_PHYS32_ENTRY: where to begin
	dd 4, 8, 18
	db "Xen", 0
	dq entry
note_end:

%macro STEP 1				; names the step; keeps every register
	push rsi
	mov esi, %%name
	call say
	pop rsi
	jmp %%done
%%name:	db %1, 10, 0
%%done:
%endmacro

entry:	; one 2 MiB page, identity-mapped, user-accessible; then long mode
	cld
	mov esp, stack_end
	mov dword [pml4], pdpt + 7
	mov dword [pdpt], pd + 7
	mov dword [pd], 0x87
	mov eax, pml4
	mov cr3, eax
	mov eax, 0x620			; PAE, OSFXSR, OSXMMEXCPT
	mov cr4, eax
	mov ecx, MSR_EFER
	rdmsr
	or eax, 0x101			; LME, SCE
	wrmsr
	mov eax, 0x80010011		; PG, WP, ET, PE
	mov cr0, eax
	lgdt [gdt_pointer]
	jmp CODE64:long_mode

bits 64
long_mode:
	mov eax, DATA
	mov ds, eax
	mov es, eax
	mov ss, eax
	mov fs, eax
	mov gs, eax
	lidt [idt_pointer]
	mov eax, tss
	mov [gdt.tss + 2], ax
	shr eax, 16
	mov [gdt.tss + 4], al
	mov eax, TSS
	ltr ax
	mov edi, 3
	mov edx, on_trap
	call set_gate
	mov edi, 0x20
	call set_gate
	xor ebx, ebx			; traps taken

	STEP "int3"
	int3
	cmp ebx, 1
	jne failed
	STEP "int n"
	int 0x20
	cmp ebx, 2
	jne failed

	STEP "popcnt"
	mov eax, 1
	call feature_c
	bt ecx, 23
	jnc .no_popcnt
	mov eax, 0xf0f0
	popcnt eax, eax
	cmp eax, 8
	jne failed
.no_popcnt:
	STEP "cmpxchg16b"
	mov eax, 1
	call feature_c
	bt ecx, 13
	jnc .no_cx16
	xor eax, eax
	xor edx, edx
	lock cmpxchg16b [pair]
	jnz failed
.no_cx16:
	STEP "rdtscp"
	push rbx
	mov eax, 0x80000001
	cpuid
	pop rbx
	bt edx, 27
	jnc .no_rdtscp
	rdtscp
.no_rdtscp:
	STEP "stac"
	push rbx
	mov eax, 7
	xor ecx, ecx
	cpuid
	mov edx, ebx
	pop rbx
	bt edx, 20
	jnc .no_smap
	stac
	clac
.no_smap:
	STEP "syscall from ring 3"
	mov ecx, MSR_STAR
	xor eax, eax
	mov edx, CODE64 | (DATA << 16)	; sysret: SS = DATA + 8, CS = DATA + 16, both at ring 3
	wrmsr
	inc ecx				; LSTAR
	mov eax, on_syscall
	xor edx, edx
	wrmsr
	mov ecx, MSR_SFMASK
	xor eax, eax
	wrmsr
	mov r8, rsp
	mov ecx, in_ring3
	mov r11d, 2
	o64 sysret

in_ring3:
	int3				; a trap from ring 3, on the stack of the TSS
	syscall
	ud2

on_syscall:
	mov rsp, r8
	mov eax, cs
	cmp eax, CODE64
	jne failed
	cmp ebx, 3
	jne failed
	STEP "passed"
	mov al, PASSED
	out PORT_EXIT, al
failed:
	mov al, 0
	out PORT_EXIT, al
	hlt
	jmp failed

on_trap:
	inc ebx
	iretq

feature_c:				; ECX of CPUID leaf EAX; EBX is kept
	push rbx
	cpuid
	pop rbx
	ret

set_gate:				; vector EDI gets handler EDX, reachable from ring 3; clobbers EAX
	shl edi, 4
	mov eax, edx
	mov [idt + rdi], ax
	mov word [idt + rdi + 2], CODE64
	mov word [idt + rdi + 4], 0xee00
	shr eax, 16
	mov [idt + rdi + 6], ax
	ret

say:					; text at RSI up to a zero; clobbers RSI
	push rax
.next:	lodsb
	test al, al
	jz .done
	out PORT_SAY, al
	jmp .next
.done:	pop rax
	ret

align 16
gdt:	dq 0
	dq 0x00af9b000000ffff		; 08: 64-bit code
	dq 0x00cf93000000ffff		; 10: data
	dq 0x00cff3000000ffff		; 18: user data
	dq 0x00affb000000ffff		; 20: user 64-bit code
.tss:	dq 0x0000890000000067, 0	; 28: TSS, base filled in
gdt_pointer:
	dw $ - gdt - 1
	dd gdt
	dd 0
idt_pointer:
	dw 0x21 * 16 - 1
	dq idt
align 16
tss:	dd 0
	dq trap_stack_end		; RSP0
	times 0x68 - ($ - tss) db 0
file_end:

absolute file_end
alignb 4096
pml4:	resb 4096
pdpt:	resb 4096
pd:	resb 4096
idt:	resb 0x21 * 16
alignb 16
pair:	resq 2
	resb 1024
stack_end:
	resb 1024
trap_stack_end:
memory_end:
