#!/usr/bin/python3
"""References run one way: an undefined symbol of a room's object is defined in that room or below it.

Reads build/obj/ROOM/**/*.o with nm; names that the linker script defines belong to nobody and may be used by all.
Exceptions stand in upward.txt. The compiler's view of the same rule is check_layers.py.
"""

import collections
import pathlib
import re
import subprocess
import sys

from findings import OUTSIDE, ROOMS, Report, arguments, may_look, table

UPWARD = pathlib.Path(__file__).with_name("upward.txt")
SCRIPT_NAME = re.compile(r"(?:^|[\s(;{])([A-Za-z_]\w*)\s*=[^=]", re.M)
DEFINED_STRONG = set("TDBRAVSGi")
DEFINED_WEAK = set("WV")
UNDEFINED = set("Uwv")
# From which room a reference may go up: the op table's own.
TABLE_ROOM = "pvops"


def read_objects(obj_dir, nm="nm"):
    """Yields (room, object path, symbol kind, symbol name) of every object's global symbols."""
    paths = [path for path in sorted(obj_dir.rglob("*.o")) if path.relative_to(obj_dir).parts[0] in
             ROOMS + OUTSIDE and "host" not in path.relative_to(obj_dir).parts]
    if not paths:
        return
    run = subprocess.run([nm, "-A", "-g", *map(str, paths)], capture_output=True, text=True, check=True)
    for line in run.stdout.splitlines():
        where, rest = line.rsplit(".o:", 1)
        words = rest.split()
        path = pathlib.Path(where + ".o")
        yield path.relative_to(obj_dir).parts[0], path, words[-2], words[-1]


def script_names(path):
    """Every name that a linker script assigns; a comment begins behind a blank, or it is a file pattern's slash."""
    text = re.sub(r"(?<!\S)/\*.*?\*/", "", path.read_text(), flags=re.S)
    return set(SCRIPT_NAME.findall(text))


def owners(symbols):
    """symbol -> room that defines it; a strong definition hides a weak one, as it does for the linker."""
    owner, weak = {}, {}
    for room, _, kind, name in symbols:
        if kind in DEFINED_STRONG - DEFINED_WEAK:
            owner[name] = room
        elif kind in DEFINED_WEAK:
            weak.setdefault(name, room)
    return {**weak, **owner}


def read_upward(report):
    """upward.txt as symbol -> (line, room); a malformed row is a finding."""
    rows = {}
    for number, words in table(UPWARD):
        if len(words) < 3 or words[1] not in ROOMS:
            report.find(UPWARD.name, number, "a row is: symbol, room, why")
            continue
        rows[words[0]] = (number, words[1])
    return rows


def check(report, obj_dir, script, nm="nm"):
    """Looks at every undefined symbol; returns how many."""
    symbols = list(read_objects(obj_dir, nm))
    owner = owners(symbols)
    free = script_names(script)
    upward = read_upward(report)
    used = set()
    per_room = collections.Counter()
    for room, path, kind, name in symbols:
        if kind not in UNDEFINED:
            continue
        per_room[room] += 1
        home = owner.get(name)
        if home is None:
            if name not in free and kind == "U":
                report.find(path, 0, f"{name} is defined nowhere")
        elif name in upward and room == TABLE_ROOM and upward[name][1] == home:
            used.add(name)
        elif not may_look(room, home):
            report.find(path, 0, f"{room} refers to {name}, which is defined in {home}")
    for name in sorted(set(upward) - used):
        report.find(f"tools/check/{UPWARD.name}", upward[name][0],
                    f"{name}: no reference from {TABLE_ROOM} to {upward[name][1]} uses this row")
    if not symbols:
        report.find(obj_dir, 0, "no objects: build first")
    return sum(per_room.values())


def main():
    args = arguments(__doc__, ("--obj", "build/obj", "where the objects are"), ("--nm", "nm", "the nm to run"),
                     ("--script", "linker.ld", "the linker script"))
    root = pathlib.Path(args.root)
    report = Report("link_layers")
    count = check(report, root / args.obj, root / args.script, args.nm)
    return report.finish(f"{count} references")


if __name__ == "__main__":
    sys.exit(main())
