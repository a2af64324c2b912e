/*
 * machine/fbcon.c on framebuffers in memory: every pixel is read back and must be the font's, in the right colour, at
 * 16, 24 and 32 bits, with odd pitches and an odd place; nothing outside the characters' cells and the black ground may
 * be written. The address sanitizer guards the ends.
 */
#include "tests/host/host.h"

#include "machine/fbcon.c"
#include "machine/font_data.c"
#include "machine/term.c"

#define GUARD 0x5a

static struct term term;
static struct fbcon con;
static struct boot_framebuffer fb;
static u8 *memory; /* exactly the framebuffer */

/* bpp, then position and size of red, green, blue. */
static const u8 formats[][7] = {
	{32, 16, 8, 8, 8, 0, 8},     {24, 16, 8, 8, 8, 0, 8}, {24, 0, 8, 8, 8, 16, 8},
	{32, 20, 10, 10, 10, 0, 10}, {16, 11, 5, 5, 6, 0, 5}, {15, 10, 5, 5, 5, 0, 5},
};

static void start(u32 width, u32 height, u32 extra, const u8 *format)
{
	fb = (struct boot_framebuffer){.width = width, .height = height, .bpp = format[0], .kind = KIND_RGB};
	fb.red_pos = format[1], fb.red_size = format[2], fb.green_pos = format[3], fb.green_size = format[4];
	fb.blue_pos = format[5], fb.blue_size = format[6];
	fb.pitch = width * ((format[0] + 7U) / 8) + extra;
	assert_null(fbcon_refuses(&fb));
	memory = malloc(fbcon_size(&fb));
	memset(memory, GUARD, fbcon_size(&fb));
	fbcon_init(&con, &fb, memory, &term);
}

static void say(const char *text)
{
	con.sink.write(&con.sink, text, strlen(text));
}

static u32 pixel_at(u32 x, u32 y)
{
	u32 value = 0, bytes = (fb.bpp + 7U) / 8;

	for (u32 i = 0; i < bytes; i++)
		value |= (u32)memory[(size_t)y * fb.pitch + x * bytes + i] << (8 * i);
	return value;
}

static u32 part(u32 value, u8 pos, u8 size)
{
	return value >> pos & ((1U << size) - 1);
}

/* The colour of a pixel as one of the sixteen, by its fields alone. */
static u32 colour_at(u32 x, u32 y)
{
	u32 p = pixel_at(x, y);

	for (u32 i = 0; i < 16; i++) {
		u32 rgb = palette[i];
		u32 red = rgb >> 16, green = rgb >> 8 & 255, blue = rgb & 255;

		if (part(p, fb.red_pos, fb.red_size) == (red << 2) >> (10 - fb.red_size) &&
		    part(p, fb.green_pos, fb.green_size) == (green << 2) >> (10 - fb.green_size) &&
		    part(p, fb.blue_pos, fb.blue_size) == (blue << 2) >> (10 - fb.blue_size))
			return i;
	}
	fail_msg("pixel %u,%u is %#x, no colour", x, y, p);
	return 0;
}

static bool shows(u32 col, u32 row, u8 c, u8 attr)
{
	const u8 *glyph = font_glyph(c);
	u32 w = FONT_WIDTH * con.scale, h = FONT_HEIGHT * con.scale;

	for (u32 y = 0; y < h; y++) {
		for (u32 x = 0; x < w; x++) {
			bool ink = glyph[y / con.scale] & (0x80 >> (x / con.scale));

			if (colour_at(col * w + x, row * h + y) != (ink ? attr & 15U : attr >> 4))
				return false;
		}
	}
	return true;
}

/* Every cell is what the terminal has; the rest is black, and what belongs to no line is untouched. */
static void expect_screen(void)
{
	u32 bytes = (fb.bpp + 7U) / 8;

	for (u32 row = 0; row < term.rows; row++) {
		for (u32 col = 0; col < term.cols; col++) {
			struct term_cell cell = cell_at(&term, col, row);

			if (!shows(col, row, cell.c, cell.attr))
				fail_msg("cell %u,%u does not show '%c'", col, row, cell.c);
		}
	}
	for (u32 y = 0; y < fb.height; y++) {
		for (u32 x = term.cols * FONT_WIDTH * con.scale; x < fb.width; x++)
			assert_int_equal(pixel_at(x, y), 0);
		for (u32 i = fb.width * bytes; i < fb.pitch; i++)
			assert_int_equal(memory[(size_t)y * fb.pitch + i], GUARD);
	}
	for (u32 y = term.rows * FONT_HEIGHT * con.scale; y < fb.height; y++)
		assert_int_equal(pixel_at(0, y), 0);
}

