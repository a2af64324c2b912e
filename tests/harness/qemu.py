"""Starts QEMU, watches its serial log, ends it in time. One call, one run, one Outcome.

The guest's serial line is QEMU's stdout, and that is the log file itself: QEMU never waits for a reader, so a
run under icount is not disturbed, and the file's mtime says when the last byte came. Must not know what a good
log looks like, except that a crash mark followed by quiet needs no further waiting. Read next: verdict.py,
environments.py.
"""

import os
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

import verdict

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir, "tools"))
import firmware  # noqa: E402  (the folder is no package)

QEMU = "qemu-system-x86_64"
DIE_WITH_US = ["setpriv", "--pdeathsig", "KILL", "--"]  # util-linux: no QEMU outlives a harness that is killed
POLL_SECONDS = 0.05
QUIET_AFTER_CRASH = 3.0  # seconds without a byte after a crash mark: it will not come back
LOG_LIMIT = 32 << 20  # a kernel that prints without end is stopped here

ALWAYS = ["-nodefaults", "-display", "none", "-no-reboot", "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]

# How the image gets in, by Environment.boot. {elf}, {iso} and {cmdline} are filled in.
BOOT = {
    "kernel": ["-kernel", "{elf}", "-append", "{cmdline}"],
    "bios": ["-vga", "std", "-boot", "d", "-cdrom", "{iso}"],
    "uefi": ["-vga", "std", "-cdrom", "{iso}"],
}


_running = set()  # the processes of all threads' runs


@dataclass
class Outcome:
    raw: bytes  # the serial log
    exit_code: int  # None: the harness ended it
    timed_out: bool
    seconds: float
    stderr: str = ""


@dataclass(frozen=True)
class Files:
    """Where one run leaves its traces: all under build/logs, named after the run."""
    folder: str
    name: str

    def path(self, kind):
        return os.path.join(self.folder, f"{self.name}.{kind}")

    def note_command(self, command):
        with open(self.path("cmd"), "w", encoding="utf-8") as out:
            out.write(shlex.join(command) + "\n")


def machine_args(env):
    """Accelerator, CPU, memory and further devices of an environment, without its boot path."""
    args = ["-accel", env.accel, "-M", env.machine, "-cpu", env.cpu, "-m", env.memory, *ALWAYS]
    args += ["-smp", str(env.cpus)] if env.cpus > 1 else []
    args += ["-serial", "stdio" if env.serial else "none"]
    return args + list(env.qemu)


def command(env, elf, iso, cmdline, files):
    """The whole command line of an environment's run. QEMU notes each CPU reset in @files, UEFI its variables."""
    trace = ["-d", "cpu_reset", "-D", files.path("reset")]
    uefi = firmware.uefi_options(files.path("vars")) if env.boot == "uefi" else []
    fill = {"elf": elf, "iso": iso, "cmdline": cmdline}
    boot = [part.format(**fill) if part[0] == "{" else part for part in BOOT[env.boot]]
    return [QEMU, *machine_args(env), *trace, *uefi, *boot]


def nested_command(env, elf, cmdline):
    """As command(), for a QEMU that runs where nothing can be written."""
    return [QEMU, *machine_args(env), "-kernel", elf, "-append", cmdline]


def noted_triple_fault(files):
    """True if QEMU's own trace of CPU resets (TCG) names a triple fault."""
    try:
        with open(files.path("reset"), encoding="utf-8", errors="replace") as trace:
            return "Triple fault" in trace.read()
    except FileNotFoundError:
        return False


def run(argv, files, limit, cwd=None, crash_ends=True, meanwhile=None, said="log"):
    """Runs @argv until it ends, @limit seconds pass, or (@crash_ends) it lies crashed; keeps log, stderr, command line.

    @meanwhile() is called once it runs, before it is watched: a debugger's work. @said is the kind of file that its
    stdout goes to: another than the log where it writes the log itself.
    """
    files.note_command(argv)
    log_path = files.path("log")
    begin = time.monotonic()
    with open(log_path, "wb"), open(files.path(said), "wb") as out, open(files.path("err"), "wb") as err:
        process = subprocess.Popen([*DIE_WITH_US, *argv], stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=cwd,
                                   start_new_session=True, env={**os.environ, "LC_ALL": "C"})
        _running.add(process)
        try:
            if meanwhile:
                meanwhile()
            exit_code, timed_out = _watch(process, log_path, begin + limit, crash_ends)
        finally:
            end_process(process)
            _running.discard(process)
    seconds = time.monotonic() - begin
    with open(log_path, "rb") as log, open(files.path("err"), encoding="utf-8", errors="replace") as err:
        return Outcome(log.read(), exit_code, timed_out, seconds, err.read())


def _watch(process, log_path, deadline, crash_ends):
    """Waits for the end: (exit code or None, whether time or patience ran out)."""
    crashed = False
    size_seen = 0
    while True:
        try:
            return process.wait(POLL_SECONDS), False
        except subprocess.TimeoutExpired:
            pass
        status = os.stat(log_path)
        if time.monotonic() >= deadline or status.st_size > LOG_LIMIT:
            return None, True
        if status.st_size != size_seen:
            size_seen = status.st_size
            crashed = crash_ends and (crashed or _has_crash_mark(log_path))
        elif crashed and time.time() - status.st_mtime > QUIET_AFTER_CRASH:
            return None, False


def _has_crash_mark(log_path, tail=65536):
    with open(log_path, "rb") as log:
        log.seek(max(0, os.path.getsize(log_path) - tail))
        return bool(verdict.CRASH_MARKS.search(verdict.decode(log.read())))


def end_all():
    """Ends what still runs when the session ends early."""
    for process in list(_running):
        end_process(process)


def end_process(process):
    """Ends the process that we started (and its children: it leads a session of its own)."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
