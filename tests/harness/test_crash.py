"""What a crash leaves behind: `crash=KIND` provokes one on purpose, and the dump must hold what a person needs
to find the bug.

The exit code is 35 (the machine stops by itself), registers are there, the error code is in words, the faulting
address is walked, and the backtrace names functions.
"""

import dataclasses
import re
from dataclasses import dataclass

import pytest

import environments
import qemu
import verdict
from verdict import Verdict

BASE = environments.Environment("crash", 10)

REGISTERS = (r"(?i)\brip\b.{0,4}[0-9a-f]{16}", r"(?i)\brsp\b.{0,4}[0-9a-f]{16}", r"(?i)\brax\b.{0,4}[0-9a-f]{16}",
             r"(?i)\bcr3\b.{0,4}[0-9a-f]{6,16}")
BACKTRACE = (r"(?i)backtrace", r"\b[a-z_][a-z0-9_]{3,}\+0x[0-9a-f]+")
WALK = (r"walk of [0-9a-f]{16}", r"p4d\[ *\d+\] [0-9a-f]{16}", r"not mapped")


@dataclass(frozen=True)
class Kind:
    name: str
    words: tuple  # regular expressions
    cpus: int = 1
    never: tuple = ()  # regular expressions of what must not be there


KINDS = [
    Kind("pf", (r"#PF page fault", r"error code 0x2: write by supervisor, page not present", r"cr2 0{14}10\b",
                r"rip .* crash_pf\+", r"(?m)^  [0-9a-f]{16} crash_on_request\+", *REGISTERS, *WALK, *BACKTRACE)),
    Kind("ud", (r"#UD invalid opcode", r"rip .* crash_ud\+", *REGISTERS, *BACKTRACE)),
    Kind("gp", (r"#GP general protection", r"rip .* crash_gp\+", *REGISTERS, *BACKTRACE)),
    Kind("df", (r"#DF double fault", r"rip .* crash_df\+", *REGISTERS, *WALK, *BACKTRACE)),
    Kind("bug", (r"^panic: boot/crash\.c:\d+: ", r"crash_bug\+", *BACKTRACE)),
    # With the user's GS: from user mode, and by a bug of the kernel's own.
    Kind("mc", (r"#MC machine check", r"rip .* crash_mc\+", *REGISTERS, *BACKTRACE)),
    Kind("gs", (r"#UD invalid opcode", r"rip .* crash_gs\+", *REGISTERS, *BACKTRACE)),
    # All CPUs are stopped and shown: in user mode, with interrupts off, in the middle of a log line, idle.
    Kind("cpus", (r"^panic: all CPUs are to stop", r"^  [0-9a-f]{16} crash_cpus\+",
                  r"^CPU 1: in user mode at 00000000100000[0-9a-f]{2}$",
                  r"^CPU 2: backtrace:\n  [0-9a-f]{16} spin_without_interrupts\+",
                  r"^CPU 3: backtrace:\n(  .*\n)*  [0-9a-f]{16} write_to_the_log\+",
                  r"^CPU 4: backtrace:\n(  .*\n)*  [0-9a-f]{16} smp_ap_start\+", r"^CPU 3 runs$"),
         cpus=5, never=(r"did not stop", r"^panic: all(.|\n)*^CPU 3 runs")),
    Kind("call-parked", (r"^panic: machine/ipi\.c:\d+: .*has_parked", r"^  [0-9a-f]{16} smp_call_mask\+",
                         r"crash_call_parked\+", r"^CPU 1: backtrace:\n(  .*\n)*  [0-9a-f]{16} park_"), cpus=2),
    # In the middle of a log line: whoever dumps it must not wait for the log's lock.
    Kind("log", (r"#PF page fault", r"cr2 0{14}10\b", r"crash_log\+", *REGISTERS, *WALK, *BACKTRACE)),
]


# What an image that watches its locks does not let pass: the lock, what was wrong with it, and both places.
LOCK_KINDS = [
    Kind("lock-twice", (r"^panic: lock crash_lock: taken twice by one CPU: again at crash_lock_twice\+.*; first at "
                        r"crash_lock_twice\+", *BACKTRACE)),
    Kind("lock-free", (r"^panic: lock crash_lock: released by a CPU that does not hold it at crash_lock_free\+",
                       *BACKTRACE)),
    Kind("lock-idle", (r"^panic: lock crash_lock: goes idle at console_idle_unless\+.*; holds it: taken at "
                       r"crash_lock_idle\+",
                       *BACKTRACE)),
    Kind("lock-irq", (r"^panic: lock crash_lock: taken with interrupts enabled at crash_lock_irq\+.*; in an interrupt "
                      r"at take_in_interrupt\+", *BACKTRACE)),
    Kind("lock-kept", (r"^panic: lock crash_lock: still held at the end of an interrupt at .*; taken at "
                       r"keep_in_interrupt\+", *BACKTRACE)),
]


def crash(harness, cmdline, name, elf=None, cpus=1):
    files = harness.files(name)
    argv = qemu.command(dataclasses.replace(BASE, cpus=cpus), elf or harness.elf, "", cmdline, files)
    with harness.jobs.slots.take(1):
        outcome = qemu.run(argv, files, BASE.limit)
    return verdict.judge(outcome.raw, outcome.exit_code, outcome.timed_out, stderr=outcome.stderr), outcome


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("patch", ["on", "off"])
def test_dump(kind, patch, harness):
    judge_dump(kind, *crash(harness, f"crash={kind.name} patch={patch}", f"crash-{kind.name}-patch-{patch}",
                            cpus=kind.cpus))


@pytest.mark.parametrize("kind", LOCK_KINDS, ids=lambda kind: kind.name)
def test_lock_watch(kind, harness):
    judge_dump(kind, *crash(harness, f"crash={kind.name}", f"crash-{kind.name}", harness.other_image("debug")))


def judge_dump(kind, judged, outcome):
    problems = [] if judged.verdict == Verdict.CRASH else [f"{judged.verdict.value}: {judged.why}"]
    if outcome.exit_code != verdict.EXIT_FAILED:
        problems.append(f"exit code {outcome.exit_code}, not 35")
    problems += [f"nothing matches {word!r}" for word in kind.words if not re.search(word, judged.text, re.M)]
    problems += [f"{word!r} matches" for word in kind.never if re.search(word, judged.text, re.M)]
    if problems:
        tail = ["    " + line for line in judged.text.splitlines()[-60:]]
        pytest.fail("\n".join(problems + tail), pytrace=False)


def test_unknown_kind_is_answered(harness):
    judged, outcome = crash(harness, "crash=nonsense test=lib_*", "crash-nonsense")
    assert "nonsense" in judged.text, judged.text[-800:]
    assert outcome.exit_code in (verdict.EXIT_PASSED, verdict.EXIT_FAILED), judged.why