static void every_format_and_pitch(void **state)
{
	static const u32 extras[] = {0, 1, 5, 64};

	(void)state;
	for (u32 f = 0; f < ARRAY_SIZE(formats); f++) {
		for (u32 e = 0; e < ARRAY_SIZE(extras); e++) {
			start(83, 53, extras[e], formats[f]);
			assert_int_equal(term.cols, 10);
			assert_int_equal(term.rows, 3);
			expect_screen();
			say("Ag~\x7f\x01\xe4");
			expect_screen();
			say("\n12345678901\nlast");
			expect_screen();
			con.sink.alarm(&con.sink);
			say("\npanic");
			expect_screen();
			free(memory);
		}
	}
}

static void the_colours(void **state)
{
	(void)state;
	start(64, 64, 0, formats[0]);
	con.sink.alarm(&con.sink);
	say("|");
	assert_int_equal(pixel_at(3, 4), 0xffffff);
	assert_int_equal(pixel_at(0, 0), 0xaa0000);
	free(memory);
	start(64, 64, 0, formats[2]); /* blue on top */
	con.sink.alarm(&con.sink);
	say("|");
	assert_int_equal(pixel_at(0, 0), 0x0000aa);
	free(memory);
}

/* What is shown already is not written again. */
static void unchanged_cells_are_left_alone(void **state)
{
	(void)state;
	start(80, 48, 0, formats[0]);
	say("abc");
	memory[0] ^= 0xff;
	say("d\n");
	assert_int_equal(memory[0], 0xff);
	say("\rx\033[H");
	say("y");
	expect_screen();
	free(memory);
}

static void large_screens_get_large_pixels(void **state)
{
	(void)state;
	start(2056, 40, 0, formats[0]);
	assert_int_equal(con.scale, 2);
	assert_int_equal(term.cols, 128);
	assert_int_equal(term.rows, 1);
	say("big");
	expect_screen();
	free(memory);
	start(40, 1600, 3, formats[1]);
	assert_int_equal(con.scale, 2);
	assert_int_equal(term.rows, 50);
	say("high\n");
	expect_screen();
	free(memory);
	start(8 * TERM_COLS_MAX, 16, 0, formats[0]);
	assert_int_equal(con.scale, 1);
	assert_int_equal(term.cols, TERM_COLS_MAX);
	free(memory);
}

static void what_is_refused(void **state)
{
	struct boot_framebuffer f = {.width = 640, .height = 480, .pitch = 2560, .bpp = 32, .kind = KIND_RGB};

	(void)state;
	assert_null(fbcon_refuses(&f));
	f.bpp = 8;
	assert_non_null(fbcon_refuses(&f));
	f.bpp = 64;
	assert_non_null(fbcon_refuses(&f));
	f.bpp = 32;
	f.width = 7;
	assert_non_null(fbcon_refuses(&f));
	f.width = 640;
	f.height = 15;
	assert_non_null(fbcon_refuses(&f));
	f.height = 480;
	f.kind = 0;
	assert_non_null(fbcon_refuses(&f));
}

/* The font has all of ASCII, no two alike, and a box for the rest. */
static void the_font(void **state)
{
	(void)state;
	for (u32 a = FONT_FIRST; a < FONT_FIRST + FONT_GLYPHS; a++)
		for (u32 b = FONT_FIRST; b < a; b++)
			assert_memory_not_equal(font_glyph((u8)a), font_glyph((u8)b), FONT_HEIGHT);
	assert_ptr_equal(font_glyph(0), font_glyph(0x7f));
	assert_ptr_equal(font_glyph(0x80), font_glyph(0x7f));
	assert_ptr_equal(font_glyph(' '), font_glyphs[0]);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_format_and_pitch),
	cmocka_unit_test(the_colours),
	cmocka_unit_test(unchanged_cells_are_left_alone),
	cmocka_unit_test(large_screens_get_large_pixels),
	cmocka_unit_test(what_is_refused),
	cmocka_unit_test(the_font),
};
HOST_MAIN("machine_fbcon", tests)
