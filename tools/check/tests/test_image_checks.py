"""Each check of the image is shown the toy image whole, and then with one fault at a time, and has to name it."""

import pathlib
import re
import subprocess

import pytest

import check_entry_raw
import check_image
import check_sensitive
import check_size
import findings
import toy
from image import Image, decoder
from sites import read_ops, read_sites

SENSITIVE = pathlib.Path(check_sensitive.__file__).with_name("sensitive.txt")

# One form or more of every row of sensitive.txt, in the assembler's words: what the list must catch.
FORMS = """cli|sti|pushfq|popfq|pushfw|popfw|hlt|mwait|monitor|iretq|iretl|iretw|sysretq|sysretl|sysexitl|rsm|cpuid
rdmsr|wrmsr|rdtsc|rdtscp|rdpmc|rdpid %rax|xsetbv|swapgs|rdfsbase %rax|rdgsbase %rax|wrfsbase %rax|wrgsbase %rax
inb %dx,%al|inw %dx,%ax|inl %dx,%eax|inb $1,%al|outb %al,%dx|outw %ax,%dx|outl %eax,%dx|outb %al,$1
insb|insw|insl|rep insl|outsb|outsw|outsl|rep outsb
mov %cr0,%rax|mov %rax,%cr0|mov %cr2,%rax|mov %cr3,%rdi|mov %rdi,%cr3|mov %cr4,%rax|mov %rax,%cr4|mov %cr8,%rax
mov %rax,%cr8|mov %dr0,%rax|mov %rax,%dr7|mov %dr6,%rax|clts|lmsw %ax|smsw %ax|smsw (%rax)
lgdt (%rax)|sgdt (%rax)|lidt (%rax)|sidt (%rax)|lldt %ax|sldt %ax|ltr %ax|str %ax|str (%rax)
invlpg (%rax)|invpcid (%rax),%rcx|wbinvd|wbnoinvd|invd|invlpga|invept (%rax),%rcx|invvpid (%rax),%rcx|stac|clac
vmcall|vmmcall|vmrun|vmload|vmsave|stgi|clgi|skinit|vmxon (%rax)|vmxoff|vmclear (%rax)|vmptrld (%rax)|vmptrst (%rax)
vmread %rax,%rcx|vmwrite %rax,%rcx|vmlaunch|vmresume|vmfunc"""
HARMLESS = ("rdseed %rax|rdseed %ax|rdrand %eax|mov %rax,%rbx|push %rax|pause|int3|ud2|ret|lea 1(%rip),%rax|"
            "mov %ds,%ax|lfence|rep movsb|endbr64|"
            "nopw 0(%rax,%rax)|xchg %ax,%ax|xgetbv|lock cmpxchg %rax,(%rdi)|movnti %rax,(%rdi)|call *8(%rip)")


def assemble(folder, text):
    """The bytes of one instruction."""
    (folder / "one.s").write_text(text + "\n")
    subprocess.run(["as", str(folder / "one.s"), "-o", str(folder / "one.o")], check=True)
    subprocess.run(["objcopy", "-O", "binary", "-j", ".text", str(folder / "one.o"), str(folder / "one.bin")],
                   check=True)
    return (folder / "one.bin").read_bytes()


def decode_one(folder, text):
    code = assemble(folder, text)
    insns = list(decoder().disasm(code, 0))
    assert len(insns) == 1 and insns[0].size == len(code), f"{text}: {code.hex(' ')} does not decode as one"
    return insns[0]


@pytest.mark.parametrize("text", [form for line in FORMS.splitlines() for form in line.split("|")])
def test_every_form_is_sensitive(tmp_path, text):
    assert check_sensitive.Sensitive().matches(decode_one(tmp_path, text))


@pytest.mark.parametrize("text", HARMLESS.split("|"))
def test_harmless_is_not(tmp_path, text):
    assert not check_sensitive.Sensitive().matches(decode_one(tmp_path, text))


def test_no_row_of_the_list_is_dead(tmp_path):
    insns = [decode_one(tmp_path, form) for line in FORMS.splitlines() for form in line.split("|")]
    for number, words in findings.table(SENSITIVE):
        (tmp_path / "row.txt").write_text(" ".join(words) + "\n")
        row = check_sensitive.Sensitive(tmp_path / "row.txt")
        assert any(row.matches(insn) for insn in insns), f"sensitive.txt:{number}: {words} matches nothing"


def sensitive_findings(elf):
    report = findings.Report("sensitive")
    check_sensitive.check(report, Image(elf), check_sensitive.Sensitive())
    return report.findings


def test_sensitive_toy_is_clean(tmp_path):
    assert not sensitive_findings(toy.build(tmp_path))


@pytest.mark.parametrize("code, bad", [
    ('asm volatile("cli");', r"toy.c:\d+: cli in .text at outside"),
    ('asm volatile("mov %%cr3, %%rax" ::: "rax");', r"mov rax, cr3 in .text"),
    ('asm volatile(".byte 0x06");', r"do not decode"),
    ('asm volatile("rep insb");', r"insb"),
])
def test_sensitive_names_the_fault(tmp_path, code, bad):
    found = sensitive_findings(toy.build(tmp_path, ("/*OUTSIDE*/", code)))
    assert any(re.search(bad, text) for text in found), found


def test_sensitive_finds_sync_again_after_bad_bytes(tmp_path):
    """A stray 48 b8 (movabs) swallows what follows, but not beyond the next symbol."""
    found = sensitive_findings(toy.build(tmp_path, ("/*OUTSIDE*/", 'asm volatile(".byte 0x48, 0xb8; ud2");'),
                                         ("{ user(); raw_entry(); outside(); }", '{ user(); asm volatile("sti"); }')))
    assert any("sti in .text at _start" in text for text in found), found


