"""The harness on kernels of its own: that each way to end is told from the others, and that the rules of the
account hold.

Without this a harness that calls everything a pass would pass everything. Needs no image.
"""

import dataclasses
import os
import time
import xml.etree.ElementTree as ET

import pytest

import builds
import dummies
import elftests
import environments
import gdbstub
import jobs
import ktap
import monitor
import nested
import pairwise
import qemu
import results
import session
import soak
import steps
import verdict
from verdict import Verdict

NAMES = ["lib_a", "lib_b"]
SHORT = 3  # seconds: what is to hang is given no longer

# kind of dummy: its verdict
VERDICTS = {
    "pass": Verdict.PASS,
    "skip": Verdict.PASS,
    "failed": Verdict.FAILED,
    "refused": Verdict.REFUSED,
    "panic": Verdict.CRASH,
    "panic_stuck": Verdict.CRASH,
    "hang": Verdict.HANG,
    "triple": Verdict.TRIPLE_FAULT,
    "silent": Verdict.SILENCE,
    "silent_exit": Verdict.SILENCE,
    "cut_off": Verdict.CUT_OFF,
    "no_list": Verdict.CUT_OFF,
    "contradiction": Verdict.CONTRADICTION,
    "lost": Verdict.PASS,  # only the comparison with the image's list finds it
    "twice": Verdict.PASS,
}

COMPLAINTS = {
    "pass": [],
    "skip": [],
    "lost": ["the plan says 1 tests, the image holds 2", "lib_b: never reported"],
    "twice": ["lib_a: reported 2 times", "lib_b: never reported"],
}

BASE = environments.Environment("selftest", SHORT)


def boot(kind, harness, folder, env=BASE, limit=10):
    """Boots a dummy and judges it."""
    elf = dummies.build(kind, str(folder))
    files = qemu.Files(str(folder), kind)
    with harness.jobs.slots.take(1):
        outcome = qemu.run(qemu.command(env, elf, "", "hello  world", files), files, limit)
    return verdict.judge(outcome.raw, outcome.exit_code, outcome.timed_out, serial=env.serial,
                         stderr=outcome.stderr), outcome, files


@pytest.mark.quick
@pytest.mark.parametrize("kind", VERDICTS)
def test_verdicts_are_told_apart(kind, harness, tmp_path):
    judged, outcome, files = boot(kind, harness, tmp_path, limit=SHORT if kind in ("hang", "silent") else 30)
    assert judged.verdict == VERDICTS[kind], judged.why
    assert outcome.raw == dummies.KINDS[kind][0].encode()
    if kind in COMPLAINTS:
        assert ktap.complaints(judged.run, NAMES) == COMPLAINTS[kind]
    assert qemu.noted_triple_fault(files) == (kind == "triple")


def test_no_serial_line_is_judged_by_exit_code(harness, tmp_path):
    env = dataclasses.replace(BASE, serial=False)
    assert boot("pass", harness, tmp_path, env)[0].verdict == Verdict.NO_SERIAL
    assert boot("failed", harness, tmp_path, env)[0].verdict == Verdict.FAILED


