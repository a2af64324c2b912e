"""A small client of the GDB remote protocol, enough to stop the guest at its entry, change what it is about to
read, and let it go.

With it the *real* image meets boot input that no boot loader would hand over (test_badboot.py). Reference: GDB
manual, appendix E; the register numbers are those of QEMU's target.xml. A register is 64 bits wide, in whatever
mode the guest is.
"""

import contextlib
import os
import shutil
import socket
import tempfile
import time

import qemu

NUMBER = {"eax": 0, "ebx": 1, "ecx": 2, "edx": 3, "esi": 4, "edi": 5, "ebp": 6, "esp": 7, "eip": 16}
CHUNK = 1024  # bytes of memory in one packet: QEMU takes at most 4096 characters


class StubError(Exception):
    """The stub answered an error, or nothing."""


class Stub:
    """A connection to QEMU's stub on a unix socket."""

    def __init__(self, path, seconds):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(seconds)
        self._buffer = b""
        deadline = time.monotonic() + seconds
        while True:
            try:
                self._socket.connect(path)
                self.command("qXfer:features:read:target.xml:0,100")  # only then QEMU takes p and P
                return
            except (FileNotFoundError, ConnectionRefusedError) as error:
                if time.monotonic() > deadline:
                    raise StubError("QEMU opened no debugger socket") from error
                time.sleep(0.02)

    def close(self):
        self._socket.close()

    def _byte(self):
        if not self._buffer:
            self._buffer = self._socket.recv(65536)
            if not self._buffer:
                raise StubError("QEMU closed the connection")
        byte, self._buffer = self._buffer[:1], self._buffer[1:]
        return byte

    def _receive(self):
        """The next packet's payload; acknowledged."""
        while self._byte() != b"$":
            pass
        payload = b""
        while (byte := self._byte()) != b"#":
            payload += byte
        self._byte(), self._byte()  # the checksum: a unix socket loses nothing
        self._socket.sendall(b"+")
        return payload.decode("latin-1")

    def command(self, text):
        """Sends a packet and returns the answer."""
        data = text.encode("latin-1")
        self._socket.sendall(b"$" + data + b"#%02x" % (sum(data) & 0xff))
        answer = self._receive()
        if answer.startswith("E") or not answer:
            raise StubError(f"{text[:40]}: {answer or 'not understood'}")
        return answer

    def run_to(self, address):
        """Lets the guest run until it is about to execute @address (hardware breakpoint)."""
        self.command(f"Z1,{address:x},1")
        answer = self.command("c")
        self.command(f"z1,{address:x},1")
        if answer[0] not in "ST" or self.register("eip") != address:
            raise StubError(f"stopped with {answer!r}, not at {address:#x}")

    def register(self, name):
        raw = self.command(f"p{NUMBER[name]:x}")
        return int.from_bytes(bytes.fromhex(raw)[:8], "little")

    def set_register(self, name, value):
        self.command(f"P{NUMBER[name]:x}={value.to_bytes(8, 'little').hex()}")
        if self.register(name) != value:
            raise StubError(f"{name} did not take {value:#x}")

    def read(self, address, length):
        data = b""
        while len(data) < length:
            part = min(CHUNK, length - len(data))
            data += bytes.fromhex(self.command(f"m{address + len(data):x},{part:x}"))
        return data

    def write(self, address, data):
        for at in range(0, len(data), CHUNK):
            part = data[at:at + CHUNK]
            self.command(f"M{address + at:x},{len(part):x}:{part.hex()}")

    def enter(self, address, **registers):
        """Sets registers and goes on at @address when the guest runs again."""
        for name, value in registers.items():
            self.set_register(name, value)
        self.set_register("eip", address)

    def detach(self):
        """Lets the guest run, undisturbed from now on. It may end before QEMU has answered."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError, StubError):
            self.command("D")


def run_with(argv, files, limit, address, move):
    """Runs QEMU @argv, stops it at physical @address, calls move(stub), and lets it go. Returns its Outcome."""
    folder = tempfile.mkdtemp(prefix="paravane-gdb-")  # a socket's path must be short
    path = os.path.join(folder, "socket")

    def debug():
        stub = Stub(path, limit)
        try:
            stub.run_to(address)
            move(stub)
            stub.detach()
        finally:
            stub.close()

    try:
        return qemu.run([*argv, "-S", "-gdb", f"unix:{path},server=on,wait=off"], files, limit, meanwhile=debug)
    finally:
        shutil.rmtree(folder)
