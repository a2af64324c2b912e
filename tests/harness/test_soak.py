"""The same boots over and over (make soak MINUTES=n): finds what happens once in a thousand runs.

Each round boots every environment of SOAKED; the first wrong verdict of each ends it, and its log is kept under
a name of its own.
"""

import time

import pytest

import environments
from session import CannotRun

SOAKED = ["tcg-kernel", "tcg-bios", "smp-2", "patch-off", "mem-16M", "cpu-qemu64"]


def test_soak(request, harness):
    end = time.monotonic() + 60 * request.config.getoption("--soak")
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
