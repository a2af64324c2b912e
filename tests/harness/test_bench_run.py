"""bench/run.py is put to the proof: what a good image prints passes, and each thing that it checks turns it red.

No image is booted: the two boots are replaced by lines written here.
"""

import importlib.util
import os
import sys

import pytest

from builds import REPO

sys.path.append(os.path.join(REPO, "bench"))
import loops  # noqa: E402  (the folder is no package)

spec = importlib.util.spec_from_file_location("bench_run", os.path.join(REPO, "bench", "run.py"))
bench = importlib.util.module_from_spec(spec)
spec.loader.exec_module(bench)

pytestmark = pytest.mark.quick
VALUES = {"raw": 1, "inlined": 2, "direct": 4, "indirect": 3}


def good_lines():
    """{name: line} as a good image says them."""
    values = {name: VALUES.get(name.rpartition(".")[2], 100) for name in bench.expected_names()}
    values.update({name: limit for name, limit in bench.FIGURES.items() if limit is not None and limit < 100})
    return {name: f"BENCH name={name} value={value} unit=insn" for name, value in values.items()}


def line(name, value, unit="insn", rest=""):
    return {name: f"BENCH name={name} value={value} unit={unit}{rest}"}


def run(monkeypatch, folder, first, second=None, codes=(bench.SUCCESS, bench.SUCCESS), complaints=()):
    """The exit code of a run whose boots give these lines and exit codes."""
    boots = iter(zip(codes, (first, first if second is None else second)))

    def boot(_elf, _log, _limit):
        code, lines = next(boots)
        return code, ["Paravane", "bench all", "a table", *lines.values()]

    monkeypatch.setattr(bench, "boot", boot)
    monkeypatch.setattr(bench, "check_loops", lambda _elf: iter(complaints))
    return bench.main([str(folder / "paravane.elf")])


def test_good_lines_pass(monkeypatch, tmp_path, capsys):
    assert run(monkeypatch, tmp_path, good_lines()) == 0
    said = capsys.readouterr()
    assert "the same in both runs, 0 complaints" in said.out and not said.err


OP = "op.irq.irq_disable."

# What is changed in both runs: what is complained about. Limits are met exactly, and missed by one.
RED = [
    (line("boot.to_prompt", 15_000_001), "boot.to_prompt: 1.5e+07 instructions, over its limit"),
    (line("patch.per_site", "120.50"), "patch.per_site: 120.5 instructions, over its limit of 120"),
    (line("patch.again_per_site", 121), "patch.again_per_site: 121 instructions, over its limit of 120"),
    (line("pt.build_per_4k", "18.50"), "pt.build_per_4k: 18.5 instructions, over its limit of 18"),
    (line(OP + "inlined", 3), "op.irq.irq_disable: inlined 3 instructions, raw 1"),
    (line(OP + "indirect", 2), "not believable"),
    (line(OP + "direct", 1), "inlined costs more than a direct call"),
    (line(OP + "raw", 1, "cycles"), "counted in cycles under icount"),
    (line(OP + "raw", 1, rest=" median=1 spread=2"), "is not the same every time"),
    ({"x": "BENCH name=op.irq.nothing.raw value=1 unit=insn"}, "a BENCH line that nobody expects"),
    ({"x": f"BENCH name={OP}raw value=1 unit=insn"}, "given twice"),
    ({"x": "BENCH name=patch.total value=much"}, "not a BENCH line"),
    ({OP + "raw": f'BENCH name={OP}raw value=n/a reason="no room"'}, f"{OP}raw: n/a, but it must have a figure"),
    ({"patch.total": 'BENCH name=patch.total value=n/a reason="no time"'}, "patch.total: n/a (no time)"),
]


@pytest.mark.parametrize("change, words", RED, ids=[words for _change, words in RED])
def test_a_bad_figure_turns_it_red(monkeypatch, tmp_path, capsys, change, words):
    assert run(monkeypatch, tmp_path, {**good_lines(), **change}) == 1
    assert words in capsys.readouterr().err


def test_limits_may_be_met(monkeypatch, tmp_path):
    lines = {**good_lines(), **line("patch.per_site", 120), **line("boot.to_prompt", 15_000_000)}
    assert run(monkeypatch, tmp_path, lines) == 0


@pytest.mark.parametrize("name", ["boot.to_prompt", OP + "inlined", "op.hyp.hypercall.raw"])
def test_a_missing_line_turns_it_red(monkeypatch, tmp_path, capsys, name):
    lines = good_lines()
    del lines[name]
    assert run(monkeypatch, tmp_path, lines) == 1
    assert f"{name}: no BENCH line" in capsys.readouterr().err


@pytest.mark.parametrize("codes, words", [
    ((35, bench.SUCCESS), "run 1: QEMU's exit code is 35, not 33"),
    ((bench.SUCCESS, 0), "run 2: QEMU's exit code is 0, not 33"),
    ((bench.SUCCESS, None), "run 2: did not end in time"),
])
def test_a_wrong_end_turns_it_red(monkeypatch, tmp_path, capsys, codes, words):
    assert run(monkeypatch, tmp_path, good_lines(), codes=codes) == 1
    assert words in capsys.readouterr().err


def test_two_runs_that_differ_turn_it_red(monkeypatch, tmp_path, capsys):
    assert run(monkeypatch, tmp_path, good_lines(), {**good_lines(), **line("patch.total", 101)}) == 1
    assert "patch.total: 100.0 in one run, 101.0 in the next" in capsys.readouterr().err


def test_loops_that_differ_turn_it_red(monkeypatch, tmp_path):
    assert run(monkeypatch, tmp_path, good_lines(), complaints=["x: loop_pv"]) == 1


@pytest.mark.parametrize("pv, good", [
    (["push", "mov", "cli", "jne", "ret"], True),
    (["push", "mov", "jne", "ret"], True),
    (["push", "cli", "mov", "sti", "jne", "ret"], False),  # at two places
    (["push", "cli", "jne", "ret"], False),  # instead of another
])
def test_loops_are_compared(monkeypatch, pv, good):
    none = ["push", "mov", "jne", "ret"]
    monkeypatch.setattr(loops, "disassemble", lambda _elf: {"x": {"none": none, "raw": none, "pv": pv}})
    assert not list(loops.check_loops("")) == good


def test_every_op_of_the_table_is_expected():
    names = bench.op_names()
    assert len(names) > 80 and "irq.irq_disable" in names and len(set(names)) == len(names)
