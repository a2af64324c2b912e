"""The two ways a person or a script sits at the booted image's serial line; tools/run picks one.

At a terminal QEMU has the line itself, together with its own monitor (Ctrl-A c). In a pipe each line of input is
held back until the prompt asks for it, since GRUB would swallow what comes earlier; when the input is used up and
the prompt is back, the machine is switched off. Must not know how the machine was put together.
"""

import os
import re
import select
import subprocess
import sys
import termios

PROMPT = re.compile(rb"[\r\n]pv> $")
# What firmware and menu may leave behind in a terminal: colours, no line wrap, no cursor.
PLAIN_TERMINAL = "\x1b[0m\x1b[?7h\x1b[?25h"


def at_terminal(command):
    """Runs QEMU @command on this terminal; returns its exit code with the terminal as it was."""
    before = termios.tcgetattr(sys.stdin)
    process = subprocess.Popen([*command, "-serial", "mon:stdio"])
    try:
        return wait(process)
    finally:
        end(process)
        termios.tcsetattr(sys.stdin, termios.TCSANOW, before)
        if sys.stdout.isatty():
            sys.stdout.write(PLAIN_TERMINAL + "\n")
            sys.stdout.flush()


def in_pipe(command):
    """Runs QEMU @command, feeding it our input a line per prompt; returns its exit code, 0 at the input's end."""
    process = subprocess.Popen([*command, "-serial", "stdio", "-monitor", "none", "-no-reboot"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        used_up = feed(process)
        if used_up:
            process.kill()  # it has nothing to save, and SIGTERM would make it say so
        code = wait(process)
        return 0 if used_up else code
    finally:
        end(process)


def feed(process):
    """Copies output and hands over input. True: the input is used up and answered; False: QEMU closed its output."""
    source, sink = process.stdout.fileno(), process.stdin.fileno()
    pending, ended, tail = b"", False, b""
    while True:
        asks = PROMPT.search(tail) is not None
        if asks and b"\n" in pending:
            line, pending = pending.split(b"\n", 1)
            os.write(sink, line.rstrip(b"\r") + b"\n")
            tail = b""
            continue
        if asks and ended:
            return True
        ready, _, _ = select.select([source] if ended else [source, 0], [], [])
        if source in ready:
            chunk = os.read(source, 65536)
            if not chunk:
                return False
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
            tail = (tail + chunk)[-16:]
        if 0 in ready:
            chunk = os.read(0, 65536)
            ended = not chunk
            pending += chunk
            if ended and pending and not pending.endswith(b"\n"):
                pending += b"\n"


def end(process):
    """No QEMU outlives us, however we came here."""
    if process.poll() is None:
        process.kill()
        process.wait()


def wait(process):
    """The exit code of @process, whatever signals arrive meanwhile: Ctrl-C ends QEMU too, and we tidy up after it."""
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.terminate()
