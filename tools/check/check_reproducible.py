#!/usr/bin/python3
"""Two builds from clean, in two directories of different names and depths, give the same bytes.

Slow (it builds twice): not part of `make check`, but of `make check-reproducible`. Says where the first byte differs,
and for an ELF in which section.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from findings import SKIPPED, Report, arguments
from image import Image

PLACES = ("a", "a/deeper/and/longer/name")
PRODUCTS = ("build/paravane.elf", "build/paravane.iso")


def copy_tree(root, place):
    """The sources without outputs; what was downloaded before is linked, not downloaded again."""
    shutil.copytree(root, place, symlinks=True, ignore=lambda _, names: SKIPPED.intersection(names))
    if (root / ".deps").exists():
        (place / ".deps").symlink_to((root / ".deps").resolve())


def build(place, jobs, offset):
    """Builds everything in @place, by a clock that is @offset hours off; returns what went wrong, or None."""
    env = {key: value for key, value in os.environ.items()
           if not key.startswith("MAKE") and key not in ("MFLAGS", "BUILD")}
    env["TZ"] = f"UTC{offset}"
    for target in ([], ["iso"]):
        run = subprocess.run(["make", "-C", str(place), f"-j{jobs}", *target], env=env, capture_output=True,
                             text=True, check=False)
        if run.returncode:
            return f"{' '.join(['make', *target])} failed: {run.stderr.strip()[-300:]}"
    return None


def difference(first, second):
    """Where two files differ, in words; None if they do not."""
    if not first.exists() or not second.exists():
        return "was not built"
    one, two = first.read_bytes(), second.read_bytes()
    if one == two:
        return None
    place = next((i for i, (x, y) in enumerate(zip(one, two)) if x != y), min(len(one), len(two)))
    where = f"differs between two builds at byte {place:#x} of {len(one)} and {len(two)}"
    if first.suffix == ".elf":
        left, right = Image(first), Image(second)
        names = [section.name for section, other in zip(left.sections, right.sections) if section != other]
        where += f", loaded sections that differ: {' '.join(names) or 'none (debug or symbols only)'}"
    return where


def check(report, root, jobs):
    """Builds twice and compares; returns the count of files compared."""
    with tempfile.TemporaryDirectory(prefix="reproducible-") as top:
        places = [pathlib.Path(top) / str(number) / name for number, name in enumerate(PLACES)]
        for source, place in zip([root, places[0]], places):  # the second from the first: nobody edits that one
            place.parent.mkdir(parents=True)
            copy_tree(source, place)
        for number, place in enumerate(places):
            problem = build(place, jobs, number * 7)
            if problem:
                report.find("Makefile", 0, problem)
                return 0
        for product in PRODUCTS:
            where = difference(places[0] / product, places[1] / product)
            if where:
                report.find(product, 0, where)
    return len(PRODUCTS)


def main():
    args = arguments(__doc__, ("--jobs", "2", "parallel jobs of make"))
    report = Report("reproducible")
    count = check(report, pathlib.Path(args.root).resolve(), args.jobs)
    return report.finish(f"{count} files")


if __name__ == "__main__":
    sys.exit(main())
