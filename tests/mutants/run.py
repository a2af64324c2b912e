#!/usr/bin/python3
"""Puts deliberate bugs into copies of the tree, one at a time, and shows that the tests notice each.

A mutant is a file NN-name.patch beside this one: a unified diff for `patch -p1`, headed by comment lines that say what
the bug is, why nobody would notice it, and which checks must turn red:

    # A site that must be jumped from (iret, sysret) gets a call.
    # Silent: natively both are inlined.
    # Catch: pvops_jump_ops_are_never_called

Each `Catch:` line is one check, and each must turn red. Its forms are the rows of CHECKS; a word alone is a glob of
in-kernel tests. First all checks must be green on the tree as it is. A patch that does not apply or does not build is
an error, not a catch. Logs: build/logs/mutants/NAME.*. Must not know what any bug is about. Read next: the patches.

Usage: run.py [--full] [--jobs N] [--keep] [--logs DIR] [GLOB ...]
"""

import argparse
import collections
import concurrent.futures
import dataclasses
import fnmatch
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests" / "harness"))
import elftests  # noqa: E402
import environments  # noqa: E402
import ktap  # noqa: E402
import qemu  # noqa: E402
import verdict  # noqa: E402

PYTHON = "/usr/bin/python3"
ENVIRONMENT = environments.by_name("tcg-kernel")
SMP_ENVIRONMENT = environments.by_name("smp-4")
BUILD_SECONDS = 180
CHECK_SECONDS = 120
HANG_SECONDS = 20  # of a run of a few tests: it takes about one
SMP_SECONDS = 60  # with several CPUs, on a busy machine
FULL_SECONDS = 60
ALL = "all"  # the kernel's word for every test
# What a copy builds before it is asked anything. CURDIR is said so that the objects of one copy are good in another.
MAKE = ["make", "--no-print-directory", "CURDIR=.", "BUILD=build"]
PYTEST = ["env", "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1", "PYTEST_ADDOPTS=", PYTHON, "-s", "-B", "-m", "pytest", "-c",
          "tests/harness/pytest.ini", "--rootdir", "tests/harness", "--build", "build"]
# Words of a make that started us: they speak of that make's own work.
NOT_INHERITED = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "BUILD", "ELF", "T", "ENV", "QUICK", "M", "FULL")

RE_CATCH = re.compile(r"^#\s*Catch:\s*(\S.*?)\s*$")
RE_KIND = re.compile(r"^([a-z]+):\s*(\S.*)$")
# The first line of a step's output that says what is wrong, best first.
RE_SAYS = [re.compile(pattern, re.M) for pattern in (
    r"^ {5}(\w+: .+)$",  # tests/host/run.py: a failed test
    r"^(SUMMARY: .+)$",  # a sanitizer
    r"^(patchproof \w+: .*(?:expected|outside|does not go|moved).*)$",
    r"^([\w./-]+:\d+(?::\d+)?: .+)$",  # tools/check: a finding; a compiler: an error
    r"^(build/obj/.+: .+)$",  # tools/check: a finding in an object
    r"^((?:nothing matches|exit code|crash|hang|triple fault|silence).*)$",
    r"^((?:.*Error|FAIL\w*|not ok)\b.*)$")]


class Broken(Exception):
    """No verdict: the patch does not apply, the copy does not build, a tool failed."""


@dataclasses.dataclass(frozen=True)
class Check:
    kind: str
    what: str

    def __str__(self):
        return self.what if self.kind == "test" else f"{self.kind}: {self.what}"


@dataclasses.dataclass
class Mutant:
    name: str
    path: pathlib.Path
    checks: list
    status: str = ""
    detail: str = ""
    seconds: float = 0.0


class Copy:
    """A copy of the tree with a build of its own."""

    def __init__(self, folder, logs, name):
        self.folder, self.name = folder, name
        self.files = qemu.Files(str(logs), name)

    def run(self, argv, seconds, suffix):
        """Runs a command in the copy; (exit code, all that it said). Its log is NAME.suffix.log."""
        files = qemu.Files(self.files.folder, f"{self.name}.{suffix}")
        outcome = qemu.run(argv, files, seconds, cwd=self.folder, crash_ends=False)
        text = (outcome.raw.decode("utf-8", "replace") + outcome.stderr).replace(f"{self.folder}/", "")
        if outcome.timed_out:
            raise Broken(f"no end within {seconds} s: {' '.join(argv[-2:])}")
        return outcome.exit_code, text

    def make(self, *targets):
        code, text = self.run([*MAKE, *targets], BUILD_SECONDS, "build")
        if code:
            raise Broken("does not build: " + says(text))

    def apply(self, patch):
        code, text = self.run(["patch", "-p1", "-F0", "-f", "--no-backup-if-mismatch", "-i", str(patch)], 10, "apply")
        if code:
            raise Broken("does not apply: " + " ".join(text.split())[-150:])


