/* The decoder behind scancode.h: two tables by code, one of extended keys. */
#include "machine/scancode.h"

#include "lib/string.h"

#define RELEASED 0x80
enum { EXTENDED = 0xe0, PAUSE = 0xe1 };
enum { CTRL = 0x1d, SHIFT_LEFT = 0x2a, SHIFT_RIGHT = 0x36, CAPS = 0x3a };

/* Codes 0x00 to 0x39; 0: no character. */
static const char plain[0x3a] = "\0\0331234567890-=\b\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
static const char shifted[0x3a] = "\0\033!@#$%^&*()_+\b\tQWERTYUIOP{}\r\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ";
/* Codes 0x47 to 0x53. */
static const char keypad[] = "789-456+1230.";

static const struct {
	u8 code;
	char text[SCANCODE_BYTES];
} extended[] = {
	{0x48, "\033[A"}, {0x50, "\033[B"},  {0x4d, "\033[C"}, {0x4b, "\033[D"}, {0x47, "\033[H"},
	{0x4f, "\033[F"}, {0x53, "\033[3~"}, {0x1c, "\r"},     {0x35, "/"},
};

/* Keys that change what others type; true: it was one. */
static bool modifier(struct scancode *s, u8 key, bool down)
{
	switch (key) {
	case CTRL:
		*(s->extended ? &s->ctrl_right : &s->ctrl_left) = down;
		return true;
	case SHIFT_LEFT: /* extended: no key, but the keyboard's own doing around the arrows */
		s->shift_left = s->extended ? s->shift_left : down;
		return true;
	case SHIFT_RIGHT:
		s->shift_right = s->extended ? s->shift_right : down;
		return true;
	case CAPS:
		s->caps ^= down;
		return true;
	default:
		return false;
	}
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The character of a key without 0xe0, 0: none. */
static char character(const struct scancode *s, u8 key)
{
	bool shift = s->shift_left || s->shift_right;
	char c;

	if (key >= 0x47 && key < 0x47 + sizeof(keypad) - 1)
		return keypad[key - 0x47];
	if (key >= sizeof(plain))
		return 0;
	c = plain[key];
	if (is_letter(c))
		shift ^= s->caps;
	if (shift)
		c = shifted[key];
	if ((s->ctrl_left || s->ctrl_right) && c >= '@' && c < 0x7f)
		c &= 0x1f;
	return c;
}

static u32 extended_key(u8 key, char out[SCANCODE_BYTES])
{
	for (u32 i = 0; i < ARRAY_SIZE(extended); i++) {
		u32 len = 0;

		if (extended[i].code != key)
			continue;
		while (len < SCANCODE_BYTES && extended[i].text[len]) {
			out[len] = extended[i].text[len];
			len++;
		}
		return len;
	}
	return 0;
}

u32 scancode_feed(struct scancode *s, u8 code, char out[SCANCODE_BYTES])
{
	u8 key = code & (u8)~RELEASED;
	bool down = !(code & RELEASED);
	u32 len = 0;

	if (s->skip) {
		s->skip--;
		return 0;
	}
	if (code == EXTENDED) {
		s->extended = true;
		return 0;
	}
	if (code == PAUSE) {
		s->skip = 2;
		return 0;
	}
	if (!modifier(s, key, down) && down) {
		if (s->extended) {
			len = extended_key(key, out);
		} else {
			out[0] = character(s, key);
			len = out[0] != 0;
		}
	}
	s->extended = false;
	return len;
}
