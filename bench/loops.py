"""Checks that what is compared is comparable: the three loops of an op differ in nothing but what stands at the site.

The image is disassembled: the loop around the native instructions, and the one around a site, must each be the empty
loop with one run of instructions put in at one place. Else the compiler has treated one of them differently, and the
differences that bench/ops.c takes are not the op's. Jump targets and distances to data move with the code, and are left
out.
"""

import re
import subprocess

FUNCTION = re.compile(r"[0-9a-f]+ <loop_(none|raw|pv)_(\w+)>:$")
MOVES = ((re.compile(r"\s*#.*"), ""), (re.compile(r"^(j\w+)\s.*"), r"\1"),
         (re.compile(r"-?0x[0-9a-f]+\(%rip\)"), "(%rip)"), (re.compile(r"\s+"), " "))


def disassemble(elf):
    """{op: {"none" | "raw" | "pv": instructions up to the last ret}}."""
    output = subprocess.run(["objdump", "-d", "--no-show-raw-insn", "-j", ".text.bench", str(elf)],
                            check=True, capture_output=True, text=True).stdout
    loops, current = {}, None
    for line in output.splitlines():
        match = FUNCTION.match(line)
        if match:
            current = loops.setdefault(match[2], {}).setdefault(match[1], [])
        elif line.endswith(">:"):
            current = None
        elif current is not None and ":\t" in line:
            current.append(normal(line.split("\t", 1)[1]))
    return {op: {kind: up_to_ret(code) for kind, code in forms.items()} for op, forms in loops.items()}


def normal(instruction):
    for pattern, by in MOVES:
        instruction = pattern.sub(by, instruction.strip())
    return instruction


def up_to_ret(code):
    """Without what pads the function."""
    last = max((i for i, text in enumerate(code) if text.startswith("ret")), default=len(code))
    return code[:last + 1]


def is_insertion(longer, shorter):
    """True if one run of elements taken out of @longer leaves @shorter."""
    extra = len(longer) - len(shorter)
    return extra >= 0 and any(longer[:i] + longer[i + extra:] == shorter for i in range(len(shorter) + 1))


def check_loops(elf):
    """Complaints."""
    loops = disassemble(elf)
    if not loops:
        yield "no loop was found in the image"
    for op, forms in sorted(loops.items()):
        if set(forms) != {"none", "raw", "pv"}:
            yield f"{op}: has the loops {', '.join(sorted(forms))}"
            continue
        for kind in ("raw", "pv"):
            if not is_insertion(forms[kind], forms["none"]):
                yield f"{op}: loop_{kind} is not the empty loop with something put in"
