"""A toy image with the shape of the real one (sections, segments, op table, sites, DWARF), small enough to break.

`build(folder, old=new, ...)` compiles it after replacing text in its source, so that each test shows its check one
deliberate fault. Shared by the tests of the image checks and of tests/harness/patchproof.py.
"""

import subprocess

KBASE = 0xFFFFFFFF80000000

OPS = """
PV_GROUP(irq)
PV_OP(irq, 0, irq_disable, VCALLEE0, 9, PV_CALLEE_SAVE(native_irq_disable), void)
PV_OP(irq, 1, halt, VCALL0, 6, native_halt, void)
PV_OP(irq, 2, slow, VCALL0, 6, native_slow, void)
PV_OP(irq, 3, nothing, VCALL0, 6, PV_NOP, void)
PV_GROUP_END(irq, 4)
PV_GROUP(mmu)
PV_OP(mmu, 0, pte_val, CALLEE1, 6, PV_IDENT, ulong, pte_t)
PV_OP(mmu, 1, iret, JUMP, 6, native_iret, void)
PV_OP(mmu, 2, null, VCALL0, 6, PV_NOP, void)
PV_OP(mmu, 3, hook, HOOK, 0, native_slow, void)
PV_GROUP_END(mmu, 4)
"""

SOURCE = r"""
typedef unsigned long ulong;
struct paravirt_callee_save { void *func; };
struct pv_irq_ops {
	struct paravirt_callee_save irq_disable;
	void (*halt)(void), (*slow)(void), (*nothing)(void);
};
struct pv_mmu_ops {
	union { struct { void (*pte_val)(void); } lazy; struct { void (*pte_val)(void); }; };
	void (*iret)(void); void (*null)(void); void (*hook)(void);
};
struct paravirt_patch_template { struct pv_irq_ops irq; struct pv_mmu_ops mmu; };
#define IN(s) __attribute__((section(s), noinline, used))
#define SITE(how, disp, type, pad) \
	"771: " how " *pv_ops+" disp "(%%rip)\n .fill " pad ", 1, 0x90\n772:\n" \
	".pushsection .parainstructions,\"a\"\n .balign 8\n .quad 771b\n .byte " type "\n" \
	".byte 772b-771b\n .short 0x1ff\n .popsection\n"

IN(".text.native") void native_irq_disable(void) { asm volatile("cli"); }
IN(".text.native") void native_halt(void) { asm volatile("hlt"); }
IN(".text.native") void native_slow(void) { asm volatile("rdmsr"); }
IN(".text.native") void native_iret(void) { asm volatile("iretq"); }
IN(".text") void paravirt_nop(void) { asm volatile(""); }
IN(".text") ulong paravirt_ident_64(ulong x) { return x; }
IN(".entry.raw") void raw_entry(void) { native_slow(); /*RAW*/ }
IN(".text") void outside(void) { /*OUTSIDE*/ }
IN(".text") void user(void)
{
	asm volatile(SITE("call", "0", "0", "3") ::: "memory");
	asm volatile(SITE("call", "8", "1", "0") ::: "memory");
	asm volatile(SITE("call", "16", "2", "0") ::: "memory");
	asm volatile(SITE("call", "24", "3", "0") ::: "memory");
	asm volatile(SITE("call", "32", "4", "0") ::: "memory");
	asm volatile(SITE("call", "48", "6", "0") ::: "memory");
	asm volatile(SITE("jmp", "40", "5", "0") ::: "memory");
}
IN(".text") void _start(void) { user(); raw_entry(); outside(); }
const char text[] __attribute__((used)) = "read only";
ulong phys_base __attribute__((section(".data"))) = 0;
struct paravirt_patch_template pv_ops = {
	{ { native_irq_disable }, native_halt, native_slow, paravirt_nop },
	{ { { (void *)paravirt_ident_64 } }, native_iret, 0, native_slow },
};
"""

SCRIPT = """
ENTRY(_start)
PHDRS { text PT_LOAD FLAGS(5); rodata PT_LOAD FLAGS(4); data PT_LOAD FLAGS(6); }
SECTIONS {
	. = 0xffffffff80100000;
	.text : AT(ADDR(.text) - 0xffffffff80000000) { *(.text) } :text
	.text.native : AT(ADDR(.text.native) - 0xffffffff80000000) { *(.text.native) } :text
	.entry.raw : AT(ADDR(.entry.raw) - 0xffffffff80000000) { *(.entry.raw) } :text
	. = ALIGN(4096);
	.rodata : AT(ADDR(.rodata) - 0xffffffff80000000) { *(.rodata*) } :rodata
	.parainstructions : AT(ADDR(.parainstructions) - 0xffffffff80000000) { *(.parainstructions) } :rodata
	. = ALIGN(4096);
	.data : AT(ADDR(.data) - 0xffffffff80000000) { *(.data) } :data
	/DISCARD/ : { *(.comment) *(.note*) *(.eh_frame) }
}
"""

FLAGS = ("-std=gnu11 -ffreestanding -O2 -g -mno-red-zone -mcmodel=kernel -fno-pic -fno-stack-protector "
         "-fcf-protection=none -fno-asynchronous-unwind-tables -Wall -Wno-implicit-fallthrough").split()


def compile_c(folder, text, name="toy"):
    """One object file from C text."""
    source, target = folder / f"{name}.c", folder / f"{name}.o"
    source.write_text(text)
    subprocess.run(["gcc", *FLAGS, "-c", str(source), "-o", str(target)], check=True)
    return target


def build(folder, *changes, script=()):
    """
    The toy image as an ELF below @folder; returns its path. @changes and @script are (old, new) pairs of text; each
    old text must be there.
    """
    source, linker = SOURCE, SCRIPT
    for old, new in changes:
        assert old in source, old
        source = source.replace(old, new)
    for old, new in script:
        assert old in linker, old
        linker = linker.replace(old, new)
    (folder / "toy.ld").write_text(linker)
    (folder / "toy.def").write_text(OPS)
    elf = folder / "toy.elf"
    subprocess.run(["ld", "-n", "-T", str(folder / "toy.ld"), str(compile_c(folder, source)), "-o", str(elf),
                    "--no-warn-rwx-segments"], check=True)
    return elf
