#!/usr/bin/python3
"""Runs the host test programs (cmocka) and counts.

Each program writes JUnit XML to LOGS/NAME.xml and what it says to LOGS/NAME.log. A program that crashes (a sanitizer,
a panic), hangs or reports no test at all counts as one failure more, whatever its XML says. The last line is for
machines:

    HOST-TEST programs=8 tests=120 failed=0

The environment's T is a glob that selects tests by name.

Read next: tests/host/host.mk.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

SECONDS = 30  # for one program


def run_program(program, logs):
    """Runs one program; returns (exit code or text, log path, xml path)."""
    log, xml = (logs / (program.name + end) for end in (".log", ".xml"))
    xml.unlink(missing_ok=True)  # cmocka does not overwrite
    env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="xml", CMOCKA_XML_FILE=str(xml))
    with log.open("wb") as out:
        try:
            done = subprocess.run([program], env=env, stdin=subprocess.DEVNULL, stdout=out,
                                  stderr=subprocess.STDOUT, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return f"hang: no end within {SECONDS} s", log, xml
    return done.returncode, log, xml


def count_tests(xml):
    """(names, [(name, message)]) of an XML file; nothing when it is missing or cut."""
    try:
        cases = list(ElementTree.parse(xml).iter("testcase"))
    except (OSError, ElementTree.ParseError):
        return [], []
    names = [case.get("name") for case in cases]
    bad = [(case.get("name"), (child.text or "").strip())
           for case in cases for child in case if child.tag in ("failure", "error")]
    return names, bad


def verdict(code, names, bad):
    """What is wrong with the program as a whole, besides its failed tests; None if nothing."""
    if isinstance(code, str):
        return code
    if code < 0:
        return f"crash: signal {-code}"
    if code != len(bad):
        return f"crash or cut report: exit code {code}, {len(bad)} failed tests reported"
    if not names and not os.environ.get("T"):
        return "silence: no test reported"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--logs", type=pathlib.Path, required=True)
    parser.add_argument("programs", type=pathlib.Path, nargs="+")
    args = parser.parse_args()
    args.logs.mkdir(parents=True, exist_ok=True)

    tests = failed = 0
    for program in args.programs:
        code, log, xml = run_program(program, args.logs)
        names, bad = count_tests(xml)
        wrong = verdict(code, names, bad)
        tests += len(names)
        failed += len(bad) + (wrong is not None)
        print(f"{'FAIL' if bad or wrong else 'ok  '} {program.name:<20} {len(names):4} tests")
        for name, message in bad:
            print(f"     {name}: {message}")
        if wrong:
            print(f"     {wrong}; {log}:")
            print("".join(log.open(errors="replace").readlines()[-40:]))
    print(f"HOST-TEST programs={len(args.programs)} tests={tests} failed={failed}")
    return 1 if failed or not (tests or os.environ.get("T")) else 0


if __name__ == "__main__":
    sys.exit(main())
