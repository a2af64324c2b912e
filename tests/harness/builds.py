"""Makes that the harness starts itself, inside or beside the make that started it.

Read next: steps.py (make targets that are tests), session.py (environments with an image of their own).
"""

import os
import shutil
import subprocess

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Images beside the session's own: the program that each needs, the words for make, and what only such a one contains.
IMAGES = {
    "clang": ("clang", ("COMPILER=clang",), b"clang version "),
    "debug": ("gcc", ("DEBUG=1",), b"lock_debug_wait"),
    "cpus-128": ("gcc", ("NR_CPUS=128",), b"more than 128 CPUs"),
}


def make_flags(inherited):
    """The NAME=VALUE words of the make that started us, without its job server and its other options."""
    _options, dashes, words = (" " + inherited).partition(" -- ")
    return f"-- {words}" if dashes else ""


def make(cores, *words):
    """The command line of a make of its own: the variables of the one that started us, unless @words say otherwise."""
    return ["env", "-u", "MAKELEVEL", "-u", "MFLAGS", "MAKEFLAGS=" + make_flags(os.environ.get("MAKEFLAGS", "")),
            "make", "--no-print-directory", "-C", REPO, f"-j{cores}", *words]


def image(name, build, cores, log):
    """Builds the image @name of IMAGES below @build; its path, or None where there is no such compiler."""
    compiler, words, mark = IMAGES[name]
    if not shutil.which(compiler):
        return None
    folder = os.path.join(build, name)
    elf = os.path.join(folder, "paravane.elf")
    # As one would type it: make knows what an object was made of by the object's name.
    with open(log, "wb") as out:
        done = subprocess.run(make(cores, *words, f"BUILD={os.path.relpath(folder, REPO)}", "elf"), check=False,
                              stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
    if done.returncode:
        raise RuntimeError(f"the image {name} cannot be built: see {os.path.relpath(log, REPO)}")
    with open(elf, "rb") as stream:
        if mark not in stream.read():
            raise RuntimeError(f"{elf} is not an image {name}: it has no {mark.decode()!r}")
    return elf
