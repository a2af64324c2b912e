"""The monitor, typed at as a person would: booted by -kernel and by the ISO, line ends of both kinds, one
prompt per line.

A command is tested by one row of COMMANDS: what is typed, and what the answer must match.
"""

import re

import pytest

import environments
import qemu
from monitor import Monitor

BOOTS = {
    "kernel": environments.Environment("monitor-kernel", 20),
    "bios": environments.Environment("monitor-bios", 30, boot="bios"),
}

COMMANDS_ALL = ("help", "info", "ops", "sites", "mem", "maps", "walk", "test", "bench", "log", "reboot", "off")

# (typed, regular expressions that the answer must match)
COMMANDS = [
    ("help", tuple(rf"(?m)^\s*{name}\b" for name in COMMANDS_ALL)),
    ("info", (r"(?i)paravane|cpu|backend",)),
    ("ops", (r"irq_disable", r"irq_enable", r"(?i)inline", r"(?i)native")),
    ("sites irq.irq_disable", (r"(?i)\bff 15\b", r"(?i)\bfa\b")),
    ("mem", (r"(?i)free", r"\d")),
    ("maps", (r"(?i)ffffffff8", r"(?i)\br[-w]?x\b|\bR.?X\b")),
    ("walk 0xffffffff80100000", (r"(?i)pml4|pgd|pud|level",)),
    ("test lib_*", (r"KTAP version 1", r"(?m)^1\.\.\d+", r"(?m)^ok 1 lib_")),
    ("test no_such_test", (r"(?i)no.*test|match",)),
    ("xyzzy", (r"unknown command 'xyzzy'", r"help")),
    ("hlep", (r"did you mean 'help'",)),
    ("", (r"^$",)),
    ("walk", (r"(?i)usage|walk",)),
    ("sites no.such_op", (r"(?i)no.such_op|unknown|no op",)),
]


def open_monitor(harness, which, name, cmdline=""):
    env = BOOTS[which]
    iso = harness.make_iso(name, cmdline) if env.firmware_talks else ""
    files = harness.files(name)
    return Monitor(qemu.command(env, harness.elf, iso, cmdline, files), files, env.limit)


def monitor(harness, which, name, cmdline=""):
    """A session at its first prompt, as a context."""
    class Session:
        def __enter__(self):
            self.slot = harness.jobs.slots.take(1)
            self.slot.__enter__()
            try:
                self.monitor = open_monitor(harness, which, name, cmdline)
                self.monitor.expect_prompt()
            except BaseException:
                self.slot.__exit__(None, None, None)
                raise
            return self.monitor

        def __exit__(self, *exc):
            self.monitor.__exit__(*exc)
            self.slot.__exit__(*exc)

    return Session()


@pytest.mark.parametrize("which", BOOTS)
def test_commands(which, harness):
    """Every row of COMMANDS in one session, once with each line end; `off` ends QEMU."""
    wrong = []
    with monitor(harness, which, f"monitor-{which}") as session:
        for number, (typed, patterns) in enumerate(COMMANDS):
            answer = session.ask(typed, end="\r\n"[number % 2])
            wrong += [f"{typed!r}: nothing matches {pattern!r} in:\n{answer}" for pattern in patterns
                      if not re.search(pattern, answer)]
        assert session.quiet() == "", "output without being asked"
        code = session.leave("off")
    assert not wrong, "\n".join(wrong)
    assert code == 0, f"off: exit code {code}"


@pytest.mark.quick
def test_help_and_off(harness):
    with monitor(harness, "kernel", "monitor-quick") as session:
        answer = session.ask("help")
        missing = [name for name in COMMANDS_ALL if not re.search(rf"(?m)^\s*{name}\b", answer)]
        assert not missing, f"help does not name {missing}"
        assert session.leave("off") == 0


def test_reboot(harness):
    """-no-reboot turns the reset into QEMU's end."""
    with monitor(harness, "kernel", "monitor-reboot") as session:
        assert session.leave("reboot") == 0


def test_crlf_is_one_line_end(harness):
    with monitor(harness, "kernel", "monitor-crlf") as session:
        assert "unknown command 'xyzzy'" in session.ask("xyzzy", end="\r\n")
        assert session.quiet() == "", "CR LF gave a second prompt"
        assert session.leave("off") == 0


def test_editing(harness):
    """Backspace, the cursor keys and history work on the line before it is entered."""
    with monitor(harness, "kernel", "monitor-editing") as session:
        assert "unknown command 'xyzzy'" in session.ask("xyzzQ\x7fy")
        assert "unknown command 'xyzzy'" in session.ask("\x1b[A")  # up: the line before
        assert "unknown command 'plugh'" in session.ask("lugh\x1b[D\x1b[D\x1b[D\x1b[Dp")  # left, and insert
        assert "unknown command" not in session.ask("garbage\x15help")  # ^U: the line is emptied
        assert session.leave("off") == 0


def test_log_is_the_log(harness):
    """`log` shows what was printed since boot, from RAM; `log 2` the last two lines of it."""
    with monitor(harness, "kernel", "monitor-log") as session:
        boot_log = session.text().partition("pv> ")[0].strip()
        session.ask("xyzzy")
        whole = session.ask_at_length("log")
        assert boot_log in whole, "the boot log is not in it"
        assert "unknown command 'xyzzy'" in whole, "what was said since is not in it"
        last = session.ask_at_length("log 2").splitlines()
        assert len(last) <= 4 and "Paravane" not in "".join(last), last
        assert session.leave("off", expect_prompts=False) == 0


def test_typed_ahead(harness):
    """Lines that come while a command still runs are each answered, in order, each with one prompt."""
    with monitor(harness, "kernel", "monitor-ahead") as session:
        session.send("help\rxyzzy\rplugh\r")
        session.lines += 3
        session.expect("unknown command 'xyzzy'")
        session.expect("unknown command 'plugh'")
        session.expect_prompt()
        assert session.leave("off") == 0
