#!/usr/bin/python3
"""Nobody outside a driver names the interrupt controllers: no identifier of theirs, no header, no vector's owner.

The local APIC, the IOAPICs and the PICs are drivers behind contracts (machine/ipi_ops.h, irq.h, clockevent.h); a
hypervisor will bring others. drivers.txt says which files are drivers, and who may name which of them and why. Comments
and strings are for people and may say what they like; tests may look at all.
"""

import fnmatch
import pathlib
import re
import sys

from check_length import blank
from findings import ROOMS, Report, arguments, room_of, sources, table

CODE = (".c", ".h", ".def")
LOOKED_AT = ROOMS + ("bench", "guests")
ALLOWED = pathlib.Path(__file__).with_name("drivers.txt")

# Identifiers by their parts, so that io_apic_x and X2APIC_ID are seen, and `capital` and `typical` are not.
NAME = re.compile(r"\b(?:\w*_)?(?:x2?apic|l?apic|ioapic|pic|sipi)(?:_\w*)?\b", re.I)
HEADER = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"(machine/(?:lapic|ioapic|pic)\w*\.h)"', re.M)
SPEECH = re.compile(r"""/\*.*?\*/ | //[^\n]* | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'""", re.S | re.X)


def names(text):
    """Yields (line, name) of each header and identifier of a controller in C @text."""
    for match in HEADER.finditer(text):
        yield text.count("\n", 0, match.start(1)) + 1, match[1]
    bare = SPEECH.sub(blank, text)
    for match in NAME.finditer(bare):
        yield bare.count("\n", 0, match.start()) + 1, match[0]


def check(report, root, allowed=ALLOWED):
    """Looks at every file of the rooms below @root; returns how many. A row that nothing needs is a finding too."""
    rows = table(allowed)
    needed = set()
    files = [rel for rel in sources(root, *CODE) if room_of(rel) in LOOKED_AT]
    for rel in files:
        for line, name in names((root / rel).read_text(errors="replace")):
            fitting = [number for number, (glob, *may) in rows if fnmatch.fnmatchcase(str(rel), glob)
                       and any(fnmatch.fnmatchcase(name, pattern) for pattern in may)]
            needed.update(fitting)
            if not fitting:
                report.find(rel, line, f"names {name}, which is a driver's affair (or a row of {allowed.name})")
    for number, words in rows:
        if number not in needed:
            report.find(allowed.name, number, f"nobody needs the row of {words[0]}")
    return len(files)


def main():
    args = arguments(__doc__)
    report = Report("drivers")
    files = check(report, pathlib.Path(args.root))
    return report.finish(f"{files} files")


if __name__ == "__main__":
    sys.exit(main())
