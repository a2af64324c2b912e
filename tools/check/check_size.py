#!/usr/bin/python3
"""The loadable image stays small: what a loader copies, without tests, benchmarks, symbol table and font.

Prints the table of sections, so that growth is seen before it is an error.
"""

import fnmatch
import pathlib
import sys

from findings import Report, arguments
from image import Image

LIMIT = 300 * 1024
LEFT_OUT = (".*.test", ".*.bench", ".ktest*", ".kbench*", ".ksyms*", ".*.ksyms", ".*font*")


def left_out(name):
    """Is a section of this name outside the measured image?"""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in LEFT_OUT)


def check(report, image, limit=LIMIT):
    """Adds up the loadable bytes; returns them."""
    loaded = sum(segment.filesz for segment in image.segments)
    named = excluded = 0
    for section in image.sections:
        if not section.in_file or not section.size:
            continue
        out = left_out(section.name)
        named += section.size
        excluded += section.size if out else 0
        report.note(f"{section.name:24} {section.size:9}{'  (left out)' if out else ''}")
    report.note(f"{'between sections':24} {loaded - named:9}")
    size = loaded - excluded
    report.note(f"{'counted':24} {size:9}  of at most {limit}")
    if not loaded:
        report.find(image.path, 0, "no loadable bytes")
    if size > limit:
        report.find(image.path, 0, f"loadable image of {size} bytes (at most {limit})")
    return size


def main():
    args = arguments(__doc__, ("--elf", "build/paravane.elf", "the image"))
    report = Report("size")
    size = check(report, Image(pathlib.Path(args.root) / args.elf))
    return report.finish(f"{size} bytes")


if __name__ == "__main__":
    sys.exit(main())
