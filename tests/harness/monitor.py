"""Types at the monitor as a person would: QEMU with its serial line on a pseudo terminal (pexpect).

The prompt must come exactly once per line typed: leave() counts them over the whole session. Must not know the
commands: test_monitor.py does.
"""

import re

import pexpect

PROMPT = "pv> "
SETTLE = 0.3  # seconds without a byte in which a prompt too many would come


class Monitor:
    """One QEMU at the other end of a terminal; use as a context."""

    def __init__(self, argv, files, seconds):
        self.files = files
        self.seconds = seconds
        self.lines = 0
        files.note_command(argv)
        self._log = open(files.path("log"), "wb")
        self._qemu = pexpect.spawn(argv[0], argv[1:], timeout=seconds, echo=False, dimensions=(50, 200))
        self._qemu.logfile_read = self._log
        self._qemu.delaybeforesend = None

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self._qemu.close(force=True)
        self._log.close()

    def _expect(self, pattern):
        try:
            self._qemu.expect(pattern)
        except (pexpect.TIMEOUT, pexpect.EOF) as error:
            what = "within the time" if isinstance(error, pexpect.TIMEOUT) else "before QEMU ended"
            raise AssertionError(f"no {pattern!r} {what}; the log ends: {self.text()[-800:]!r}") from None
        return clean(self._qemu.before)

    def expect_prompt(self):
        """Waits for the prompt; returns what came before it."""
        return self._expect(re.escape(PROMPT).encode())

    def expect(self, pattern):
        """Waits for a regular expression."""
        return self._expect(pattern.encode())

    def send(self, text):
        """Types @text as it is: no line end added, and no prompt counted."""
        self._qemu.send(text)

    def ask(self, text, end="\r"):
        """Types a line and returns the answer: all between its echo and the next prompt."""
        self.lines += 1
        self._qemu.send(text + end)
        answer = self.expect_prompt()
        _echo, _newline, rest = answer.partition("\n")
        return rest.strip("\n")

    def ask_at_length(self, text):
        """Types a line whose answer may hold prompts itself (log): all that comes until it is quiet."""
        self._qemu.send(text + "\r")
        parts = []
        while True:
            try:
                parts.append(self._qemu.read_nonblocking(65536, timeout=SETTLE))
            except pexpect.TIMEOUT:
                return clean(b"".join(parts))

    def leave(self, text, expect_prompts=True):
        """Types a line that ends QEMU; returns its exit code after counting the session's prompts."""
        self._qemu.send(text + "\r")
        if self._qemu.expect([pexpect.EOF, re.escape(PROMPT).encode(), pexpect.TIMEOUT]):
            raise AssertionError(f"{text!r} did not end QEMU; the log ends: {self.text()[-800:]!r}")
        self._qemu.close()
        if expect_prompts:
            prompts = self.text().count(PROMPT)
            assert prompts == self.lines + 1, f"{prompts} prompts for {self.lines} lines and the last one"
        return self._qemu.exitstatus if self._qemu.signalstatus is None else -self._qemu.signalstatus

    def quiet(self):
        """What comes without being asked for, within SETTLE seconds: should be nothing."""
        try:
            self._qemu.expect(pexpect.EOF, timeout=SETTLE)
        except pexpect.TIMEOUT:
            pass
        return clean(self._qemu.before)

    def text(self):
        """The whole session so far."""
        self._log.flush()
        with open(self.files.path("log"), "rb") as log:
            return clean(log.read())


def clean(raw):
    """Terminal bytes as plain lines: carriage returns dropped, erasing backspaces carried out, escapes removed."""
    text = raw.decode("utf-8", "backslashreplace") if isinstance(raw, bytes) else ""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    return re.sub(r"\r+\n?", "\n", text.replace("\r\n", "\n"))
