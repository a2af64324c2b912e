"""The framebuffer console, tested by what it shows: QEMU's screendump, decoded with the image's font, must be the end
of the serial log, at several resolutions and depths, by BIOS and UEFI; a panic must be readable; and what is typed at
the PS/2 keyboard arrives.
"""

import contextlib
import os
import re
import time
from dataclasses import dataclass

import pytest

import environments
import firmware
import qemu
import qmp
import screen
import verdict

SECONDS = 60
PROMPT = "pv> "
VGA_TEXT, VGA_COLS, VGA_ROWS, CURSOR = 0xB8000, 80, 25, 0x70


@dataclass(frozen=True)
class Case:
    name: str
    mode: str = ""  # what GRUB is told; "": what the kernel asks for
    size: tuple = (1024, 768)
    boot: str = "bios"
    cmdline: str = ""
    qemu: tuple = ("-vga", "std")
    serial: bool = True


CASES = [
    Case("640x480x32", "640x480x32", (640, 480)),
    Case("1024x768x24", "1024x768x24", (1024, 768)),
    Case("1280x1024x32", "1280x1024x32", (1280, 1024)),
    Case("800x600x16", "800x600x16", (800, 600)),
    Case("uefi", boot="uefi"),
    Case("uefi-bochs-display", boot="uefi", qemu=("-device", "bochs-display")),
]
KEYS = {" ": "spc", "\n": "ret", "=": "equal", "-": "minus"}


class Booted:
    """A QEMU with a screen and no debug-exit device: what is shown at the end stays; in a `with`."""

    def __init__(self, harness, case, folder):
        self.harness, self.case, self.folder = harness, case, str(folder)
        self.serial = os.path.join(self.folder, "serial")
        self.socket = os.path.join(self.folder, "qmp")

    def argv(self, iso):
        case = self.case
        uefi = firmware.uefi_options(os.path.join(self.folder, "vars")) if case.boot == "uefi" else []
        return [qemu.QEMU, "-accel", "tcg", "-cpu", "max", "-m", "256M", "-nodefaults", "-display", "none",
                "-no-reboot", "-serial", f"file:{self.serial}" if case.serial else "none", *case.qemu, *uefi,
                "-cdrom", iso, "-qmp", f"unix:{self.socket},server=on,wait=off"]

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        iso = self.harness.make_iso(f"screen-{self.case.name}", self.case.cmdline, screen=self.case.mode)
        self.stack.callback(os.unlink, iso)
        self.stack.enter_context(self.harness.jobs.slots.take(1))
        self.process, self.line = self.stack.enter_context(qmp.started(self.argv(iso), self.socket, SECONDS))
        return self

    def __exit__(self, *_):
        self.stack.close()

    def log(self):
        """The serial log from the kernel's first line on."""
        with open(self.serial, "rb") as file:
            text = verdict.decode(file.read()).replace("\r", "")
        return text[text.rfind("\nParavane "):] if "\nParavane " in text else ""

    def wait(self, what, done):
        end = time.monotonic() + SECONDS * environments.LOAD_FACTOR
        while not done():
            assert time.monotonic() < end and self.process.poll() is None, f"no {what}: {self.log()[-500:]!r}"
            time.sleep(0.05)

    def screen(self, scale=1):
        path = os.path.join(self.folder, "dump.ppm")
        self.line.ask("screendump", filename=path)
        return screen.Screen(screen.read_ppm(path), screen.font_of(self.harness.elf), scale)

    def type(self, text):
        for char in text:
            key = [{"type": "qcode", "data": KEYS.get(char, char)}]
            self.line.ask("send-key", **{"keys": key, "hold-time": 20})
            time.sleep(0.05)


def expected(log, shown):
    """The rows that @log leaves on a screen of that size."""
    rows = screen.fold(log, shown.cols)
    return [row.rstrip() for row in rows[-shown.row_count:]]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_screen_is_the_end_of_the_log(case, harness, tmp_path):
    with Booted(harness, case, tmp_path) as guest:
        guest.wait("prompt", lambda: guest.log().endswith(PROMPT))
        shown = guest.screen()
        log = guest.log()
        assert (shown.width, shown.height) == case.size
        assert shown.text() == expected(log, shown)
        assert screen.like(shown.colours[len(shown.text()) - 1][len(PROMPT)][1], screen.GREY)  # the cursor
        assert re.search(r"(?m)^console +framebuffer %s at 0x\w+, %dx%d characters$" %
                         (case.mode or "1024x768x32", shown.cols, shown.row_count), log)
        guest.type("help\nops\n")  # scrolls at every resolution
        guest.wait("third prompt", lambda: guest.log().count("\n" + PROMPT) == 3 and guest.log().endswith(PROMPT))
        shown = guest.screen()
        assert shown.text() == expected(guest.log(), shown)


