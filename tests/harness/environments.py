"""The table of environments: what is booted, where, with which words, in how many seconds, and what must come
of it.

A row's seconds are what it may take on a quiet machine of two cores; a run is ended, and fails, at LOAD_FACTOR
times that, because the machine may be busy with other things. Pure data and its lookups; read next: qemu.py
(how a row becomes a command line), test_environments.py (how it is judged).
"""

import os
from dataclasses import dataclass

import pairwise
from verdict import Verdict

LOAD_FACTOR = 3  # how much slower than quiet a loaded machine may be
SUITE_SECONDS = 15 * 60  # `make test` in all, on two cores
QUICK_SECONDS = 2 * 60


@dataclass(frozen=True)
class Environment:
    name: str
    seconds: int
    boot: str = "kernel"  # a row of qemu.BOOT, or "nested"
    emulator: str = "qemu"  # or "bochs": from the ISO, by its BIOS
    cmdline: str = "test=all"
    memory: str = "256M"
    cpu: str = "max"
    cpus: int = 1
    accel: str = "tcg"
    machine: str = "pc"
    qemu: tuple = ()  # further arguments
    serial: bool = True
    runs: int = 1  # more than one: the logs must be the same, byte for byte
    cores: int = 1  # of the machine's, while it runs
    image: str = ""  # an image of its own below the build folder: a row of builds.IMAGES
    probe: str = ""  # a program that says by exit code 0 that this can be run here at all
    expect: Verdict = Verdict.PASS
    words: tuple = ()  # regular expressions that the log must contain
    quick: bool = False

    @property
    def limit(self):
        return self.seconds * LOAD_FACTOR

    @property
    def firmware_talks(self):
        return self.boot in ("bios", "uefi")

    @property
    def glob(self):
        """What the row's own command line says after test=."""
        return next((word[5:] for word in self.cmdline.split() if word.startswith("test=")), "all")

    @property
    def selects_tests(self):
        """True where test=GLOB may be put in the place of test=all."""
        return "test=all" in self.cmdline.split() and self.expect in (Verdict.PASS, Verdict.NO_SERIAL)


ICOUNT = ("-icount", "shift=0,sleep=off", "-seed", "20240229", "-rtc", "base=2024-02-29T12:00:00,clock=vm")

# Where the TSC's rate came from. Bochs' Skylake claims a crystal that its TSC does not follow.
BY_HPET = r"(?m)^time +TSC \d+\.\d{3} MHz \+- \d+ ppm, measured against the HPET$"
BY_PIT = BY_HPET.replace("HPET", "PIT")
CLAIM_REFUSED = r"(?m)^time +CPUID leaf 15h says 3500\.\d{3} MHz \+- \d+ ppm: refused, the HPET says (19|20)\."

# The longest first: they are started in this order.
ENVIRONMENTS = [
    Environment("kvm-nested", 60, boot="nested", accel="kvm", cpu="host,tsc-frequency=L1_TSC_HZ", memory="128M",
                cores=2,
                words=(r"(?m)^cpu .*\bunder KVM", r"(?m)^time +TSC .* ppm, by the hypervisor's leaf 0x40000010;",
                       r"(?m)^timer +TSC-deadline")),
    Environment("tcg-uefi", 40, boot="uefi"),
    Environment("tcg-bios", 20, boot="bios", quick=True),
    Environment("tcg-icount", 30, qemu=ICOUNT, runs=2, quick=True),
    Environment("tcg-kernel", 15, quick=True,
                words=(BY_HPET, r"(?m)^irq +IOAPIC 0: 24 lines from GSI 0, line 0 is GSI 2$",
                       r"(?m)^irq +IOAPIC: a tick")),
    Environment("bochs-intel", 20, emulator="bochs", boot="bios", cpu="corei7_skylake_x", runs=2,
                words=(r"(?m)^cpu .*GenuineIntel.* model 85\b", r"VGA text 80x25", BY_HPET, CLAIM_REFUSED,
                       r"(?m)^timer +TSC-deadline", r"(?m)^irq +local APIC by xAPIC: x2APIC would need ")),
    Environment("bochs-amd", 10, emulator="bochs", boot="bios", cpu="ryzen",
                words=(r"(?m)^cpu .*AuthenticAMD", r"VGA text 80x25")),
    Environment("bochs-intel-2", 20, emulator="bochs", boot="bios", cmdline="x2apic test=all", cpu="corei7_skylake_x",
                cpus=2, words=(r"cpus: 2 of 2 online, IPIs by x2APIC",
                               r"(?m)^irq +local APIC by x2APIC: asked for by x2apic$")),
    Environment("bochs-amd-2", 20, emulator="bochs", boot="bios", cpu="ryzen", cpus=2,
                words=(r"cpus: 2 of 2 online",)),
    Environment("kvm-nested-2", 60, boot="nested", accel="kvm", cpu="host", memory="128M", cpus=2, cores=2,
                words=(r"(?m)^cpu .*\bunder KVM", r"cpus: 2 of 2 online, IPIs by x2APIC",
                       r"(?m)^irq +local APIC by x2APIC: a hypervisor is below$")),
    Environment("kvm", 40, accel="kvm", cpu="host", probe="tools/probe-kvm"),
]

