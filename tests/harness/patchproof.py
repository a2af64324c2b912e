#!/usr/bin/python3
"""Proof of patching from outside: what QEMU's memory holds at every site, against what it should hold.

Boots the image to its prompt, reads its text and its live op table out of QEMU, and checks every site and every byte
that is none. The expectation is made here: op names from DWARF, functions from the symbol table, native encodings
from the processor manuals (SDM 2, APM 3). No code, table or report of the kernel's own patcher is used. Read next:
qmp.py.

Usage: patchproof.py [--elf FILE] [native|direct|mirror|off ...]
"""

import argparse
import collections
import pathlib
import struct
import sys
import tempfile

from elftools.elf.elffile import ELFFile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools" / "check"))
from image import Image, decoder  # noqa: E402
from sites import ALTERNATIVES, read_sites, site_target  # noqa: E402
import qmp  # noqa: E402

# mode -> the command line that asks for it
MODES = {"native": "", "direct": "backend=direct", "mirror": "backend=mirror", "off": "patch=off"}
TEMPLATE = "paravirt_patch_template"
TABLE = "pv_ops"
PHYS_BASE = "phys_base"

# A function of the native backend -> the instructions that do the same in place. Arguments come in rdi rsi rdx rcx,
# results go out in rax. A function that is not here is expected to be called.
NATIVE = {
    "native_irq_disable": "fa",  # cli
    "native_irq_enable": "fb",  # sti
    "native_save_fl": "9c 58",  # pushf; pop rax
    "native_restore_fl": "57 9d",  # push rdi; popf
    "native_halt": "f4",  # hlt
    "native_safe_halt": "fb f4",  # sti; hlt
    "native_iret": "48 cf",  # iretq
    "native_usergs_sysret64": "0f 01 f8 48 0f 07",  # swapgs; sysretq
    "native_swapgs": "0f 01 f8",
    "native_wbinvd": "0f 09",
    "native_io_delay": "e6 80",  # out 0x80, al
    "native_read_tsc": "0f 31 48 c1 e2 20 48 09 d0",  # rdtsc; shl rdx, 32; or rax, rdx
    "native_write_msr": "89 f9 89 f0 0f 30",  # mov ecx, edi; mov eax, esi; wrmsr
    "native_load_gdt": "0f 01 17",  # lgdt [rdi]
    "native_load_idt": "0f 01 1f",  # lidt [rdi]
    "native_store_tr": "0f 00 c8",  # str eax
    "native_read_cr0": "0f 20 c0",  # mov rax, cr0
    "native_write_cr0": "0f 22 c7",  # mov cr0, rdi
    "native_read_cr2": "0f 20 d0",
    "native_write_cr2": "0f 22 d7",
    "native_read_cr3": "0f 20 d8",
    "native_write_cr3": "0f 22 df",
    "native_read_cr4": "0f 20 e0",
    "native_write_cr4": "0f 22 e7",
    "native_read_cr8": "44 0f 20 c0",
    "native_write_cr8": "44 0f 22 c7",
    "native_flush_tlb_user": "0f 20 d8 0f 22 d8",  # mov rax, cr3; mov cr3, rax
    "native_flush_tlb_one_user": "0f 01 3f",  # invlpg [rdi]
    "native_flush_tlb_one_kernel": "0f 01 3f",
    "native_set_pte": "48 89 37",  # mov [rdi], rsi
    "native_set_pmd": "48 89 37",
    "native_set_pud": "48 89 37",
    "native_set_p4d": "48 89 37",
    "native_set_pgd": "48 89 37",
    "native_set_pte_at": "48 89 0a",  # mov [rdx], rcx
    "native_ptep_modify_prot_start": "31 c0 48 87 02",  # xor eax, eax; xchg [rdx], rax
    "native_ptep_modify_prot_commit": "48 89 0a",
    "native_queued_spin_unlock": "c6 07 00",  # mov byte [rdi], 0
    "native_vcpu_is_preempted": "31 c0",  # xor eax, eax
    "native_inb": "89 fa ec",  # mov edx, edi; in al, dx
    "native_inw": "89 fa 66 ed",
    "native_inl": "89 fa ed",
    "native_outb": "89 f8 89 f2 ee",  # mov eax, edi; mov edx, esi; out dx, al
    "native_outw": "89 f8 89 f2 66 ef",
    "native_outl": "89 f8 89 f2 ef",
}
# The same of the test backend `mirror` (tests/backend_mirror.c), which keeps the interrupt flag in memory too;
# {symbol}: the low half of its address, which the CPU extends by its sign. Its restore_fl and io_delay have no such
# form.
MIRROR = {
    "mirror_irq_disable": "fa c6 04 25 {mirror_if} 00",  # cli; mov byte [mirror_if], 0
    "mirror_irq_enable": "c6 04 25 {mirror_if} 01 fb",  # mov byte [mirror_if], 1; sti
}
INLINED = {"native": NATIVE, "direct": {}, "mirror": {**NATIVE, **MIRROR}, "off": {}}
MUST_SERVE = {"mirror": set(MIRROR)}  # mode -> functions without which it is not what was asked for
IDENTITY = "48 89 f8"  # mov rax, rdi
NOP_FUNCTIONS = {"paravirt_nop"}
IDENTITY_FUNCTIONS = {"paravirt_ident_64"}
THUNK_PREFIX = "pv_thunk_"
UD2 = bytes.fromhex("0f0b")