@pytest.mark.parametrize("mode", ["640x480x32", "1280x1024x32"])
def test_panic_is_readable(mode, harness, tmp_path):
    size = tuple(map(int, mode.split("x")[:2]))
    case = Case(f"panic-{mode}", mode, size, cmdline="crash=pf")
    with Booted(harness, case, tmp_path) as guest:
        guest.wait("panic", lambda: re.search(r"(?s)panic: unhandled.*boot_enter\+", guest.log()))
        time.sleep(0.5)
        shown = guest.screen()
        dump = screen.fold(guest.log()[guest.log().index("trap: vector"):], shown.cols)
        first = shown.rows.index("trap: vector 14, #PF page fault, in kernel mode")
        rows = shown.rows[first:]
        assert rows == (dump + [""] * len(rows))[:len(rows)]
        if len(dump) > shown.row_count:
            assert first == 0  # no line of a long dump is wasted on what was before
        for row in range(first, first + min(len(dump), len(rows)) - 1):
            for col, char in enumerate(shown.rows[row]):
                assert char == " " or shown.colours[row][col] == screen.ALARM


def test_vga_text_where_nothing_else_is_asked_for(harness, tmp_path):
    with Booted(harness, Case("vga-text"), tmp_path) as guest:
        guest.wait("prompt", lambda: guest.log().endswith(PROMPT))
        path = os.path.join(guest.folder, "cells")
        guest.line.ask("pmemsave", val=VGA_TEXT, size=VGA_COLS * VGA_ROWS * 2, filename=path)
        with open(path, "rb") as file:
            cells = file.read()
        text = cells[0::2].decode("ascii")
        rows = [text[i:i + VGA_COLS].rstrip() for i in range(0, len(text), VGA_COLS)]
        assert rows == [row.rstrip() for row in screen.fold(guest.log(), VGA_COLS)[-VGA_ROWS:]]
        assert cells[1::2].count(CURSOR) == 1 and cells[1::2].index(CURSOR) == VGA_COLS * (VGA_ROWS - 1) + len(PROMPT)
        assert re.search(r"(?m)^console +VGA text 80x25 at 0xb8000$", guest.log())


def test_keyboard_types(harness, tmp_path):
    with Booted(harness, Case("keyboard", "1024x768x32"), tmp_path) as guest:
        guest.wait("prompt", lambda: guest.log().endswith(PROMPT))
        guest.type("info\n")
        guest.wait("answer", lambda: guest.log().count(PROMPT) == 2 and guest.log().endswith(PROMPT))
        assert f"{PROMPT}info\n" in guest.log() and re.search(r"(?m)^version +Paravane", guest.log())
        shown = guest.screen()
        assert shown.text() == expected(guest.log(), shown)
        guest.type("off\n")
        guest.wait("off", lambda: guest.process.poll() is not None or "halted" in guest.log())


def test_results_on_the_screen_without_serial(harness, tmp_path):
    case = Case("no-serial", "1280x1024x32", (1280, 1024), cmdline="test=lib_*", serial=False)
    with Booted(harness, case, tmp_path) as guest:
        last = []

        def done():
            with contextlib.suppress(AssertionError):  # GRUB's screens are not ours
                last[:] = guest.screen().text()
            return last and last[-1].startswith(PROMPT.strip())

        end = time.monotonic() + SECONDS
        while not done():
            assert time.monotonic() < end, last
            time.sleep(0.2)
        assert any(re.fullmatch(r"# [1-9]\d* passed, 0 failed, 0 skipped", row) for row in last), last
        assert "console     no serial port" in last or len(last) == 64


def test_report_pages_on_the_screen(harness, tmp_path):
    """All of `report` is seen on a machine without serial port and keyboard, a second a page."""
    case = Case("report", "1024x768x32", cmdline="report=1", serial=False,
                qemu=("-vga", "std", "-machine", "pc,i8042=off"))
    seen = {}
    with Booted(harness, case, tmp_path) as guest:
        end = time.monotonic() + SECONDS * environments.LOAD_FACTOR
        while {title for title, _ in seen} < {"info", "ops", "test", "bench"}:
            assert time.monotonic() < end, sorted(seen)
            with contextlib.suppress(AssertionError):  # GRUB's screens are not ours
                rows = guest.screen().text()
                title = re.match(r"-- report: (\w+), page (\d+) of \d+; a key ends it --", rows[-1] if rows else "")
                if title:  # the fullest: one being wiped has its last row yet
                    seen[title.groups()] = max(rows, seen.get(title.groups(), []), key=lambda page: len("".join(page)))
            time.sleep(0.2)
    pages = {name: "\n".join(row for (title, _), rows in sorted(seen.items()) if title == name for row in rows)
             for name in ("info", "ops", "test", "bench")}
    assert re.search(r"(?m)^console +no serial port$", pages["info"])
    assert re.search(r"(?m)^console +no keyboard: no PS/2 controller answers$", pages["info"])
    assert re.search(r"(?m)^ *\d+ irq\.irq_disable ", pages["ops"])
    assert "KTAP version 1" in pages["test"] and "\nok " not in pages["test"]
