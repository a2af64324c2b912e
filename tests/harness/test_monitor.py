"""The monitor, typed at as a person would: booted by -kernel and by the ISO, line ends of both kinds, one
prompt per line.

A command is tested by one row of COMMANDS: what is typed, and what the answer must match.
"""

import random
import re

import pytest

import environments
import qemu
from monitor import Monitor

BOOTS = {
    "kernel": environments.Environment("monitor-kernel", 20),
    "bios": environments.Environment("monitor-bios", 30, boot="bios"),
}

COMMANDS_ALL = ("help", "info", "acpi", "ops", "sites", "mem", "maps", "walk", "audit", "backend", "test", "bench",
                "log", "irqs", "reboot", "off")

# What answers a command whose words are wrong.
USAGE = r"(?m)^usage: "

# (typed, regular expressions that the answer must match), in this order in one session.
COMMANDS = [
    ("help", tuple(rf"(?m)^  {name}\b.*  \S" for name in COMMANDS_ALL)),
    ("help walk", (r"^  walk ADDRESS  \S",)),
    ("help nix", (r"no command 'nix'",)),
    ("info", (r"(?m)^version +Paravane \d", r"(?m)^boot +(PVH|multiboot2) by ", r"(?m)^cpu +features .*\bnx\b",
              r"(?m)^memory +\d+ MiB usable: \d+ KiB free", r"(?m)^paging +cr0 0x8\w+, cr3 0x\w+",
              r"(?m)^pvops +backend native: ", r"(?m)^patch +\d+ sites: \d+ inlined, .* 0 indirect$",
              r"(?m)^acpi +CPUs 1 enabled of 1", r"(?m)^power +reset by .*triple fault$",
              r"(?m)^power +off by ACPI S5, ",
              r"(?m)^time +TSC \d+\.\d{3} MHz \+- \d+ ppm, measured against the HPET$", r"(?m)^time +up \d+\.\d{6} s$",
              r"(?m)^interrupts +\d+: PIT \d+, COM1 [1-9]",
              r"(?m)^interrupts +on unexpected vectors 0; NMIs 0$", r"(?m)^console +[1-9]\d* bytes sent, 0 dropped;")),
    ("acpi", (r"(?m)^FACP  revision \d +at [0-9a-f]{16}, +\d+ bytes, OEM 'BOCHS'$", r"(?m)^APIC  revision \d",
              r"(?m)^DSDT  ", r"(?m)^acpi +RSDP by (PVH at 0x\w+|multiboot2), revision \d, OEM 'BOCHS'$",
              r"(?m)^acpi +CPUs 1 enabled of 1 listed; local APICs at 0xfee00000$",
              r"(?m)^acpi +IOAPIC 0 at 0xfec00000, GSIs from 0$", r"(?m)^acpi .*\boff by S5: \d to port 0x\w+$")),
    ("acpi x", (USAGE,)),
    ("irqs", (r"^lines by IOAPIC, between CPUs by xAPIC\n",
              r"(?m)^   0    0x30  masked   IOAPIC 0 pin 2, edge, high +[1-9]\d*  PIT$",
              r"(?m)^   4    0x34  enabled  IOAPIC 0 pin 4, edge, high +[1-9]\d*  COM1$",
              r"(?m)^   0 +[1-9]\d* +0 +0 +0 +0 +0 \(0\)$")),
    ("irqs x", (USAGE,)),
    ("ops", (r"^ nr op +len class +served by +inl nop dir jmp ind\n",
             r"(?m)^ *0 init\.patch +- hook +pv_patch_default ( +\.){5}$",
             r"(?m)^ *\d+ irq\.irq_disable +9 callee pv_thunk_native_irq_disable +[1-9]\d*( +\.){4}$",
             r"(?m)^ *\d+ cpu\.iret +6 jump +native_iret +1( +\.){4}$",
             r"(?m)^ *\d+ mmu\.alloc_pte +6 call +paravirt_nop +\. +\d+( +\.){3}$",
             r"(?m)^\d+ ops, \d+ sites: [1-9]\d* inlined, [1-9]\d* nothing, [1-9]\d* direct, 0 jmp, 0 indirect$")),
    ("ops cpu.iret", (r"(?m)^1 op, 1 site: 1 inlined",)),
    ("ops lock", (r"\block\.queued_spin_unlock\b", r"(?m)^5 ops, ")),
    ("ops no.such_op", (r"^ops: no op matches 'no\.such_op'",)),
    ("ops a b", (USAGE,)),
    ("sites", (r"^section +inlined +nothing +direct +jmp +indirect +sites\n", r"(?m)^\.text +\d+",
               r"(?m)^all( +\d+){6}$")),
    ("sites irq.irq_disable", (r"^irq\.irq_disable: [1-9]\d* sites, served by pv_thunk_native_irq_disable\n",
                               r"(?m) 90 90 90  fa 0f 1f 84 00 00 00 00 00  \w+\+0x",
                               r"(?m)^f{8}8\w{7} inlined +ff 15( \w\w){4} 90 90 90  fa ")),
    ("sites swapgs -v", (r"(?m)^cpu\.swapgs: [1-9]", r"inlined +ff 15( \w\w){4}  0f 01 f8 0f 1f 00  ",
                         r"(?m)^ +in \.text, 6 bytes, clobbers ")),
    ("sites -v set_fixmap", (r" direct +ff 15( \w\w){4}  e8( \w\w){4} 90  ", r"; leads to native_set_fixmap$")),
    ("sites no.such_op", (r"^sites: no op matches 'no\.such_op'",)),
    ("sites -v", (USAGE,)),
    ("sites -x irq_disable", (USAGE,)),
    ("mem", (r"(?m)^0{16}-\w{16} +\d+ KiB  usable$", r"\d+ used \+ \d+ free", r"  image\b")),
    ("mem x", (USAGE,)),
    ("maps", (r"(?m)^ffff88\w{10}-\w{16} pa 0{12} .* rw-  .*direct map$", r"(?m)^f{8}80100000-.* r--  .* headers$",
              r"(?m)^f{8}8010\d000-.* r-x  .* text$",
              r"(?m) r--  .* rodata$", r"(?m) rw-  .* data$")),
    ("walk 0xffffffff80100000", (r"p4d\[511\] ", r"-> physical 0x100000\n", r"in region headers\n",
                                 r"at symbol __image_start\+0")),
    ("walk ffffffff80100000", (r"-> physical 0x100000\n",)),
    ("walk 18446744071563116544", (r"-> physical 0x100000\n",)),
    ("walk boot_enter+4", (r"-> physical 0x1\w{5}\n", r"at symbol boot_enter\+0x4$")),
    ("walk 0", (r"-> not mapped: no p4d",)),
    ("walk 0x8000000000000000", (r"-> not canonical",)),
    ("walk nonsense", (r"^walk: not a number or symbol: 'nonsense'$",)),
    ("walk 0x1ffffffffffffffff", (r"^walk: not a number or symbol",)),
    ("walk", (USAGE,)),
    ("walk 1 2", (USAGE,)),
    ("audit", (r"(?m)^audit +\d+ leaves in \d+ ranges", r"(?m)^audit +no violation")),
    ("backend", (r"(?m)^\* native +native ", r"(?m)^  direct +native ")),
    ("backend nix", (r"no backend 'nix'",)),
    ("backend native", (r"not changed to 'native': it is the current one",)),
    ("backend direct", (r"(?m)^pvops +backend direct: ", r"(?m)^patch +\d+ sites: 0 inlined, .* 0 indirect$")),
    ("sites irq_disable", (r"(?m) direct +ff 15( \w\w){4} 90 90 90  e8( \w\w){4} ",)),
    ("backend native", (r"(?m)^patch +\d+ sites: [1-9]\d* inlined, .* 0 indirect$",)),
    ("audit", (r"(?m)^audit +no violation",)),
    ("log x", (USAGE,)),
    ("test -l pvops_c*", (r"(?m)^pvops_c\w+ +tests/\w+\.c:\d+$",)),
    ("test -l no_such_test", (r"test: nothing matches 'no_such_test'",)),
    ("test pvops_c*", (r"^KTAP version 1\n1\.\.[1-9]", r"(?m)^ok 1 pvops_c",
                       r"(?m)^# [1-9]\d* passed, 0 failed, 0 skipped$")),
    ("ops irq.irq_disable", (r"pv_thunk_native_irq_disable +[1-9]",)),  # not the poison that stood there meanwhile
    ("test machine_timer_starts_itself", (r"(?m)^ok 1 machine_timer_",)),
    ("irqs", (r"(?m)^vector 0xf3 +[1-9]\d*  timer$", r"\A(?!(?s:.*)(?m:^vector .* unexpected$))")),
    ("test no_such_test", (r"# no test matches 'no_such_test'",)),
    ("test -x", (USAGE,)),
    ("test a b", (USAGE,)),
    ("bench no_such_benchmark", (r"\S",)),
    ("bench a b", (USAGE,)),
    ("reboot now", (USAGE,)),
    ("off now", (USAGE,)),
    ("xyzzy", (r"unknown command 'xyzzy'", r"help")),
    ("hlep", (r"did you mean 'help'",)),
    (" ".join("x" * 17), (r"^too many words: 16 at most$",)),
    ("", (r"^$",)),
    ("   ", (r"^$",)),
]

