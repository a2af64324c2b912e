"""`reboot` and `off` on machines that differ in what can be used for it: after `reboot` the prompt comes a second time,
after `off` QEMU has ended, and the log names the way that did it, and those tried before.

QEMU runs without -no-reboot here: what should have been an end and was a reset shows as a third boot.
"""

import re
from dataclasses import dataclass

import pytest

import environments
import qemu
from monitor import Monitor

BY_EXIT_DEVICE = 33


@dataclass(frozen=True)
class Case:
    machine: str
    boot: str
    resets: tuple  # the ways tried, the last of which works
    offs: tuple
    code: int = 0
    seconds: int = 30


S5 = ("ACPI S5",)
EMULATOR = ("the emulators' ports", "the emulators' exit devices")

CASES = [
    Case("pc", "kernel", ("8042",), S5),
    Case("q35", "kernel", ("ACPI register",), S5),
    Case("pc", "bios", ("8042",), S5),
    Case("q35", "bios", ("ACPI register",), S5),
    Case("q35", "uefi", ("ACPI register",), S5, seconds=60),
    Case("pc,acpi=off", "kernel", ("8042",), EMULATOR, BY_EXIT_DEVICE),
    Case("pc,i8042=off", "kernel", ("8042", "port 0xcf9"), S5),
]


def tried(text, what):
    """The ways that the log names behind the last command."""
    return tuple(re.findall(rf"(?m)^power +{what} by ([^,\n]+)$", text))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.boot}-{case.machine}")
def test_reboot_and_off(case, harness):
    name = "power-" + re.sub(r"\W", "-", f"{case.boot}-{case.machine}")
    env = environments.Environment(name, case.seconds, boot=case.boot, machine=case.machine)
    iso = harness.make_iso(name, "") if env.firmware_talks else ""
    files = harness.files(name)
    argv = [word for word in qemu.command(env, harness.elf, iso, "", files) if word != "-no-reboot"]
    with harness.jobs.slots.take(1), Monitor(argv, files, env.limit) as session:
        session.expect_prompt()
        session.send("reboot\r")
        session.expect("starting again")
        again = session.expect_prompt()
        assert again.count("\nParavane ") == 1, again
        reset = tried(again.partition("\nParavane ")[0], "reset")
        code = session.leave("off", expect_prompts=False)
        off = tried(session.text().rpartition("switching off")[2], "off")
    assert reset == case.resets, f"reset by {reset}"
    assert off == case.offs, f"off by {off}"
    assert code == case.code, f"off: exit code {code}"
