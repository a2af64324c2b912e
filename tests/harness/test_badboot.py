"""Boot input that no loader should hand over, given to the real image: it must say what is wrong, and then run
on or stop in words.

The image is booted by QEMU's -kernel and stopped at its PVH entry by a debugger (gdbstub.py). There either the
PVH start info is replaced, or the CPU is sent to the multiboot2 entry with an information block of our own.
Both entries begin in the same state: 32-bit protected mode, flat segments, paging off. How bytes become problem
lines in general is for the host tests and fuzzers (tests/host, tests/fuzz); here it is what the machine then
does.
"""

import re
from dataclasses import dataclass

import pytest

import bootblob as bb
import environments
import gdbstub
import ktap
import qemu
import verdict
from bootblob import MIB, PC_MAP, RESERVED, USABLE
from verdict import Verdict

BASE = environments.Environment("badboot", 20, memory="128M")
BLOB = 0x60000  # where the input is put: low memory, which nobody else uses at that point
PASS, REFUSED = Verdict.PASS, Verdict.REFUSED

RUN = "test=mmu_*"  # what is run where the machine goes on: the tests that depend most on the memory map
CMDLINE = bb.text_tag(bb.CMDLINE, RUN)
LOADER = bb.text_tag(bb.LOADER, "harness")
MAP = bb.map_tag(PC_MAP)

MESSY_MAP = [(MIB, 127 * MIB, USABLE), (0, 0x9fc01, USABLE), (0x9f000, 0x1000, RESERVED), (0x5000, 0, USABLE),
             (0x3000123, 0x4567, RESERVED), (MIB, 64 * MIB + 7, USABLE), (0x3002000, 0x1000, bb.NVS),
             ((1 << 64) - 0x1000, 0x2000, RESERVED)]
SMALL_MAP = [(0, 0x9fc00, USABLE), (MIB, 3 * MIB, USABLE)]
ENOUGH_MAP = [(0, 0x9fc00, USABLE), (MIB, 15 * MIB, USABLE)]


@dataclass(frozen=True)
class Case:
    name: str
    expect: Verdict
    words: str  # a regular expression that the log must hold; "": the log must hold no complaint
    blob: bytes
    magic: int = bb.MB2_MAGIC


MULTIBOOT2 = [
    Case("good", PASS, "", bb.information(CMDLINE, LOADER, MAP)),
    Case("truncated-tag", PASS, r"runs past the end",
         bb.information(CMDLINE, MAP, bb.text_tag(bb.LOADER, "harness", size=4096))),
    Case("tag-too-small", PASS, r"too small to be one", bb.information(CMDLINE, MAP, bb.tag(bb.LOADER, size=4))),
    Case("tag-overlaps-next", REFUSED, r"multiboot2 tag at",  # the command line's end is read as a tag
         bb.information(bb.text_tag(bb.CMDLINE, RUN + " " * 40, size=24), MAP)),
    Case("map-overlaps-next", PASS, r"12 bytes behind the last entry",  # the map claims half of the tag behind it
         bb.information(CMDLINE, bb.map_tag(PC_MAP, size=16 + 24 * len(PC_MAP) + 12), LOADER)),
    Case("tag-twice", PASS, r"occurs again", bb.information(CMDLINE, LOADER, LOADER, MAP)),
    Case("no-end-tag", PASS, r"no end tag", bb.information(CMDLINE, MAP, end=False)),
    Case("total-size-wrong", REFUSED, r"multiboot2 information: size", bb.information(CMDLINE, MAP, total=4)),
    Case("map-messy", PASS, r"entries overlap another type", bb.information(CMDLINE, bb.map_tag(MESSY_MAP))),
    Case("map-malformed", PASS, r"empty or past 2\^64", bb.information(CMDLINE, bb.map_tag(MESSY_MAP))),
    Case("map-absent", REFUSED, r"no memory map", bb.information(CMDLINE)),
    Case("map-unusable", REFUSED, r"none of them usable",
         bb.information(CMDLINE, bb.map_tag([(0, 128 * MIB, RESERVED)]))),
    Case("map-too-small", REFUSED, r"(?i)memory", bb.information(CMDLINE, bb.map_tag(SMALL_MAP))),
    Case("map-just-enough", PASS, "", bb.information(CMDLINE, bb.map_tag(ENOUGH_MAP))),
    Case("module-on-kernel", PASS, r"overlaps the kernel",
         bb.information(CMDLINE, MAP, bb.module_tag(MIB + 0x1000, MIB + 0x3000))),
    Case("module-empty", PASS, r"module .*empty", bb.information(CMDLINE, MAP, bb.module_tag(0x800000, 0x800000))),
    Case("cmdline-4095", PASS, r"word 2, \"xxx",
         bb.information(bb.text_tag(bb.CMDLINE, (RUN + " ").ljust(4095, "x")), MAP)),
    Case("cmdline-5000", PASS, r"longer than 4095 bytes, cut",
         bb.information(bb.text_tag(bb.CMDLINE, (RUN + " ").ljust(5000, "x")), MAP)),
    Case("option-unknown", PASS, r"\"nonsense=1\": unknown option",
         bb.information(bb.text_tag(bb.CMDLINE, RUN + " nonsense=1"), MAP)),
    Case("magic-wrong", REFUSED, r"(?i)magic|multiboot|loader", bb.information(CMDLINE, MAP), magic=0x2badb002),
]

