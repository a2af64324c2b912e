#!/usr/bin/python3
"""The raw entries (NMI, #MC, #DF, #BP, the poke handler) stand on nothing that patching touches.

They run while sites are half written, so .entry.raw and every native function it reaches hold no paravirt site, call
and jump only within .entry.raw and .text.native, and only directly. Exceptions stand in entry_raw.txt.
"""

import pathlib
import sys

from capstone import x86_const

from findings import Report, arguments, table
from image import Image, decoder, instructions
from sites import read_sites

EXCEPTIONS = pathlib.Path(__file__).with_name("entry_raw.txt")
RAW, NATIVE = ".entry.raw", ".text.native"
# Branches whose target is not in the instruction but which are how an entry ends.
LEAVING = {"iretq", "iretd", "sysret", "sysretq", "ret", "int3", "hlt", "ud2"}
BRANCHES = (x86_const.X86_GRP_JUMP, x86_const.X86_GRP_CALL, x86_const.X86_GRP_BRANCH_RELATIVE)


def branch(insn):
    """None: no branch; an address: a direct one; -1: an indirect one."""
    if insn.insn_name() in LEAVING or not any(insn.group(group) for group in BRANCHES):
        return None
    operand = insn.operands[0]
    return operand.imm % (1 << 64) if operand.type == x86_const.X86_OP_IMM else -1


class Walker:
    """Follows direct branches from .entry.raw through the natives it uses."""

    def __init__(self, report, image, allowed):
        self.report = report
        self.image = image
        self.allowed = allowed
        self.used = set()
        self.sites = sorted((site.instr, site.instr + site.len) for site in read_sites(image))
        self.natives = {}
        self.machine = decoder()
        self.bad = []

    def look(self, addr, insn):
        """One instruction of raw code: its site, its target; returns a native function's address to go on with."""
        if insn is None:
            self.bad.append((addr, "bytes that do not decode"))
            return None
        if any(low <= addr < high for low, high in self.sites):
            self.bad.append((addr, "a paravirt site"))
            return None
        target = branch(insn)
        if target is None:
            return None
        if target == -1:
            self.bad.append((addr, f"an indirect branch: {insn.mnemonic} {insn.op_str}"))
            return None
        names = set(self.image.by_addr.get(target, ()))
        home = self.image.section_at(target)
        if names & set(self.allowed):
            self.used |= names & set(self.allowed)
        elif home is not None and home.name == NATIVE:
            return target
        elif home is None or home.name != RAW:
            where = home.name if home else "no section"
            self.bad.append((addr, f"{insn.mnemonic} to {self.image.label(target)} in {where}"))
        return None

    def walk(self):
        """All of .entry.raw, then every native reached; returns the count of instructions seen."""
        section, native = self.image.section(RAW), self.image.section(NATIVE)
        code = list(instructions(self.image, section, self.machine))
        todo = [target for addr, insn in code for target in [self.look(addr, insn)] if target is not None]
        flow = dict(instructions(self.image, native, self.machine)) if native else {}
        seen = set()
        while todo:
            addr = todo.pop()
            while addr not in seen:
                seen.add(addr)
                insn = flow.get(addr)
                target = self.look(addr, insn)
                if target is not None:
                    todo.append(target)
                if insn is None or insn.insn_name() in LEAVING | {"jmp"}:
                    break
                addr += insn.size
        return len(code) + len(seen)


def check(report, image):
    """Looks at the raw entries; returns the count of instructions seen."""
    section = image.section(RAW)
    if section is None or not section.size:
        report.find(image.path, 0, f"no section {RAW}")
        return 0
    allowed = {}
    for number, words in table(EXCEPTIONS):
        if len(words) < 2:
            report.find(f"tools/check/{EXCEPTIONS.name}", number, "a row is: symbol, why")
        allowed[words[0]] = number
    walker = Walker(report, image, allowed)
    count = walker.walk()
    lines = image.source([addr for addr, _ in walker.bad])
    for addr, what in walker.bad:
        name, number = lines.get(addr, (image.path, 0))
        report.find(name, number, f"raw entry has {what} at {image.label(addr)}")
    for name in sorted(set(allowed) - walker.used):
        report.find(f"tools/check/{EXCEPTIONS.name}", allowed[name], f"{name}: no raw entry goes there")
    return count


def main():
    args = arguments(__doc__, ("--elf", "build/paravane.elf", "the image"))
    report = Report("entry_raw")
    count = check(report, Image(pathlib.Path(args.root) / args.elf))
    return report.finish(f"{count} instructions")


if __name__ == "__main__":
    sys.exit(main())