# What must fit a terminal of this many columns, whatever the kernel holds.
COLUMNS = 100
FITTING = ("help", "ops", "sites", "mem", "maps", "backend", "walk boot_enter", "audit", "irqs")


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


def test_answers_fit_the_terminal(harness):
    with monitor(harness, "kernel", "monitor-columns") as session:
        wide = [line for command in FITTING for line in session.ask(command).splitlines() if len(line) > COLUMNS]
        assert not wide, "\n".join(wide)
        assert session.leave("off") == 0


def test_patch_off(harness):
    """All sites stay as linked, whoever serves the ops, and the monitor says so."""
    with monitor(harness, "kernel", "monitor-patch-off", "patch=off") as session:
        counts = r"(\d+) sites: 0 inlined, 0 nothing, 0 direct, 0 jmp, \1 indirect"
        for command in ("info", "backend direct", "ops"):
            assert re.search(counts, session.ask(command)), command
        assert "no site is patched" in session.ask("sites")
        assert session.leave("off") == 0


def test_whole_suite_then_prompt(harness):
    """`test` leaves by the prompt, with the machine as before: slots, input by interrupt, page tables."""
    with monitor(harness, "kernel", "monitor-test") as session:
        before = session.ask("ops")
        answer = session.ask("test")
        plan = re.search(r"(?m)^1\.\.(\d+)$", answer)
        assert plan and len(re.findall(r"(?m)^(?:not )?ok \d+ ", answer)) == int(plan[1]), answer
        assert "no violation" in session.ask("audit")
        assert session.ask("ops") == before
        assert session.leave("off") == 0


# What the terminal between keeps for itself: its signals.
SIGNALS = b"\x03\x1a\x1c"


def test_garbage(harness):
    """Whatever bytes come, the prompt is there when a person types again."""
    noise = random.Random(20240229)
    with monitor(harness, "kernel", "monitor-garbage") as session:
        for _round in range(20):
            session.send(bytes(byte for byte in noise.randbytes(100) if byte not in SIGNALS))
            session.quiet()
        session.send("\x15\rhlep\r")  # whatever is left on the line is given up
        session.expect("did you mean 'help'")
        session.expect_prompt()
        assert session.leave("off", expect_prompts=False) == 0
