#!/usr/bin/python3
"""Every header stands alone: it compiles by itself, twice in a row, with gcc and with clang, behind a guard that
is named after its path (lib/types.h: LIB_TYPES_H).

Headers that need the host's C library (tests/host, tests/fuzz) are compiled without the kernel's flags.
"""

import concurrent.futures
import pathlib
import re
import subprocess
import sys

from findings import Report, arguments, compilers_present, sources

# Used where the Makefile hands over none: docs/STYLE.md's list.
KERNEL_FLAGS = ("-std=gnu11 -ffreestanding -Wall -Wextra -Werror -Wshadow -Wmissing-prototypes -Wundef "
                "-Wstrict-prototypes -mno-red-zone -mgeneral-regs-only -mcmodel=kernel -fno-pic "
                "-fno-stack-protector -fcf-protection=none -O2")
HOST_FLAGS = "-std=gnu11 -Wall -Wextra -Werror -O2"
HOSTED = ("tests/host/", "tests/fuzz/", "tools/")
FIRST_LINES = re.compile(r"#ifndef (\w+)\n#define (\w+)\n")
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)


def guard_name(rel):
    """lib/boot_info.h -> LIB_BOOT_INFO_H"""
    return re.sub(r"\W", "_", str(rel)).upper()


def guard_problem(rel, text):
    """What is wrong with the include guard, or None."""
    bare = COMMENT.sub("", text).lstrip()
    match = FIRST_LINES.match(bare)
    want = guard_name(rel)
    if not match or match[1] != match[2]:
        return f"does not begin with its include guard {want}"
    if match[1] != want:
        return f"include guard {match[1]} should be {want}"
    if not bare.rstrip().endswith("#endif"):
        return f"does not end with the #endif of {want}"
    return None


def compile_alone(root, rel, compiler, flags):
    """The first complaint of @compiler about a file that has only @rel in it, twice; None if it is content."""
    unit = f'#include "{rel}"\n' * 2
    run = subprocess.run([compiler, *flags, "-fsyntax-only", "-I.", "-x", "c", "-"], cwd=root, input=unit,
                         capture_output=True, text=True, check=False)
    if run.returncode == 0:
        return None
    lines = [line for line in run.stderr.splitlines() if "error" in line]
    return lines[0] if lines else f"exit code {run.returncode}"


def check(report, root, compilers, flags):
    """Looks at every header; returns how many."""
    headers = sources(root, ".h")
    jobs = []
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for rel in headers:
            problem = guard_problem(rel, (root / rel).read_text())
            if problem:
                report.find(rel, 1, problem)
            own = HOST_FLAGS if str(rel).startswith(HOSTED) else flags
            jobs += [(rel, cc, pool.submit(compile_alone, root, rel, cc, own.split())) for cc in compilers]
    for rel, compiler, job in jobs:
        if job.result():
            report.find(rel, 1, f"does not compile alone with {compiler}: {job.result()}")
    return len(headers)


def main():
    args = arguments(__doc__, ("--flags", KERNEL_FLAGS, "the kernel's compiler flags"),
                     ("--compilers", "gcc clang", "which compilers"))
    report = Report("headers")
    present = compilers_present(report, args.compilers.split())
    count = check(report, pathlib.Path(args.root), present, args.flags)
    return report.finish(f"{count} headers with {' and '.join(present)}")


if __name__ == "__main__":
    sys.exit(main())
