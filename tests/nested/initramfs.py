#!/usr/bin/python3
"""Builds L1's initramfs: busybox-static, the kernel modules that KVM and 9p need, and the script `init` beside
this file.

    initramfs.py KERNEL_TREE OUT.cpio.gz

KERNEL_TREE is an unpacked Debian linux-image package (tools/deps test puts it under .deps/linux). The archive
is written here in the "newc" format (Linux: Documentation/driver-api/early-userspace/buffer-format.rst) with
fixed dates, so that it is the same bytes each time and needs no cpio program. Read next: init.
"""

import glob
import gzip
import os
import shutil
import sys

from elftools.elf.elffile import ELFFile

# What L1 needs; what these need in turn is read from their own .modinfo, since the package carries no modules.dep.
GOALS = ["virtio_pci", "9pnet_virtio", "9p", "kvm_amd"]
FOLDERS = ["bin", "dev", "proc", "sys", "host", "modules"]
DIRECTORY, REGULAR, CHARACTER = 0o040755, 0o100755, 0o020600


class Archive:
    """A newc cpio archive in memory."""

    def __init__(self):
        self.data = bytearray()
        self.inode = 0

    def add(self, name, mode, content=b"", device=(0, 0)):
        self.inode += 1
        fields = [self.inode, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(name) + 1, 0]
        self._padded(b"070701" + b"".join(b"%08x" % value for value in fields) + name.encode() + b"\0")
        self._padded(content)

    def _padded(self, chunk):
        self.data += chunk
        self.data += bytes(-len(self.data) % 4)

    def finish(self):
        self.add("TRAILER!!!", 0)
        return bytes(self.data)


def find_kernel(tree):
    """(vmlinuz, module folder) of the one kernel under @tree; the newest if there are several."""
    images = sorted(glob.glob(os.path.join(tree, "boot", "vmlinuz-*")))
    if not images:
        raise FileNotFoundError(f"no boot/vmlinuz-* under {tree}: run `tools/deps test`")
    version = os.path.basename(images[-1]).removeprefix("vmlinuz-")
    return images[-1], os.path.join(tree, "lib", "modules", version)


def find_modules(folder):
    """[(name, path)] of GOALS and all they depend on, each behind what it needs."""
    found = {}
    for path in glob.glob(os.path.join(folder, "kernel", "**", "*.ko"), recursive=True):
        found[os.path.basename(path)[:-3].replace("-", "_")] = path
    ordered = {}

    def need(name):
        if name in ordered:
            return
        if name not in found:
            raise FileNotFoundError(f"no module {name} under {folder}")
        for other in depends(found[name]):
            need(other)
        ordered[name] = found[name]

    for goal in GOALS:
        need(goal)
    return list(ordered.items())


def depends(path):
    """Names of the modules that the one at @path says it needs."""
    with open(path, "rb") as stream:
        info = ELFFile(stream).get_section_by_name(".modinfo").data()
    words = [item[len(b"depends="):].decode() for item in info.split(b"\0") if item.startswith(b"depends=")]
    return [name.replace("-", "_") for word in words for name in word.split(",") if name]


def read(path):
    with open(path, "rb") as stream:
        return stream.read()


def build(tree, out):
    """Writes the archive to @out and returns the path of the kernel to boot with it."""
    vmlinuz, module_folder = find_kernel(tree)
    busybox = shutil.which("busybox")
    if not busybox:
        raise FileNotFoundError("no busybox: the package busybox-static has it")
    archive = Archive()
    for folder in FOLDERS:
        archive.add(folder, DIRECTORY)
    archive.add("dev/console", CHARACTER, device=(5, 1))
    archive.add("bin/busybox", REGULAR, read(busybox))
    archive.add("init", REGULAR, read(os.path.join(os.path.dirname(os.path.abspath(__file__)), "init")))
    modules = find_modules(module_folder)
    for name, path in modules:
        archive.add(f"modules/{name}.ko", REGULAR, read(path))
    archive.add("modules.order", REGULAR, "".join(f"{name}\n" for name, _path in modules).encode())
    with open(out, "wb") as stream:
        stream.write(gzip.compress(archive.finish(), compresslevel=1, mtime=0))
    return vmlinuz


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    print(build(sys.argv[1], sys.argv[2]))
