"""What all checks share: the list of rooms, the walk over the tree, and how a finding is told.

A check is a function `check(report, ...)` that calls `report.find()`; its `main()` ends with `report.finish()`.
It must not know what any other check looks for. Read check_layers.py next: the simplest of them.
"""

import argparse
import pathlib
import shutil
import sys

# The rooms from the ground up: each may look at itself and at what stands left of it (docs/DESIGN.md).
ROOMS = ("abi", "lib", "arch", "pvops", "mmu", "machine", "task", "hv", "boot")
# These may look at every room, and no room looks at them.
OUTSIDE = ("guests", "tests", "bench", "tools")
# Not sources: outputs, downloads, version control, caches of tools.
SKIPPED = {"build", ".git", ".deps", "__pycache__", ".pytest_cache"}


class Report:
    """Collects findings and prints each as one line `file:line: what`."""

    def __init__(self, name):
        self.name = name
        self.findings = []
        self.notes = []

    def find(self, where, line, what):
        """One thing that is wrong; @line 0: the file as a whole."""
        self.findings.append(f"{where}:{line}: {what}" if line else f"{where}: {what}")

    def note(self, text):
        """Something the reader should see that is no failure."""
        self.notes.append(text)

    def skip(self, part, why):
        """A part that cannot be looked at on this machine: told as a skipped TAP line, never silently."""
        self.notes.append(f"ok - check_{self.name}_{part} # SKIP {why}")

    def finish(self, looked_at):
        """Prints all, the verdict as a TAP line too, and returns the exit code; @looked_at says how much was seen."""
        for text in self.notes + self.findings:
            print(text)
        verdict = f"{len(self.findings)} findings" if self.findings else "ok"
        print(f"check {self.name}: {looked_at}: {verdict}")
        print(f"{'not ok' if self.findings else 'ok'} - check_{self.name}")
        return 1 if self.findings else 0


def compilers_present(report, wanted):
    """Those of @wanted that this machine has; the others are told as skipped, none at all is a finding."""
    present = [compiler for compiler in wanted if shutil.which(compiler)]
    for compiler in sorted(set(wanted) - set(present)):
        report.skip(compiler, f"{compiler} is not installed")
    if not present:
        report.find("tools/check", 0, "no compiler found")
    return present


def sources(root, *suffixes):
    """All files below @root whose name ends in one of @suffixes (none: all files), as sorted relative paths."""
    root = pathlib.Path(root)
    out = []
    for path in sorted(root.rglob("*")):
        rel = path.relative_to(root)
        if SKIPPED.intersection(rel.parts) or not path.is_file() or path.is_symlink():
            continue
        if not suffixes or path.name.endswith(suffixes):
            out.append(rel)
    return out


def room_of(rel):
    """The top folder of a relative path, "" for a file in the root."""
    parts = pathlib.PurePath(rel).parts
    return parts[0] if len(parts) > 1 else ""


def may_look(looker, target):
    """May room @looker see room @target?"""
    if looker in OUTSIDE or looker == target:
        return True
    if looker not in ROOMS or target not in ROOMS:
        return False
    return ROOMS.index(target) <= ROOMS.index(looker)


def table(path):
    """Rows of a text table: (line number, words); '#' starts a comment, blank lines are left out."""
    rows = []
    for number, text in enumerate(pathlib.Path(path).read_text().splitlines(), 1):
        words = text.split("#", 1)[0].split()
        if words:
            rows.append((number, words))
    return rows


def arguments(doc, *specs):
    """Parses the command line: @specs are (flag, default, help); --root is always there."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--root", default=".", help="the top of the tree")
    for flag, default, text in specs:
        parser.add_argument(flag, default=default, help=text)
    return parser.parse_args(sys.argv[1:])
