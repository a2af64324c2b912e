#!/usr/bin/python3
"""The image's outside: nothing in memory but what a segment claims, no page both writable and executable, and every
paravirt record points at a true site.

A site is `call *slot(%rip)` or, for a jump op, `jmp *slot(%rip)`, through the slot of the very op its record names,
then NOPs up to the length that pvops/pv_ops.def gives that op.
"""

import pathlib
import sys

from findings import Report, arguments
from image import Image, decoder
from sites import ALTERNATIVES, SECTION, read_ops, read_sites, site_target, slot_address

PAGE = 4096
NO_SITE = ("HOOK",)


def check_segments(report, image):
    """W^X by segment: flags, and no page that two segments of different rights share."""
    pages = {}
    for number, segment in enumerate(image.segments):
        what = f"segment {number} at {segment.vaddr:#x}"
        if segment.writable and segment.executable:
            report.find(image.path, 0, f"{what} is writable and executable")
        rights = (segment.writable, segment.executable)
        for page in range(segment.vaddr // PAGE, (segment.vaddr + segment.memsz + PAGE - 1) // PAGE):
            other = pages.setdefault(page, (number, rights))
            if other[1] != rights:
                report.find(image.path, 0, f"{what} shares page {page * PAGE:#x} with segment {other[0]}")
    for section in image.sections:
        inside = [segment for segment in image.segments if segment.vaddr <= section.addr and
                  section.addr + section.size <= segment.vaddr + segment.memsz]
        if section.size and not inside:  # a boot loader knows segments only, and puts its own things elsewhere
            report.find(image.path, 0, f"{section.name} lies in no segment: a boot loader would not keep it free")
    for section in image.code_sections():
        if section.size and not any(segment.executable and segment.vaddr <= section.addr and section.addr +
                                    section.size <= segment.vaddr + segment.memsz for segment in image.segments):
            report.find(image.path, 0, f"{section.name} lies in no executable segment")


def site_problem(image, ops, site, machine):
    """What is wrong with one site, or None."""
    section = image.section_at(site.instr)
    if section is None or not section.name.startswith((".text", ".entry")):
        return f"points into {section.name if section else 'nothing'}"
    code = image.read(site.instr, site.len)
    if code is None:
        return "runs past its section"
    if site.type >= ALTERNATIVES:
        return None
    op = ops.get(site.type)
    if op is None or op.cls in NO_SITE:
        return f"names number {site.type}, which is no op with sites"
    if site.len != op.length:
        return f"is {site.len} bytes long, {op.name} has {op.length}"
    target = site_target(site, code)
    if target is None:
        return f"does not begin with an indirect call or jump: {code.hex(' ')}"
    if (code[1] == 0x25) != (op.cls == "JUMP"):
        return f"is a {'jmp' if code[1] == 0x25 else 'call'}, but {op.name} is of class {op.cls}"
    if target != slot_address(image, op):
        return f"of {op.name} goes through {image.label(target)}"
    padding = list(machine.disasm(code[6:], site.instr + 6))
    if sum(insn.size for insn in padding) != site.len - 6 or any(insn.insn_name() != "nop" for insn in padding):
        return f"is not padded with NOPs: {code[6:].hex(' ')}"
    return None


def check_sites(report, image, ops):
    """Every record, and that no two sites overlap; returns how many."""
    sites = read_sites(image)
    machine = decoder()
    bad = []
    for site in sites:
        problem = site_problem(image, ops, site, machine)
        if problem:
            bad.append((site, problem))
    ordered = sorted(sites, key=lambda site: site.instr)
    for low, high in zip(ordered, ordered[1:]):
        if low.instr + low.len > high.instr:
            bad.append((high, f"overlaps the site at {image.label(low.instr)}"))
    lines = image.source([site.instr for site, _ in bad])
    for site, problem in bad:
        name, number = lines.get(site.instr, (image.path, 0))
        report.find(name, number, f"site at {image.label(site.instr)} {problem}")
    if not sites:
        report.find(image.path, 0, f"no records in {SECTION}")
    return len(sites)


def main():
    args = arguments(__doc__, ("--elf", "build/paravane.elf", "the image"),
                     ("--ops", "pvops/pv_ops.def", "the list of ops"))
    root = pathlib.Path(args.root)
    report = Report("image")
    image = Image(root / args.elf)
    check_segments(report, image)
    count = check_sites(report, image, read_ops(root / args.ops))
    return report.finish(f"{len(image.segments)} segments, {count} sites")


if __name__ == "__main__":
    sys.exit(main())
