#!/usr/bin/python3
"""The look of the text: clang-format on C, Python that compiles, no trailing blanks, nothing of one machine.

Lengths are check_length.py's. Patches are left alone: their blanks belong to the diff.
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


def check_text(report, root, rel):
    """Blanks, paths, hosts and the end of one file; a binary file is skipped."""
    data = (root / rel).read_bytes()
    if b"\0" in data or not data:
        return
    text = data.decode(errors="replace")
    for number, what in line_problems(text):
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
    check_clang_format(report, root, [rel for rel in files if rel.suffix in (".c", ".h")])
    return len(files)


def main():
    args = arguments(__doc__)
    report = Report("format")
    count = check(report, pathlib.Path(args.root))
    return report.finish(f"{count} files")


if __name__ == "__main__":
    sys.exit(main())
