"""Each check of the sources is shown a clean tree and then one fault at a time, and has to name it."""

import pathlib

import pytest

import check_drivers
import check_format
import check_headers
import check_kinds
import check_layers
import check_length
import check_link_layers
import findings
import toy


def write(root, **files):
    """Writes files, given as path with __ for / and _DOT_ for the dot -> text."""
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def layer_findings(root):
    report = findings.Report("layers")
    check_layers.check(report, root)
    return report.findings


@pytest.mark.parametrize("where, line, bad", [
    ("lib/a.c", '#include "lib/b.h"', None),
    ("mmu/a.c", '#include "lib/b.h"', None),
    ("mmu/a.c", '#include "mmu/walk_priv.h"', None),
    ("mmu/a.c", "#include <stdarg.h>", None),
    ("tests/a.c", '#include "mmu/walk_priv.h"', None),
    ("lib/a.c", '  #  include "mmu/b.h"', "lib may not look at mmu"),
    ("pvops/a.h", '#include "machine/smp.h"', "pvops may not look at machine"),
    ("boot/a.c", '#include "tests/ktest.h"', "boot may not look at tests"),
    ("boot/a.c", '#include "mmu/walk_priv.h"', "private to mmu"),
    ("boot/a.c", '#include "b.h"', "not included from the root"),
    ("boot/a.c", "#include <stdio.h>", "not a freestanding header"),
    ("arch/a.asm", '%include "machine/gdt.inc"', "arch may not look at machine"),
    ("arch/a.c", '#include "pvops/pv_ops.def"', "arch may not look at pvops"),
])
def test_layers(tmp_path, where, line, bad):
    path = tmp_path / where
    path.parent.mkdir()
    path.write_text(f"/* head */\n{line}\n")
    found = layer_findings(tmp_path)
    if bad is None:
        assert not found
    else:
        assert len(found) == 1 and bad in found[0] and found[0].startswith(f"{where}:2: ")


def test_layers_ignores_the_build_folder(tmp_path):
    write(tmp_path, build__lib__a_DOT_c='#include "boot/b.h"\n')
    assert not layer_findings(tmp_path)


LINKER_SCRIPT = "a : { */obj/*(.x) } /* gone = . */\n\t_end = .; b : { */obj/*(.y) }"


def link_findings(tmp_path, monkeypatch, objects, upward="", script=LINKER_SCRIPT):
    """Runs the link-layer check over {room: C text}."""
    for room, text in objects.items():
        folder = tmp_path / "obj" / room
        folder.mkdir(parents=True)
        toy.compile_c(folder, text, "x")
    (tmp_path / "linker.ld").write_text(script)
    (tmp_path / "upward.txt").write_text(upward)
    monkeypatch.setattr(check_link_layers, "UPWARD", tmp_path / "upward.txt")
    report = findings.Report("link-layers")
    check_link_layers.check(report, tmp_path / "obj", tmp_path / "linker.ld")
    return report.findings


CALLS = "extern void %s(void); void %s(void) { %s(); }"
WEAK_CALL = "__attribute__((weak)) extern void t(void); void f(void) { if (t) t(); }"


@pytest.mark.parametrize("objects, upward, bad", [
    ({"lib": "void low(void) {}", "mmu": CALLS % ("low", "f", "low")}, "", None),
    ({"lib": CALLS % ("high", "f", "high"), "mmu": "void high(void) {}"}, "",
     "lib refers to high, which is defined in mmu"),
    ({"lib": CALLS % ("gone", "f", "gone")}, "", "gone is defined nowhere"),
    ({"lib": "extern char _end[]; char *f(void) { return _end; }"}, "", None),
    ({"lib": CALLS % ("__start", "f", "__start")}, "", "__start is defined nowhere"),
    ({"lib": CALLS % ("t", "f", "t"), "tests": "void t(void) {}"}, "", "lib refers to t, which is defined in tests"),
    ({"boot": CALLS % ("t", "f", "t"), "tests": "void t(void) {}"}, "", "boot refers to t, which is defined in tests"),
    ({"boot": WEAK_CALL, "tests": "void t(void) {}"}, "", "boot refers to t, which is defined in tests"),
    ({"machine": WEAK_CALL, "tests": "void t(void) {}"}, "", "machine refers to t, which is defined in tests"),
    ({"pvops": CALLS % ("high", "f", "high"), "mmu": "void high(void) {}"}, "high mmu needs-frames", None),
    ({"lib": CALLS % ("high", "f", "high"), "mmu": "void high(void) {}"}, "high mmu why", "lib refers to high"),
    ({"pvops": CALLS % ("high", "f", "high"), "task": "void high(void) {}"}, "high mmu why", "defined in task"),
    ({"lib": "void f(void) {}"}, "old mmu why", "old: no reference"),
    ({"lib": "void f(void) {}"}, "old mmu", "a row is"),
    ({"lib": "__attribute__((weak)) void w(void) {} void f(void) { w(); }", "mmu": "void w(void) {}",
      "arch": CALLS % ("w", "g", "w")}, "", "arch refers to w, which is defined in mmu"),
    ({}, "", "no objects"),
])
def test_link_layers(tmp_path, monkeypatch, objects, upward, bad):
    found = link_findings(tmp_path, monkeypatch, objects, upward)
    if bad is None:
        assert not found
    else:
        assert any(bad in text for text in found), found


