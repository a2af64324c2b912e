"""UEFI firmware for QEMU: the only place that knows its files. Used by tools/run and by the test harness, so that the
tests boot what a person boots. The files are of Debian's package ovmf (tools/deps looks for the first)."""

import shutil

OVMF_CODE = "/usr/share/OVMF/OVMF_CODE_4M.fd"
OVMF_VARS = "/usr/share/OVMF/OVMF_VARS_4M.fd"


def uefi_options(variables):
    """QEMU's options for UEFI. @variables becomes a fresh copy of the variable store: what the firmware writes there
    must not outlive the run."""
    shutil.copyfile(OVMF_VARS, variables)
    return ["-drive", f"if=pflash,format=raw,readonly=on,file={OVMF_CODE}",
            "-drive", f"if=pflash,format=raw,file={variables}"]
