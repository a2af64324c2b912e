"""KTAP 1 as the kernel writes it: parsed, and held against the list of tests that the image carries.

    KTAP version 1
    1..3
    ok 1 lib_memmap_sorts
    # tests/lib/memmap.c:12: a note on the test that runs
    not ok 2 mmu_walks
    ok 3 machine_has_hpet # SKIP no HPET here

A note `# deviation: ID text` says that one assertion was left out because this emulator is known to deviate;
the ID stands in tests/deviations.def. Pure; read next: elftests.py, which knows the expected names.
"""

import fnmatch
import re
from collections import Counter
from dataclasses import dataclass, field

PASS, FAIL, SKIP = "pass", "fail", "skip"

RE_VERSION = re.compile(r"^KTAP version 1$")
RE_PLAN = re.compile(r"^1\.\.(\d+)$")
RE_RESULT = re.compile(r"^(not )?ok (\d+) ([A-Za-z_][A-Za-z0-9_]*)(?: # SKIP ?(.*))?$")
RE_RESULT_LIKE = re.compile(r"^(not )?ok\b")
RE_NOTE = re.compile(r"^# ?(.*)$")
RE_DEVIATION = re.compile(r"^deviation: (\S+)")


@dataclass
class Result:
    number: int
    name: str
    status: str
    reason: str = ""  # of a skip
    notes: list = field(default_factory=list)

    @property
    def deviations(self):
        """The IDs of the assertions that it left out."""
        return deviations_in(self.notes)


@dataclass
class Run:
    started: bool = False
    plan: int = -1
    results: list = field(default_factory=list)
    deviations: list = field(default_factory=list)  # their IDs, one per use
    problems: list = field(default_factory=list)

    @property
    def complete(self):
        return self.started and self.plan >= 0 and len(self.results) >= self.plan


def deviations_in(notes):
    return [found.group(1) for found in map(RE_DEVIATION.match, notes) if found]


def parse(text):
    """Reads the KTAP part of a log; lines of other kinds in between are the boot log's and are passed over."""
    run = Run()
    notes = []
    for line in text.splitlines():
        line = line.rstrip()
        if RE_VERSION.match(line):
            if run.started:
                run.problems.append("a second test list begins: 'KTAP version 1' twice")
            run.started = True
        elif run.started:
            notes = _body_line(run, line, notes)
    return run


def _body_line(run, line, notes):
    """Takes one line behind the version line; returns the notes still waiting for their test's result."""
    plan = RE_PLAN.match(line)
    if plan:
        if run.plan >= 0:
            run.problems.append(f"a second plan: {line}")
        run.plan = int(plan.group(1))
        return notes
    note = RE_NOTE.match(line)
    if note:
        run.deviations += deviations_in([note.group(1)])
        return notes + [note.group(1)]
    result = RE_RESULT.match(line)
    if not result:
        if RE_RESULT_LIKE.match(line):
            run.problems.append(f"not a KTAP line: {line[:120]}")
        return notes
    bad, number, name, reason = result.groups()
    status = FAIL if bad else SKIP if reason is not None else PASS
    run.results.append(Result(int(number), name, status, reason or "", notes))
    return []


def select(names, glob):
    """The names that test=GLOB runs: "all" is "*"; only * and ? are special, as in the kernel."""
    if glob == "all":
        glob = "*"
    pattern = glob.replace("[", "[[]")
    return [name for name in names if fnmatch.fnmatchcase(name, pattern)]


def complaints(run, names):
    """What is wrong with a run that should have been of exactly @names, once each. Empty: nothing."""
    found = list(run.problems)
    if run.plan != len(names):
        found.append(f"the plan says {run.plan} tests, the image holds {len(names)}")
    count = Counter(result.name for result in run.results)
    found += [f"{name}: reported {times} times" for name, times in sorted(count.items()) if times > 1]
    found += [f"{name}: never reported" for name in sorted(set(names) - set(count))]
    found += [f"{name}: not in the image" for name in sorted(set(count) - set(names))]
    if [result.number for result in run.results] != list(range(1, len(run.results) + 1)):
        found.append("the test numbers are not 1, 2, 3, ...")
    return found
