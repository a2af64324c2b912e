"""The account of a session: every test of every kind, the budgets, JUnit XML, and the closing line.

Knows the rule of skips: under CI only what the machine lacks as a whole may be skipped (SKIPS_ALLOWED_IN_CI).
Must not know how anything was run. Filled by conftest.py and test_*.py.
"""

import os
import re
import xml.etree.ElementTree as ET
from collections import defaultdict
from dataclasses import dataclass

import deviations

PASS, FAIL, SKIP = "pass", "fail", "skip"

# By the beginning of a skip's reason. Single assertions are left out by tests/deviations.def and are no skips.
SKIPS_ALLOWED_IN_CI = ("/dev/kvm", "clang", "real hardware")
# How a test's note begins that finds nothing to do on this machine (tests/ktest.h).
NOT_HERE = "not here: "
# What XML 1.0 cannot hold.
RE_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def in_ci():
    return os.environ.get("CI", "").lower() not in ("", "0", "false", "no", "off")


@dataclass
class Case:
    group: str
    name: str
    status: str
    text: str = ""
    seconds: float = 0.0


@dataclass
class Budget:
    name: str
    seconds: float  # on a quiet machine
    limit: float  # enforced
    used: float
    verdict: str

    @property
    def over(self):
        return self.used > self.limit


class Results:
    def __init__(self, ci=None):
        self.ci = in_ci() if ci is None else ci
        self.cases = []
        self.budgets = []
        self.remarks = []
        self.left_out = defaultdict(list)  # deviation's ID -> the (environment, test) of each use
        self.not_here = {}  # test name -> why it had nothing to do, in the environment seen last
        self.really_ran = set()  # (environment, test)

    def add(self, group, name, status, text="", seconds=0.0):
        """Enters one test; a skip that CI does not allow becomes a failure that says so."""
        if status == SKIP and self.ci and not text.startswith(SKIPS_ALLOWED_IN_CI):
            status, text = FAIL, f"skipped, which CI does not allow: {text}"
        self.cases.append(Case(group, name, status, text, seconds))
        return status

    def add_run(self, group, run):
        """Enters the in-kernel tests of one KTAP run."""
        words = {"pass": PASS, "fail": FAIL, "skip": SKIP}
        for result in run.results:
            self.add(group, result.name, words[result.status], result.reason or "\n".join(result.notes))
            excuses = [note for note in result.notes if note.startswith(NOT_HERE)]
            if excuses:
                self.not_here[result.name] = excuses[0]
            elif result.status == "pass":
                self.really_ran.add((group, result.name))
            for ident in result.deviations:
                self.left_out[ident].append((group, result.name))

    def check_really_ran(self):
        """At the end of a whole run: a test that had nothing to do in any environment tests nothing."""
        somewhere = {name for _group, name in self.really_ran}
        for name, why in sorted(self.not_here.items()):
            if name not in somewhere:
                self.add("everywhere", name, FAIL, f"no environment has what it needs: {why}")

    def check_left_out(self, table):
        """At the end of a whole run: what the table leaves out in one environment has held where its row says."""
        for row in table:
            problem = deviations.wrong(row, self.left_out[row.id], self.really_ran)
            self.add("deviations", row.id, FAIL if problem else PASS, problem or "")

    def left_out_lines(self, table):
        """Each row of the table that was used, with its reason, and how many assertions that were."""
        lines = [f"SKIP {len(self.left_out[row.id])} x {row.id}: {row.what} ({row.rule}); holds in {row.holds}"
                 for row in table if self.left_out[row.id]]
        count = sum(map(len, self.left_out.values()))
        return lines + [f"{count} assertions left out by the table of deviations"] if count else []

    def add_budget(self, name, seconds, limit, used, verdict):
        self.budgets.append(Budget(name, seconds, limit, used, verdict))

    def count(self, status):
        return sum(case.status == status for case in self.cases)

    @property
    def good(self):
        return bool(self.count(PASS)) and not self.count(FAIL)

    def closing_line(self):
        return f"{self.count(PASS)} passed, {self.count(FAIL)} failed, {self.count(SKIP)} skipped"

    def table(self):
        """Budgets against used seconds, as lines."""
        if not self.budgets:
            return []
        lines = [f"{'environment':<34} {'budget':>7} {'limit':>7} {'used':>7}  verdict"]
        for b in self.budgets:
            note = "  OVER" if b.over else "  (slower than on a quiet machine)" if b.used > b.seconds else ""
            lines.append(f"{b.name:<34} {b.seconds:>6.0f}s {b.limit:>6.0f}s {b.used:>6.1f}s  {b.verdict}{note}")
        return lines

    def failures(self):
        return [case for case in self.cases if case.status == FAIL]

    def skips(self):
        return [case for case in self.cases if case.status == SKIP]

    def write_junit(self, path):
        """One testsuite per group, one testcase per test, of class = its environment."""
        root = ET.Element("testsuites")
        for group in dict.fromkeys(case.group for case in self.cases):
            cases = [case for case in self.cases if case.group == group]
            suite = ET.SubElement(root, "testsuite", name=group, tests=str(len(cases)), errors="0",
                                  failures=str(sum(c.status == FAIL for c in cases)),
                                  skipped=str(sum(c.status == SKIP for c in cases)),
                                  time=f"{sum(c.seconds for c in cases):.3f}")
            for case in cases:
                self._add_case(suite, case)
        ET.indent(root)
        ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)

    @staticmethod
    def _add_case(suite, case):
        node = ET.SubElement(suite, "testcase", classname=case.group, name=case.name, time=f"{case.seconds:.3f}")
        text = RE_NOT_XML.sub("?", case.text)
        if case.status == SKIP:
            ET.SubElement(node, "skipped", message=text)
        elif case.status == FAIL:
            first = text.strip().splitlines()[:1] or ["failed"]
            ET.SubElement(node, "failure", message=first[0]).text = text