# PVH: the start info is built anew at BLOB; what it points to stands behind it.
AT_LINE, AT_MAP, AT_MODULES = BLOB + 0x100, BLOB + 0x4000, BLOB + 0x5000


def pvh(entries=None, line=RUN, modules=b"", **fields):
    """Start info with @entries (None: no map) and everything it points to, to be put at BLOB."""
    fields.setdefault("cmdline", AT_LINE)
    if entries is not None:
        fields.setdefault("memmap", AT_MAP)
        fields.setdefault("count", len(entries))
    if modules:
        fields.update(modules=AT_MODULES, module_count=len(modules) // 32)
    blob = bb.start_info(**fields).ljust(AT_LINE - BLOB, b"\0") + line.encode() + b"\0"
    blob = blob.ljust(AT_MAP - BLOB, b"\0") + bb.e820(entries or [])
    return blob.ljust(AT_MODULES - BLOB, b"\0") + modules


PVH = [
    Case("good", PASS, "", pvh(PC_MAP)),
    Case("map-messy", PASS, r"entries overlap another type", pvh(MESSY_MAP)),
    Case("map-absent", REFUSED, r"no memory map", pvh()),
    Case("map-out-of-reach", REFUSED, r"PVH memory map at .* out of reach", pvh(memmap=1 << 60, count=3)),
    Case("map-too-small", REFUSED, r"(?i)memory", pvh(SMALL_MAP)),
    Case("version-0", REFUSED, r"no memory map", pvh(PC_MAP, version=0)),
    Case("module-on-kernel", PASS, r"overlaps the kernel", pvh(PC_MAP, modules=bb.pvh_module(MIB + 0x1000, 0x1000))),
    Case("magic-wrong", REFUSED, r"magic", pvh(PC_MAP, magic=0x12345678)),
    Case("cmdline-5000", PASS, r"longer than 4095 bytes, cut", pvh(PC_MAP, line=(RUN + " ").ljust(5000, "x"))),
]

COMPLAINT = re.compile(r"multiboot2 (tag|information)|PVH .*(out of reach|magic)|memory map: |unknown option")


def boot(harness, name, move):
    """Boots the image, lets @move change it at its PVH entry, and judges the run."""
    files = harness.files(name)
    argv = qemu.command(BASE, harness.elf, "", "not=read", files)
    with harness.jobs.slots.take(1):
        outcome = gdbstub.run_with(argv, files, BASE.limit, harness.image.physical("pvh_entry"), move)
    return verdict.judge(outcome.raw, outcome.exit_code, outcome.timed_out, stderr=outcome.stderr)


def check(harness, name, case, judged):
    """The verdict, the words, and that all tests asked for were run."""
    problems = []
    if judged.verdict != case.expect:
        problems.append(f"{judged.verdict.value}, expected {case.expect.value}: {judged.why}")
    if case.words and not re.search(case.words, judged.text):
        problems.append(f"the log does not say {case.words!r}")
    if not case.words and COMPLAINT.search(judged.text):
        problems.append(f"a complaint about good input: {COMPLAINT.search(judged.text).group(0)}")
    if case.expect == PASS:
        problems += ktap.complaints(judged.run, ktap.select(harness.image.tests, RUN.removeprefix("test=")))
    if problems:
        tail = ["    " + line for line in judged.text.splitlines()[-25:]]
        pytest.fail("\n".join([f"{name}: {problem}" for problem in problems] + tail), pytrace=False)


@pytest.mark.parametrize("case", MULTIBOOT2, ids=lambda case: case.name)
def test_multiboot2(case, harness):
    entry = harness.image.physical("multiboot2_entry")

    def move(stub):
        stub.write(BLOB, case.blob)
        stub.enter(entry, eax=case.magic, ebx=BLOB)

    name = f"badboot-mb2-{case.name}"
    check(harness, name, case, boot(harness, name, move))


@pytest.mark.parametrize("case", PVH, ids=lambda case: case.name)
def test_pvh(case, harness):
    def move(stub):
        stub.write(BLOB, case.blob)
        stub.set_register("ebx", BLOB)

    name = f"badboot-pvh-{case.name}"
    check(harness, name, case, boot(harness, name, move))


def test_a_module_over_the_whole_kernel(harness):
    """The worst place for a module: all of the image, as its ELF says."""
    blob = bb.information(CMDLINE, MAP, bb.module_tag(MIB, harness.image.end_pa))
    case = Case("module-over-all", PASS, r"overlaps the kernel", blob)
    entry = harness.image.physical("multiboot2_entry")

    def move(stub):
        stub.write(BLOB, blob)
        stub.enter(entry, eax=bb.MB2_MAGIC, ebx=BLOB)

    check(harness, "badboot-mb2-module-over-all", case, boot(harness, "badboot-mb2-module-over-all", move))
