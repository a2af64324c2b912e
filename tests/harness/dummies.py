"""Builds the dummy kernels (dummy.asm) that the harness tests itself on: one per way to end."""

import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))

GOOD_LIST = "KTAP version 1\n1..2\nok 1 lib_a\nok 2 lib_b\n"

# name: (what it prints, the byte it writes to the debug port, further -D)
KINDS = {
    "pass": ("paravane dummy\n" + GOOD_LIST, 0x10, ()),
    "skip": ("KTAP version 1\n1..2\nok 1 lib_a\nok 2 lib_b # SKIP no second thing\n", 0x10, ()),
    "failed": ("paravane dummy\nKTAP version 1\n1..2\n# x.c:1: 1 is not 2\nnot ok 1 lib_a\nok 2 lib_b\n", 0x11, ()),
    "refused": ("this machine has no NX\n", 0x11, ()),
    "panic": ("paravane dummy\nKTAP version 1\n1..2\nok 1 lib_a\npanic: list corrupt\n", 0x11, ()),
    "panic_stuck": ("panic: list corrupt\n", None, ()),
    "hang": ("paravane dummy\nKTAP version 1\n1..2\nok 1 lib_a\n", None, ()),
    "triple": ("paravane dummy\n", None, ("MODE_TRIPLE",)),
    "silent": ("", None, ()),
    "silent_exit": ("", 0x10, ()),
    "cut_off": ("paravane dummy\nKTAP version 1\n1..2\nok 1 lib_a\n", 0x10, ()),
    "no_list": ("paravane dummy\n", 0x10, ()),
    "contradiction": ("paravane dummy\nKTAP version 1\n1..2\nok 1 lib_a\nnot ok 2 lib_b\n", 0x10, ()),
    "lost": ("KTAP version 1\n1..1\nok 1 lib_a\n", 0x10, ()),
    "twice": ("KTAP version 1\n1..2\nok 1 lib_a\nok 2 lib_a\n", 0x10, ()),
    "echo": ("", 0x11, ("MODE_ECHO",)),
    "prompt": ("", None, ("MODE_PROMPT",)),
}


def nasm_string(text):
    """A NASM string with its escapes, in backquotes."""
    return "`" + text.replace("\\", "\\\\").replace("`", "\\`").replace("\n", "\\n") + "`"


def build(kind, folder):
    """Assembles and links the dummy of @kind in @folder; returns the path of the ELF."""
    text, code, defines = KINDS[kind]
    options = [f"-D{name}" for name in defines]
    if text:
        options.append("-DTEXT=" + nasm_string(text))
    if code is not None:
        options.append(f"-DCODE={code}")
    base = os.path.join(folder, f"dummy-{kind}")
    subprocess.run(["nasm", "-f", "elf64", *options, "-o", base + ".o", os.path.join(HERE, "dummy.asm")], check=True)
    subprocess.run(["ld", "-z", "noexecstack", "--no-warn-rwx-segments", "-T", os.path.join(HERE, "dummy.ld"),
                    "-o", base + ".elf", base + ".o"], check=True)
    return base + ".elf"
