#!/usr/bin/python3
"""Boots the image with `bench` under QEMU's icount, prints its tables, and checks what came: what `make bench` ends in.

    bench/run.py [KERNEL.elf]        default build/paravane.elf

Under icount a tick of the TSC is one executed instruction, so it is run twice and both must say the same, figure by
figure. Checked besides: that every op of pvops/pv_ops.def and every other figure has its lines, each with a value or a
reason why there is none; that the kernel knew its ticks to be instructions; the limits below; and that the loops that
are compared are alike (bench/loops.py). The logs stay in logs/ beside the ELF.

Exit code: 0, or 1 when something is missing, differs, or is over its limit.
"""

import pathlib
import re
import subprocess
import sys
import time

from loops import check_loops

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tools" / "check"))
from sites import read_ops  # noqa: E402  (the folder is no package)

TIME_LIMIT = 38.0  # seconds, both runs together
SUCCESS = 33  # QEMU's exit code when the kernel writes 0x10 to isa-debug-exit
FORMS = ("raw", "inlined", "direct", "indirect")

# Figure: the most it may be, in instructions; None: only that it is there.
FIGURES = {
    "boot.before_entry": None,
    "boot.to_prompt": 15_000_000,
    "patch.total": None,
    "patch.per_site": 120,
    "patch.again_per_site": 120,
    "pt.build_per_4k": 18,
    "pt.unmap_per_4k": None,
    "pt.split_2m": None,
    "pt.merge_2m": None,
    "pt.map_unmap": None,
    "walk.per_pte": 20,
    "walk.per_hole": None,
    "frame.alloc_free": None,
    "lock.irq_pair": None,
    "timer.start_cancel": None,
    "timer.interrupt": None,
    "trap.roundtrip": None,
}

# Ops that are to have all four forms: if one of them turns n/a, it is not the machine that lacks it.
WHOLE = ("irq.save_fl", "irq.irq_disable", "cpu.write_cr0", "cpu.swapgs", "mmu.set_pte", "mmu.pte_val", "io.outb")

QEMU = ("qemu-system-x86_64", "-accel", "tcg", "-icount", "shift=0,sleep=off", "-cpu", "max", "-m", "256",
        "-seed", "20240229", "-rtc", "base=2024-02-29T12:00:00,clock=vm",
        "-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot",
        "-device", "isa-debug-exit,iobase=0xf4,iosize=4")

LINE = re.compile(r'BENCH name=(\S+) value=(?:n/a reason="([^"]+)"|(-?\d+(?:\.\d\d)?) unit=(\w+)(.*))$')


def boot(elf, log, limit):
    """Runs the image: (exit code, None if it had to be ended; its serial lines)."""
    command = [*QEMU, "-kernel", str(elf), "-append", "bench"]
    with open(log, "wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out)
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            process.kill()
            process.wait()
    return code, log.read_text(errors="replace").replace("\r", "").splitlines()


def op_names():
    """group.op of every row of the op table."""
    return [f"{op.group}.{op.name}" for op in read_ops(ROOT / "pvops" / "pv_ops.def").values()]


def expected_names():
    return [f"op.{op}.{form}" for op in op_names() for form in FORMS] + list(FIGURES)


def parse(lines):
    """({name: value, or the reason why there is none}, complaints)."""
    figures, complaints = {}, []
    for line in lines:
        if "BENCH" not in line:
            continue
        match = LINE.match(line)
        if not match:
            complaints.append(f"not a BENCH line: {line}")
            continue
        name, reason, value, unit, rest = match.groups()
        if name in figures:
            complaints.append(f"{name}: given twice")
        if value and unit != "insn":
            complaints.append(f"{name}: counted in {unit} under icount")
        if rest:
            complaints.append(f"{name}: is not the same every time:{rest}")
        figures[name] = float(value) if value else reason
    return figures, complaints


def check_names(figures):
    names = expected_names()
    for name in names:
        if name not in figures:
            yield f"{name}: no BENCH line"
    for name in set(figures) - set(names):
        yield f"{name}: a BENCH line that nobody expects"


def check_limits(figures):
    for name, limit in FIGURES.items():
        value = figures.get(name)
        if isinstance(value, str):
            yield f"{name}: n/a ({value})"
        elif limit is not None and value is not None and value > limit:
            yield f"{name}: {value:g} instructions, over its limit of {limit}"
    for op in WHOLE:
        for form in FORMS:
            if isinstance(figures.get(f"op.{op}.{form}"), str):
                yield f"op.{op}.{form}: n/a, but it must have a figure"


def check_inlined(figures):
    """A padded site is its native and one NOP at most; a call costs more than that."""
    for op in op_names():
        raw, inlined, direct, indirect = (figures.get(f"op.{op}.{form}") for form in FORMS)
        if isinstance(raw, float) and isinstance(inlined, float) and inlined > raw + 1:
            yield f"op.{op}: inlined {inlined:g} instructions, raw {raw:g}"
        if isinstance(raw, float) and isinstance(indirect, float) and indirect < raw + 2:
            yield f"op.{op}: an indirect call and return within {indirect:g} instructions, raw {raw:g}: not believable"
        if isinstance(direct, float) and isinstance(inlined, float) and inlined > direct:
            yield f"op.{op}: inlined costs more than a direct call"


def check_run(code, lines, number):
    """(figures, complaints) of one run."""
    if code is None:
        return {}, [f"run {number}: did not end in time"]
    figures, complaints = parse(lines)
    if code != SUCCESS:
        complaints.append(f"run {number}: QEMU's exit code is {code}, not {SUCCESS}")
    complaints += [*check_names(figures), *check_limits(figures), *check_inlined(figures)]
    return figures, complaints


def tables(lines):
    """What a person wants to see of the serial log."""
    begin = next((i for i, line in enumerate(lines) if line.startswith("bench ")), 0)
    return [line for line in lines[begin:] if not line.startswith("BENCH")]


def difference(first, second):
    for name in sorted(set(first) | set(second)):
        if first.get(name) != second.get(name):
            yield f"{name}: {first.get(name)} in one run, {second.get(name)} in the next"


def main(arguments):
    elf = pathlib.Path(arguments[0]) if arguments else ROOT / "build" / "paravane.elf"
    logs = elf.resolve().parent / "logs"
    logs.mkdir(exist_ok=True)
    end = time.monotonic() + TIME_LIMIT
    complaints, runs = [], []
    for number in (1, 2):
        code, lines = boot(elf, logs / f"bench-{number}.log", max(end - time.monotonic(), 1.0))
        figures, wrong = check_run(code, lines, number)
        if number == 1:
            print("\n".join(tables(lines)))
            print("\n".join(line for line in lines if line.startswith("BENCH")))
        complaints += [text for text in wrong if text not in complaints]
        runs.append(figures)
    complaints += [*difference(*runs), *check_loops(elf)]
    for text in complaints:
        print(f"bench: {text}", file=sys.stderr)
    print(f"bench: {len(runs[0])} figures, {'the same in both runs' if runs[0] == runs[1] else 'not the same twice'}, "
          f"{len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
