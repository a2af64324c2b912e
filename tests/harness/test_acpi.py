"""Damaged ACPI tables, given to the real image: it names the table and what is wrong, does without it, and passes its
tests.

The image is stopped at its PVH entry by a debugger (gdbstub.py), and the firmware's tables are changed in memory. They
are found here by code of its own, from the specification. How damage becomes words in general is for the host tests and
the fuzzer; here it is what the machine then does.
"""

import re
import struct
from dataclasses import dataclass

import pytest

import environments
import gdbstub
import ktap
import qemu
import verdict
from verdict import Verdict

HEADER = 36
MADT_ENTRIES = 44
RSDP_IN_START_INFO = 32
SUITE, SOME = "test=all", "test=machine_*"


class Tables:
    """The tables of a machine that stands at its PVH entry: {signature: physical address}."""

    def __init__(self, stub):
        self.stub = stub
        self.start_info = stub.register("ebx")
        self.rsdp = self.number(self.start_info + RSDP_IN_START_INFO, 8)
        rsdt = self.number(self.rsdp + 16, 4)
        self.at = {"RSDT": rsdt}
        for entry in range(rsdt + HEADER, rsdt + self.number(rsdt + 4, 4), 4):
            table = self.number(entry, 4)
            self.at[stub.read(table, 4).decode()] = table
        self.at["DSDT"] = self.number(self.at["FACP"] + 40, 4)

    def number(self, address, size):
        return int.from_bytes(self.stub.read(address, size), "little")

    def add(self, name, offset, value):
        """Adds @value to one byte of a table."""
        address = self.at[name] + offset
        self.stub.write(address, bytes([self.number(address, 1) + value & 0xff]))

    def put(self, address, data):
        self.stub.write(address, data)

    def patch_madt(self, kind, offset, *data):
        """Changes bytes of the MADT's first entry of a kind, its checksum right again."""
        madt = self.at["APIC"]
        length, at = self.number(madt + 4, 4), MADT_ENTRIES
        while self.number(madt + at, 1) != kind:
            at += self.number(madt + at + 1, 1)
            assert at < length
        self.put(madt + at + offset, bytes(data))
        self.add("APIC", 9, -sum(self.stub.read(madt, length)))

    def put_entry(self, number, address):
        """Makes entry @number of the root table lead to @address, its checksum right again."""
        rsdt = self.at["RSDT"]
        self.put(rsdt + HEADER + 4 * number, struct.pack("<I", address))
        self.add("RSDT", 9, -sum(self.stub.read(rsdt, self.number(rsdt + 4, 4))))


@dataclass(frozen=True)
class Case:
    name: str
    damage: object  # a function of Tables
    words: tuple  # regular expressions that the log must hold
    run: str = SOME