def says(text):
    """The line of @text that names what is wrong."""
    for pattern in RE_SAYS:
        found = pattern.search(text)
        if found:
            return found.group(1)
    return verdict.last_line(text)


# ---- the checks: each returns None for green, or what turned it red ----


def check_test(copy, glob, base=ENVIRONMENT):
    """In-kernel tests by glob, in QEMU."""
    seconds = FULL_SECONDS if glob == ALL else SMP_SECONDS if base.cpus > 1 else HANG_SECONDS
    elf = os.path.join(copy.folder, "build", "paravane.elf")
    files = qemu.Files(copy.files.folder, f"{copy.name}.test")
    env = dataclasses.replace(base, cmdline=f"test={glob}")
    outcome = qemu.run(qemu.command(env, elf, "", env.cmdline, files), files, seconds)
    judged = verdict.judge(outcome.raw, outcome.exit_code, outcome.timed_out, stderr=outcome.stderr)
    if judged.verdict == verdict.Verdict.EMULATOR:
        raise Broken(judged.why)
    if judged.verdict != verdict.Verdict.PASS:
        return f"{judged.verdict.value}: {judged.why}"
    wrong = ktap.complaints(judged.run, ktap.select(elftests.Image(elf).tests, glob))
    return wrong[0] if wrong else None


def check_smp(copy, glob):
    """In-kernel tests by glob, with several CPUs."""
    return check_test(copy, glob, SMP_ENVIRONMENT)


def check_host(copy, what):
    """A host test program, test_X."""
    copy.make(f"build/host/{what}")
    return by_exit_code(copy, [PYTHON, "tests/host/run.py", "--logs", "build/logs/host", f"build/host/{what}"], "host")


def check_check(copy, what):
    """A static check, by the name of its make target without "check-"."""
    code, text = copy.run([*MAKE, f"check-{what}"], CHECK_SECONDS, "check")
    if code and not re.search(r"^not ok\b", text, re.M):
        raise Broken(f"check-{what}: {says(text)}")
    return says(text) if code else None


def check_patchproof(copy, what):
    """The proof of patching from outside, in one mode."""
    argv = [PYTHON, "-B", "tests/harness/patchproof.py", "--elf", "build/paravane.elf", what]
    return by_exit_code(copy, argv, "proof")


def check_crash(copy, what):
    """The dump of a crash of one kind, patched and not."""
    nodes = [f"tests/harness/test_crash.py::test_dump[{patch}-{what}]" for patch in ("on", "off")]
    return by_exit_code(copy, PYTEST + nodes, "crash")


def check_env(copy, what):
    """One environment of the harness."""
    return by_exit_code(copy, PYTEST + ["tests/harness/test_environments.py", "--env", what], "env")


def by_exit_code(copy, argv, suffix):
    """Red is 1; all else is a tool in trouble."""
    code, text = copy.run(argv, CHECK_SECONDS, suffix)
    if code not in (0, 1):
        raise Broken(f"{suffix}: exit code {code}: {verdict.last_line(text)}")
    return says(text) if code else None


CHECKS = {"test": check_test, "smp": check_smp, "host": check_host, "check": check_check,
          "patchproof": check_patchproof, "crash": check_crash, "env": check_env}


def judge(copy, check):
    return CHECKS[check.kind](copy, check.what)


# ---- the mutants ----


def parse_check(text):
    found = RE_KIND.match(text)
    kind, what = found.groups() if found else ("test", text)
    if kind not in CHECKS or " " in what:
        raise SystemExit(f"no such check: {text!r}; there are: a glob of tests, or " +
                         ", ".join(f"{kind}: NAME" for kind in CHECKS if kind != "test"))
    return Check(kind, what)


def read_mutants(globs):
    """The patches whose name, number included, matches."""
    found = []
    for path in sorted(HERE.glob("*.patch")):
        if not any(fnmatch.fnmatchcase(path.stem, glob) for glob in globs):
            continue
        head = path.read_text(encoding="utf-8").split("\n--- ")[0]
        if "\n# Silent: " not in head:
            raise SystemExit(f"{path}: no line `# Silent: ...` in its head")
        checks = [parse_check(m.group(1)) for m in map(RE_CATCH.match, head.splitlines()) if m]
        if not checks:
            raise SystemExit(f"{path}: no line `# Catch: ...` in its head")
        found.append(Mutant(path.stem, path, checks))
    if not found:
        raise SystemExit("no mutant matches " + " ".join(globs))
    return found


