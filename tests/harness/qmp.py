"""A guest that sits at the monitor's prompt, and a look into its memory from outside.

Starts QEMU with its QMP socket, waits until the serial log ends in the prompt, and reads physical memory with pmemsave.
It must not know what lies in that memory. Read next: patchproof.py, which does.
"""

import contextlib
import json
import os
import socket
import subprocess
import time

import qemu

PROMPT = b"pv> "
POLL_SECONDS = 0.02


class NotAtPrompt(Exception):
    """The guest died or did not come to its prompt in time; the text says how its log ends."""


class Qmp:
    """QEMU's machine protocol: one JSON object a line, events in between."""

    def __init__(self, path, limit=10):
        self.line = socket.socket(socket.AF_UNIX)
        self.line.settimeout(limit)
        self.line.connect(path)
        self.stream = self.line.makefile("rw", encoding="utf-8")
        self.stream.readline()
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        """Sends one command and returns its answer; an error answer is an exception."""
        self.stream.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.stream.flush()
        while True:
            answer = json.loads(self.stream.readline())
            if "error" in answer:
                raise RuntimeError(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def close(self):
        self.stream.close()
        self.line.close()


def _connect(path, deadline):
    """The QMP line: its socket appears a moment before anybody listens there."""
    while True:
        try:
            return Qmp(path)
        except (FileNotFoundError, ConnectionRefusedError):
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECONDS)


@contextlib.contextmanager
def started(argv, path, limit):
    """(QEMU's process, its QMP line at the socket @path), ended with the `with`."""
    process = subprocess.Popen([*qemu.DIE_WITH_US, *argv], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               start_new_session=True)
    try:
        line = _connect(path, time.monotonic() + limit)
        yield process, line
        line.close()
    finally:
        qemu.end_process(process)


class Guest:
    """One booted image, for use in a `with`: starts on entry, waits for the prompt, ends on exit."""

    def __init__(self, elf, cmdline, folder, limit=60, memory="256M", extra=()):
        self.folder = str(folder)
        self.limit = limit
        self.log_path = os.path.join(self.folder, "serial.log")
        self.socket_path = os.path.join(self.folder, "qmp")
        self.argv = [qemu.QEMU, "-accel", "tcg", "-cpu", "max", "-m", memory, *qemu.ALWAYS, "-serial", "stdio",
                     "-kernel", str(elf), "-append", cmdline, "-qmp", f"unix:{self.socket_path},server=on,wait=off",
                     *extra]

    def __enter__(self):
        with open(self.log_path, "wb") as log:
            # stdin is a pipe that stays open: an end of file on it would be an end of the line for the monitor
            self.process = subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=log, stderr=log,
                                            start_new_session=True)
        try:
            self.wait_for_prompt()
            self.qmp = Qmp(self.socket_path)
        except BaseException:
            qemu.end_process(self.process)
            raise
        return self

    def __exit__(self, *_):
        self.qmp.close()
        self.process.stdin.close()
        qemu.end_process(self.process)

    def log(self):
        with open(self.log_path, "rb") as log:
            return log.read()

    def wait_for_prompt(self, count=1):
        """Returns when the log ends in the prompt, for the @count-th time at least."""
        deadline = time.monotonic() + self.limit
        while True:
            log = self.log()
            if log.endswith(PROMPT) and log.count(PROMPT) >= count:
                return
            ended = self.process.poll()
            if ended is not None or time.monotonic() > deadline:
                how = f"QEMU ended with {ended}" if ended is not None else f"no prompt within {self.limit} s"
                raise NotAtPrompt(f"{how}; the log ends: {log[-300:].decode(errors='replace')!r}")
            time.sleep(POLL_SECONDS)

    def type(self, line):
        """Types a line at the monitor and waits for the next prompt."""
        count = self.log().count(PROMPT)
        self.process.stdin.write(line.encode() + b"\r")
        self.process.stdin.flush()
        self.wait_for_prompt(count + 1)

    def read_physical(self, address, size):
        """@size bytes of guest-physical memory."""
        path = os.path.join(self.folder, f"memory-{address:x}")
        self.qmp.ask("pmemsave", val=address, size=size, filename=path)
        with open(path, "rb") as dump:
            data = dump.read()
        os.unlink(path)
        if len(data) != size:
            raise RuntimeError(f"pmemsave of {size} bytes at {address:#x} gave {len(data)}")
        return data
