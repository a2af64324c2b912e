"""The built image as the checks see it: sections, symbols, bytes by address, and instructions without losing sync.

Read with pyelftools and capstone only; nothing here comes from the kernel's own reports. The checks of the image
(check_sensitive, check_entry_raw, check_image, check_size) and tests/harness/patchproof.py stand on it.
"""

import bisect
import collections
import subprocess

import capstone
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

Section = collections.namedtuple("Section", "name addr size flags in_file data")
Symbol = collections.namedtuple("Symbol", "name addr size kind bind")
Segment = collections.namedtuple("Segment", "vaddr paddr filesz memsz readable writable executable")

PF_X, PF_W, PF_R = 1, 2, 4


class Image:
    """One ELF file, read whole."""

    def __init__(self, path):
        self.path = str(path)
        with open(path, "rb") as stream:
            elf = ELFFile(stream)
            self.entry = elf["e_entry"]
            self.sections = [read_section(section) for section in elf.iter_sections()
                             if section["sh_flags"] & SH_FLAGS.SHF_ALLOC]
            self.segments = [read_segment(segment) for segment in elf.iter_segments("PT_LOAD")]
            self.symbols = [symbol for table in elf.iter_sections() if isinstance(table, SymbolTableSection)
                            for symbol in read_symbols(table)]
        self.by_name = {}
        for symbol in sorted(self.symbols, key=lambda symbol: symbol.bind != "STB_GLOBAL", reverse=True):
            self.by_name[symbol.name] = symbol
        self.by_addr = collections.defaultdict(list)
        for symbol in self.symbols:
            self.by_addr[symbol.addr].append(symbol.name)
        self.starts = sorted(self.by_addr)

    def code_sections(self):
        """The sections that hold instructions."""
        return [section for section in self.sections if section.flags & SH_FLAGS.SHF_EXECINSTR]

    def section_at(self, addr):
        """The section that @addr lies in, or None."""
        for section in self.sections:
            if section.addr <= addr < section.addr + section.size:
                return section
        return None

    def section(self, name):
        """The section called @name, or None."""
        return next((section for section in self.sections if section.name == name), None)

    def read(self, addr, size):
        """@size bytes of the file's image at @addr (zeros where it has none); None outside all sections."""
        section = self.section_at(addr)
        if section is None or addr + size > section.addr + section.size:
            return None
        return section.data[addr - section.addr:addr - section.addr + size]

    def address(self, name):
        """Address of a symbol, or None."""
        symbol = self.by_name.get(name)
        return symbol.addr if symbol else None

    def label(self, addr):
        """"name+0x12" for an address, by the nearest symbol below it in the same section."""
        place = bisect.bisect_right(self.starts, addr) - 1
        section = self.section_at(addr)
        if place < 0 or section is None or self.starts[place] < section.addr:
            return f"{addr:#x}"
        start = self.starts[place]
        name = min(self.by_addr[start], key=lambda name: ("." in name, len(name)))
        return name if start == addr else f"{name}+{addr - start:#x}"

    def source(self, addrs):
        """address -> (file, line) from DWARF: of what was inlined, the line in a source, not in a header."""
        if not addrs:
            return {}
        run = subprocess.run(["addr2line", "-a", "-i", "-e", self.path, *(f"{addr:#x}" for addr in addrs)],
                             capture_output=True, text=True, check=False)
        out, addr = {}, 0
        for text in run.stdout.splitlines():
            if text.startswith("0x"):
                addr = int(text, 16)
                continue
            name, _, number = text.split(" ")[0].rpartition(":")
            if number.isdigit() and not name.startswith("??") and out.get(addr, ("x.h",))[0].endswith((".h", ".def")):
                out[addr] = (name.removeprefix("./"), int(number))
        return out


def read_section(section):
    """A pyelftools section as one of ours; NOBITS reads as zeros."""
    in_file = section["sh_type"] != "SHT_NOBITS"
    data = section.data() if in_file else bytes(section["sh_size"])
    return Section(section.name, section["sh_addr"], section["sh_size"], section["sh_flags"], in_file, data)


def read_segment(segment):
    """A pyelftools PT_LOAD segment as one of ours."""
    flags = segment["p_flags"]
    return Segment(segment["p_vaddr"], segment["p_paddr"], segment["p_filesz"], segment["p_memsz"],
                   bool(flags & PF_R), bool(flags & PF_W), bool(flags & PF_X))


def read_symbols(table):
    """The named symbols of a table that have an address in a section."""
    for symbol in table.iter_symbols():
        if symbol.name and isinstance(symbol["st_shndx"], int) and \
           symbol["st_info"]["type"] in ("STT_FUNC", "STT_NOTYPE", "STT_OBJECT"):
            yield Symbol(symbol.name, symbol["st_value"], symbol["st_size"], symbol["st_info"]["type"],
                         symbol["st_info"]["bind"])


def decoder():
    """A 64-bit x86 disassembler that tells operands."""
    machine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    machine.detail = True
    return machine


def code_starts(image, section):
    """Addresses in a section where an instruction must begin: its symbols, its start and its end."""
    low, high = section.addr, section.addr + section.size
    inside = {symbol.addr for symbol in image.symbols
              if low <= symbol.addr < high and symbol.kind != "STT_OBJECT"}
    return sorted(inside | {low, high})


def instructions(image, section, machine=None):
    """
    Yields (addr, instruction) over a code section; (addr, None) where bytes do not decode.

    The sweep starts anew at every symbol, so one bad byte cannot carry it away; what does not decode, or runs past
    the next symbol, is told and skipped up to that symbol.
    """
    machine = machine or decoder()
    starts = code_starts(image, section)
    for start, end in zip(starts, starts[1:]):
        code = section.data[start - section.addr:end - section.addr]
        place = start
        for insn in machine.disasm(code, start):
            yield insn.address, insn
            place = insn.address + insn.size
        if place < end:
            yield place, None
