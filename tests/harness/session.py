"""One session of the harness: where things lie, what is run, and how one environment or make step is carried
out.

Ties the pure parts together (environments, verdict, ktap, results) and knows nothing of pytest: conftest.py
does. Read next: test_environments.py.
"""

import os
import re
import subprocess
import threading
from dataclasses import dataclass, field

import bochs
import builds
import deviations
import elftests
import environments
import jobs
import ktap
import nested
import qemu
import results
import verdict
from builds import REPO
from verdict import Verdict

TAIL_LINES = 25  # of a log, in a failure's text


class CannotRun(Exception):
    """This machine lacks what the environment needs as a whole; the text says what."""


@dataclass
class EnvRun:
    """What came of one environment: its judgements (one per run) and everything that is wrong with them."""
    judgements: list = field(default_factory=list)
    problems: list = field(default_factory=list)
    remarks: list = field(default_factory=list)
    seconds: float = 0.0


class Session:
    def __init__(self, build, glob="all"):
        self.build = os.path.abspath(build)
        self.logs = os.path.join(self.build, "logs")
        self.elf = os.path.join(self.build, "paravane.elf")
        self.glob = glob
        self.results = results.Results()
        self.jobs = jobs.Jobs(jobs.Slots(environments.cores()))
        self._image = None
        self._image_lock = threading.Lock()
        self._others = {}  # other images, by their names
        self._others_lock = threading.Lock()
        os.makedirs(self.logs, exist_ok=True)

    @property
    def image(self):
        with self._image_lock:
            if self._image is None:
                self._image = elftests.Image(self.elf)
            return self._image

    def files(self, name):
        return qemu.Files(self.logs, name)

    def make_iso(self, name, cmdline, elf=None, screen=""):
        """An ISO that boots @elf, or the session's image, at once with @cmdline, in the video mode @screen."""
        iso = os.path.join(self.logs, f"{name}.iso")
        argv = [os.path.join(REPO, "iso", "mkiso"), "--cmdline", cmdline, "--timeout", "0", "--screen", screen,
                elf or self.elf, iso]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise RuntimeError(f"iso/mkiso: {done.stdout}{done.stderr}")
        return iso

    def cmdline(self, env):
        """The environment's command line, with the tests that this session is about."""
        if not env.selects_tests:
            return env.cmdline
        return " ".join(f"test={self.glob}" if word == "test=all" else word for word in env.cmdline.split(" "))

    def run_environment(self, env):
        """Boots @env as often as its row says and judges each run."""
        if env.probe:
            self._probe(env)
        elf, image = self._image_for(env)
        done = EnvRun()
        previous = None
        for number in range(1, env.runs + 1):
            name = env.name if number == 1 else f"{env.name}.{number}"
            outcome, remarks = self._boot(env, name, elf)
            done.seconds += outcome.seconds
            done.remarks += remarks
            judged = verdict.judge(outcome.raw, outcome.exit_code, outcome.timed_out, env.firmware_talks, env.serial,
                                   outcome.stderr)
            done.judgements.append(judged)
            done.problems += self._problems(env, judged, self.files(name), image)
            if previous is not None and outcome.raw != previous:
                done.problems.append(difference(previous, outcome.raw, number))
            previous = outcome.raw
        return done

    @staticmethod
    def _probe(env):
        tool = os.path.join(REPO, env.probe)
        done = subprocess.run([tool], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=60)
        if done.returncode:
            reason = " ".join((done.stdout + done.stderr).split()) or f"{env.probe} says no"
            raise CannotRun(reason if reason.startswith("/dev/kvm") else f"/dev/kvm: {reason}")

    def _image_for(self, env):
        """(path, Image) of what @env boots: the session's own, or another one."""
        if not env.image:
            return self.elf, self.image
        elf = self.other_image(env.image, env.cores)
        return elf, elftests.Image(elf)

    def other_image(self, name, cores=1):
        """The path of an image of builds.IMAGES, built by whoever asks first."""
        with self._others_lock:
            if name not in self._others:
                log = self.files(f"image-{name}").path("build")
                self._others[name] = builds.image(name, self.build, cores, log)
        if not self._others[name]:
            raise CannotRun(f"{builds.IMAGES[name][0]} is not installed")
        return self._others[name]

    def _boot(self, env, name, elf):
        files = self.files(name)
        cmdline = self.cmdline(env)
        if env.boot == "nested":
            inner = qemu.nested_command(env, elf, cmdline)
            return nested.run(os.path.join(REPO, ".deps"), inner, files, env.limit)
        iso = self.make_iso(name, cmdline, elf) if env.firmware_talks else ""
        limit = env.limit / env.runs
        if env.emulator == "bochs":
            outcome = bochs.run(env, iso, files, limit)
        else:
            outcome = qemu.run(qemu.command(env, elf, iso, cmdline, files), files, limit)
        if iso:
            os.unlink(iso)
        return outcome, []

    def _problems(self, env, judged, files, image):
        found = []
        if judged.verdict != env.expect:
            found.append(self._wrong_verdict(env, judged, files))
        elif env.expect == Verdict.PASS:
            names = ktap.select(image.tests, self.glob if env.selects_tests else env.glob)
            found += ktap.complaints(judged.run, names)
        for pattern in env.words:
            if not re.search(pattern, judged.text):
                found.append(f"the log has nothing that matches {pattern!r}")
        return found + deviations.complaints(deviations.load(), env.name, judged.run.deviations)

    @staticmethod
    def _wrong_verdict(env, judged, files):
        reset = judged.verdict == Verdict.TRIPLE_FAULT
        place = "QEMU notes a triple fault too" if reset and qemu.noted_triple_fault(files) else ""
        lines = [f"{judged.verdict.value}, expected {env.expect.value}: {judged.why}", place,
                 f"log {os.path.relpath(files.path('log'), REPO)}, command in {files.name}.cmd"]
        detail = failed_tests(judged.run) or ["it ends:"] + judged.text.splitlines()[-TAIL_LINES:]
        return "\n".join([line for line in lines if line] + ["    " + line for line in detail])


def failed_tests(run):
    """Each failed test of a whole run, with the end of what it noted."""
    if not run.complete:
        return []
    return [line for result in run.results if result.status == ktap.FAIL
            for line in [f"{result.name}:"] + ["    " + note for note in result.notes[-8:]]]


def difference(first, second, number):
    """Says where two logs that should be the same part."""
    lines = zip(first.splitlines() + [b"(end)"], second.splitlines() + [b"(end)"])
    for at, (one, two) in enumerate(lines, 1):
        if one != two:
            return f"run {number} differs from run {number - 1} in line {at}: {one[:120]!r} / {two[:120]!r}"
    return f"run {number} differs from run {number - 1} in line ends only"
