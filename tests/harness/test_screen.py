"""A machine that is refused before there is a kernel says so on the screen too, for whoever has no serial line.

Boots on a CPU without NX with a VGA card and no debug-exit device, so that the machine stands still, and reads the text
screen out of the guest's memory.
"""

import re
import time

import qemu
import qmp

SCREEN, CELLS, WIDTH = 0xB8000, 80 * 25, 80
WHITE_ON_RED = 0x4F
SECONDS = 20

CASES = [("qemu64,-nx", "no-execute pages (NX)"), ("pentium3", "long mode (LM)")]


def screen_of(harness, cpu, folder, serial):
    """The text screen's (characters, attributes) once it says "halted"."""
    socket, dump = str(folder / "qmp"), str(folder / "screen")
    argv = [qemu.QEMU, "-accel", "tcg", "-cpu", cpu, "-m", "64M", "-nodefaults", "-display", "none", "-vga", "std",
            "-serial", serial, "-no-reboot", "-kernel", str(harness.elf),
            "-qmp", f"unix:{socket},server=on,wait=off"]
    with harness.jobs.slots.take(1), qmp.started(argv, socket, SECONDS) as (_, line):
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            line.ask("pmemsave", val=SCREEN, size=CELLS * 2, filename=dump)
            cells = open(dump, "rb").read()
            text = cells[0::2].decode("latin-1")
            if "halted" in text:
                return text, cells[1::2]
            time.sleep(0.1)
    raise AssertionError(f"the screen never said halted: {text!r}")


def test_refusal_on_screen_and_serial(harness, tmp_path):
    for number, (cpu, missing) in enumerate(CASES):
        folder = tmp_path / str(number)
        folder.mkdir()
        serial = folder / "serial"
        text, attributes = screen_of(harness, cpu, folder, f"file:{serial}")
        rows = [text[i:i + WIDTH].rstrip() for i in range(0, CELLS, WIDTH)]
        said = [row for row in rows if row.startswith("paravane: this CPU cannot run it, it lacks: ")]
        assert said and missing in " ".join(rows), rows
        assert attributes[text.index("paravane")] == WHITE_ON_RED
        assert re.search(re.escape(missing), serial.read_text("latin-1"))


def test_refusal_without_serial_port(harness, tmp_path):
    text, _ = screen_of(harness, "qemu64,-nx", tmp_path, "none")
    assert "it lacks: no-execute pages (NX)" in text
