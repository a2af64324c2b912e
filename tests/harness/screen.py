"""What a guest's screen shows, as text: a screendump (PPM) decoded with the very font that the image draws with.

The font is read out of the ELF, cells are compared pixel by pixel, and a cell that is no glyph in two colours is a
failure, not a guess. Also what is to be expected: a serial log folded as the terminal folds it. Must not know QEMU;
read next: test_screendump.py. As a program it makes a PNG of a screendump: screen.py IN.ppm OUT.png
"""

import struct
import sys
import zlib

FIRST, GLYPHS, HEIGHT, WIDTH = 0x20, 96, 16, 8
BOX = "\x7f"
GREY, BLACK, WHITE, RED = (0xAA, 0xAA, 0xAA), (0, 0, 0), (0xFF, 0xFF, 0xFF), (0xAA, 0, 0)
NORMAL, CURSOR, ALARM = (GREY, BLACK), (BLACK, GREY), (WHITE, RED)


def like(one, other):
    """Is it the same colour, as far as five bits of each part can tell?"""
    return all(abs(a - b) < 8 for a, b in zip(one, other))


def font_of(elf):
    """Glyph (16 bytes) -> character, from the image's own section .rodata.font."""
    from elftools.elf.elffile import ELFFile  # pylint: disable=import-outside-toplevel
    with open(elf, "rb") as file:
        data = ELFFile(file).get_section_by_name(".rodata.font").data()
    assert len(data) == GLYPHS * HEIGHT, f"a font of {len(data)} bytes"
    return {data[i * HEIGHT:(i + 1) * HEIGHT]: chr(FIRST + i) for i in range(GLYPHS)}


def read_ppm(path):
    """(width, height, pixels as bytes, three each) of a binary PPM."""
    with open(path, "rb") as file:
        kind, size, depth, pixels = file.read().split(b"\n", 3)
    width, height = map(int, size.split())
    assert kind == b"P6" and depth == b"255" and len(pixels) == width * height * 3, (kind, size, depth, len(pixels))
    return width, height, pixels


def write_png(path, width, height, pixels):
    """The same picture as a PNG with a palette (a text screen has few colours)."""
    points = [pixels[i:i + 3] for i in range(0, len(pixels), 3)]
    palette = sorted(set(points))
    index = {colour: number for number, colour in enumerate(palette)}
    assert len(palette) <= 16, f"{len(palette)} colours"
    lines = bytearray()
    for y in range(height):
        row = [index[point] for point in points[y * width:(y + 1) * width]]
        lines += b"\0" + bytes(row[x] << 4 | (row[x + 1] if x + 1 < width else 0) for x in range(0, width, 2))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 4, 3, 0, 0, 0)) +
                   chunk(b"PLTE", b"".join(palette)) + chunk(b"IDAT", zlib.compress(bytes(lines), 9)) +
                   chunk(b"IEND", b""))


class Screen:
    """The rows of text on a picture, and the colours of each cell."""

    def __init__(self, picture, font, scale=1):
        self.width, self.height, self.pixels = picture
        self.font = font
        self.scale = scale
        self.cols = self.width // (WIDTH * scale)
        self.row_count = self.height // (HEIGHT * scale)
        cells = [[self._cell(x, y) for x in range(self.cols)] for y in range(self.row_count)]
        self.rows = ["".join(cell[0] for cell in row).rstrip() for row in cells]
        self.colours = [[cell[1] for cell in row] for row in cells]
        self._rest_is_black()

    def _pixel(self, x, y):
        at = (y * self.width + x) * 3
        return tuple(self.pixels[at:at + 3])

    def _cell(self, col, row):
        """(character, (fore, back)) of a cell."""
        step = self.scale
        grid = [[self._pixel((col * WIDTH + x) * step, (row * HEIGHT + y) * step) for x in range(WIDTH)]
                for y in range(HEIGHT)]
        colours = {point for line in grid for point in line}
        if len(colours) == 1:
            back = colours.pop()
            return " ", (GREY if back == BLACK else None, back)
        assert len(colours) == 2, f"cell {col},{row} has the colours {colours}"
        for back in colours:
            glyph = bytes(sum((point != back) << (7 - x) for x, point in enumerate(line)) for line in grid)
            if glyph in self.font:
                return self.font[glyph], ((colours - {back}).pop(), back)
        raise AssertionError(f"cell {col},{row} shows no character of the font")

    def _rest_is_black(self):
        """The margin right of and below the last cells."""
        for y in range(self.height):
            start = self.cols * WIDTH * self.scale if y < self.row_count * HEIGHT * self.scale else 0
            line = self.pixels[(y * self.width + start) * 3:(y + 1) * self.width * 3]
            assert not line.strip(b"\0"), f"something is drawn right of or below the text, in line {y}"

    def text(self):
        """The rows without the empty ones at the end."""
        rows = list(self.rows)
        while rows and not rows[-1]:
            rows.pop()
        return rows


def fold(text, cols):
    """The rows that a terminal of @cols columns makes of a log."""
    rows = []
    for line in text.split("\n"):
        rows += [line[i:i + cols].rstrip() for i in range(0, len(line), cols)] or [""]
    return rows


def main():
    write_png(sys.argv[2], *read_ppm(sys.argv[1]))


if __name__ == "__main__":
    main()
