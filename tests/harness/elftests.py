"""What the image itself says about its tests and symbols, read from the ELF (pyelftools).

The linker collects `struct ktest` (tests/ktest.h: three pointers and two u32, 32 bytes) in section .ktests. The
harness holds the test list that a run prints against this one, so that a test cannot vanish unseen.
"""

import struct

from elftools.elf.elffile import ELFFile

KTEST_SIZE = 32
VMA_LMA = 0xffffffff80000000


class Image:
    """An ELF file's tests and symbols, read once."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as stream:
            elf = ELFFile(stream)
            self.class_bits = elf.elfclass
            self._sections = [(s["sh_addr"], s.data()) for s in elf.iter_sections()
                              if s["sh_addr"] and s["sh_type"] == "SHT_PROGBITS"]
            self.tests = self._read_tests(elf.get_section_by_name(".ktests"))
            symtab = elf.get_section_by_name(".symtab")
            self.symbols = {s.name: s["st_value"] for s in symtab.iter_symbols() if s.name} if symtab else {}
            self.end_pa = max(p["p_paddr"] + p["p_memsz"] for p in elf.iter_segments() if p["p_type"] == "PT_LOAD")

    def _read_tests(self, section):
        if section is None:
            return []
        data = section.data()
        if len(data) % KTEST_SIZE:
            raise ValueError(f"{self.path}: .ktests is {len(data)} bytes, no multiple of {KTEST_SIZE}")
        entries = struct.iter_unpack("<QQQII", data)
        return [self._string(name) for name, _run, _file, _line, _unused in entries]

    def _string(self, address):
        for base, data in self._sections:
            if base <= address < base + len(data):
                return data[address - base:data.index(b"\0", address - base)].decode()
        raise ValueError(f"{self.path}: no section holds the string at {address:#x}")

    def physical(self, symbol):
        """Where @symbol lies before paging: the image has one constant between VMA and LMA."""
        address = self.symbols[symbol]
        return address - VMA_LMA if address >= VMA_LMA else address
