#!/usr/bin/python3
"""No sensitive instruction stands outside the few sections that may hold one.

Disassembles the image section by section and symbol by symbol, and compares with sensitive.txt. Bytes that do not
decode are a finding as well: what cannot be read cannot be called clean.
"""

import fnmatch
import pathlib
import sys

from capstone import x86_const

from findings import Report, arguments, table
from image import Image, decoder, instructions

LIST = pathlib.Path(__file__).with_name("sensitive.txt")
# The natives; what runs before patching; entries that must not be patched; tests and measurements of the raw thing.
# Code with 32-bit parts or data among it (.text.boot) is not swept at all.
ALLOWED = (".text.native", ".text.boot", ".entry.raw", ".text.test", ".text.bench")
CLASSES = {"cr": range(x86_const.X86_REG_CR0, x86_const.X86_REG_CR15 + 1),
           "dr": range(x86_const.X86_REG_DR0, x86_const.X86_REG_DR15 + 1)}


class Sensitive:
    """sensitive.txt, ready to be asked."""

    def __init__(self, path=LIST):
        self.rows = []
        for number, words in table(path):
            if len(words) > 2 or (len(words) == 2 and words[1] not in CLASSES):
                raise ValueError(f"{path}:{number}: a row is: mnemonic [cr|dr]")
            self.rows.append((words[0], CLASSES[words[1]] if len(words) == 2 else None))

    def matches(self, insn):
        """Is this instruction on the list?"""
        name = name_of(insn)
        for pattern, registers in self.rows:
            if fnmatch.fnmatchcase(name, pattern) and (registers is None or touches(insn, registers)):
                return True
        return False


def name_of(insn):
    """The mnemonic; capstone 4 takes rdpid (F3 0F C7 /7, SDM 2B) for rdseed."""
    if insn.insn_name() == "rdseed" and 0xF3 in insn.bytes[:insn.bytes.index(0x0F)]:
        return "rdpid"
    return insn.insn_name()


def touches(insn, registers):
    """Is one operand a register out of @registers?"""
    return any(op.type == x86_const.X86_OP_REG and op.reg in registers for op in insn.operands)


def check(report, image, sensitive):
    """Sweeps every code section that may not hold sensitive instructions; returns (sections, instructions)."""
    bad = []
    sections = [section for section in image.code_sections() if section.name not in ALLOWED]
    count = 0
    machine = decoder()
    for section in sections:
        for addr, insn in instructions(image, section, machine):
            count += 1
            if insn is None:
                bad.append((addr, section, "bytes that do not decode: " +
                            (image.read(addr, 1) or b"").hex()))
            elif sensitive.matches(insn):
                bad.append((addr, section, f"{insn.mnemonic} {insn.op_str}".strip()))
    lines = image.source([addr for addr, _, _ in bad])
    for addr, section, what in bad:
        name, number = lines.get(addr, (image.path, 0))
        report.find(name, number, f"{what} in {section.name} at {image.label(addr)}")
    if not sections:
        report.find(image.path, 0, "no code section to look at")
    return len(sections), count


def main():
    args = arguments(__doc__, ("--elf", "build/paravane.elf", "the image"))
    report = Report("sensitive")
    sections, count = check(report, Image(pathlib.Path(args.root) / args.elf), Sensitive())
    return report.finish(f"{count} instructions in {sections} sections")


if __name__ == "__main__":
    sys.exit(main())
