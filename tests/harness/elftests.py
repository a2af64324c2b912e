"""What the image itself says about its tests and symbols, read from the ELF (pyelftools).

The linker collects `struct ktest` (tests/ktest.h: three pointers and two u32, 32 bytes) from the objects'
sections .ktests, between two symbols. The harness holds the test list that a run prints against this one, so
that a test cannot vanish unseen.
"""

import struct

from elftools.elf.elffile import ELFFile

KTEST_SIZE = 32
VMA_LMA = 0xffffffff80000000
ROOMS = ("lib", "arch", "pvops", "mmu", "machine", "boot", "bench")


def misnamed(names):
    """The tests whose name does not begin with the room that they test."""
    return [name for name in names if not name.partition("_")[2] or name.partition("_")[0] not in ROOMS]


class Image:
    """An ELF file's tests and symbols, read once."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as stream:
            elf = ELFFile(stream)
            self.class_bits = elf.elfclass
            self._sections = [(s["sh_addr"], s.data()) for s in elf.iter_sections()
                              if s["sh_addr"] and s["sh_type"] == "SHT_PROGBITS"]
            symtab = elf.get_section_by_name(".symtab")
            self.symbols = {s.name: s["st_value"] for s in symtab.iter_symbols() if s.name} if symtab else {}
            self.tests = self._read_tests()
            self.end_pa = max(p["p_paddr"] + p["p_memsz"] for p in elf.iter_segments() if p["p_type"] == "PT_LOAD")

    def _read_tests(self):
        """Names of all tests; none in an image that was linked without them."""
        start, end = (self.symbols.get(f"__ktests_{edge}", 0) for edge in ("start", "end"))
        if (end - start) % KTEST_SIZE:
            raise ValueError(f"{self.path}: {end - start} bytes of tests, no multiple of {KTEST_SIZE}")
        entries = struct.iter_unpack("<QQQII", self._bytes(start, end - start))
        return [self._string(name) for name, _run, _file, _line, _unused in entries]

    def _bytes(self, address, length):
        """@length bytes at @address; a negative length: all to the section's end."""
        for base, data in self._sections:
            if base <= address and address + max(length, 1) <= base + len(data):
                return data[address - base:][:length if length >= 0 else None]
        if not length:
            return b""
        raise ValueError(f"{self.path}: no section holds {address:#x}")

    def _string(self, address):
        return self._bytes(address, -1).partition(b"\0")[0].decode()

    def physical(self, symbol):
        """Where @symbol lies before paging: the image has one constant between VMA and LMA."""
        address = self.symbols[symbol]
        return address - VMA_LMA if address >= VMA_LMA else address
