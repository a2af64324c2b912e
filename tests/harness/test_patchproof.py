"""The proof of patching itself is put to the proof: a toy image patched rightly passes, every wrong byte is named.

The first half patches the toy image by a table written out here and needs no guest; the second boots the real image
once a mode and then breaks what was read, so that a checker that has gone blind cannot pass.
"""

import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "harness"))
sys.path.insert(0, str(ROOT / "tools" / "check"))
sys.path.insert(0, str(ROOT / "tools" / "check" / "tests"))
import patchproof  # noqa: E402
import toy  # noqa: E402
from image import Image  # noqa: E402
from sites import read_sites  # noqa: E402

# What the toy's seven sites become; {name}: the rel32 to that function.
PATCHED = {
    "native": {0: "fa 0f 1f 80 00 00 00 00 90", 1: "f4 0f 1f 44 00 00", 2: "e8 {native_slow} 90",
               3: "66 0f 1f 44 00 00", 4: "48 89 f8 0f 1f 00", 5: "48 cf 0f 1f 40 00", 6: "0f 0b 0f 1f 40 00"},
    "direct": {0: "e8 {native_irq_disable} 0f 1f 40 00", 1: "e8 {native_halt} 90", 2: "e8 {native_slow} 90",
               3: "66 0f 1f 44 00 00", 4: "e8 {paravirt_ident_64} 90", 5: "e9 {native_iret} 90",
               6: "0f 0b 66 66 90 90"},
}
PATCHED["mirror"] = {**PATCHED["native"], 0: "fa c6 04 25 [mirror_if] 00", 1: "c6 04 25 [mirror_if] 01 fb"}
# The toy with two functions of the backend `mirror` in its slots.
TOY_CHANGES = {"mirror": (
    ("{ { native_irq_disable }, native_halt,", "{ { pv_thunk_mirror_irq_disable }, mirror_irq_enable,"),
    ('IN(".text") void paravirt_nop', """unsigned char mirror_if = 1;
IN(".text.native") void pv_thunk_mirror_irq_disable(void) { asm volatile("cli"); }
IN(".text.native") void mirror_irq_enable(void) { asm volatile("sti"); }
IN(".text") void paravirt_nop"""),
    # a site of nine bytes for it
    ('SITE("call", "8", "1", "0")', 'SITE("call", "8", "1", "3")'))}


class Patched:
    """The toy image and a memory that holds it, to be changed byte by byte."""

    def __init__(self, folder, mode):
        self.elf = toy.build(folder, *TOY_CHANGES.get(mode, ()))
        self.image = Image(self.elf)
        self.mode = mode
        self.bytes = {}
        for section in self.image.sections:
            self.write(section.addr, section.data)
        self.sites = {site.type: site for site in read_sites(self.image)}
        for number, text in PATCHED.get(mode, {}).items():
            self.patch(number, text)

    def write(self, addr, data):
        self.bytes.update({addr + place: byte for place, byte in enumerate(data)})

    def patch(self, number, text):
        """Writes "aa bb {function} [datum] cc" over the site of op @number."""
        site, data = self.sites[number], b""
        for word in text.split():
            if word[0] == "{":
                delta = self.image.address(word[1:-1]) - (site.instr + 5)
                data += delta.to_bytes(4, "little", signed=True)
            elif word[0] == "[":
                data += (self.image.address(word[1:-1]) & 0xffffffff).to_bytes(4, "little")
            else:
                data += bytes.fromhex(word)
        self.write(site.instr, data)

    def read(self, addr, size):
        return bytes(self.bytes[addr + place] for place in range(size))

    def word(self, addr):
        return int.from_bytes(self.read(addr, 8), "little")

    def problems(self):
        proof = patchproof.Proof(self.image, self, patchproof.op_names(self.elf), self.mode)
        proof.run()
        return proof.problems


@pytest.mark.parametrize("mode", patchproof.MODES)
def test_toy_rightly_patched_passes(tmp_path, mode):
    assert not Patched(tmp_path, mode).problems()


def test_names_come_from_dwarf(tmp_path):
    names = patchproof.op_names(toy.build(tmp_path))
    assert names == {0: "irq.irq_disable", 1: "irq.halt", 2: "irq.slow", 3: "irq.nothing", 4: "mmu.lazy.pte_val",
                     5: "mmu.iret", 6: "mmu.null", 7: "mmu.hook"}


@pytest.mark.parametrize("number, text", [
    (0, "fb 0f 1f 80 00 00 00 00 90"),  # another op's instruction
    (0, "90 90 90 90 90 90 90 90 90"),  # nothing at all
    (0, "fa cc cc cc cc cc cc cc cc"),  # padding that is no NOP
    (0, "fa 0f 1f 80 00 00 00 0f 0b"),  # padding that is cut off by another instruction
    (0, "0f 1f 80 00 00 00 00 90 fa"),  # padding in front
    (0, "e8 {native_irq_disable} 0f 1f 40 00"),  # called where it was to be inlined
    (1, "ff 15 00 00 00 00"),  # still indirect
    (2, "e8 {native_halt} 90"),  # the wrong function
    (2, "e9 {native_slow} 90"),  # jumped to instead of called
    (3, "e8 {paravirt_nop} 90"),  # a call of nothing
    (4, "48 89 f7 0f 1f 00"),  # another register
    (5, "e8 {native_iret} 90"),  # called instead of jumped to
    (6, "0f 1f 44 00 00 90"),  # an empty slot that is silently skipped
])
def test_a_wrong_site_is_named(tmp_path, number, text):
    toy_image = Patched(tmp_path, "native")
    toy_image.patch(number, text)
    assert len(toy_image.problems()) == 1