def take_whole_suite(mutants):
    """Single tests become all of them, once a mutant."""
    for mutant in mutants:
        checks = [Check("test", ALL) if check.kind == "test" else check for check in mutant.checks]
        mutant.checks = list(dict.fromkeys(checks))


def copy_sources(folder):
    """The tree as it is: what git knows and what it does not ignore, times kept."""
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z", "-c", "-o", "--exclude-standard"], check=True,
                            capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        source, target = ROOT / name, folder / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def build_base(folder, mutants, logs):
    """The unmodified copy, built with all that the checks need."""
    copy_sources(folder)
    base = Copy(folder, logs, "base")
    host = sorted({f"build/host/{c.what}" for m in mutants for c in m.checks if c.kind == "host"})
    base.make("-j2", "build/paravane.elf", *host)
    return base


def prove_green(base, mutants, pool):
    """Each check that any mutant names, once, on the unmodified copy. Returns what was red."""
    checks = sorted({c for m in mutants for c in m.checks}, key=str)

    def one(numbered):
        number, check = numbered
        copy = Copy(base.folder, base.files.folder, f"base.{number}")
        try:
            return check, judge(copy, check)
        except Broken as error:
            return check, str(error)

    done = list(pool.map(one, enumerate(checks)))
    red = [(check, why) for check, why in done if why is not None]
    print(f"unmodified: {len(done) - len(red)} of {len(done)} checks green", flush=True)
    for check, why in red:
        print(f"  RED {check}: {why}")
    return red


def run_mutant(mutant, base, scratch, keep):
    """Copies, patches, builds, asks; fills in status and detail."""
    begin = time.monotonic()
    copy = Copy(scratch / mutant.name, base.files.folder, mutant.name)
    shutil.copytree(base.folder, copy.folder, symlinks=True)
    try:
        copy.apply(mutant.path)
        copy.make("build/paravane.elf")
        reds = [(check, judge(copy, check)) for check in mutant.checks]
        green = [str(check) for check, why in reds if why is None]
        mutant.status = "SURVIVED" if green else "caught"
        mutant.detail = "green: " + ", ".join(green) if green else "; ".join(why for _check, why in reds)
    except Broken as error:
        mutant.status, mutant.detail = "ERROR", str(error)
    finally:
        if not keep:
            shutil.rmtree(copy.folder, ignore_errors=True)
    mutant.seconds = time.monotonic() - begin
    mutant.detail = "".join(c if c.isprintable() else "?" for c in mutant.detail)  # a kernel gone wild may say anything
    print(f"{mutant.status:<8} {mutant.name:<44} {mutant.seconds:5.1f} s  {mutant.detail[:150]}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="test=all in place of single tests")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", action="store_true", help="leave the copies where they are, and say where")
    parser.add_argument("--logs", type=pathlib.Path, default=ROOT / "build" / "logs" / "mutants")
    parser.add_argument("globs", nargs="*", default=["*"], metavar="GLOB")
    args = parser.parse_args()
    for word in NOT_INHERITED:
        os.environ.pop(word, None)
    begin = time.monotonic()
    mutants = read_mutants(args.globs or ["*"])
    if args.full:
        take_whole_suite(mutants)
    logs = args.logs.resolve()
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(parents=True)
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="mutants-"))
    pool = concurrent.futures.ThreadPoolExecutor(args.jobs)
    try:
        code = carry_out(mutants, scratch, logs, args, pool)
    except Broken as error:
        print(f"unmodified: {error}")
        code = 1
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        qemu.end_all()
        if args.keep:
            print(f"copies: {scratch}")
        else:
            shutil.rmtree(scratch, ignore_errors=True)
    print(f"{time.monotonic() - begin:.0f} s, logs in {os.path.relpath(logs, ROOT)}")
    print(closing_line(mutants))
    return code


def carry_out(mutants, scratch, logs, args, pool):
    base = build_base(scratch / "base", mutants, logs)
    if prove_green(base, mutants, pool):
        return 1
    list(pool.map(lambda mutant: run_mutant(mutant, base, scratch, args.keep), mutants))
    return 0 if all(mutant.status == "caught" for mutant in mutants) else 1


def closing_line(mutants):
    count = collections.Counter(mutant.status for mutant in mutants)
    line = f"{count['caught']} caught, {count['SURVIVED']} survived"
    if count["ERROR"]:
        line += f", {count['ERROR']} in error"
    if count[""]:
        line += f", {count['']} not tried"
    return line


if __name__ == "__main__":
    sys.exit(main())
