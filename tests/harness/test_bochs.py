"""The Bochs runner on kernels of its own: each way to end is told from the others, as for QEMU (test_selftest.py)."""

import dataclasses

import pytest

import bochs
import dummies
import environments
import ktap
import qemu
import verdict
from verdict import Verdict

QUIET = 10  # seconds for one that does not end: the firmware and GRUB take two of them, more on a busy machine
ENDS = 45

# kind of dummy: its verdict
VERDICTS = {
    "pass": Verdict.PASS,
    "failed": Verdict.FAILED,
    "panic": Verdict.CRASH,
    "cut_off": Verdict.CUT_OFF,
    "contradiction": Verdict.CONTRADICTION,
    "triple": Verdict.TRIPLE_FAULT,
    "hang": Verdict.HANG,
    "silent": Verdict.SILENCE,
}


def boot(kind, env, harness, folder):
    """Boots a dummy in Bochs and judges it."""
    files = qemu.Files(str(folder), kind)
    with harness.jobs.slots.take(1):
        iso = harness.make_iso(f"bochs-{kind}", "", dummies.build(kind, str(folder)))
        outcome = bochs.run(env, iso, files, QUIET if kind in ("hang", "silent") else ENDS)
    return verdict.judge(outcome.raw, outcome.exit_code, outcome.timed_out, firmware_talks=True, serial=env.serial,
                         stderr=outcome.stderr)


@pytest.mark.parametrize("kind", VERDICTS)
def test_verdicts_are_told_apart(kind, harness, tmp_path):
    judged = boot(kind, environments.by_name("bochs-amd"), harness, tmp_path)
    assert judged.verdict == VERDICTS[kind], judged.why
    assert judged.text.splitlines() == dummies.KINDS[kind][0].splitlines()
    if kind == "pass":
        assert not ktap.complaints(judged.run, ["lib_a", "lib_b"])


def test_no_serial_line_is_judged_by_the_code(harness, tmp_path):
    env = dataclasses.replace(environments.by_name("bochs-intel"), serial=False)
    assert boot("pass", env, harness, tmp_path).verdict == Verdict.NO_SERIAL


def test_a_wrong_setting_is_no_verdict_on_the_kernel(harness, tmp_path):
    env = dataclasses.replace(environments.by_name("bochs-amd"), cpu="no_such_cpu")
    judged = boot("pass", env, harness, tmp_path)
    assert judged.verdict == Verdict.EMULATOR and "cpu directive malformed" in judged.why


ENDED = "=====\nBochs is exiting with the following message:\n[UNMAP ] " + bochs.SHUT_DOWN + "\n"


@pytest.mark.parametrize("exit_code, said, stderr, code, words", [
    (1, b"...\n\x10", ENDED, 33, ""),
    (1, b"...\n\x11", ENDED, 35, ""),
    (1, b"...\n", ENDED, 1, "no exit code"),
    (1, b"", ENDED.replace(bochs.SHUT_DOWN, bochs.TRIPLE_FAULT), 0, ""),
    (1, b"\x10", ENDED.replace(bochs.SHUT_DOWN, "disk gone"), 1, "disk gone"),
    (0, b"\x10", "", 1, ""),  # it never leaves so when a guest ends it
    (None, b"\x10", "", None, ""),
    (-6, b"\x10", ENDED, -6, ""),
])
def test_endings_are_translated(exit_code, said, stderr, code, words):
    got = bochs.ending(exit_code, said, stderr)
    assert got[0] == code and words in got[1]