CASES = [
    Case("none", lambda t: None, (r"(?m)^acpi +HPET at 0xfed00000",)),
    Case("hpet-checksum", lambda t: t.add("HPET", 44, 0x12),
         (r"(?m)^acpi +problem: HPET at 0x\w+: checksum is off by 0x12: skipped$", r"(?m)^acpi +no HPET"), SUITE),
    Case("hpet-elsewhere", lambda t: (t.add("HPET", 45, 0x10), t.add("HPET", 9, -0x10)),
         (r"(?m)^acpi +HPET at 0xfed01000", r"(?m)^time +HPET refused: its period is 0$",
          r"(?m)^time +TSC \d+\.\d{3} MHz .*, measured against the PIT$"), "test=machine_time_*"),
    Case("madt-length", lambda t: t.put(t.at["APIC"] + 4, struct.pack("<I", 0xffffffff)),
         (r"(?m)^acpi +problem: APIC at 0x\w+: a length of 4294967295 bytes: skipped$", r"(?m)^acpi +no MADT: one CPU"),
         SUITE),
    Case("madt-no-ioapic", lambda t: t.patch_madt(1, 0, 0x7f),
         (r"(?m)^acpi +no IOAPIC$", r"(?m)^irq +PIC: ACPI names no IOAPIC$", r"input by interrupt"), SUITE),
    Case("madt-ioapic-in-ram", lambda t: t.patch_madt(1, 4, 0x00, 0x00, 0x10, 0x00),
         (r"(?m)^irq +IOAPIC 0 at 0x100000: it cannot be mapped: left out$", r"(?m)^irq +PIC: no IOAPIC can be used$",
          r"input by interrupt")),
    Case("madt-ioapic-nowhere", lambda t: t.patch_madt(1, 4, 0x00, 0x00, 0xb0, 0xfe),
         (r"(?m)^irq +IOAPIC 0 at 0xfeb00000: it does not answer: left out$",
          r"(?m)^irq +PIC: no IOAPIC can be used$", r"input by interrupt")),
    Case("madt-override-to-nowhere", lambda t: t.patch_madt(2, 4, 200),
         (r"(?m)^irq +problem: line 0: no IOAPIC has GSI 200: no route$",
          r"(?m)^irq +PIC: no tick arrives by IOAPIC$", r"input by interrupt"), SUITE),
    Case("madt-override-to-another-pin", lambda t: t.patch_madt(2, 4, 20),
         (r"(?m)^irq +IOAPIC 0: 24 lines from GSI 0, line 0 is GSI 20$",
          r"(?m)^irq +PIC: no tick arrives by IOAPIC$", r"input by interrupt")),
    Case("madt-two-overrides", lambda t: t.patch_madt(2, 3, 9),  # of line 9, where another one is
         (r"(?m)^irq +problem: line 9: a second override, to GSI 9: left out$",
          r"(?m)^irq +IOAPIC 0: 24 lines from GSI 0, line 9 is GSI 2$")),
    Case("dsdt-checksum", lambda t: t.add("DSDT", 100, 1),
         (r"DSDT at 0x\w+: checksum is off by 0x1: skipped", r"(?m)^acpi .*; no S5$", r"(?m)^power +off by the emul")),
    Case("fadt-signature", lambda t: t.add("FACP", 0, 1),
         (r"GACP at 0x\w+: checksum is off by 0x1: skipped", r"(?m)^acpi .*; no S5$")),
    Case("entry-across-the-border", lambda t: t.put_entry(0, 0x9eff8),  # the end of low memory
         (r"table at 0x9eff8: out of reach: skipped", r"(?m)^acpi +RSDT of APIC HPET WAET$", r"(?m)^acpi .*; no S5$")),
    Case("entry-to-a-device", lambda t: t.put_entry(0, 0xfee00000),
         (r"(?m)^acpi +problem: \S+ at 0xfee00000: ", r"(?m)^acpi +RSDT of APIC HPET WAET$")),
    Case("rsdt-checksum", lambda t: t.add("RSDT", 20, 0x80),
         (r"RSDT at 0x\w+: checksum is off by 0x80: skipped", r"(?m)^acpi +none found: one CPU"), SUITE),
    Case("rsdp-address", lambda t: t.put(t.start_info + RSDP_IN_START_INFO, struct.pack("<Q", 1 << 60)),
         (r"RSDP by PVH at 0x1000000000000000: out of reach: skipped", r"(?m)^acpi +RSDP by BIOS at 0xf\w{4},",
          r"(?m)^acpi +HPET at 0xfed00000")),
    Case("rsdp-checksum", lambda t: t.put(t.rsdp + 8, b"\xee"),
         (r"RSDP by PVH at 0xf\w{4}: checksum is off", r"RSDP by BIOS at 0xf\w{4}: checksum is off",
          r"(?m)^acpi +none found")),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_damaged(case, harness):
    name = f"acpi-{case.name}"
    env = environments.Environment(name, 20, memory="128M")
    files = harness.files(name)
    argv = qemu.command(env, harness.elf, "", case.run, files)
    with harness.jobs.slots.take(1):
        outcome = gdbstub.run_with(argv, files, env.limit, harness.image.physical("pvh_entry"),
                                   lambda stub: case.damage(Tables(stub)))
    judged = verdict.judge(outcome.raw, outcome.exit_code, outcome.timed_out, stderr=outcome.stderr)
    problems = [] if judged.verdict == Verdict.PASS else [f"{judged.verdict.value}: {judged.why}"]
    problems += [f"the log does not say {word!r}" for word in case.words if not re.search(word, judged.text)]
    problems += ktap.complaints(judged.run, ktap.select(harness.image.tests, case.run.removeprefix("test=")))
    if problems:
        tail = ["    " + line for line in judged.text.splitlines() if re.match(r"acpi|power|irq|not ok|#", line)]
        pytest.fail("\n".join(problems + tail[-40:]), pytrace=False)