class Memory:
    """The loaded segments of the image as they lie in the guest now, by virtual address."""

    def __init__(self, pieces):
        self.pieces = pieces  # [(virtual address, bytes)]

    def read(self, addr, size):
        for base, data in self.pieces:
            if base <= addr and addr + size <= base + len(data):
                return data[addr - base:addr - base + size]
        raise KeyError(f"{addr:#x} lies in no loaded segment")

    def word(self, addr):
        return struct.unpack("<Q", self.read(addr, 8))[0]


def capture(elf, cmdline, folder):
    """Boots @elf with @cmdline to the prompt and returns its memory."""
    image = Image(elf)
    with qmp.Guest(elf, cmdline, folder) as guest:
        guest.qmp.ask("stop")
        return Memory([(seg.vaddr, guest.read_physical(seg.paddr, seg.memsz)) for seg in image.segments])


def struct_members(die):
    """Yields (offset, name or "", type DIE) of a struct's or union's members."""
    for child in die.iter_children():
        if child.tag == "DW_TAG_member":
            place = child.attributes.get("DW_AT_data_member_location")
            name = child.attributes.get("DW_AT_name")
            yield place.value if place else 0, name.value.decode() if name else "", \
                child.get_DIE_from_attribute("DW_AT_type")


def words(die, path, base, out):
    """Fills @out with byte offset -> dotted name for every word below @die; the first name of a word stays."""
    for offset, name, kind in struct_members(die):
        inner = path + [name] if name else path
        if kind.tag in ("DW_TAG_structure_type", "DW_TAG_union_type"):
            words(kind, inner, base + offset, out)
        else:
            out.setdefault(base + offset, ".".join(inner))


