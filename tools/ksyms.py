#!/usr/bin/python3
"""Writes the kernel's symbol table (lib/ksyms.h) from a linked image.

    ksyms.py IMAGE OUT.bin          writes the table, to be .incbin'd into section .ksyms
    ksyms.py --check IMAGE OUT.bin  fails when the table does not describe IMAGE

The build links twice: without a table, and with it behind everything that it names (linker.ld). --check proves that the
second link moved nothing.
"""
import argparse
import os
import re
import struct
import subprocess
import sys

BASE = 0xFFFFFFFF80000000
LIMIT = 1 << 31

# nm's letters: functions, local ones too; of data only what has a name across files.
WANTED = set("TtWDBRV")
LOCAL_DATA = set("bd")  # where locks are told by name (make DEBUG=1)

# NASM's local labels come out as symbols "function.label"; compilers make such names too, which are functions.
LOCAL_LABEL = re.compile(r"\.(?!(constprop|part|isra|cold|llvm|lto_priv|\d+)\b)")

# Marks of the linker script: right as addresses, but the last choice as the name of one.
MARK = re.compile(r"^(__\w+_(start|end)|_end|_edata|_etext)$")

# What the table itself moves.
BEHIND = {"__ksyms_start", "__ksyms_end", "__image_end"}


def read_symbols(nm, image, wanted):
    """[(address, size, name)] of the symbols worth naming, best name first where addresses are equal."""
    text = subprocess.run([nm, "-n", "-S", image], check=True, capture_output=True, text=True).stdout
    found = []
    for line in text.splitlines():
        words = line.split()
        size = int(words[1], 16) if len(words) == 4 else 0
        address, kind, name = int(words[0], 16) if len(words) > 2 else -1, words[-2], words[-1]
        if kind not in wanted or not BASE <= address < BASE + LIMIT or LOCAL_LABEL.search(name) or name in BEHIND:
            continue
        found.append((address, bool(MARK.match(name)), size == 0, kind.islower(), name, size))
    return [(address, size, name) for address, _, _, _, name, size in sorted(found)]


def make_table(symbols):
    """The table's bytes; the end of the last symbol gets an entry with an empty name."""
    if not symbols:
        return struct.pack("<II", 0, 0)
    end = max(address + max(size, 1) for address, size, _ in symbols)
    entries = [(address - BASE, name) for address, _, name in symbols] + [(end - BASE, "")]
    names, places = bytearray(), {}
    for _, name in entries:
        if name not in places:
            places[name] = len(names)
            names += name.encode() + b"\0"
    names += bytes(-len(names) % 8)
    count = len(entries)
    return (struct.pack("<II", count, len(names)) +
            struct.pack(f"<{count}I", *(offset for offset, _ in entries)) +
            struct.pack(f"<{count}I", *(places[name] for _, name in entries)) + bytes(names))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nm", default=os.environ.get("NM", "nm"))
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--data", action="store_true", help="name local data too")
    parser.add_argument("image")
    parser.add_argument("table")
    args = parser.parse_args()

    table = make_table(read_symbols(args.nm, args.image, WANTED | LOCAL_DATA if args.data else WANTED))
    if not args.check:
        with open(args.table, "wb") as out:
            out.write(table)
        return 0
    with open(args.table, "rb") as old:
        if old.read() == table:
            return 0
    print(f"ksyms: {args.table} does not describe {args.image}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