GOOD_HEADER = "/* head */\n#ifndef LIB_A_H\n#define LIB_A_H\n\nstatic inline int f(void)\n{\n\treturn 1;\n}\n\n#endif\n"


@pytest.mark.parametrize("text, bad", [
    (GOOD_HEADER, None),
    (GOOD_HEADER.replace("LIB_A_H", "A_H"), "should be LIB_A_H"),
    (GOOD_HEADER.replace("#ifndef LIB_A_H\n", "").replace("#endif\n", ""), "does not begin with its include guard"),
    (GOOD_HEADER + "int x;\n", "does not end with the #endif"),
    (GOOD_HEADER.replace("return 1", "return UNKNOWN_NAME"), "does not compile alone with"),
    (GOOD_HEADER.replace("int f(void)", "u64 f(void)"), "does not compile alone with"),
])
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_headers(tmp_path, text, bad, compiler):
    write(tmp_path, lib__a_DOT_h=text)
    report = findings.Report("headers")
    count = check_headers.check(report, tmp_path, [compiler], check_headers.KERNEL_FLAGS)
    assert count == 1
    assert (not report.findings) if bad is None else any(bad in line for line in report.findings)


KINDS = ("typedef struct {{ unsigned long num; }} {pa}; typedef struct {{ unsigned long num; }} {gpa};\n"
         "static inline {pa} pa(unsigned long x) {{ return ({pa}){{x}}; }}\n"
         "static inline {gpa} gpa(unsigned long x) {{ return ({gpa}){{x}}; }}\n")


@pytest.mark.parametrize("kinds, call, bad", [
    (KINDS.format(pa="pa_t", gpa="gpa_t"), "void g(pa_t a);", None),
    (KINDS.format(pa="pa_t", gpa="gpa_t"), "void g(unsigned long a);", "`g(pa(0x1000))` does not compile"),
    (KINDS.format(pa="pa_t", gpa="gpa_t"), "#define g(a) (void)(a)", "`g(0x1000UL)` compiles"),
    ("typedef unsigned long pa_t, gpa_t;\n#define pa(x) ((pa_t)(x))\n#define gpa(x) ((gpa_t)(x))\n",
     "void g(pa_t a);", "`g(gpa(0x1000))` compiles"),
])
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_kinds(tmp_path, kinds, call, bad, compiler):
    write(tmp_path, lib__addr_DOT_h=kinds, lib__a_DOT_h=call + "\n")
    report = findings.Report("kinds")
    count = check_kinds.check(report, tmp_path, [compiler], check_headers.KERNEL_FLAGS, [("lib/a.h", "g(@)")])
    assert count == 4
    assert (not report.findings) if bad is None else any(bad in line for line in report.findings)


@pytest.mark.parametrize("name, text, bad", [
    ("lib/a.c", "int x;\n", None),
    ("docs/a.md", "see docs/STYLE.md and /usr/bin/python3\n", None),
    ("lib/a.c", "int x; \n", "trailing blanks"),
    ("docs/a.md", "one\t\n", "trailing blanks"),
    ("docs/a.md", "in /" + "work/main here\n", "path of one machine"),
    ("docs/a.md", "in /" + "home/me here\n", "path of one machine"),
    ("tools/a.py", "URL = 'https://" + ".".join(("pypi", "org")) + "/x'\n", "package registry"),
    ("docs/a.md", "no end", "exactly one newline"),
    ("docs/a.md", "two\n\n", "exactly one newline"),
    ("tools/a.py", "def f(:\n", "does not compile"),
    ("tests/mutants/a.patch", " \n", None),
    ("lib/a.h", "/*\n * One\n *two\n */\n", "lib/a.h:3: no blank behind the comment's star"),
    ("lib/a.h", "/* One\n *two */\n", "lib/a.h:2: no blank behind"),
    ("lib/a.h", "/*\n * One\n *\ttwo\n *\n */\n", None),
    ("lib/a.py", "A = 1 + (2\n *B)\n", None),
    ("lib/a.def", "A(1\n *b)\n", None),
    ("lib/a.py", "# " + "x" * 118 + "\n", None),
    ("lib/a.py", "# " + "x" * 119 + "\n", "lib/a.py:1: 121 columns, over 120"),
    ("boot/a.asm", "\t\t; " + "x" * 102 + "\n", None),
    ("boot/a.asm", "\t\t; " + "x" * 103 + "\n", "boot/a.asm:1: 121 columns"),
    ("tests/a.mk", "\t" + "x" * 130 + "\n", None),
    ("docs/READING.md", "# Order\n\n1. `docs/READING.md`: this\n", None),
    ("docs/READING.md", "1. `docs/READING.md`: this\n2. `lib/gone.h`: that\n", "docs/READING.md:2: names lib/gone.h"),
    ("docs/READING.md", "1. `docs`: a folder\n", "names docs, which does not exist"),
    ("docs/READING.md", "nothing\n", "names no file"),
])
def test_format_text(tmp_path, name, text, bad):
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_text(text)
    report = findings.Report("format")
    check_format.check(report, tmp_path)
    assert (not report.findings) if bad is None else any(bad in line for line in report.findings)