# A command line of 4095 characters just fits (lib/boot_info.h), one of 5000 is cut, and that is said: by way of GRUB,
# since QEMU's -kernel lets so long a one overwrite its own start info.
LONG_FITS = "test=all pad=".ljust(4095, "x")
LONG_CUT = "test=all pad=".ljust(5000, "x")
REFUSED = {"expect": Verdict.REFUSED}

# One thing changed at a time.
VARIATIONS = [
    Environment("mem-8M", 15, memory="8M"),
    Environment("mem-16M", 15, memory="16M"),
    Environment("mem-64M", 15, memory="64M"),
    Environment("mem-6G", 20, memory="6G"),
    Environment("mem-4M", 10, memory="4M", words=(r"(?i)memory",), **REFUSED),
    Environment("cpu-qemu64", 15, cpu="qemu64"),
    Environment("cpu-nehalem", 15, cpu="Nehalem"),
    Environment("cpu-no-1G", 15, cpu="max,-pdpe1gb"),
    Environment("cpu-no-nx", 10, cpu="qemu64,-nx", words=(r"\b(NX|nx|no-execute)\b",), **REFUSED),
    Environment("cpu-no-longmode", 10, cpu="qemu64,-lm", words=(r"(?i)long mode|64-bit",), **REFUSED),
    Environment("cpu-no-pat", 15, cpu="max,-pat", words=(r"no PAT: framebuffers uncached",)),
    Environment("cpu-no-apic", 15, cpu="max,-apic",
                words=(r"(?m)^irq +PIC: no local APIC is used", r"cpus: 1 of 1 online; no local APIC",
                       r"(?m)^timer +PIT, ")),
    Environment("machine-q35", 15, machine="q35"),
    Environment("no-acpi", 15, machine="pc,acpi=off",
                words=(r"(?m)^acpi +none found: one CPU", r"(?m)^power +reset by ", BY_PIT,
                       r"(?m)^timer +PIT, ")),
    Environment("no-hpet", 15, machine="pc,hpet=off", words=(r"(?m)^acpi +no HPET", BY_PIT)),
    Environment("no-pit", 10, cmdline="test=machine_????_c*", machine="pc,pit=off",
                words=(BY_HPET, r"(?m)^console +input polled: no interrupt arrives$",
                       r"(?m)^console +input looked at each ms, idle halts: a timer's interrupt arrives$")),
    Environment("no-clock", 10, cmdline="test=lib_*", machine="pc,pit=off,hpet=off",
                words=(r"(?m)^time +TSC taken to be 1000 MHz: CPUID does not say, no HPET or PIT answers$",)),
    Environment("no-ioapic", 15, cmdline="noioapic test=all",
                words=(r"(?m)^irq +PIC, by noioapic$", r"input by interrupt, idle halts")),
    Environment("two-ioapics", 10, cmdline="test=machine_ioapic*", machine="microvm,acpi=on",
                words=(r"(?m)^irq +IOAPIC 1: 24 lines from GSI 24$", r"(?m)^irq +IOAPIC: a tick arrives$")),
    Environment("smp-no-ioapic", 20, cmdline="noioapic test=machine_*", machine="q35", cpus=2,
                words=(r"cpus: 2 of 2 online", r"(?m)^irq +PIC, by noioapic$")),
    Environment("no-8042", 15, machine="q35,i8042=off",
                words=(r"(?m)^acpi +this machine has no 8042", r"(?m)^power +reset by ACPI register, port 0xcf9, ",
                       r"no keyboard: no PS/2 controller")),
    Environment("smp-1", 15, cpus=1, words=(r"cpus: 1 of 1 online",)),
    Environment("smp-2", 15, cpus=2, words=(r"cpus: 2 of 2 online", r"TSC the same on all 2 CPUs")),
    Environment("smp-4", 20, cpus=4, words=(r"cpus: 4 of 4 online", r"TSC the same on all 4 CPUs"), quick=True),
    Environment("smp-8", 60, cpus=8, words=(r"cpus: 8 of 8 online", r"TSC the same on all 8 CPUs")),
    Environment("smp-64", 40, cmdline="test=machine_smp_c*", cpus=64,
                words=(r"cpus: 64 of 64 online", r"TSC the same on all 64 CPUs")),
    Environment("cpus-128", 40, cmdline="test=machine_smp_c*", image="cpus-128", cpus=70, cores=2,
                words=(r"cpus: 70 of 70 online", r"TSC the same on all 70 CPUs")),
    Environment("smp-no-acpi", 15, machine="pc,acpi=off", cpus=2,
                words=(r"cpus: 1 of 1 online; ACPI names none",)),
    Environment("smp-deadcpu", 25, cmdline="deadcpu=2 test=all", cpus=4,
                words=(r"cpus: 3 of 4 online", r"CPU 2 .*does not answer: left out")),
    Environment("smp-8-icount", 60, cmdline="test=machine_smp_*", cpus=8, qemu=ICOUNT,
                words=(r"cpus: 8 of 8 online", r"(?m)^smp +up in (1?[0-9])?[0-9]{1,3} us",
                       r"TSC the same on all 8 CPUs, to within [0-9]{1,4} ns\n")),
    Environment("la57", 20, cmdline="la57 test=all", cpus=2, words=(r"(?m)^paging +5 levels", r"cpus: 2 of 2 online")),
    Environment("la57-not-there", 10, cmdline="la57 test=mmu_*", cpu="EPYC",
                words=(r"this CPU has no five levels", r"(?m)^paging +4 levels")),
    Environment("timer-pit", 20, cmdline="timer=pit test=all", words=(r"(?m)^timer +PIT, on the boot CPU only",)),
    Environment("timer-pit-smp", 20, cmdline="timer=pit test=machine_*", cpus=2,
                words=(r"(?m)^timer +PIT, on the boot CPU only", r"(?m)^lockup +1 of 2 CPUs watched: ")),
    Environment("timer-lapic", 15, cmdline="timer=lapic test=machine_*", emulator="bochs", boot="bios",
                cpu="corei7_skylake_x", words=(r"(?m)^timer +LAPIC one-shot, [0-9.]+ MHz / 16",)),
    Environment("timer-absent", 10, cmdline="timer=tsc-deadline test=machine_timer_*",
                words=(r"(?m)^timer +timer=tsc-deadline: this machine has none", r"(?m)^timer +LAPIC one-shot, ")),
    Environment("timer-unknown", 10, cmdline="timer=sundial test=machine_timer_*",
                words=(r"(?m)^timer +timer=sundial: known are tsc-deadline lapic pit", r"(?m)^timer +LAPIC one-shot")),
    Environment("lockup-off", 10, cmdline="lockup=0 test=machine_lockup_*"),
    Environment("no-serial", 15, serial=False, expect=Verdict.NO_SERIAL),
    Environment("vga-text", 15, qemu=("-vga", "std"), words=(r"VGA text 80x25",)),
    Environment("patch-off", 15, cmdline="patch=off test=all"),
    Environment("backend-direct", 15, cmdline="backend=direct test=all"),
    Environment("backend-mirror", 15, cmdline="backend=mirror test=all", words=(r"backend mirror: test backend",)),
    Environment("clang-kernel", 15, image="clang", cores=2),
    Environment("debug-kernel", 25, image="debug", cpus=4, cores=2),
    Environment("backend-unknown", 15, cmdline="backend=nonsense test=all", words=(r"no backend 'nonsense'",)),
    Environment("cmdline-4095", 15, cmdline=LONG_FITS, words=(r"pad=",)),
    Environment("cmdline-5000", 20, boot="bios", cmdline=LONG_CUT, words=(r"(?i)command line.*(cut|long)",)),
    Environment("cmdline-quoted", 15, boot="bios", cmdline='test=all backend="no such"',
                words=(r"there is no backend 'no such'",)),
    Environment("option-unknown", 15, cmdline="test=all nonsense=1 deadcpu=9",
                words=(r"nonsense", r"(?m)^boot +problem: deadcpu=9: there is no CPU of that number$")),
]

# Every pair of two values of two rows occurs in some run: `make matrix`.
MATRIX = {
    "boot": ["kernel", "bios", "uefi"],
    "memory": ["128M", "512M", "6G"],
    "cpu": ["max", "qemu64", "Nehalem", "max,-pdpe1gb", "EPYC"],
    "machine": ["pc", "q35"],
    "cmdline": ["test=all", "patch=off test=all", "backend=direct test=all"],
}
MATRIX_SECONDS = 40


def matrix():
    """The rows of `make matrix`, named after their values."""
    rows = []
    for number, row in enumerate(pairwise.cover(MATRIX), 1):
        words = [value.replace(",", "").replace("test=all", "").strip().replace("=", "-") for value in row.values()]
        name = "-".join([f"matrix-{number:02}"] + [word for word in words if word])
        rows.append(Environment(name, MATRIX_SECONDS, **row))
    return rows


def everything():
    return ENVIRONMENTS + VARIATIONS + matrix()


def by_name(name):
    for env in everything():
        if env.name == name:
            return env
    raise KeyError(f"no environment {name!r}; there are: " + " ".join(env.name for env in everything()))


def cores():
    """How many of the machine's cores the runs may use together."""
    return max(2, min(4, len(os.sched_getaffinity(0))))