@pytest.mark.parametrize("firmware", ["bios", "uefi"])
def test_iso_boots_and_firmware_is_not_judged(firmware, harness, tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    own = session.Session(str(tmp_path))
    os.rename(dummies.build("pass", str(tmp_path)), own.elf)
    with harness.jobs.slots.take(1):
        done = own.run_environment(environments.by_name(f"tcg-{firmware}"))
    assert not done.problems, done.problems
    assert done.judgements[0].text.startswith("paravane dummy")


def test_emulator_error_is_no_verdict_on_the_kernel(harness, tmp_path):
    env = dataclasses.replace(BASE, cpu="no-such-cpu")
    judged = boot("pass", harness, tmp_path, env)[0]
    assert judged.verdict == Verdict.EMULATOR and "no-such-cpu" in judged.why


def test_firmware_output_is_not_the_kernels():
    raw = b"\x1b[2J\x1b[01;01HBdsDxe: starting Boot0001\r\nBooting `Paravane'\r\n"
    assert verdict.judge(raw, None, True, firmware_talks=True).verdict == Verdict.SILENCE
    assert verdict.judge(raw + b"Paravane 0.1\n", None, True, firmware_talks=True).verdict == Verdict.HANG


def test_image_lists_its_tests(tmp_path):
    image = elftests.Image(dummies.build("pass", str(tmp_path)))
    assert image.tests == NAMES
    assert 0x100000 < image.physical("pvh_entry") < image.end_pa


def test_names_begin_with_a_room():
    good = ["lib_a", "pvops_proof_all_sites_crossed", "bench_x"]
    bad = ["libx_a", "a_lib_b", "mmu", "boot_", "_mmu_a", "Lib_a", ""]
    assert elftests.misnamed(good + bad) == bad


def test_another_image_is_what_is_booted(harness, tmp_path, monkeypatch):
    """The image of the row is booted and its own list of tests held against the log, not the session's."""
    folder = tmp_path / "logs"
    folder.mkdir()
    own = session.Session(str(tmp_path))
    os.rename(dummies.build("hang", str(tmp_path)), own.elf)
    other = dummies.build("lost", str(tmp_path))
    env = dataclasses.replace(BASE, seconds=10, image="clang")
    monkeypatch.setattr(builds, "image", lambda *_args: other)
    with harness.jobs.slots.take(1):
        done = own.run_environment(env)
    assert done.problems == COMPLAINTS["lost"]
    own = session.Session(str(tmp_path))
    monkeypatch.setattr(builds, "image", lambda *_args: None)
    with pytest.raises(session.CannotRun, match="^clang is not installed"):
        own.run_environment(env)


def test_an_image_of_another_kind_is_refused(tmp_path, monkeypatch):
    (tmp_path / "clang").mkdir()
    elf = tmp_path / "clang" / "paravane.elf"
    elf.write_bytes(b"GNU C11 12.2.0")
    monkeypatch.setattr(builds.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(builds, "make", lambda *_args: ["true"])
    with pytest.raises(RuntimeError, match="not an image clang"):
        builds.image("clang", str(tmp_path), 1, str(tmp_path / "log"))
    elf.write_bytes(b"x Debian clang version 14.0.6")
    assert builds.image("clang", str(tmp_path), 1, str(tmp_path / "log")) == str(elf)
    monkeypatch.setattr(builds, "make", lambda *_args: ["false"])
    with pytest.raises(RuntimeError, match="cannot be built"):
        builds.image("clang", str(tmp_path), 1, str(tmp_path / "log"))


def test_uefi_variables_are_a_copy(tmp_path):
    env = dataclasses.replace(BASE, boot="uefi")
    argv = qemu.command(env, "", "x.iso", "", qemu.Files(str(tmp_path), "u"))
    assert f"if=pflash,format=raw,file={tmp_path}/u.vars" in argv
    assert (tmp_path / "u.vars").stat().st_size == os.path.getsize(qemu.firmware.OVMF_VARS)


@pytest.mark.parametrize("glob, names", [("all", NAMES), ("*", NAMES), ("lib_?", NAMES), ("*_b", ["lib_b"]),
                                         ("[l]ib_a", []), ("lib", [])])
def test_globs_are_the_kernels(glob, names):
    assert ktap.select(NAMES, glob) == names


def test_ktap_notes_belong_to_the_next_result():
    run = ktap.parse("x\nKTAP version 1\n1..1\n# a.c:1: b\n# deviation: rsvd_code TCG gives 8\nboot log\n"
                     "not ok 1 lib_a\n")
    assert run.results[0].notes[0] == "a.c:1: b"
    assert run.deviations == run.results[0].deviations == ["rsvd_code"]


@pytest.mark.parametrize("text, word", [
    ("KTAP version 1\n1..1\nok 1 lib_a\nKTAP version 1\n", "second test list"),
    ("KTAP version 1\n1..1\n1..1\nok 1 lib_a\n", "second plan"),
    ("KTAP version 1\n1..1\nok lib_a\n", "not a KTAP line"),
    ("KTAP version 1\n1..1\nok 2 lib_a\n", "not 1, 2, 3"),
    ("KTAP version 1\n1..1\nok 1 lib_x\n", "not in the image"),
])
def test_bad_ktap_is_complained_about(text, word):
    assert any(word in line for line in ktap.complaints(ktap.parse(text), ["lib_a"]))


@pytest.mark.parametrize("ci, reason, status", [
    (False, "no second thing", "skip"),
    (True, "no second thing", "fail"),
    (True, "/dev/kvm: absent", "skip"),
    (True, "clang is not installed", "skip"),
    (True, "real hardware only", "skip"),
])
def test_ci_allows_few_skips(ci, reason, status):
    account = results.Results(ci)
    account.add("x", "lib_a", results.SKIP, reason)
    assert account.cases[0].status == status
    assert not account.good


def test_account_needs_a_test_and_no_failure(tmp_path):
    account = results.Results(False)
    assert not account.good and account.closing_line() == "0 passed, 0 failed, 0 skipped"
    account.add("tcg", "lib_a", results.PASS)
    assert account.good
    account.add("tcg", "lib_b", results.FAIL, "is \x00 wrong <here>")
    assert not account.good and account.closing_line() == "1 passed, 1 failed, 0 skipped"
    account.write_junit(tmp_path / "junit.xml")
    suite = ET.parse(tmp_path / "junit.xml").getroot().find("testsuite")
    assert suite.get("tests") == "2" and suite.get("failures") == "1"
    assert suite.findall("testcase")[1].get("classname") == "tcg"
    assert suite.find("testcase/failure").get("message") == "is ? wrong <here>"


def test_over_budget_is_shown():
    account = results.Results(False)
    account.add_budget("tcg", 10, 30, 31, "pass")
    account.add_budget("kvm", 10, 30, 29, "pass")
    lines = account.table()
    assert "OVER" in lines[1] and "OVER" not in lines[2] and "slower" in lines[2]


def test_step_reports_are_read():
    text = ("ok - layers are kept\nx.c:1: bad\nnot ok 2 - format: 3 files\nok 3 - clang # SKIP clang is not there\n")
    assert steps.read_cases(text) == [("layers are kept", "pass", ""), ("format: 3 files", "fail", ""),
                                      ("clang", "skip", "clang is not there")]


def test_step_xml_is_read(tmp_path):
    (tmp_path / "test_x.xml").write_text('<testsuites><testsuite><testcase name="a"/><testcase name="b"><failure>1 != 2'
                                         '</failure></testcase></testsuite></testsuites>')
    assert steps.read_xml(str(tmp_path / "*.xml"), 0) == [("test_x.a", "pass", ""), ("test_x.b", "fail", "1 != 2")]
    assert not steps.read_xml(str(tmp_path / "*.xml"), time.time() + 60), "an old report is not this run's"


@pytest.mark.parametrize("inherited, kept", [
    ("", ""), ("k", ""), (" -j2 --jobserver-auth=3,4 -- COMPILER=clang", "-- COMPILER=clang"),
    ("-- BUILD=b", "-- BUILD=b"),
])
def test_steps_build_with_the_same_variables(inherited, kept):
    assert builds.make_flags(inherited) == kept


def test_jobs_share_cores_in_order():
    work = jobs.Jobs(jobs.Slots(2))
    order = []
    with work.slots.take(2):
        for name, cores in (("wide", 2), ("narrow", 1), ("other", 5)):
            work.submit(name, cores, lambda name=name: order.append(name))
    for name in ("wide", "narrow", "other"):
        work.wait(name)
    assert order[0] == "wide" and sorted(order) == ["narrow", "other", "wide"]
    work.submit("bad", 1, lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        work.wait("bad")


def test_no_process_outlives_the_session(harness, tmp_path):
    env = dataclasses.replace(BASE, qemu=("-name", "left-over"))
    files = qemu.Files(str(tmp_path), "left")
    argv = qemu.command(env, dummies.build("hang", str(tmp_path)), "", "", files)
    work = jobs.Jobs(jobs.Slots(1))
    with harness.jobs.slots.take(1):
        work.submit("left", 1, lambda: qemu.run(argv, files, 60))
        while not (tmp_path / "left.log").exists() or not (tmp_path / "left.log").stat().st_size:
            time.sleep(0.02)
        qemu.end_all()
        assert work.wait("left").seconds < 30


def test_l0_death_is_retried_once_and_named(tmp_path, monkeypatch):
    """L0 replaced by one that dies: no report of an earlier run may be taken for this one's."""
    (tmp_path / "l0.l1").write_text("paravane-nested: result exit=33 seconds=1\n")
    monkeypatch.setattr(nested, "prepare", lambda *_args: ("vmlinuz", "initrd", "job"))
    monkeypatch.setattr(nested, "l0_command", lambda *_args: ["sh", "-c", "kill -SEGV $$"])
    outcome, remarks = nested.run("", [], qemu.Files(str(tmp_path), "l0"), 10)
    assert len(remarks) == 1 and "-11" in remarks[0]
    assert verdict.judge(outcome.raw, outcome.exit_code, outcome.timed_out, stderr=outcome.stderr).verdict \
        == Verdict.EMULATOR


@pytest.mark.parametrize("l1, code, timed_out, words", [
    (b"x\r\nparavane-nested: result exit=35 seconds=2\r\n", 35, False, ""),
    (b"paravane-nested: stderr: bad cpu\r\nparavane-nested: result exit=1 seconds=0\r\n", 1, False, "bad cpu"),
    (b"paravane-nested: result exit=137 seconds=9\r\n", None, True, ""),
    (b"paravane-nested: failed: insmod kvm\r\n", 1, False, "L1: insmod kvm"),
    (b"panic\r\n", 1, False, "L1 gave no report"),
])
def test_l1_report_is_read(tmp_path, monkeypatch, l1, code, timed_out, words):
    monkeypatch.setattr(nested, "prepare", lambda *_args: ("vmlinuz", "initrd", "job"))
    (tmp_path / "text").write_bytes(l1)
    copy = ["cp", str(tmp_path / "text"), str(tmp_path / "l0.l1")]
    monkeypatch.setattr(nested, "l0_command", lambda *_args: copy)
    outcome, _remarks = nested.run("", [], qemu.Files(str(tmp_path), "l0"), 10)
    assert (outcome.exit_code, outcome.timed_out) == (code, timed_out)
    assert words in outcome.stderr


def test_matrix_covers_every_pair():
    rows = pairwise.cover(environments.MATRIX)
    seen = set().union(*(pairwise.pairs(row) for row in rows))
    assert seen == pairwise.all_pairs(environments.MATRIX)
    names = [env.name for env in environments.everything()]
    assert len(set(names)) == len(names)


def test_debugger_rewrites_and_redirects(harness, tmp_path):
    """The two moves of test_badboot.py, on a kernel that echoes what it was given."""
    elf = dummies.build("echo", str(tmp_path))
    image = elftests.Image(elf)

    def rewrite(stub):
        start_info = stub.register("ebx")
        line = int.from_bytes(stub.read(start_info + 24, 8), "little")
        assert stub.read(line, 12) == b"hello  world"
        stub.write(line, b"HELLO  there\0")

    def redirect(stub):
        stub.write(0x2000000, bytes(16) + b"from a blob\0")
        stub.enter(image.physical("multiboot2_entry"), eax=0x36d76289, ebx=0x2000000)

    for move, said in ((rewrite, b"HELLO  there\n"), (redirect, b"from a blob\n")):
        files = qemu.Files(str(tmp_path), move.__name__)
        argv = qemu.command(BASE, elf, "", "hello  world", files)
        with harness.jobs.slots.take(1):
            outcome = gdbstub.run_with(argv, files, 20, image.physical("pvh_entry"), move)
        assert (outcome.raw, outcome.exit_code) == (said, 35)


def test_monitor_driver(harness, tmp_path):
    elf = dummies.build("prompt", str(tmp_path))
    files = qemu.Files(str(tmp_path), "prompt")
    with harness.jobs.slots.take(1), monitor.Monitor(qemu.command(BASE, elf, "", "", files), files, 10) as typed:
        typed.expect_prompt()
        assert typed.ask("hello") == "unknown: hello"
        assert typed.ask("again", end="\n") == "unknown: again"
        assert typed.leave("off") == 33


# ---- the soak's account ----

ACCOUNT = "".join(f"soak: {name:<12} sent {7:>10} received {7:>10}\n" for name in soak.LOADS) + "soak: passed\n"


@pytest.mark.parametrize("change, complaint", [
    (("", ""), None),
    (("received          7\nsoak: patch", "received          6\nsoak: patch"), "park: 7 sent"),
    (("soak: NMI ", "soak: nothing "), "no account of 'NMI'"),
    (("sent          7 received          7", "sent          0 received          0"), "nothing was sent"),
    (("soak: passed", "soak: FAILED"), "no line"),
    (("soak: passed", "# NMI on CPU 1: not so\nsoak: passed"), "NMI on CPU 1"),
    (("soak: passed", "panic: a CPU does not answer"), "does not answer"),
])
def test_account_of_the_soak(change, complaint):
    found = soak.complaints(ACCOUNT.replace(*change) if change[0] else ACCOUNT, verdict.EXIT_PASSED)
    if complaint is None:
        assert not found
    else:
        assert any(complaint in line for line in found), found
    assert soak.complaints(ACCOUNT, verdict.EXIT_FAILED)
