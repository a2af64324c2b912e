"""The table of emulator deviations, tests/deviations.def, and its proof: each assertion that is left out in one
environment is made, and holds, in another.

The kernel compiles the same table (tests/deviations.c) and notes each use; ktap.py reads the notes, results.py keeps
them. Pure but for load(). Must not know what any row is about.
"""

import os
import re
from dataclasses import dataclass

from builds import REPO

TABLE = os.path.join(REPO, "tests", "deviations.def")

RE_COMMENT = re.compile(r"/\*.*?\*/", re.S)
RE_ROW = re.compile(r'DEVIATION\(\s*(\w+)\s*,\s*(\w+)\s*,\s*"([^"]*)"\s*,\s*"([^"]*)"\s*,\s*"([^"]*)"\s*\)')


@dataclass(frozen=True)
class Deviation:
    id: str
    where: str  # a WHERE_* of tests/deviations.c
    what: str
    rule: str  # the manual's
    holds: str  # the environment in which the assertion passes


def parse(text):
    """The rows of the table; anything in it that is no row is an error."""
    text = RE_COMMENT.sub("", text)
    rest = RE_ROW.sub("", text).strip()
    if rest:
        raise ValueError(f"tests/deviations.def: no row: {rest[:80]}")
    return [Deviation(*found) for found in RE_ROW.findall(text)]


def load():
    with open(TABLE, encoding="utf-8") as table:
        return parse(table.read())


def complaints(rows, env, idents):
    """What is wrong with the uses in one run, whatever becomes of the others."""
    holds = {row.id: row.holds for row in rows}
    return [f"deviation {ident} does not stand in tests/deviations.def" for ident in idents if ident not in holds] + \
        [f"deviation {ident} is left out here, where its row says that it holds"
         for ident in idents if holds.get(ident) == env]


def wrong(row, used, passed):
    """What is wrong with a row after a whole run, or None. @used: the (environment, test) pairs that left it out;
    @passed: those that passed and had something to do."""
    if not used:
        return "no environment leaves it out: what is the row for?"
    if any(env == row.holds for env, _test in used):
        return f"it should hold in {row.holds}, which leaves it out too"
    missing = sorted({test for _env, test in used if (row.holds, test) not in passed})
    return f"it should hold in {row.holds}, where {' '.join(missing)} did not pass" if missing else None
