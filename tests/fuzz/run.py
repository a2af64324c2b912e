#!/usr/bin/python3
"""Runs the fuzz targets, each for a bounded time, and counts.

A target starts from the seeds of seeds.py and from tests/fuzz/corpus/NAME/ (inputs that once broke something, or came
from a real loader), which are only read: what the run finds goes to build/fuzz/corpus/NAME. An input that breaks the
target is kept as LOGS/NAME-crash-*; to repeat it, give it to the target as its argument. Prints TAP, then

    FUZZ targets=4 inputs=81234 failed=0

Read next: tests/fuzz/fuzz.h.
"""
import argparse
import pathlib
import re
import subprocess
import sys

import seeds

HERE = pathlib.Path(__file__).parent
GRACE = 60  # seconds for start and end beyond the bounded run
LONGEST = 16384  # bytes of one input


def run_target(target, logs, work, seconds):
    """Fuzzes one target; returns (exit code or text, inputs executed, log path)."""
    log = logs / (target.name + ".log")
    found = work / "corpus" / target.name
    found.mkdir(parents=True, exist_ok=True)
    folders = [found, work / "seeds" / target.name, HERE / "corpus" / target.name]
    command = [target.resolve(), f"-max_total_time={seconds}", f"-max_len={LONGEST}", "-seed=1",
               "-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1",
               f"-artifact_prefix={logs}/{target.name}-"]
    command += [folder for folder in folders if folder.is_dir()]
    with log.open("wb") as out:
        try:
            code = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out,
                                  stderr=subprocess.STDOUT, timeout=seconds + GRACE,
                                  check=False).returncode
        except subprocess.TimeoutExpired:
            code = "hang"
    executed = re.findall(r"stat::number_of_executed_units:\s*(\d+)", log.read_text("latin-1"))
    return code, int(executed[-1]) if executed else 0, log


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--logs", type=pathlib.Path, required=True)
    parser.add_argument("--seconds", type=int, required=True)
    parser.add_argument("targets", type=pathlib.Path, nargs="+")
    args = parser.parse_args()
    args.logs.mkdir(parents=True, exist_ok=True)
    work = args.targets[0].parent
    seeds.write(work / "seeds")

    inputs = failed = 0
    print(f"1..{len(args.targets)}")
    for number, target in enumerate(args.targets, 1):
        code, executed, log = run_target(target, args.logs, work, args.seconds)
        bad = code != 0 or executed == 0
        inputs += executed
        failed += bad
        print(f"{'not ' if bad else ''}ok {number} - {target.name}\n# {executed} inputs")
        if bad:
            print(f"# exit code {code}; {log}:")
            print("".join("# " + line for line in log.open(errors="replace").readlines()[-40:]))
    print(f"FUZZ targets={len(args.targets)} inputs={inputs} failed={failed}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