def raw_findings(elf, monkeypatch, tmp_path, table=""):
    (tmp_path / "raw.txt").write_text(table)
    monkeypatch.setattr(check_entry_raw, "EXCEPTIONS", tmp_path / "raw.txt")
    report = findings.Report("entry-raw")
    check_entry_raw.check(report, Image(elf))
    return report.findings


RAW_SITE = 'asm volatile(SITE("call", "8", "1", "0") ::: "memory");'


@pytest.mark.parametrize("changes, table, bad", [
    ([], "", None),
    ([("/*RAW*/", RAW_SITE)], "", "a paravirt site at raw_entry"),
    ([("/*RAW*/", "paravirt_nop();")], "", "to paravirt_nop in .text"),
    ([("/*RAW*/", "paravirt_nop();")], "paravirt_nop the-panic-path", None),
    ([], "paravirt_nop the-panic-path", "no raw entry goes there"),
    ([("/*RAW*/", 'asm volatile("call *%rax");')], "", "an indirect branch"),
    ([("/*RAW*/", 'asm volatile("jmp *pv_ops(%rip)");')], "", "an indirect branch"),
    ([('asm volatile("rdmsr")', 'asm volatile("call outside")')], "", "to outside in .text at native_slow"),
    ([('asm volatile("rdmsr")', RAW_SITE)], "", "a paravirt site at native_slow"),
])
def test_entry_raw(tmp_path, monkeypatch, changes, table, bad):
    found = raw_findings(toy.build(tmp_path, *changes), monkeypatch, tmp_path, table)
    assert (not found) if bad is None else any(bad in text for text in found), found


def image_findings(folder, elf):
    report = findings.Report("image")
    image = Image(elf)
    check_image.check_segments(report, image)
    check_image.check_sites(report, image, read_ops(folder / "toy.def"))
    return report.findings


def test_image_toy_is_clean_and_whole(tmp_path):
    elf = toy.build(tmp_path)
    assert not image_findings(tmp_path, elf)
    assert len(read_sites(Image(elf))) == 7
    assert Image(elf).section(".parainstructions").size == 16 * 6 + 12


@pytest.mark.parametrize("changes, bad", [
    ([('SITE("call", "8", "1", "0")', 'SITE("call", "16", "1", "0")')], "of halt goes through pv_ops+0x10"),
    ([('SITE("call", "0", "0", "3")', 'SITE("call", "0", "0", "2")')], "is 8 bytes long, irq_disable has 9"),
    ([('SITE("jmp", "40"', 'SITE("call", "40"')], "is a call, but iret is of class JUMP"),
    ([('SITE("call", "8", "1", "0")', 'SITE("call", "8", "99", "0")')], "names number 99"),
    ([('SITE("call", "8", "1", "0")', 'SITE("call", "8", "7", "0")')], "names number 7"),
    ([('".pushsection', '"nop\\n .pushsection'), (".quad 771b", ".quad 772b")], "does not begin with an indirect call"),
    ([(".quad 771b", ".quad text")], "points into .rodata"),
    ([(', 1, 0x90\\n772', ', 1, 0xcc\\n772')], "is not padded with NOPs"),
    ([("771: \" how", "771: \" \".pushsection .parainstructions,\\\"a\\\"\\n .balign 8\\n .quad 771f-1\\n .byte 1\\n"
       ".byte 6\\n .short 0\\n .popsection\\n 771: \" how")], "overlaps"),
])
def test_image_names_the_fault(tmp_path, changes, bad):
    found = image_findings(tmp_path, toy.build(tmp_path, *changes))
    assert any(bad in text for text in found), found


def test_image_w_xor_x(tmp_path):
    elf = toy.build(tmp_path, script=[("text PT_LOAD FLAGS(5)", "text PT_LOAD FLAGS(7)")])
    assert any("is writable and executable" in text for text in image_findings(tmp_path, elf))


def test_image_shared_page(tmp_path):
    elf = toy.build(tmp_path, script=[(". = ALIGN(4096);\n\t.rodata", ".rodata")])
    assert any("shares page" in text for text in image_findings(tmp_path, elf))


def test_section_outside_all_segments(tmp_path):
    stacks = '__attribute__((section(".stacks,\\"aw\\",@nobits#"), used)) char stacks[4096];\n'
    elf = toy.build(tmp_path, ("const char text[]", stacks + "const char text[]"),
                    script=[("/DISCARD/", ".stacks (NOLOAD) : AT(ADDR(.stacks) - 0xffffffff80000000) "
                             "{ *(.stacks) }\n\t/DISCARD/")])
    assert any(".stacks lies in no segment" in text for text in image_findings(tmp_path, elf))


def test_size(tmp_path):
    image = Image(toy.build(tmp_path))
    report = findings.Report("size")
    size = check_size.check(report, image)
    assert not report.findings and 0 < size == sum(segment.filesz for segment in image.segments)
    check_size.check(report, image, limit=size - 1)
    assert len(report.findings) == 1


def test_size_leaves_out_tests(tmp_path):
    extra = 'char big[5000] __attribute__((section(".data.test"), used)) = {1};'
    image = Image(toy.build(tmp_path, ("ulong phys_base", extra + "ulong phys_base"),
                            script=[("/DISCARD/", ".data.test : AT(ADDR(.data.test) - 0xffffffff80000000) "
                                     "{ *(.data.test) } :data\n/DISCARD/")]))
    size = check_size.check(findings.Report("size"), image)
    assert sum(segment.filesz for segment in image.segments) - size == 5000


def test_ops_that_cannot_be_read_are_no_ops(tmp_path):
    (tmp_path / "x.def").write_text(toy.OPS.replace("PV_IDENT", "a + b"))
    with pytest.raises(ValueError):
        read_ops(tmp_path / "x.def")
