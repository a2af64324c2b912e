"""Starts Bochs, headless, from an ISO; one call, one run, one Outcome, in the words of QEMU's exit codes.

Bochs has no exit code that a guest can choose. The kernel (machine/power.c) prints its code as one byte to port 0xe9,
which is Bochs' stdout, and ends it through the shutdown port; a triple fault ends it by itself. Watched by qemu.run(),
as every process here. Its clock counts instructions: two runs of an image give the same log, byte for byte. Must not
know what a good log looks like: verdict.py. Read next: environments.py.
"""

import dataclasses
import re

import qemu
import verdict

SEABIOS = "/usr/share/seabios"
BOCHS_BIOS = "/usr/share/bochs/BIOS-bochs-latest"  # SeaBIOS learns from QEMU alone that there is more than one CPU

# One setting a line, as in Bochs' manual ("bochsrc"). Instructions a second (ips) set how long each wait of the guest
# is; the screen goes to a VNC server that waits for nobody, since Debian's build has no display "none". The VGA is a
# PCI card, for SeaBIOS runs no other's ROM: else it stays as it was switched on, in no mode at all.
BOCHSRC = """\
config_interface: textconfig
display_library: rfb, options="timeout=0"
plugin_ctrl: speaker=0
pci: enabled=1, chipset=i440fx, slot1=pcivga
romimage: file={bios}
vgaromimage: file={seabios}/vgabios-stdvga.bin
megs: {megs}
cpu: model={env.cpu}, count={env.cpus}, ips=20000000, reset_on_triple_fault=0, ignore_bad_msrs=0
clock: sync=none, time0=1000000000
boot: cdrom
ata0-master: type=cdrom, path="{iso}", status=inserted
com1: enabled=1, mode={serial}
port_e9_hack: enabled=1
log: {log}
panic: action=fatal
"""

SHUT_DOWN = "Shutdown port: shutdown requested"
TRIPLE_FAULT = "3rd (13) exception with no resolution"
RE_CODE = re.compile(rb"[\x10\x11]")  # machine/power.h: EXIT_PASSED, EXIT_FAILED
RE_MESSAGE = re.compile(r"^Bochs is exiting with the following message:\n(.*)$", re.M)


def command(env, iso, files):
    """Writes the settings and the debugger's one word (this build begins in its debugger); the command line."""
    serial = f'file, dev="{files.path("log")}"' if env.serial else "null"
    with open(files.path("bochsrc"), "w", encoding="utf-8") as out:
        out.write(BOCHSRC.format(env=env, iso=iso, serial=serial, megs=env.memory.removesuffix("M"), seabios=SEABIOS,
                                 bios=BOCHS_BIOS if env.cpus > 1 else SEABIOS + "/bios.bin", log=files.path("bochs")))
    with open(files.path("rc"), "w", encoding="utf-8") as out:
        out.write("c\n")
    return ["bochs", "-q", "-f", files.path("bochsrc"), "-rc", files.path("rc")]


def run(env, iso, files, limit):
    """Boots @iso and says how it ended, as QEMU would have."""
    outcome = qemu.run(command(env, iso, files), files, limit, said="out")
    with open(files.path("out"), "rb") as out:
        said = out.read()
    code, words = ending(outcome.exit_code, said, outcome.stderr)
    return dataclasses.replace(outcome, exit_code=code, stderr=words)


def ending(exit_code, said, stderr):
    """(exit code as QEMU's, words for stderr) from Bochs' own code, its stdout and its stderr. None: it was ended."""
    if exit_code is None or exit_code < 0:
        return exit_code, stderr
    text = said.decode("utf-8", "replace") + "\n" + stderr
    if SHUT_DOWN in text:
        codes = RE_CODE.findall(said)
        if not codes:
            return 1, "the shutdown port was written, but no exit code to port 0xe9"
        return codes[-1][0] * 2 + 1, stderr
    if TRIPLE_FAULT in text:
        return verdict.EXIT_RESET, stderr
    message = RE_MESSAGE.search(text)
    return exit_code or 1, message.group(1) if message else verdict.last_line(text)
