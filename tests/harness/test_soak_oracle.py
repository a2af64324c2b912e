"""A million random accesses of the oracle in each emulator (make soak), from another seed each time.

The seed is printed by the kernel and stands in the log's command; what differs is repeated by the words that the
kernel prints with it. Read next: tests/test_mmu_oracle.c.
"""

import dataclasses
import time

import pytest

import environments
from session import CannotRun

ACCESSES = 1_000_000
TEST = "mmu_oracle_agrees_with_the_cpu"
WORDS = (rf"(?m)^# oracle: {ACCESSES} accesses from seed 0x[0-9a-f]+ agree$",)
MASK = (1 << 63) - 1

ROWS = [
    environments.Environment("soak-oracle-tcg", 30),
    environments.Environment("soak-oracle-high", 30, memory="6G"),
    environments.Environment("soak-oracle-intel", 180, emulator="bochs", boot="bios", cpu="corei7_skylake_x"),
    environments.Environment("soak-oracle-amd", 180, emulator="bochs", boot="bios", cpu="ryzen"),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_soak_oracle(row, harness):
    seed = time.time_ns() * 0x9E3779B97F4A7C15 & MASK | 1
    env = dataclasses.replace(row, cmdline=f"test={TEST} oracle={ACCESSES} seed={seed:#x}", words=WORDS)
    try:
        done = harness.run_environment(env)
    except CannotRun as reason:
        pytest.fail(str(reason), pytrace=False)
    harness.results.add("soak", env.name, "fail" if done.problems else "pass", "\n".join(done.problems))
    if done.problems:
        pytest.fail("\n".join(done.problems), pytrace=False)
