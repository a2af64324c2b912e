"""The comparison of two builds is shown a build that is reproducible, and builds that are not."""

import pytest

import check_reproducible
import findings

MAKEFILE = """
all:
	mkdir -p build
	{elf}
iso: all
	{iso}
.PHONY: all iso
"""
TOY_ELF = "gcc -ffile-prefix-map=$(CURDIR)=. -g -nostdlib -static -Wl,--build-id=none -e f %s -o build/paravane.elf x.c"


@pytest.mark.parametrize("elf, iso, bad", [
    (TOY_ELF % "", "cp x.c build/paravane.iso", None),
    (TOY_ELF % '-DWHERE=\'"$(CURDIR)"\'', "cp x.c build/paravane.iso", "loaded sections that differ: .rodata"),
    (TOY_ELF % "", "pwd > build/paravane.iso", "paravane.iso: differs between two builds at byte"),
    (TOY_ELF % "", "date +%z > build/paravane.iso", "paravane.iso: differs"),
    ("false", "true", "make failed: "),
    (TOY_ELF % "", "touch build/old", "was not built"),
])
def test_reproducible(tmp_path, elf, iso, bad):
    (tmp_path / "x.c").write_text('#ifndef WHERE\n#define WHERE "x"\n#endif\nconst char *f(void) { return WHERE; }\n')
    (tmp_path / "Makefile").write_text(MAKEFILE.format(elf=elf, iso=iso))
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "paravane.iso").write_text("left over")
    report = findings.Report("reproducible")
    check_reproducible.check(report, tmp_path, "1")
    assert (not report.findings) if bad is None else any(bad in text for text in report.findings), report.findings