def test_an_inlined_native_under_another_function_is_named(tmp_path):
    """The slot was given to another function, the site still holds the native's bytes."""
    toy_image = Patched(tmp_path, "native")
    slot = toy_image.image.address("pv_ops")
    toy_image.write(slot, toy_image.image.address("native_slow").to_bytes(8, "little"))
    assert any("expected call" in text for text in toy_image.problems())


@pytest.mark.parametrize("number, text", [
    (0, "fa c6 04 25 [pv_ops] 00"),  # another datum
    (0, "fa c6 04 25 [mirror_if] 01"),  # another value
    (0, "c6 04 25 [mirror_if] 00 fa"),  # the other way round
    (0, "fa 0f 1f 80 00 00 00 00 90"),  # native's own instruction
    (1, "c6 04 25 [mirror_if] 01 90"),  # half of it
    (1, "e8 {mirror_irq_enable} 0f 1f 40 00"),  # called where it was to be inlined
])
def test_a_wrong_site_of_a_backend_is_named(tmp_path, number, text):
    toy_image = Patched(tmp_path, "mirror")
    toy_image.patch(number, text)
    assert len(toy_image.problems()) == 1


def test_a_backend_that_was_not_attached_is_named(tmp_path):
    """Natively served and natively patched all over, though the command line asked for another."""
    toy_image = Patched(tmp_path, "native")
    toy_image.mode = "mirror"
    assert toy_image.problems() == [f"nothing is served by mirror_irq_{what}" for what in ("disable", "enable")]


@pytest.mark.parametrize("mode", ["direct", "off"])
def test_an_inlined_site_is_named_where_none_may_be(tmp_path, mode):
    toy_image = Patched(tmp_path, mode)
    toy_image.patch(1, "f4 0f 1f 44 00 00")
    assert toy_image.problems()


@pytest.mark.parametrize("name", ["outside", "native_slow", "raw_entry", "text"])
def test_a_byte_outside_all_sites_is_named(tmp_path, name):
    toy_image = Patched(tmp_path, "native")
    addr = toy_image.image.address(name)
    toy_image.bytes[addr] ^= 1
    assert any("outside all sites" in text and name in text for text in toy_image.problems())


def test_an_image_without_sites_is_no_proof(tmp_path):
    toy_image = Patched(tmp_path, "native")
    proof = patchproof.Proof(toy_image.image, toy_image, {}, "native")
    proof.sites = []
    proof.run()
    assert proof.problems


class Broken:
    """A captured memory with one byte flipped."""

    def __init__(self, memory, addr):
        self.memory, self.addr = memory, addr

    def read(self, addr, size):
        data = bytearray(self.memory.read(addr, size))
        if addr <= self.addr < addr + size:
            data[self.addr - addr] ^= 0x10
        return bytes(data)

    def word(self, addr):
        return int.from_bytes(self.read(addr, 8), "little")


@pytest.fixture(scope="module", params=patchproof.MODES)
def booted(request, tmp_path_factory):
    """(mode, image, names, memory) of the real image at its prompt, booted once a mode."""
    elf = pathlib.Path(request.config.getoption("--build", str(ROOT / "build"))) / "paravane.elf"
    assert elf.exists(), f"{elf} is not built"
    folder = tmp_path_factory.mktemp(request.param)
    memory = patchproof.capture(elf, patchproof.MODES[request.param], folder)
    return request.param, Image(elf), patchproof.op_names(elf), memory


def test_every_site_of_the_image(booted):
    mode, image, names, memory = booted
    proof = patchproof.Proof(image, memory, names, mode)
    summary = proof.run()
    assert not proof.problems, "\n".join(proof.problems[:20])
    assert sum(proof.kinds.values()) == len(read_sites(image)), summary
    if mode == "off":
        assert set(proof.kinds) == {"indirect"}
    else:
        assert proof.kinds["call"] and not proof.kinds["indirect"]
        assert bool(proof.kinds["inlined"]) == (mode in ("native", "mirror"))


@pytest.mark.parametrize("place", ["first byte", "padding", "before", "behind", "slot"])
def test_one_flipped_bit_is_seen(booted, place):
    mode, image, names, memory = booted
    site = read_sites(image)[0]
    whole = patchproof.Proof(image, memory, names, mode)
    length = 5 if mode == "off" else len(whole.expect(site, image.read(site.instr, site.len))[1])
    addr = {"first byte": site.instr, "padding": site.instr + length, "before": site.instr - 1,
            "behind": site.instr + site.len, "slot": image.address(patchproof.TABLE) + 8 * site.type}[place]
    proof = patchproof.Proof(image, Broken(memory, addr), names, mode)
    proof.run()
    assert proof.problems or (place == "slot" and mode == "off")
