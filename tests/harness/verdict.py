"""What a finished run was: one word out of a ladder, judged from the serial log and QEMU's exit code alone
(bochs.py translates into it).

Pure: no process, no file. The exit codes are isa-debug-exit's, (value << 1) | 1: 0x10 all passed -> 33, 0x11
not -> 35. Must not know which environment it judges: what is expected there stands in environments.py. Read
next: ktap.py, qemu.py.
"""

import enum
import re
from dataclasses import dataclass, field

import ktap

EXIT_PASSED = 33
EXIT_FAILED = 35
EXIT_RESET = 0  # -no-reboot: QEMU leaves in peace when the machine is reset


class Verdict(enum.Enum):
    PASS = "pass"
    FAILED = "failed tests"
    REFUSED = "refused"  # exit 35 in words, without a panic and without a test run
    CRASH = "crash"  # a panic or a trap dump, whatever the exit code
    HANG = "hang"  # output, then time ran out
    TRIPLE_FAULT = "triple fault"  # -no-reboot turned a reset into exit 0, and no verdict was given
    SILENCE = "silence"  # not one byte on the serial line
    CUT_OFF = "cut off"  # exit code given, but the test list is missing or not complete
    CONTRADICTION = "contradiction"  # exit code and test lines disagree
    EMULATOR = "emulator error"  # it failed itself, and says so on stderr
    NO_SERIAL = "no serial"  # nothing to read by intent, and the exit code says passed


# A line that begins so is our own death; recorded faults of tests are printed as KTAP comments ("# ...").
CRASH_MARKS = re.compile(
    r"^(panic: .*|double panic.*|trap: .*|unhandled (?:trap|exception|fault).*|recursive (?:trap|fault).*)$",
    re.M | re.I)

BANNER = re.compile(r"^\S*paravane\b", re.M | re.I)
ESCAPES = re.compile(r"\x1b(?:\[[0-9;?=]*[A-Za-z]|[()][A-Z0-9]|[=>c])")


@dataclass
class Judgement:
    verdict: Verdict
    why: str
    text: str = ""  # the kernel's own output, decoded
    run: ktap.Run = field(default_factory=ktap.Run)


def decode(raw):
    """Serial bytes as text: CR LF is one line end, what is no UTF-8 is shown escaped."""
    return raw.decode("utf-8", "backslashreplace").replace("\r\n", "\n")


def kernel_text(raw, firmware_talks):
    """The log without what firmware and boot loader wrote before our first line."""
    text = decode(raw)
    if firmware_talks:
        text = ESCAPES.sub("", text).replace("\r", "")  # GRUB ends lines with LF CR
        banner = BANNER.search(text)
        text = text[banner.start():] if banner else ""
    return text


def last_line(text):
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1][:160] if lines else ""


def judge(raw, exit_code, timed_out, firmware_talks=False, serial=True, stderr=""):
    """Names what happened. exit_code None: the harness ended the run (timed_out or after a crash)."""
    text = kernel_text(raw, firmware_talks)
    run = ktap.parse(text)
    verdict, why = _ladder(text, run, exit_code, timed_out, serial, stderr)
    return Judgement(verdict, why, text, run)


def _ladder(text, run, exit_code, timed_out, serial, stderr):
    if exit_code is not None and exit_code not in (EXIT_RESET, EXIT_PASSED, EXIT_FAILED):
        return Verdict.EMULATOR, f"exit code {exit_code}: {last_line(stderr) or 'no word on stderr'}"
    crash = CRASH_MARKS.search(text)
    if crash:
        ending = "still running" if exit_code is None else f"exit code {exit_code}"
        return Verdict.CRASH, f"{crash.group(0)[:160]} ({ending})"
    if timed_out:
        if text.strip():
            return Verdict.HANG, f"last line: {last_line(text)}"
        return Verdict.SILENCE, "time ran out without a byte"
    if exit_code == EXIT_RESET:
        return Verdict.TRIPLE_FAULT, f"reset without a verdict, last line: {last_line(text) or '(none)'}"
    if not serial:
        if exit_code == EXIT_PASSED:
            return Verdict.NO_SERIAL, "exit code 33"
        return Verdict.FAILED, f"exit code {exit_code} without a serial line"
    if not text.strip():
        return Verdict.SILENCE, f"exit code {exit_code} without a byte"
    return _by_tests(text, run, exit_code)


def _by_tests(text, run, exit_code):
    if not run.started:
        if exit_code == EXIT_FAILED:
            return Verdict.REFUSED, last_line(text)
        return Verdict.CUT_OFF, "exit code 33, but no test was run"
    if not run.complete:
        return Verdict.CUT_OFF, f"{len(run.results)} of {run.plan} tests reported, then exit code {exit_code}"
    failed = [r.name for r in run.results if r.status == ktap.FAIL]
    if exit_code == EXIT_PASSED and not failed:
        return Verdict.PASS, f"{len(run.results)} tests"
    if exit_code == EXIT_FAILED and failed:
        return Verdict.FAILED, f"{len(failed)} of {len(run.results)}: " + " ".join(failed[:8])
    return Verdict.CONTRADICTION, f"exit code {exit_code}, but {len(failed)} tests failed"
