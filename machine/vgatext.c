/* The VGA text screen: see machine/vgatext.h. */
#include "machine/vgatext.h"

#include "lib/string.h"
#include "pvops/pvops.h"

#define MISC_OUTPUT    0x3cc /* read; bit 0: the CRTC is at 0x3d4 */
#define GRAPHICS_INDEX 0x3ce
#define GRAPHICS_DATA  0x3cf
#define GRAPHICS_MISC  6 /* bit 0: graphics; bits 3:2: 3 is 32 KiB at 0xb8000 */
#define CRTC_INDEX     0x3d4
#define CRTC_DATA      0x3d5
#define CRTC_CURSOR    0x0a /* bit 5: cursor off */
#define CURSOR_OFF     0x20
#define NO_CARD        0xff

static __noinline u8 read_indexed(u16 port, u8 index)
{
	pv_outb(index, port);
	return pv_inb((u16)(port + 1));
}

bool vgatext_probe(void)
{
	u8 misc = pv_inb(MISC_OUTPUT);

	if (misc == NO_CARD || !(misc & 1))
		return false;
	return (read_indexed(GRAPHICS_INDEX, GRAPHICS_MISC) & 0x0d) == 0x0c;
}

static void paint(void *driver, u32 x, u32 y, struct term_cell cell)
{
	struct vgatext *v = driver;

	v->base[y * v->pitch + x] = (u16)(cell.attr << 8 | cell.c);
}

static void sink_write(struct log_sink *sink, const char *text, size_t len)
{
	struct vgatext *v = container_of(sink, struct vgatext, sink);

	term_write(v->term, text, len);
	term_flush(v->term, paint, v);
	asm volatile("sfence" ::: "memory"); /* write-combining: now, not some time */
}

static void sink_alarm(struct log_sink *sink)
{
	term_alarm(container_of(sink, struct vgatext, sink)->term);
}

void vgatext_init(struct vgatext *v, volatile void *base, u32 cols, u32 rows, u32 pitch, struct term *term)
{
	memset(v, 0, sizeof(*v));
	v->sink.name = "screen";
	v->sink.write = sink_write;
	v->sink.alarm = sink_alarm;
	v->term = term;
	v->base = base;
	v->pitch = pitch / sizeof(u16);
	term_init(term, cols, rows);
	term_flush(term, paint, v);
	pv_outb((u8)(read_indexed(CRTC_INDEX, CRTC_CURSOR) | CURSOR_OFF), CRTC_DATA);
}
