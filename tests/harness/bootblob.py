"""Boot input built byte by byte, good or bad on purpose: multiboot2 information (spec 2.0, section 3.6) and
PVH's start info.

Written from the specifications, not from boot/multiboot2.c or abi/: a misread layout there must not be repeated
here. Pure. Used by test_badboot.py.
"""

import struct

MIB = 1 << 20
MB2_MAGIC = 0x36d76289
PVH_MAGIC = 0x336ec578

USABLE, RESERVED, ACPI, NVS = 1, 2, 3, 4
END, CMDLINE, LOADER, MODULE, MEMORY_MAP = 0, 1, 2, 3, 6

# What a PC of 128 MiB reports: (base, length, type).
PC_MAP = [(0, 0x9fc00, USABLE), (0x9fc00, 0x400, RESERVED), (0xf0000, 0x10000, RESERVED),
          (MIB, 127 * MIB, USABLE), (0xfffc0000, 0x40000, RESERVED)]


def tag(kind, payload=b"", size=None):
    """One tag; @size, if given, is what its header claims in place of the truth."""
    data = struct.pack("<II", kind, len(payload) + 8 if size is None else size) + payload
    return data + bytes(-len(data) % 8)


def text_tag(kind, text, size=None):
    return tag(kind, text.encode() + b"\0", size)


def module_tag(start, end, name="module"):
    return tag(MODULE, struct.pack("<II", start, end) + name.encode() + b"\0")


def map_tag(entries, size=None):
    body = b"".join(struct.pack("<QQII", base, length, kind, 0) for base, length, kind in entries)
    return tag(MEMORY_MAP, struct.pack("<II", 24, 0) + body, size)


def information(*tags, end=True, total=None):
    """The whole information; @total is what its head claims in place of the truth."""
    body = b"".join(tags) + (tag(END) if end else b"")
    return struct.pack("<II", len(body) + 8 if total is None else total, 0) + body


def e820(entries):
    """PVH memory map entries."""
    return b"".join(struct.pack("<QQII", base, length, kind, 0) for base, length, kind in entries)


def start_info(cmdline=0, memmap=0, count=0, modules=0, module_count=0, magic=PVH_MAGIC, version=1, rsdp=0):
    """hvm_start_info of Xen's start_info.h; addresses are physical."""
    return struct.pack("<IIIIQQQQII", magic, version, 0, module_count, modules, cmdline, rsdp, memmap, count, 0)


def pvh_module(start, size, name=0):
    return struct.pack("<QQQQ", start, size, name, 0)
