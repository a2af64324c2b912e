"""The suite's steps that are make targets of their own: checks, host unit tests, fuzzing, the benchmark. Their
tests are entered one by one.

They are read from JUnit XML where the step writes it, else from TAP's "ok 1 - name" lines in what it prints. A
step that reports nothing counts as one test, by its exit code. Must not know what the targets do: that stands
in the Makefile fragments beside them.
"""

import glob
import os
import re
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass

import builds
import qemu
from builds import REPO
from environments import LOAD_FACTOR

@dataclass(frozen=True)
class Step:
    name: str
    target: str
    seconds: int
    xml: str = ""  # JUnit XML that the step writes under build/logs, as a glob
    cores: int = 2
    quick: bool = False

    @property
    def limit(self):
        return self.seconds * LOAD_FACTOR


STEPS = [
    Step("check", "check", 60, quick=True),
    Step("host-test", "host-test", 45, xml="host/*.xml", quick=True),
    Step("fuzz", "fuzz", 90),
    Step("reproducible", "check-reproducible", 60),
    Step("cross", "check-cross", 45),
    Step("bench", "bench", 40, cores=1),
]

RE_TAP = re.compile(r"^(not ok|ok)\b(?: \d+)?(?: -)? ?([^#\n]*?)(?: # (SKIP)\b ?(.*))?$", re.M)


@dataclass
class StepRun:
    exit_code: int
    seconds: float
    cases: list  # (name, status, text)
    text: str


def read_cases(text):
    """[(name, status, text)] out of what a step printed."""
    return [(name.strip(), "skip" if skip else "pass" if word == "ok" else "fail", reason)
            for word, name, skip, reason in RE_TAP.findall(text)]


def read_xml(pattern, newer_than):
    """The cases of the JUnit XML files written since then: a program's name stands before its tests'."""
    cases = []
    for path in sorted(glob.glob(pattern)):
        if os.path.getmtime(path) < newer_than:
            continue
        program = os.path.basename(path).removesuffix(".xml")
        for case in ET.parse(path).iter("testcase"):
            bad = [child for child in case if child.tag in ("failure", "error")]
            status = "fail" if bad else "skip" if case.find("skipped") is not None else "pass"
            cases.append((f"{program}.{case.get('name')}", status, "".join(child.text or "" for child in bad).strip()))
    return cases


def run(step, files):
    """Runs the make target; its output is the step's log."""
    begin = time.time()
    outcome = qemu.run(builds.make(step.cores, step.target), files, step.limit, cwd=REPO, crash_ends=False)
    text = (outcome.raw.decode("utf-8", "replace") + outcome.stderr).replace("\r\n", "\n")
    cases = read_xml(os.path.join(files.folder, step.xml), begin) if step.xml else read_cases(text)
    return StepRun(outcome.exit_code, outcome.seconds, cases, text)


def relative_log(files):
    return os.path.relpath(files.path("log"), REPO)
