#!/usr/bin/python3
"""The look of the text: clang-format on C, Python that compiles, no trailing blanks, nothing of one machine; no line
over 120 columns, and no comment that an automatic reflow has damaged. And docs/READING.md names only files that exist.

Lengths of files and functions are check_length.py's. Patches are left alone: their blanks belong to the diff; so are
the widths of makefiles, shell scripts and the tables in .def files, where a line is a unit.
"""

import pathlib
import re
import shutil
import subprocess
import sys

from findings import Report, arguments, sources

LEFT_ALONE = (".patch", ".bin", ".png", ".psf", ".iso", ".gz")
# Places of the machine a tree happens to lie on.
MACHINE_PATH = re.compile(r"/(?:work|home|Users)/\w|/root/\w|/tmp/[a-z]+\.[A-Z]")
# Package registries, as (host, domain): put together here, so that no file names one.
REGISTRIES = (("pypi", "org"), ("files.pythonhosted", "org"), ("registry.npmjs", "org"), ("crates", "io"),
              ("rubygems", "org"), ("proxy.golang", "org"), ("deb.debian", "org"), ("ftp.debian", "org"),
              ("snapshot.debian", "org"), ("security.debian", "org"), ("archive.ubuntu", "com"),
              ("repo1.maven", "org"), ("docker", "io"), ("quay", "io"), ("ghcr", "io"))
REGISTRY = re.compile("|".join(re.escape(".".join(pair)) for pair in REGISTRIES))
COLUMNS = 120  # with tabs at every eighth
WIDTH_CHECKED = (".c", ".h", ".asm", ".inc", ".ld", ".py")
# A comment's line whose star has lost the blank behind it: "*word", where " * word" was. Of C files, comments only.
LOST_BLANK = re.compile(r"^\s\*[A-Za-z]")
C_FILES = (".c", ".h", ".def", ".ld")
COMMENT = re.compile(r"/\*.*?\*/", re.S)
READING = "docs/READING.md"
READING_ROW = re.compile(r"^\d+\. `([^`]*)`")
FORMAT_BATCH = 64
FORMAT_LINE = re.compile(r"^(.*?):(\d+):\d+: error: (.*)$")


def line_problems(text):
    """Yields (line number, what) for a text file's lines."""
    for number, line in enumerate(text.split("\n"), 1):
        if line != line.rstrip():
            yield number, "trailing blanks"
        if MACHINE_PATH.search(line):
            yield number, f"names a path of one machine: {MACHINE_PATH.search(line)[0]}..."
        if REGISTRY.search(line):
            yield number, "names the host of a package registry"


def width_problems(text):
    """Yields (line number, what) for lines that are too wide."""
    for number, line in enumerate(text.split("\n"), 1):
        width = len(line.expandtabs(8))
        if width > COLUMNS:
            yield number, f"{width} columns, over {COLUMNS}"


def comment_problems(text):
    """Yields (line number, what) for the lines of C comments that lost their blank."""
    for comment in COMMENT.finditer(text):
        first = text.count("\n", 0, comment.start()) + 1
        for number, line in enumerate(comment[0].split("\n"), first):
            if LOST_BLANK.match(line):
                yield number, "no blank behind the comment's star"


def check_reading(report, root):
    """Every file that the reading order names is there; so is the list itself."""
    path = root / READING
    if not path.is_file():
        return
    rows = [(number, match[1]) for number, match in
            enumerate(map(READING_ROW.match, path.read_text().split("\n")), 1) if match]
    if not rows:
        report.find(READING, 0, "names no file in a numbered line")
    for number, name in rows:
        if not (root / name).is_file():
            report.find(READING, number, f"names {name}, which does not exist")


def check_text(report, root, rel):
    """Blanks, paths, hosts and the end of one file; a binary file is skipped."""
    data = (root / rel).read_bytes()
    if b"\0" in data or not data:
        return
    text = data.decode(errors="replace")
    for number, what in line_problems(text):
        report.find(rel, number, what)
    if rel.suffix in WIDTH_CHECKED:
        for number, what in width_problems(text):
            report.find(rel, number, what)
    if rel.suffix in C_FILES:
        for number, what in comment_problems(text):
            report.find(rel, number, what)
    if not text.endswith("\n") or text.endswith("\n\n"):
        report.find(rel, text.count("\n") + 1, "does not end with exactly one newline")


def check_python(report, root, rel):
    """Compiles one Python file without leaving anything behind."""
    try:
        compile((root / rel).read_bytes(), str(rel), "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        report.find(rel, getattr(error, "lineno", 0) or 0, f"does not compile: {error}")


def check_clang_format(report, root, files):
    """clang-format over all C, in a few batches; one finding per place."""
    tool = shutil.which("clang-format")
    if not tool:
        report.skip("layout", "clang-format is not installed")
        return
    for start in range(0, len(files), FORMAT_BATCH):
        batch = [str(rel) for rel in files[start:start + FORMAT_BATCH]]
        run = subprocess.run([tool, "--dry-run", "-Werror", "--style=file", *batch], cwd=root,
                             capture_output=True, text=True, check=False)
        hits = {(match[1], int(match[2])) for match in map(FORMAT_LINE.match, run.stderr.splitlines()) if match}
        for name, number in sorted(hits):
            report.find(name, number, "not laid out as .clang-format says")
        if run.returncode and not hits:
            report.find(batch[0], 0, f"clang-format failed: {run.stderr.strip()[:200]}")


def check(report, root):
    """Looks at every file below @root; returns how many."""
    files = [rel for rel in sources(root) if not rel.name.endswith(LEFT_ALONE)]
    for rel in files:
        check_text(report, root, rel)
        if rel.suffix == ".py":
            check_python(report, root, rel)
    check_reading(report, root)
    check_clang_format(report, root, [rel for rel in files if rel.suffix in (".c", ".h")])
    return len(files)


def main():
    args = arguments(__doc__)
    report = Report("format")
    count = check(report, pathlib.Path(args.root))
    return report.finish(f"{count} files")


if __name__ == "__main__":
    sys.exit(main())
