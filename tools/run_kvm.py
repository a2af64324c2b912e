"""Does this machine's /dev/kvm really run a kernel? Found out by running one: tools/kvm_probe.asm.

That /dev/kvm can be opened says little: some emulate ring 0 in software, and stop the VM at the first int3. The
image takes about 0.1 s where KVM works. Its verdict is kept in the build folder, keyed by what could change it
(boot, QEMU, the image); whether /dev/kvm opens is asked each time, since a group membership may come and go.
Used by tools/run, tools/probe-kvm and the test harness; must not know what Paravane is.
"""

import hashlib
import json
import os
import shutil
import subprocess
import threading

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "kvm_probe.asm")
QEMU = "qemu-system-x86_64"
PASSED = 2 * 0x2A + 1  # QEMU's exit code for the image's PASSED
LIMIT = 5.0  # seconds; a working KVM needs 0.1
FATAL = "KVM internal error"  # after this QEMU stays, stopped, for ever
STEPS = {"int3", "int n", "popcnt", "cmpxchg16b", "rdtscp", "stac", "syscall from ring 3"}


def probe(build):
    """(works, why) for this machine, where why is a few words for a person. @build: a folder for image and cache."""
    why_not = cannot_open()
    if why_not:
        return False, why_not
    os.makedirs(build, exist_ok=True)
    cache = os.path.join(build, "kvm-probe.json")
    key = cache_key()
    try:
        with open(cache, encoding="utf-8") as stream:
            known = json.load(stream)
        if known["key"] == key:
            return known["works"], known["why"]
    except (OSError, ValueError, KeyError, TypeError):
        pass
    works, why = judge(*run_image(assemble(build), ["-accel", "kvm", "-cpu", "host"]))
    partial = f"{cache}.{os.getpid()}"
    with open(partial, "w", encoding="utf-8") as stream:
        json.dump({"key": key, "works": works, "why": why}, stream)
    os.replace(partial, cache)
    return works, why


def cannot_open(device="/dev/kvm"):
    """Why @device cannot be used at all, or None."""
    try:
        os.close(os.open(device, os.O_RDWR))
    except FileNotFoundError:
        return f"no {device}"
    except OSError as error:
        return f"{device}: {error.strerror}"
    return None


def cache_key():
    """What the verdict depends on: this boot of this machine, its QEMU, and what the image does."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
        boot = stream.read().strip()
    qemu = shutil.which(QEMU) or ""
    with open(SOURCE, "rb") as stream:
        image = hashlib.sha256(stream.read()).hexdigest()
    return [boot, qemu, os.path.getmtime(qemu) if qemu else 0, image]


def assemble(build):
    """Path of the image, made from SOURCE each time: that takes milliseconds."""
    image = os.path.join(build, "kvm-probe.elf")
    subprocess.run(["nasm", "-f", "bin", "-o", image, SOURCE], check=True)
    return image


def run_image(image, accel, limit=LIMIT):
    """Runs @image with the QEMU options @accel: (lines that came out, exit code or None when it had to be killed)."""
    command = [QEMU, "-M", "microvm", *accel, "-m", "32", "-nodefaults", "-display", "none", "-no-reboot",
               "-debugcon", "stdio", "-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-kernel", image]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace") as process:
        timer = threading.Timer(limit, process.kill)
        timer.start()
        lines = []
        for line in process.stdout:
            lines.append(line.strip())
            if FATAL in line:
                process.kill()
        code = process.wait()
        timer.cancel()
    return lines, code if code >= 0 else None


def judge(lines, code):
    """The verdict over what run_image() gave."""
    steps = [line for line in lines if line in STEPS]
    if code == PASSED and set(steps) == STEPS:
        return True, "/dev/kvm passed a test run"
    messages = [line for line in lines if line.startswith("qemu-system") and "error" in line]
    if steps:
        how = "it hangs" if code is None else "a fault or wrong result"
        if any(FATAL in line for line in lines):
            how = FATAL
        return False, f"/dev/kvm cannot do `{steps[-1]}` ({how})"
    if messages:
        return False, "/dev/kvm: " + messages[0].split("error: ", 1)[-1]
    return False, "/dev/kvm runs no code" if code is None else f"/dev/kvm: QEMU ended with {code} before the first step"
