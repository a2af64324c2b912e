"""Whether a device may be overwritten: what sysfs and /proc say of it, and each reason to refuse.

Only a whole, removable device on the USB bus of which nothing is in use is let through; there is no way around a
refusal. Reads, and never writes. Must not know what is to be written, nor ask anybody. Read next: tools/usb.
"""

import os
import stat
from dataclasses import dataclass

SECTOR = 512  # of sysfs' size, whatever the device's own is


class Refused(Exception):
    """Why the device must not be written, in words."""


@dataclass(frozen=True)
class Device:
    path: str  # below /dev
    name: str  # the kernel's: what has to be typed
    number: str  # major:minor
    size: int  # bytes
    model: str
    serial: str

    def describe(self):
        return f"{self.path}: {self.model}, {self.size / 1e9:.2f} GB, serial {self.serial}"


class Host:
    """Where a machine shows its devices."""

    def __init__(self, sys="/sys", proc="/proc", dev="/dev"):
        self.sys, self.proc, self.dev = sys, proc, dev

    def number(self, file):
        """The "major:minor" of a block device by path or file descriptor; None for anything else."""
        status = os.stat(file)
        if not stat.S_ISBLK(status.st_mode):
            return None
        return f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"

    def node(self, number):
        """The sysfs folder of a block device, links resolved."""
        return os.path.realpath(os.path.join(self.sys, "dev", "block", number))

    def kernel_name(self, source):
        """The kernel's name of what a mount calls /dev/SOMETHING, links like /dev/mapper/x resolved; else empty."""
        if not source.startswith("/dev/"):
            return ""
        return os.path.basename(os.path.realpath(os.path.join(self.dev, source.removeprefix("/dev/"))))


def read(folder, name, default=""):
    """A sysfs attribute, stripped."""
    try:
        with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as stream:
            return stream.read().strip()
    except OSError:
        return default


def partitions(node):
    return sorted(entry.path for entry in os.scandir(node) if os.path.exists(os.path.join(entry.path, "partition")))


def holders(node):
    """What is built upon a disk or partition: the sysfs folders of dm, md and the like."""
    folder = os.path.join(node, "holders")
    return [os.path.realpath(os.path.join(folder, name)) for name in os.listdir(folder)] \
        if os.path.isdir(folder) else []


def usb_ancestor(host, node):
    """The folder of the USB device that the disk at @node hangs on, or None. Interfaces (1-1:1.0) have no serial."""
    folder = node
    top = os.path.realpath(host.sys)
    while folder.startswith(top) and folder != top:
        bus = os.path.basename(os.path.realpath(os.path.join(folder, "subsystem")))
        if bus == "usb" and os.path.exists(os.path.join(folder, "idVendor")):
            return folder
        folder = os.path.dirname(folder)
    return None


def family(host, node):
    """The sysfs folders of the disk, its partitions, and all that is built upon them (dm, md), in turn."""
    found, todo = [], [node]
    while todo:
        folder = todo.pop()
        if folder not in found:
            found.append(folder)
            todo += partitions(folder) + holders(folder)
    return found


def mounts(host):
    """(major:minor, source, mount point) of each mount of this process (proc(5), mountinfo)."""
    with open(os.path.join(host.proc, "self", "mountinfo"), encoding="utf-8", errors="replace") as table:
        for line in table:
            left, _dash, right = line.partition(" - ")
            fields = left.split()
            yield fields[2], right.split()[1], fields[4]


def swaps(host):
    """The first column of /proc/swaps."""
    with open(os.path.join(host.proc, "swaps"), encoding="utf-8", errors="replace") as table:
        return [line.split()[0] for line in table.readlines()[1:]]


def refuse_if_used(host, node):
    """Root, mounts, swap, and whatever has a part of the device open as its own."""
    relatives = {os.path.basename(folder): read(folder, "dev") for folder in family(host, node)}
    points = [point for number, source, point in mounts(host)
              if number in relatives.values() or host.kernel_name(source) in relatives]
    if "/" in points:
        raise Refused("it holds the root file system of this machine")
    if points:
        raise Refused(f"it is mounted at {' '.join(points)}: unmount it first")
    for source in swaps(host):
        if host.kernel_name(source) in relatives:
            raise Refused(f"{source} on it is used as swap space")
    above = sorted(set(relatives) - {os.path.basename(folder) for folder in [node, *partitions(node)]})
    if above:
        raise Refused(f"it is in use by {' '.join(above)}")


def inspect(host, path, image_size):
    """The Device at @path, which may be overwritten by @image_size bytes; Refused says why not."""
    try:
        number = host.number(path)
    except OSError as error:
        raise Refused(error.strerror) from error
    if not number:
        raise Refused("it is no block device")
    node = host.node(number)
    name = os.path.basename(node)
    if not os.path.isdir(node):
        raise Refused(f"sysfs does not know it ({number})")
    if os.path.exists(os.path.join(node, "partition")):
        raise Refused(f"it is a partition: name the whole device, {os.path.basename(os.path.dirname(node))}")
    if read(node, "removable") != "1":
        raise Refused("it is not removable")
    usb = usb_ancestor(host, node)
    if not usb:
        raise Refused("it is not on the USB bus")
    refuse_if_used(host, node)
    if read(node, "ro") != "0":
        raise Refused("it is write protected")
    size = int(read(node, "size", "0")) * SECTOR
    if size < image_size:
        raise Refused(f"it is too small: {size} bytes, the image has {image_size}" if size else "it has no medium")
    model = " ".join(f"{read(node, 'device/vendor')} {read(node, 'device/model')}".split()) or "(no model)"
    return Device(path, name, number, size, model, read(usb, "serial") or "(none)")
