#!/usr/bin/python3
"""Makes machine/font_data.c from a console font: tools/font.py FONT.psf[.gz] >machine/font_data.c

Takes the glyphs of printable ASCII out of a PSF file of 8x16 glyphs (version 1, as Debian's console-setup has them)
and puts a box behind them for whatever the font lacks. The result is checked in: no build needs the font's package.
"""

import gzip
import pathlib
import sys

MAGIC = b"\x36\x04"
HEIGHT = 16
FIRST, LAST = 0x20, 0x7E
BOX = bytes([0, 0, 0x7E] + [0x42] * 9 + [0x7E, 0, 0, 0])

HEAD = """\
/*
 * The font of the framebuffer console: 8x16, ASCII 0x20 to 0x7e and a box, a byte a line, the left pixel in bit 7.
 * Made by tools/font.py from {name} of Debian's package console-setup-linux; not to be edited. Its
 * source is u_vga16.bdf, and this notice belongs to it:
 *
 * Copyright (C) 2000, 2001 by Dmitry Bolkhovityanov. All Rights Reserved.
 *
 * Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
 * documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
 * rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to
 * permit persons to whom the Software is furnished to do so, subject to the following conditions:
 *
 * The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
 * Software.
 *
 * THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
 * WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL DMITRY
 * BOLKHOVITYANOV BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
 * OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
 */
#include "machine/font.h"

/* clang-format off */
const u8 font_glyphs[FONT_GLYPHS][FONT_HEIGHT] __section(".rodata.font") = {{
"""


def glyphs(data):
    """The glyph of each code, from a PSF 1 file."""
    if data[:2] != MAGIC or data[3] != HEIGHT:
        raise ValueError("no PSF 1 font of height 16")
    return [data[4 + code * HEIGHT:4 + (code + 1) * HEIGHT] for code in range(256)]


def row(code, glyph):
    text = "box" if code > LAST else "bslash" if chr(code) == "\\" else chr(code)
    return "\t{" + ", ".join(f"0x{line:02x}" for line in glyph) + f"}}, /* {text} */\n"


def main():
    path = pathlib.Path(sys.argv[1])
    font = glyphs((gzip.open if path.suffix == ".gz" else open)(path, "rb").read())
    rows = [row(code, font[code]) for code in range(FIRST, LAST + 1)] + [row(LAST + 1, BOX)]
    sys.stdout.write(HEAD.format(name=path.name) + "".join(rows) + "};\n")


if __name__ == "__main__":
    main()
