"""Real KVM by nesting: QEMU TCG (L0) runs Debian's Linux with kvm-amd (L1), and that runs QEMU -accel kvm with
our image (L2).

L1's `init` (tests/nested/init) mounts the machine's own root over 9p, so L2 boots what was built here. L2's
serial line comes raw through L0's second serial port and is the log; L1's report comes through the first, as a
line

    paravane-nested: result exit=33 seconds=2

One L2 run per L0 boot: L0 was once seen dying in a second one. When L0 dies all the same there is one retry,
and it is named. Must not judge the log: verdict.py does, as everywhere. Read next: tests/nested/initramfs.py.
"""

import os
import re
import shlex
import sys

import qemu

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.append(os.path.join(TESTS, "nested"))
import initramfs  # noqa: E402  (the folder is no package)

RE_REPORT = re.compile(rb"^paravane-nested: (result exit=(?P<exit>\d+) seconds=\d+|failed: (?P<failed>.*?))\r?$", re.M)
RE_STDERR = re.compile(rb"^paravane-nested: stderr: (.*?)\r?$", re.M)

L1_APPEND = "console=ttyS0 panic=-1 quiet mitigations=off paravane.job={job}"
L1_SECONDS = 45  # of the limit, what L1 may need before and after L2 on a loaded machine
# A word of L2's command that L1 replaces by the rate of its own TSC, as it has measured it: QEMU shows its guests a
# leaf with that rate only where the command gives it, and KVM takes no other here (it cannot scale TSCs).
TSC_HZ = "L1_TSC_HZ"
TSC_LINE = r"tsc=$(dmesg | sed -n 's/.*tsc: .* \([0-9]*\)\.\([0-9]*\) MHz.*/\1\2000/p' | tail -n 1)"
TIMEOUT_EXIT = 124  # timeout(1): L2 was ended


def l0_command(vmlinuz, initrd, job, files):
    """L0 has as many CPUs as L2 may have; ttyS0 is L1's report, ttyS1 (QEMU's stdout) is L2's log."""
    return [qemu.QEMU, "-accel", "tcg", "-cpu", "max", "-m", "2048", "-smp", "2",
            "-nodefaults", "-display", "none", "-no-reboot",
            "-serial", "file:" + files.path("l1"), "-serial", "stdio",
            "-kernel", vmlinuz, "-initrd", initrd, "-append", L1_APPEND.format(job=job),
            "-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"]


def prepare(deps, folder, argv, limit, name):
    """Writes the job and the initramfs; returns (vmlinuz, initrd, job)."""
    job = os.path.join(folder, f"{name}.job")
    if not re.fullmatch(r"[\w/.+-]+", job):
        raise ValueError(f"the path {job!r} cannot stand on L1's kernel command line")
    with open(job, "w", encoding="utf-8") as out:
        out.write(f"{TSC_LINE}\nexec timeout -s KILL {int(limit)} {shlex.join(argv).replace(TSC_HZ, '$tsc')}\n")
    initrd = os.path.join(folder, f"{name}.cpio.gz")
    vmlinuz = initramfs.build(os.path.join(deps, "linux"), initrd)
    return vmlinuz, initrd, job


def run(deps, argv, files, limit):
    """Runs QEMU command @argv in L1. Returns (Outcome of L2, list of remarks)."""
    vmlinuz, initrd, job = prepare(deps, files.folder, argv, max(limit - L1_SECONDS, limit / 2), files.name)
    remarks = []
    for attempt in (1, 2):
        with open(files.path("l1"), "wb"):
            pass  # an old report is not this run's
        outcome = qemu.run(l0_command(vmlinuz, initrd, job, files), files, limit, crash_ends=False)
        with open(files.path("l1"), "rb") as log:
            l1_log = log.read()
        report = RE_REPORT.search(l1_log)
        if report or outcome.timed_out or attempt == 2:
            break
        remarks.append(f"L0 died with exit code {outcome.exit_code} before L1 reported: retried once")
    return _as_l2(outcome, report, l1_log), remarks


def _as_l2(outcome, report, l1_log):
    """Turns L0's outcome into L2's: its exit code is the one that L1 reports."""
    words = b"\n".join(RE_STDERR.findall(l1_log)).decode("utf-8", "replace")
    if report is None:
        last = l1_log.strip().splitlines()[-1:] or [b"(nothing on its line)"]
        why = f"{words}\nL1 gave no report (L0 exit code {outcome.exit_code}): {last[0].decode('utf-8', 'replace')}"
        code = None if outcome.timed_out else outcome.exit_code or 1
        return qemu.Outcome(outcome.raw, code, outcome.timed_out, outcome.seconds, why)
    if report["failed"] is not None:
        return qemu.Outcome(outcome.raw, 1, False, outcome.seconds, "L1: " + report["failed"].decode())
    code = int(report["exit"])
    ended = code in (TIMEOUT_EXIT, 128 + 9)
    return qemu.Outcome(outcome.raw, None if ended else code, ended, outcome.seconds, words)