def test_format_layout_of_c(tmp_path):
    style = pathlib.Path(__file__).resolve().parents[3] / ".clang-format"
    (tmp_path / ".clang-format").write_text(style.read_text())
    write(tmp_path, lib__good_DOT_c="int f(void)\n{\n\treturn 1;\n}\n",
          lib__bad_DOT_c="int f(void) {\n    return 1;\n}\n")
    report = findings.Report("format")
    check_format.check(report, tmp_path)
    if any("# SKIP" in note for note in report.notes):
        pytest.skip("clang-format is not installed")
    assert report.findings and all(line.startswith("lib/bad.c:") for line in report.findings)


def long_function(lines, comment=""):
    return comment + "static int f(int a,\n\t     int b)\n{\n" + "\ta++;\n" * (lines - 4) + "}\n"


@pytest.mark.parametrize("name, text, bad", [
    ("a.c", long_function(60), None),
    ("a.c", long_function(61), "f() has 61 lines"),
    ("a.c", long_function(61, "/*\n * One row a register. long: a table in all but name\n */\n"), None),
    ("a.c", long_function(61, "/* as long as it is */\n"), "f() has 61 lines"),
    ("a.c", 'struct s x = {\n' + "\t{1, 2},\n" * 80 + "};\n", None),
    ("a.c", "#define M(x) \\\n" + "\tf(x); \\\n" * 80 + "\tg(x)\n", None),
    ("a.c", 'static const char *s = "{";\n' + long_function(61), "f() has 61 lines"),
    ("a.c", "/* { */\n" + long_function(61), "f() has 61 lines"),
    ("a.c", "int x;\n" * 500, None),
    ("a.asm", "nop\n" * 501, "file of 501 lines"),
    ("a.py", "def f():\n" + "    pass\n" * 60, "f() has 61 lines"),
    ("a.py", "# long: a reason\ndef f():\n" + "    pass\n" * 60, None),
], ids=range(12))
def test_length(tmp_path, name, text, bad):
    (tmp_path / name).write_text(text)
    report = findings.Report("length")
    check_length.check(report, tmp_path)
    assert (not report.findings) if bad is None else (len(report.findings) == 1 and bad in report.findings[0])


@pytest.mark.parametrize("where, text, bad", [
    ("boot/a.c", '#include "machine/lapic.h"\n', "a.c:1: names machine/lapic.h"),
    ("boot/a.c", "\nint a = VECTOR_LAPIC_ERROR;\n", "a.c:2: names VECTOR_LAPIC_ERROR"),
    ("bench/a.c", "int a = PIC_VECTOR + IRQ_PIT;\n", "a.c:1: names PIC_VECTOR"),
    ("machine/a.c", "void a(void)\n{\n\tsend_sipi(1);\n}\n", "a.c:3: names send_sipi"),
    ("machine/a.h", "#define A MSR_X2APIC\n", "a.h:1: names MSR_X2APIC"),
    ("machine/a.c", '/* the LAPIC, pic_init() */\nchar *a = "x2apic"; // SIPI\n', None),
    ("machine/a.c", "int topic, capital, typical, pictures, epic;\n", None),
    ("machine/allowed.c", "lapic_init();\n", None),
    ("machine/allowed.c", "lapic_eoi();\n", "allowed.c:1: names lapic_eoi"),
    ("tests/a.c", "lapic_eoi();\n", None),
], ids=range(10))
def test_drivers(tmp_path, where, text, bad):
    allowed = tmp_path / "drivers.txt"
    allowed.write_text("# rows\nmachine/allowed.[ch]\tlapic_init # why\n")
    write(tmp_path, **{where.replace("/", "__").replace(".", "_DOT_"): text})
    write(tmp_path, machine__allowed_DOT_h="lapic_init();\n")
    report = findings.Report("drivers")
    check_drivers.check(report, tmp_path, allowed)
    assert (not report.findings) if bad is None else (len(report.findings) == 1 and bad in report.findings[0])


def test_drivers_row_that_nobody_needs(tmp_path):
    allowed = tmp_path / "drivers.txt"
    allowed.write_text("machine/gone.c\tlapic_init\n")
    report = findings.Report("drivers")
    check_drivers.check(report, tmp_path, allowed)
    assert report.findings == ["drivers.txt:1: nobody needs the row of machine/gone.c"]


def test_report_turns_red(capsys):
    report = findings.Report("x")
    assert report.finish("nothing") == 0
    report.find("a.c", 3, "is wrong")
    assert report.finish("one file") == 1
    assert "a.c:3: is wrong\n" in (out := capsys.readouterr().out) and "\nnot ok - check_x\n" in out
