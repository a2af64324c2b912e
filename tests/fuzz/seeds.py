#!/usr/bin/python3
"""Writes the fuzzers' first inputs: well-formed ones, so that the fuzzer starts behind the first checks.

    seeds.py DIRECTORY     makes DIRECTORY/fuzz_NAME/SEED for every target

Layouts are the specifications', written here once more. Read next: tests/fuzz/run.py.
"""
import pathlib
import struct
import sys

PC_MAP = [(0, 0x9FC00, 1), (0x9FC00, 0x400, 2), (0xF0000, 0x10000, 2), (0x100000, 0x7EE0000, 1),
          (0x7FE0000, 0x20000, 3), (0xFFFC0000, 0x40000, 2)]
RSDP = b"RSD PTR \0BOCHS \2" + bytes(20)


def tag(kind, body):
    """A multiboot2 tag with its padding."""
    return struct.pack("<II", kind, 8 + len(body)) + body + bytes(-len(body) % 8)


def multiboot2(*tags):
    body = b"".join(tags) + tag(0, b"")
    return struct.pack("<II", 8 + len(body), 0) + body


def memory_map(entries, entry_size=24):
    return struct.pack("<II", entry_size, 0) + b"".join(
        struct.pack("<QQII", *entry, 0) + bytes(entry_size - 24) for entry in entries)


MODULE = struct.pack("<II", 0x400000, 0x480000) + b"paravane.elf\0"
RGB = struct.pack("<QIIIBBH6B", 0xFD000000, 4096, 1024, 768, 32, 1, 0, 16, 8, 8, 8, 0, 8)
EGA = struct.pack("<QIIIBBH", 0xB8000, 160, 80, 25, 16, 2, 0)


def pvh(version):
    """Memory with a start_info at 8 (what the first word says), then lists and texts."""
    modules, memmap, texts = 0x40, 0x80, 0x80 + 24 * len(PC_MAP)
    start = struct.pack("<IIIIQQQQII", 0x336EC578, version, 0, 2, modules, texts, 0xF5AD0, memmap,
                        len(PC_MAP), 0)
    lists = struct.pack("<8Q", 0x7F00000, 0x1000, texts + 16, 0, 5 << 30, 1 << 30, 0, 0)
    ranges = b"".join(struct.pack("<QQII", *entry, 0) for entry in PC_MAP)
    return struct.pack("<Q", 8) + start + lists + ranges + b"test=all\0".ljust(16, b"\0") + b"initrd\0"


def memmap_ops(count, scale, step, length):
    """Additions as fuzz_memmap.c reads them."""
    return b"".join(struct.pack("<BII", scale << 3 | i * 3 % 5, i * step, length)
                    for i in range(count))


SEEDS = {
    "fuzz_multiboot2": [
        multiboot2(),
        multiboot2(tag(1, b"test=all\0"), tag(2, b"GRUB 2.06\0"), tag(3, MODULE), tag(3, MODULE),
                   tag(4, struct.pack("<II", 639, 130000)), tag(6, memory_map(PC_MAP)),
                   tag(8, RGB), tag(12, struct.pack("<Q", 0x7E00000)), tag(14, RSDP[:20]),
                   tag(15, RSDP)),
        multiboot2(tag(6, memory_map(PC_MAP, 40)), tag(8, EGA), tag(9, bytes(60))),
    ],
    "fuzz_pvh": [pvh(0), pvh(1)],
    "fuzz_cmdline": [
        b"/boot/paravane.elf test=lib_* bench backend=native patch=off crash=ud2 guest=self",
        b'"test=a b" test="c\\"d" patch=maybe nonsense=' + b"x" * 140,
    ],
    "fuzz_memmap": [memmap_ops(8, 0, 64, 100), memmap_ops(300, 12, 16, 8),
                    memmap_ops(20, 31, 1 << 27, 1 << 20)],
}


def write(root):
    """Makes root/TARGET/seedN."""
    for target, inputs in SEEDS.items():
        folder = root / target
        folder.mkdir(parents=True, exist_ok=True)
        for i, data in enumerate(inputs):
            (folder / f"seed{i}").write_bytes(data)


if __name__ == "__main__":
    write(pathlib.Path(sys.argv[1]))
