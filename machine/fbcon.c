/* The framebuffer console: see machine/fbcon.h. A cell is composed line by line in RAM and then copied out. */
#include "machine/fbcon.h"

#include "lib/string.h"
#include "machine/font.h"

#define SCALE_MAX 8
#define KIND_RGB  1 /* multiboot2 3.6.12 */

/* The VGA's sixteen colours, 0xRRGGBB. */
static const u32 palette[16] = {
	0x000000, 0x0000aa, 0x00aa00, 0x00aaaa, 0xaa0000, 0xaa00aa, 0xaa5500, 0xaaaaaa,
	0x555555, 0x5555ff, 0x55ff55, 0x55ffff, 0xff5555, 0xff55ff, 0xffff55, 0xffffff,
};

/* @value, 0 to 255, as a field of @size bits at @pos. */
static u32 field(u32 value, u8 pos, u8 size)
{
	return (u32)((u64)(size < 8 ? value >> (8 - size) : value << (size - 8)) << pos);
}

static u32 pixel(const struct boot_framebuffer *fb, u32 rgb)
{
	return field(rgb >> 16, fb->red_pos, fb->red_size) | field(rgb >> 8 & 0xff, fb->green_pos, fb->green_size) |
	       field(rgb & 0xff, fb->blue_pos, fb->blue_size);
}

/* Device memory is slow a store at a time: eight bytes in one, where they are aligned. */
static void copy_out(volatile u8 *to, const u8 *from, u32 size)
{
	u64 word;

	while (size) {
		if (size >= sizeof(word) && IS_ALIGNED((ulong)to, sizeof(word))) {
			memcpy(&word, from, sizeof(word));
			*(volatile u64 *)to = word;
			to += sizeof(word);
			from += sizeof(word);
			size -= (u32)sizeof(word);
		} else {
			*to++ = *from++;
			size--;
		}
	}
}

static void compose(const struct fbcon *f, u8 *line, u8 bits, u32 fore, u32 back)
{
	for (u32 i = 0; i < FONT_WIDTH; i++) {
		u32 colour = bits & (0x80 >> i) ? fore : back;

		for (u32 s = 0; s < f->scale; s++, line += f->bytes)
			memcpy(line, &colour, sizeof(colour)); /* the next pixel overwrites what is too much */
	}
}

static void paint_cell(void *driver, u32 x, u32 y, struct term_cell cell)
{
	struct fbcon *f = driver;
	u32 size = FONT_WIDTH * f->scale * f->bytes;
	volatile u8 *to = f->base + (u64)y * FONT_HEIGHT * f->scale * f->pitch + (u64)x * size;
	const u8 *glyph = font_glyph(cell.c);
	u8 line[FONT_WIDTH * SCALE_MAX * 4 + 4];

	for (u32 i = 0; i < FONT_HEIGHT; i++) {
		compose(f, line, glyph[i], f->colour[cell.attr & 15], f->colour[cell.attr >> 4]);
		for (u32 s = 0; s < f->scale; s++, to += f->pitch)
			copy_out(to, line, size);
	}
}

static void sink_write(struct log_sink *sink, const char *text, size_t len)
{
	struct fbcon *f = container_of(sink, struct fbcon, sink);

	term_write(f->term, text, len);
	term_flush(f->term, paint_cell, f);
	asm volatile("sfence" ::: "memory"); /* write-combining: now, not some time */
}

static void sink_alarm(struct log_sink *sink)
{
	term_alarm(container_of(sink, struct fbcon, sink)->term);
}

const char *fbcon_refuses(const struct boot_framebuffer *fb)
{
	if (fb->kind != KIND_RGB)
		return "its pixels are numbers of colours";
	if (fb->bpp != 15 && fb->bpp != 16 && fb->bpp != 24 && fb->bpp != 32)
		return "its pixels have an odd size";
	if (fb->width < FONT_WIDTH || fb->height < FONT_HEIGHT)
		return "it has no room for a character";
	return NULL;
}

u64 fbcon_size(const struct boot_framebuffer *fb)
{
	return (u64)fb->pitch * fb->height;
}

void fbcon_init(struct fbcon *f, const struct boot_framebuffer *fb, volatile void *base, struct term *term)
{
	u32 cols = fb->width / FONT_WIDTH, rows = fb->height / FONT_HEIGHT;
	u32 need = max((cols - 1) / TERM_COLS_MAX, (rows - 1) / TERM_ROWS_MAX) + 1;

	memset(f, 0, sizeof(*f));
	f->sink.name = "screen";
	f->sink.write = sink_write;
	f->sink.alarm = sink_alarm;
	f->term = term;
	f->base = base;
	f->pitch = fb->pitch;
	f->bytes = (u8)((fb->bpp + 7) / 8);
	f->scale = (u8)min(need, (u32)SCALE_MAX);
	for (u32 i = 0; i < ARRAY_SIZE(palette); i++)
		f->colour[i] = pixel(fb, palette[i]);
	for (u32 y = 0; y < fb->height; y++) {
		static const u8 black[64];
		u32 size = fb->width * f->bytes;

		for (u32 x = 0; x < size; x += sizeof(black))
			copy_out(f->base + (u64)y * f->pitch + x, black, min(size - x, (u32)sizeof(black)));
	}
	term_init(term, cols / f->scale, rows / f->scale);
	term_flush(term, paint_cell, f);
}
