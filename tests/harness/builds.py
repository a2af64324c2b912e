"""Makes that the harness starts itself, inside or beside the make that started it.

Read next: steps.py (make targets that are tests), session.py (environments with an image of their own).
"""

import os
import shutil
import subprocess

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Compiler -> what every image that it built has in its debug information.
PRODUCERS = {"clang": b"clang version ", "gcc": b"GNU C11 "}


def make_flags(inherited):
    """The NAME=VALUE words of the make that started us, without its job server and its other options."""
    _options, dashes, words = (" " + inherited).partition(" -- ")
    return f"-- {words}" if dashes else ""


def make(cores, *words):
    """The command line of a make of its own: the variables of the one that started us, unless @words say otherwise."""
    return ["env", "-u", "MAKELEVEL", "-u", "MFLAGS", "MAKEFLAGS=" + make_flags(os.environ.get("MAKEFLAGS", "")),
            "make", "--no-print-directory", "-C", REPO, f"-j{cores}", *words]


def image(compiler, build, cores, log):
    """Builds the image with @compiler below @build; its path, or None where there is no such compiler."""
    if not shutil.which(compiler):
        return None
    folder = os.path.join(build, compiler)
    elf = os.path.join(folder, "paravane.elf")
    with open(log, "wb") as out:
        done = subprocess.run(make(cores, f"COMPILER={compiler}", f"BUILD={folder}", "elf"), check=False,
                              stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
    if done.returncode:
        raise RuntimeError(f"the image cannot be built with {compiler}: see {os.path.relpath(log, REPO)}")
    with open(elf, "rb") as stream:
        if PRODUCERS[compiler] not in stream.read():
            raise RuntimeError(f"{elf} was not built by {compiler}")
    return elf
