#!/usr/bin/python3
"""Includes run one way: from a room only to itself and to the rooms below it.

Reads #include (C) and %include (NASM) lines; it does not run the preprocessor, so a line in a branch that is
never compiled counts too. Its twin for the linker's view is check_link_layers.py.
"""

import pathlib
import re
import sys

from findings import ROOMS, OUTSIDE, Report, arguments, may_look, room_of, sources

INCLUDE = re.compile(r'^\s*[#%]\s*include\s*([<"])([^>"]+)[>"]')
SUFFIXES = (".c", ".h", ".def", ".asm", ".inc", ".S")
# What a freestanding compiler brings along (C11 4p6): the only headers allowed in angle brackets.
FREESTANDING = {"float.h", "iso646.h", "limits.h", "stdalign.h", "stdarg.h", "stdbool.h", "stddef.h",
                "stdint.h", "stdnoreturn.h"}
# Made by the build from a source that is checked itself (machine/asm_offsets.c): numbers, no symbols.
GENERATED = {"asm_offsets.inc"}


def include_problem(rel, bracket, target):
    """Why file @rel may not include @target, or None."""
    room = room_of(rel)
    if bracket == "<":
        return None if room in OUTSIDE or target in FREESTANDING else f"<{target}> is not a freestanding header"
    if target in GENERATED:
        return None
    other = target.split("/", 1)[0] if "/" in target else ""
    if other not in ROOMS + OUTSIDE:
        if room in OUTSIDE:
            return None
        return f'"{target}" is not included from the root of the tree'
    if not may_look(room, other):
        return f'{room or "the root"} may not look at {other} ("{target}")'
    private = target.rsplit(".", 1)[0].endswith("_priv")
    if private and room != other and room not in OUTSIDE:
        return f'"{target}" is private to {other}'
    return None


def check(report, root):
    """Looks at every include line below @root; returns how many."""
    count = 0
    for rel in sources(root, *SUFFIXES):
        text = (root / rel).read_text(errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            count += 1
            problem = include_problem(rel, match[1], match[2])
            if problem:
                report.find(rel, number, problem)
    return count


def main():
    args = arguments(__doc__)
    report = Report("layers")
    count = check(report, pathlib.Path(args.root))
    return report.finish(f"{count} includes")


if __name__ == "__main__":
    sys.exit(main())
