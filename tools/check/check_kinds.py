#!/usr/bin/python3
"""Kinds of addresses stay apart (lib/addr.h): where a physical address is wanted, nothing else compiles.

Each row of CALLS is compiled with a physical address in the place of @, which must do, and with each of OTHERS, which
must not: a number, a pointer, an address of another kind. So a parameter that became a number again is found, and so
is a kind that did.
"""

import concurrent.futures
import pathlib
import subprocess
import sys

from check_headers import KERNEL_FLAGS
from findings import Report, arguments, compilers_present

RIGHT = "pa(0x1000)"
OTHERS = ("0x1000UL", "(void *)0x1000", "gpa(0x1000)")

# Header, and a statement of a function that has `struct pt_root *root`.
CALLS = (
    ("mmu/frame.h", "frame_free(@)"),
    ("mmu/frame.h", "frame_free_contiguous(@, 2)"),
    ("mmu/frame.h", "frame_set_reach(@)"),
    ("mmu/frame.h", "(void)frame_is_ram(@)"),
    ("mmu/frame.h", "(void)frame_reservation(@)"),
    ("mmu/frame.h", "(void)pa_eq(frame_alloc(), @)"),
    ("mmu/frame.h", "__typeof__(frame_alloc_zeroed()) a = @; (void)a"),
    ("mmu/frame.h", "__typeof__(frame_alloc_contiguous(1, 4096)) a = @; (void)a"),
    ("mmu/frame.h", "struct frame_reservation r = {.base = @}; (void)r"),
    ("arch/layout.h", "(void)pa_va(@)"),
    ("arch/layout.h", "__typeof__(direct_pa(root)) a = @; (void)a"),
    ("arch/layout.h", "__typeof__(image_pa(root)) a = @; (void)a"),
    ("mmu/pt.h", "pt_map(root, 0, @, 4096, PT_PROT_RW)"),
    ("mmu/pt.h", "pt_hang(root, 0, PT_PMD, @)"),
    ("mmu/pt.h", "__typeof__(@) a; pt_translate(root, 0, &a, NULL)"),
    ("mmu/pt.h", "root->top = @"),
    ("mmu/pt.h", "struct pt_leaf l; l.pa = @; (void)l"),
    ("mmu/kspace.h", "kspace_map_mmio(@, 4096)"),
    ("mmu/kspace.h", "kspace_map_wc(@, 4096)"),
    ("mmu/gather.h", "gather_table(NULL, 0, @)"),
)


def unit(header, statement, argument):
    """A file that has the statement, with @argument where @ stands."""
    return (f'#include "lib/addr.h"\n#include "{header}"\nstruct pt_root;\nvoid f(struct pt_root *root);\n'
            f"void f(struct pt_root *root)\n{{\n\t(void)root;\n\t{statement.replace('@', argument)};\n}}\n")


def compiles(root, compiler, flags, text):
    run = subprocess.run([compiler, *flags, "-fsyntax-only", "-I.", "-x", "c", "-"], cwd=root, input=text,
                         capture_output=True, text=True, check=False)
    return run.returncode == 0


def check(report, root, compilers, flags, calls=CALLS):
    """Compiles every row with every argument; returns how many files that were."""
    jobs = []
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for header, statement in calls:
            for argument in (RIGHT, *OTHERS):
                text = unit(header, statement, argument)
                jobs += [(header, statement.replace("@", argument), argument == RIGHT, compiler,
                          pool.submit(compiles, root, compiler, flags.split(), text)) for compiler in compilers]
    for header, statement, right, compiler, job in jobs:
        if job.result() != right:
            report.find(header, 0, f"`{statement}` {'does not compile' if right else 'compiles'} with {compiler}")
    return len(jobs)


def main():
    args = arguments(__doc__, ("--flags", KERNEL_FLAGS, "the kernel's compiler flags"),
                     ("--compilers", "gcc clang", "which compilers"))
    report = Report("kinds")
    present = compilers_present(report, args.compilers.split())
    count = check(report, pathlib.Path(args.root), present, args.flags)
    return report.finish(f"{count} calls with {' and '.join(present)}")


if __name__ == "__main__":
    sys.exit(main())
