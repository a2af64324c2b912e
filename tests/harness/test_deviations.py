"""The table of deviations is well formed, and what is wrong with a row at the end of a run is seen."""

import re

import pytest

import deviations
import environments
import ktap
import results

ROW = deviations.Deviation("tcg_x", "TCG", "x is 1", "SDM 3A 1.2: x is 2", "bochs-intel")
LEAVES_OUT = ktap.parse("KTAP version 1\n1..1\n# deviation: tcg_x x is 1\nok 1 lib_a\n")
PASSES = ktap.parse("KTAP version 1\n1..1\nok 1 lib_a\n")
FAILS = ktap.parse("KTAP version 1\n1..1\nnot ok 1 lib_a\n")
IDLE = ktap.parse("KTAP version 1\n1..1\n# not here: no x\nok 1 lib_a\n")


def test_every_row_has_a_rule_and_a_place_where_it_holds():
    rows = deviations.load()
    always = {env.name for env in environments.ENVIRONMENTS + environments.VARIATIONS if not env.probe}
    assert len({row.id for row in rows}) == len(rows) > 0
    for row in rows:
        assert re.match(r"(SDM|APM) \d\w?[ ,].+: .+", row.rule), row.id
        assert row.holds in always, f"{row.id}: {row.holds} does not run everywhere"


def test_what_is_no_row_is_an_error():
    row = 'DEVIATION(a, TCG, "b",\n\t  "SDM 1: c", "tcg-bios")\n'
    assert deviations.parse("/* DEVIATION(x) */\n" + row) == [
        deviations.Deviation("a", "TCG", "b", "SDM 1: c", "tcg-bios")]
    with pytest.raises(ValueError, match="no row"):
        deviations.parse(row + 'DEVIATION(d, TCG, "e")\n')


@pytest.mark.parametrize("place, idents, words", [
    ("tcg", [], ""), ("tcg", ["tcg_x", "tcg_x"], ""), ("bochs-amd", ["tcg_x"], ""),
    ("tcg", ["tcg_y"], "tcg_y does not stand in"), ("bochs-intel", ["tcg_x"], "its row says that it holds"),
])
def test_uses_are_looked_at_run_by_run(place, idents, words):
    found = deviations.complaints([ROW], place, idents)
    assert len(found) == bool(words) and words in "".join(found)


@pytest.mark.parametrize("runs, problem", [
    ([("tcg", LEAVES_OUT), ("bochs-intel", PASSES)], None),
    ([("tcg", PASSES), ("bochs-intel", PASSES)], "what is the row for"),
    ([("tcg", LEAVES_OUT), ("bochs-intel", LEAVES_OUT)], "leaves it out too"),
    ([("tcg", LEAVES_OUT), ("bochs-intel", FAILS)], "lib_a did not pass"),
    ([("tcg", LEAVES_OUT), ("bochs-intel", IDLE)], "lib_a did not pass"),
    ([("tcg", LEAVES_OUT), ("bochs-amd", PASSES)], "lib_a did not pass"),
])
def test_a_row_must_hold_where_it_says(runs, problem):
    account = results.Results(False)
    for env, run in runs:
        account.add_run(env, run)
    account.check_left_out([ROW])
    case = account.cases[-1]
    assert (case.group, case.name, case.status) == ("deviations", "tcg_x", "fail" if problem else "pass")
    assert not problem or problem in case.text


def test_what_is_left_out_is_said_with_its_reason():
    account = results.Results(True)
    for env in ("tcg", "kvm-nested"):
        account.add_run(env, LEAVES_OUT)
    assert account.left_out_lines([ROW]) == [
        "SKIP 2 x tcg_x: x is 1 (SDM 3A 1.2: x is 2); holds in bochs-intel",
        "2 assertions left out by the table of deviations"]
    assert account.good, "no whole test was skipped: CI has nothing against it"
    assert results.Results().left_out_lines([ROW]) == []
