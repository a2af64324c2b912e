"""make usb, on a machine made of files: each reason to refuse, the question, and what is written where all is well.

No device of this machine is looked at, and only regular files are written.
"""

import importlib.machinery
import importlib.util
import os
import subprocess
import sys

import pytest

from builds import REPO

TOOLS = os.path.join(REPO, "tools")
sys.path.append(TOOLS)
import usb_device  # noqa: E402  (the folder is no package)


def load_tool():
    loader = importlib.machinery.SourceFileLoader("usb_tool", os.path.join(TOOLS, "usb"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("usb_tool", loader))
    loader.exec_module(module)
    return module


tool = load_tool()

IMAGE = bytes(range(256)) * 5000  # more than a chunk, no multiple of one
STICK = 2 << 20
PORT = "devices/pci0000:00/usb1/1-1"
SCSI = f"{PORT}/1-1:1.0/host6/target6:0:0/6:0:0:0"
SDB = f"{SCSI}/block/sdb"
INSIDE = "devices/pci0000:00/ata1/host0/target0:0:0/0:0:0:0/block/sda"
ROOT = "20 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw\n"
OTHERS = "21 20 0:5 / /proc rw - proc proc rw\n22 20 0:40 / /media/a\\040b rw - btrfs /dev/sda3 rw\n"


class Machine(usb_device.Host):
    """A sysfs, /proc and /dev of files: the disk sda (root on sda2), the stick sdb with one partition."""

    def __init__(self, folder):
        super().__init__(*(os.path.join(folder, name) for name in ("sys", "proc", "dev")))
        self.numbers = {}
        self.put("proc/self/mountinfo", ROOT + OTHERS)
        self.put("proc/swaps", "Filename Type Size Used Priority\n/dev/sda4 partition 1 0 -2\n")
        self.disk(INSIDE, "8:0", removable="0", partitions=4)
        self.disk(SDB, "8:16", partitions=1)
        for name in ("idVendor", "serial"):
            self.put(f"sys/{PORT}/{name}", "4C53\n")
        self.link(f"sys/{PORT}/subsystem", "sys/bus/usb")
        self.link(f"sys/{PORT}/1-1:1.0/subsystem", "sys/bus/usb")
        self.link(f"sys/{SDB}/device", f"sys/{SCSI}")
        self.put(f"sys/{SCSI}/vendor", "Brand   \n")
        self.put(f"sys/{SCSI}/model", "Stick 3.0  \n")

    def at(self, path):
        return os.path.join(os.path.dirname(self.sys), path)

    def put(self, path, text):
        os.makedirs(os.path.dirname(self.at(path)), exist_ok=True)
        with open(self.at(path), "w", encoding="utf-8") as out:
            out.write(text)

    def add(self, path, text):
        with open(self.at(path), "a", encoding="utf-8") as out:
            out.write(text)

    def link(self, path, target):
        os.makedirs(self.at(target), exist_ok=True)
        os.makedirs(os.path.dirname(self.at(path)), exist_ok=True)
        os.symlink(self.at(target), self.at(path))

    def block(self, path, number, **attributes):
        """A block device's sysfs folder and its node, which is a regular file."""
        for name, value in {"dev": number, "ro": "0", "size": str(STICK // 512), **attributes}.items():
            self.put(f"sys/{path}/{name}", value + "\n")
        os.makedirs(self.at(f"sys/{path}/holders"))
        self.link(f"sys/dev/block/{number}", f"sys/{path}")
        self.numbers[os.path.basename(path)] = number
        self.put(f"dev/{os.path.basename(path)}", "")

    def disk(self, path, number, removable="1", partitions=0):
        self.block(path, number, removable=removable)
        major, minor = number.split(":")
        for part in range(1, partitions + 1):
            self.block(f"{path}/{os.path.basename(path)}{part}", f"{major}:{int(minor) + part}", partition=str(part))

    def hold(self, holder, number, path):
        """Makes @holder (dm-0) one that is built upon the device at @path."""
        self.block(f"devices/virtual/block/{holder}", number)
        self.link(f"sys/{path}/holders/{holder}", f"sys/devices/virtual/block/{holder}")

    def number(self, file):
        if isinstance(file, int):
            file = os.readlink(f"/proc/self/fd/{file}")
        os.stat(file)
        return self.numbers.get(os.path.basename(os.path.realpath(file)))

    def device(self, name="sdb"):
        return os.path.join(self.dev, name)


@pytest.fixture(name="machine")
def machine_fixture(tmp_path):
    return Machine(str(tmp_path))


def mount(number, source, point="/media/x"):
    return lambda m: m.add("proc/self/mountinfo", f"30 20 {number} / {point} rw - vfat {source} rw\n")


def swap_on(source):
    return lambda m: m.add("proc/swaps", f"{source} partition 1 0 -2\n")


def attribute(name, value, path=SDB):
    return lambda m: m.put(f"sys/{path}/{name}", value)


def several(*changes):
    return lambda m: [change(m) for change in changes]


def no_usb(m):
    for folder in (PORT, f"{PORT}/1-1:1.0"):
        os.unlink(m.at(f"sys/{folder}/subsystem"))


REFUSED = {
    "not removable": ("sdb", attribute("removable", "0"), "not removable"),
    "removable unknown": ("sdb", lambda m: os.unlink(m.at(f"sys/{SDB}/removable")), "not removable"),
    "inside": ("sda", lambda m: None, "not removable"),
    "inside though removable": ("sda", attribute("removable", "1", INSIDE), "not on the USB bus"),
    "another bus": ("sdb", no_usb, "not on the USB bus"),
    "partition": ("sdb1", lambda m: None, "a partition: name the whole device, sdb"),
    "no device": ("sdz", lambda m: None, "No such file"),
    "a file": ("image", lambda m: m.put("dev/image", ""), "no block device"),
    "no sysfs": ("sdy", lambda m: (m.put("dev/sdy", ""), m.numbers.update(sdy="8:240")), "sysfs does not know"),
    "mounted": ("sdb", mount("8:16", "/dev/sdb"), "mounted at /media/x"),
    "partition mounted": ("sdb", mount("8:17", "/dev/sdb1"), "mounted at /media/x"),
    "mounted by name alone": ("sdb", mount("0:50", "/dev/sdb1"), "mounted at /media/x"),
    "mounted by number alone": ("sdb", mount("8:17", "/dev/root"), "mounted at /media/x"),
    "root": ("sdb", mount("8:17", "/dev/root", "/"), "root file system"),
    "root by dm": ("sdb", several(lambda m: m.hold("dm-0", "254:0", f"{SDB}/sdb1"),
                                  mount("254:0", "/dev/mapper/root", "/")), "root file system"),
    "root by dm on dm": ("sdb", several(lambda m: m.hold("dm-0", "254:0", f"{SDB}/sdb1"),
                                        lambda m: m.hold("dm-1", "254:1", "devices/virtual/block/dm-0"),
                                        mount("254:1", "/dev/mapper/vg-root", "/")), "root file system"),
    "held": ("sdb", lambda m: m.hold("dm-0", "254:0", f"{SDB}/sdb1"), "in use by dm-0"),
    "whole disk held": ("sdb", lambda m: m.hold("md0", "9:0", SDB), "in use by md0"),
    "swap": ("sdb", swap_on("/dev/sdb1"), "swap space"),
    "write protected": ("sdb", attribute("ro", "1"), "write protected"),
    "too small": ("sdb", attribute("size", str(len(IMAGE) // 512 - 1)), "too small"),
    "no medium": ("sdb", attribute("size", "0"), "no medium"),
}


@pytest.fixture(name="image")
def image_fixture(tmp_path):
    path = tmp_path / "paravane.iso"
    path.write_bytes(IMAGE)
    return str(path)


def contents(machine):
    """What stands in all device nodes together."""
    return b"".join(open(machine.device(name), "rb").read() for name in sorted(os.listdir(machine.dev)))


@pytest.mark.quick
@pytest.mark.parametrize("case", REFUSED)
def test_refused_unasked_and_nothing_written(case, machine, image, capsys):
    name, change, words = REFUSED[case]
    change(machine)
    assert tool.main([machine.device(name), image], machine, lambda _text: pytest.fail("it asked")) == 1
    assert words in capsys.readouterr().err
    assert contents(machine) == b""


def test_what_is_asked_and_written(machine, image, capsys):
    asked = []
    machine.put("dev/sdb", "old" * (STICK // 3))
    old = contents(machine)
    assert tool.main([machine.device(), image], machine, lambda text: asked.append(text) or " sdb\n") == 0
    assert contents(machine) == IMAGE + old[len(IMAGE):], "the image, and nothing behind it"
    said = capsys.readouterr().out
    assert "Brand Stick 3.0, 0.00 GB, serial 4C53" in said and "read back" in said
    assert len(asked) == 1 and "(sdb)" in asked[0]


@pytest.mark.parametrize("answer", ["", "y", "yes", "sda", "SDB", "/dev/sdb", "sdb1"])
def test_only_its_name_will_do(answer, machine, image, capsys):
    assert tool.main([machine.device(), image], machine, lambda _text: answer) == 1
    assert "not its name" in capsys.readouterr().err and contents(machine) == b""


@pytest.mark.parametrize("change, words", [
    (attribute("serial", "other", PORT), "not the same device"),
    (attribute("size", "9999"), "not the same device"),
    (mount("8:17", "/dev/sdb1"), "mounted"),
])
def test_what_changes_while_it_asks_is_noticed(change, words, machine, image, capsys):
    assert tool.main([machine.device(), image], machine, lambda _text: change(machine) or "sdb") == 1
    assert words in capsys.readouterr().err and contents(machine) == b""


def test_another_device_of_that_name_is_not_written(machine, image):
    device = usb_device.inspect(machine, machine.device(), len(IMAGE))
    machine.numbers["sdb"] = "8:32"
    with pytest.raises(usb_device.Refused, match="taken its name"):
        tool.write(machine, device, image)
    assert contents(machine) == b""


def test_what_does_not_read_back_is_said(machine, image, monkeypatch, capsys):
    def bad_stick(fd, data):
        done = real_write(fd, data)
        os.pwrite(fd, b"?", 1 << 20 | 7)
        return done

    real_write = os.write
    monkeypatch.setattr(tool.os, "write", bad_stick)
    assert tool.main([machine.device(), image], machine, lambda _text: "sdb") == 1
    assert f"from byte {1 << 20} on" in capsys.readouterr().err


def test_it_asks_for_the_device_alone(machine, image, monkeypatch):
    flags = []
    real_open = os.open
    monkeypatch.setattr(tool.os, "open", lambda path, how: flags.append(how) or real_open(path, how))
    assert tool.main([machine.device(), image], machine, lambda _text: "sdb") == 0
    assert len(flags) == 2 and all(how & os.O_EXCL for how in flags)


@pytest.mark.parametrize("argv", [[], [""], ["", "x"], ["--force", "/dev/x", "image"], ["a", "b", "c"]])
def test_there_are_no_switches(argv, machine):
    assert tool.main(argv, machine, lambda _text: pytest.fail("it asked")) == 2


def test_without_a_terminal_nobody_is_asked():
    """The tool itself, as make runs it, on what is certainly no stick."""
    done = subprocess.run([os.path.join(TOOLS, "usb"), "/dev/null", os.path.join(TOOLS, "usb")], check=False, text=True,
                          capture_output=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 1 and "no block device" in done.stderr
    with pytest.raises(usb_device.Refused, match="terminal"):
        sys.stdin, keep = open(os.devnull, encoding="utf-8"), sys.stdin
        try:
            tool.ask_person("?")
        finally:
            sys.stdin.close()
            sys.stdin = keep