def op_names(elf):
    """Op number -> name, from the DWARF of struct paravirt_patch_template."""
    with open(elf, "rb") as stream:
        dwarf = ELFFile(stream).get_dwarf_info()
        for unit in dwarf.iter_CUs():
            for die in unit.get_top_DIE().iter_children():
                name = die.attributes.get("DW_AT_name")
                if die.tag == "DW_TAG_structure_type" and name and name.value == TEMPLATE.encode() and \
                   "DW_AT_byte_size" in die.attributes:
                    out = {}
                    words(die, [], 0, out)
                    return {offset // 8: name.removesuffix(".func") for offset, name in out.items()}
    raise LookupError(f"no DWARF for struct {TEMPLATE}")


class Proof:
    """One captured memory against one mode's expectation."""

    def __init__(self, image, memory, names, mode):
        self.image, self.memory, self.names, self.mode = image, memory, names, mode
        self.sites = read_sites(image)
        self.table = image.address(TABLE)
        self.machine = decoder()
        self.problems = []
        self.kinds = collections.Counter()

    def function(self, number):
        """(address, names) of the function in an op's live slot, a thunk's prefix taken off."""
        addr = self.memory.word(self.table + 8 * number)
        return addr, {name.removeprefix(THUNK_PREFIX) for name in self.image.by_addr.get(addr, ())}

    def inlined(self, functions):
        """The instructions that stand for one of @functions in this mode, or None."""
        if self.mode == "direct":
            return None
        if functions & IDENTITY_FUNCTIONS:
            return bytes.fromhex(IDENTITY)
        table = INLINED[self.mode]
        return next((self.encode(table[name]) for name in sorted(functions) if name in table), None)

    def encode(self, text):
        """The bytes of a row of INLINED."""
        return b"".join(struct.pack("<I", self.image.address(word[1:-1]) & 0xffffffff) if word[0] == "{"
                        else bytes.fromhex(word) for word in text.split())

    def expect(self, site, original):
        """(kind, leading bytes) that a site should hold; NOPs up to its length are understood."""
        addr, functions = self.function(site.type)
        if addr == 0:
            return "ud2", UD2
        if functions & NOP_FUNCTIONS:
            return "nop", b""
        code = self.inlined(functions)
        if code is not None and len(code) <= site.len:
            return "inlined", code
        opcode = 0xE9 if original[1] == 0x25 else 0xE8
        delta = addr - (site.instr + 5)
        if not -1 << 31 <= delta < 1 << 31:
            return "indirect", original
        return "jump" if opcode == 0xE9 else "call", struct.pack("<Bi", opcode, delta)

    def all_nops(self, code, addr):
        """Does @code disassemble into NOPs and nothing else?"""
        insns = list(self.machine.disasm(code, addr))
        return sum(insn.size for insn in insns) == len(code) and all(insn.insn_name() == "nop" for insn in insns)

    def check_site(self, site):
        """One site: what it was in the file, and what it is now."""
        original = self.image.read(site.instr, site.len)
        now = self.memory.read(site.instr, site.len)
        where = f"{self.image.label(site.instr)} ({self.names.get(site.type, '?')})"
        if site_target(site, original) != self.table + 8 * site.type:
            self.problems.append(f"{where}: in the file the site does not go through its slot: {original.hex(' ')}")
            return
        if self.mode == "off":
            kind, good = "indirect", now == original
            want = original
        else:
            kind, want = self.expect(site, original)
            good = now.startswith(want) and self.all_nops(now[len(want):], site.instr + len(want))
        self.kinds[kind] += 1
        if not good:
            self.problems.append(f"{where}: holds {now.hex(' ')}, expected {kind} {want.hex(' ')} and NOPs")

    def check_rest(self):
        """No byte of a section that is not writable may differ from the file outside a site."""
        owned = set()
        if self.mode != "off":
            owned = {addr for site in self.sites for addr in range(site.instr, site.instr + site.len)}
        count = 0
        for section in self.image.sections:
            if not section.in_file or not section.size or self.writable(section):
                continue
            now = self.memory.read(section.addr, section.size)
            count += section.size
            changed = [place for place in range(section.size)
                       if now[place] != section.data[place] and section.addr + place not in owned]
            if changed:
                first = section.addr + changed[0]
                self.problems.append(f"{section.name}: {len(changed)} bytes outside all sites changed, the first "
                                     f"at {self.image.label(first)}")
        return count

    def writable(self, section):
        """Does the section lie in a segment that the kernel may write?"""
        return any(segment.writable and segment.vaddr <= section.addr < segment.vaddr + segment.memsz
                   for segment in self.image.segments)

    def run(self):
        """All checks; returns one line that says what was seen."""
        if self.table is None or not self.sites:
            self.problems.append(f"{self.image.path} has no {TABLE} or no sites")
            return "nothing to see"
        phys_base = self.image.address(PHYS_BASE)
        if phys_base is not None and self.memory.word(phys_base):
            self.problems.append("the image was moved in memory: the proof reads it where it was linked to lie")
        for site in self.sites:
            if site.type < ALTERNATIVES:
                self.check_site(site)
            else:
                self.problems.append(f"{self.image.label(site.instr)}: alternative {site.type}: nothing is known of it")
        served = set().union(*(self.function(site.type)[1] for site in self.sites if site.type < ALTERNATIVES))
        self.problems += [f"nothing is served by {name}" for name in sorted(MUST_SERVE.get(self.mode, set()) - served)]
        count = self.check_rest()
        kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(self.kinds.items()))
        return f"{sum(self.kinds.values())} sites: {kinds}; {count} bytes compared"


def prove(elf, mode, folder):
    """Boots @elf in @mode; returns (summary, problems)."""
    proof = Proof(Image(elf), capture(elf, MODES[mode], folder), op_names(elf), mode)
    return proof.run(), proof.problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--elf", default="build/paravane.elf")
    parser.add_argument("modes", nargs="*", default=list(MODES), metavar="|".join(MODES))
    args = parser.parse_args()
    bad = 0
    for mode in args.modes or list(MODES):
        with tempfile.TemporaryDirectory() as folder:
            summary, problems = prove(args.elf, mode, folder)
        for problem in problems:
            print(f"patchproof {mode}: {problem}")
        print(f"patchproof {mode}: {summary}: {f'{len(problems)} problems' if problems else 'ok'}")
        bad += len(problems)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
