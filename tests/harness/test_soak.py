"""Over and over, and for long (make soak): what happens once in a thousand times.

Three parts: SOAK_BOOTS boots in a row of 4 CPUs; one boot of SOAK_SECONDS with all loads of all CPUs at once, counted
on both sides (tests/soak.c); and, for MINUTES, each environment of SOAKED in turn, until each has failed once. A boot
that fails is named by its number, and its log is kept.
"""

import dataclasses
import os
import time

import pytest

import environments
import qemu
import soak
import verdict
from session import CannotRun

CPUS = 4
BOOT = environments.Environment("soak-boot", 15, cpus=CPUS, cmdline="test=machine_smp_all_cpus_are_online",
                                words=(rf"cpus: {CPUS} of {CPUS} online",))
LONG = environments.Environment("soak-long", 60, cpus=CPUS)  # besides the seconds asked for
KINDS = ("log", "cmd", "err", "reset")  # of files that a run leaves

SOAKED = ["tcg-kernel", "tcg-bios", "smp-2", "patch-off", "mem-16M", "cpu-qemu64"]


def test_soak_boots(request, harness):
    count = request.config.getoption("--soak-boots")
    wrong = []
    begin = time.monotonic()
    for number in range(1, count + 1):
        env = dataclasses.replace(BOOT, name=f"soak-boot-{number}")
        with harness.jobs.slots.take(1):
            done = harness.run_environment(env)
        if done.problems:
            wrong += [f"boot {number} of {count}: {problem}" for problem in done.problems]
            continue
        for kind in KINDS:
            path = harness.files(env.name).path(kind)
            if os.path.exists(path):
                os.unlink(path)
    harness.results.remarks.append(f"{count} boots of {CPUS} CPUs in {time.monotonic() - begin:.0f} s")
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


def test_soak_everything_at_once(request, harness):
    seconds = request.config.getoption("--soak-seconds")
    if not seconds:
        pytest.skip("SOAK_SECONDS is 0")
    files = harness.files(LONG.name)
    argv = qemu.command(LONG, harness.elf, "", f"soak={seconds}", files)
    with harness.jobs.slots.take(2):
        outcome = qemu.run(argv, files, seconds + LONG.limit)
    text = verdict.decode(outcome.raw)
    account = soak.loads(text)
    for name, (sent, received) in account.items():
        harness.results.remarks.append(f"soak: {name:<12} sent {sent:>10} received {received:>10}")
    wrong = soak.complaints(text, outcome.exit_code)
    if wrong:
        pytest.fail("\n".join(wrong + text.splitlines()[-10:]), pytrace=False)


def test_soak_rounds(request, harness):
    end = time.monotonic() + 60 * request.config.getoption("--soak-minutes")
    rows = [environments.by_name(name) for name in SOAKED]
    counts = dict.fromkeys(SOAKED, 0)
    wrong = {}
    while time.monotonic() < end and len(wrong) < len(rows):
        for env in rows:
            if env.name in wrong or time.monotonic() >= end:
                continue
            counts[env.name] += 1
            try:
                done = harness.run_environment(env)
            except CannotRun as reason:
                wrong[env.name] = [str(reason)]
                continue
            if done.problems:
                wrong[env.name] = done.problems
    for name, count in counts.items():
        status = "fail" if name in wrong else "pass"
        harness.results.add("soak", f"{name} x{count}", status, "\n".join(wrong.get(name, [])))
    lines = [f"{name} in round {counts[name]}: {line}" for name, found in wrong.items() for line in found]
    if lines:
        pytest.fail("\n".join(lines), pytrace=False)
