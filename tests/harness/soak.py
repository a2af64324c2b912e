"""What `make soak` makes of the kernel's own account of soak=SECONDS (tests/soak.c): is all that was sent received?

Pure. Read next: test_soak.py.
"""

import re

import verdict

RE_LOAD = re.compile(r"^soak: (.+?) +sent +(\d+) received +(\d+)$", re.M)
RE_COMPLAINT = re.compile(r"^# .*$", re.M)
LOADS = ("call one", "call mask", "call all", "NMI", "page fault", "int3", "user mode", "shootdown", "park", "patch",
         "work", "tick")  # those that the account must have, at least


def loads(text):
    """{load: (sent, received)} of the account."""
    return {name: (int(sent), int(received)) for name, sent, received in RE_LOAD.findall(text)}


def complaints(text, exit_code):
    """Everything that is wrong with the account; nothing: all that was sent was received."""
    found = [f"the kernel says: {line}" for line in RE_COMPLAINT.findall(text)]
    crash = verdict.CRASH_MARKS.search(text)
    if crash:
        found.append(crash.group(0))
    account = loads(text)
    for name in LOADS:
        if name not in account:
            found.append(f"no account of {name!r}")
    for name, (sent, received) in account.items():
        if sent != received:
            found.append(f"{name}: {sent} sent, {received} received")
        if not sent:
            found.append(f"{name}: nothing was sent")
    if not re.search(r"^soak: passed$", text, re.M):
        found.append("no line `soak: passed`")
    if exit_code != verdict.EXIT_PASSED:
        found.append(f"exit code {exit_code}, not {verdict.EXIT_PASSED}")
    return found
