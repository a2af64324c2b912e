/*
 * printf: a format string is cut into literal text and conversions; a conversion becomes a sign or
 * prefix, zeros and a body, and one function pads all of them. Integers only: the kernel has no
 * floating point registers. It knows nothing of consoles or logs; read next lib/log.c, which prints
 * through printf_format().
 */
#include "lib/printf.h"

#include "lib/string.h"

/* One conversion as read from the format. */
struct spec {
	bool left, zero, alt, plus, space, upper;
	bool has_precision;
	char length; /* 'H' for hh, 'h', 'l' also for ll, 'z'; 0 for int */
	size_t width, precision;
};

/* Makes room if it can: how many bytes may be put now, 0 if the rest is only counted. */
static size_t room(struct printf_out *out)
{
	if (out->used == out->size && out->flush) {
		out->flush(out->buf, out->used);
		out->used = 0;
	}
	return out->size - out->used;
}

static void put(struct printf_out *out, char c)
{
	out->total++;
	if (room(out))
		out->buf[out->used++] = c;
}

static void put_text(struct printf_out *out, const char *text, size_t len)
{
	out->total += len;
	while (len) {
		size_t n = min(len, room(out));

		if (!n)
			return;
		memcpy(out->buf + out->used, text, n);
		out->used += n;
		text += n;
		len -= n;
	}
}

static void put_repeat(struct printf_out *out, char c, size_t count)
{
	while (count--)
		put(out, c);
}

/* [spaces] prefix [zeros] body [spaces], padded to the width. */
static void put_field(struct printf_out *out, const struct spec *spec, const char *prefix, size_t zero_count,
		      const char *body, size_t body_len)
{
	size_t prefix_len = strlen(prefix);
	size_t len = prefix_len + zero_count + body_len;
	size_t pad = spec->width > len ? spec->width - len : 0;

	if (!spec->left)
		put_repeat(out, ' ', pad);
	put_text(out, prefix, prefix_len);
	put_repeat(out, '0', zero_count);
	put_text(out, body, body_len);
	if (spec->left)
		put_repeat(out, ' ', pad);
}

/* Digits of @value, ended at @end; returns where they begin. None for 0. */
static char *digits_of(char *end, u64 value, u32 base, bool upper)
{
	const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";

	for (; value; value /= base)
		*--end = set[value % base];
	return end;
}

/*
 * C99 7.21.6.1: precision is the least number of digits, and turns the 0 flag off; 0 with precision
 * 0 is no digit at all.
 */
static void put_number(struct printf_out *out, const struct spec *spec, const char *prefix, u64 value, u32 base)
{
	char digits[20]; /* 2^64 - 1 in decimal */
	char *end = digits + sizeof(digits);
	char *first = digits_of(end, value, base, spec->upper);
	size_t len = (size_t)(end - first);
	size_t least = spec->has_precision ? spec->precision : 1;
	size_t zeros;

	if (!spec->has_precision && spec->zero && !spec->left) {
		size_t prefix_len = strlen(prefix);

		least = spec->width > prefix_len ? max(spec->width - prefix_len, least) : least;
	}
	zeros = least > len ? least - len : 0;
	put_field(out, spec, prefix, zeros, first, len);
}

/* The next argument as the length says. One va_list is walked: it goes by pointer. */
static s64 next_signed(va_list *ap, char length)
{
	switch (length) {
	case 'H':
		return (s8)va_arg(*ap, int);
	case 'h':
		return (s16)va_arg(*ap, int);
	case 'l':
	case 'z':
		return va_arg(*ap, long);
	default:
		return va_arg(*ap, int);
	}
}

static u64 next_unsigned(va_list *ap, char length)
{
	u64 value = (u64)next_signed(ap, length);

	switch (length) {
	case 'H':
		return (u8)value;
	case 'h':
		return (u16)value;
	case 'l':
	case 'z':
		return value;
	default:
		return (u32)value;
	}
}

static void put_signed(struct printf_out *out, const struct spec *spec, s64 value)
{
	const char *sign = value < 0 ? "-" : spec->plus ? "+" : spec->space ? " " : "";

	put_number(out, spec, sign, value < 0 ? 0 - (u64)value : (u64)value, 10);
}

static void put_string(struct printf_out *out, const struct spec *spec, const char *s)
{
	if (!s)
		s = "(null)";
	put_field(out, spec, "", 0, s, spec->has_precision ? strnlen(s, spec->precision) : strlen(s));
}

/* False: no such conversion, no argument taken. */
static bool put_conversion(struct printf_out *out, struct spec *spec, char c, va_list *ap)
{
	u64 value;
	char ch;

	switch (c) {
	case 'd':
	case 'i':
		put_signed(out, spec, next_signed(ap, spec->length));
		return true;
	case 'u':
		put_number(out, spec, "", next_unsigned(ap, spec->length), 10);
		return true;
	case 'X':
		spec->upper = true;
		/* fall through */
	case 'x':
		value = next_unsigned(ap, spec->length);
		put_number(out, spec, !spec->alt || !value ? "" : spec->upper ? "0X" : "0x", value, 16);
		return true;
	case 'p':
		put_number(out, spec, "0x", (u64)va_arg(*ap, void *), 16);
		return true;
	case 's':
		put_string(out, spec, va_arg(*ap, const char *));
		return true;
	case 'c':
		ch = (char)va_arg(*ap, int);
		put_field(out, spec, "", 0, &ch, 1);
		return true;
	case '%':
		put(out, '%');
		return true;
	default:
		return false;
	}
}

static const char *read_flags(struct spec *spec, const char *f)
{
	for (;; f++) {
		switch (*f) {
		case '-':
			spec->left = true;
			break;
		case '0':
			spec->zero = true;
			break;
		case '#':
			spec->alt = true;
			break;
		case '+':
			spec->plus = true;
			break;
		case ' ':
			spec->space = true;
			break;
		default:
			return f;
		}
	}
}

/* Digits or '*'; true in *@negative only for a negative '*'. A number that no line needs is cut. */
static const char *read_count(size_t *count, bool *negative, const char *f, va_list *ap)
{
	*negative = false;
	*count = 0;
	if (*f == '*') {
		s64 value = va_arg(*ap, int);

		*negative = value < 0;
		*count = (size_t)(value < 0 ? -value : value);
		return f + 1;
	}
	for (; *f >= '0' && *f <= '9'; f++)
		*count = min(*count * 10 + (size_t)(*f - '0'), (size_t)INT32_MAX);
	return f;
}

static const char *read_spec(struct spec *spec, const char *f, va_list *ap)
{
	bool negative;

	f = read_flags(spec, f);
	f = read_count(&spec->width, &negative, f, ap);
	if (negative)
		spec->left = true;
	if (*f == '.') {
		f = read_count(&spec->precision, &negative, f + 1, ap);
		spec->has_precision = !negative;
	}
	if (*f == 'h' || *f == 'l') {
		spec->length = *f++;
		if (*f == spec->length) {
			spec->length = *f == 'h' ? 'H' : 'l';
			f++;
		}
	} else if (*f == 'z') {
		spec->length = *f++;
	}
	return f;
}

void printf_format(struct printf_out *out, const char *fmt, va_list ap)
{
	va_list args;

	va_copy(args, ap);
	while (*fmt) {
		struct spec spec = {0};
		const char *f = fmt;

		while (*f && *f != '%')
			f++;
		put_text(out, fmt, (size_t)(f - fmt));
		fmt = f;
		if (!*fmt)
			break;
		f = read_spec(&spec, fmt + 1, &args);
		if (*f && put_conversion(out, &spec, *f, &args)) {
			fmt = f + 1;
			continue;
		}
		/* Unknown or cut off: shown as it stands, so that the mistake is seen. */
		f += *f != '\0';
		put_text(out, fmt, (size_t)(f - fmt));
		fmt = f;
	}
	va_end(args);
}

int kvsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct printf_out out = {.buf = buf, .size = size ? size - 1 : 0};

	printf_format(&out, fmt, ap);
	if (size)
		buf[out.used] = '\0';
	return (int)min(out.total, (size_t)INT32_MAX);
}

int ksnprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = kvsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return len;
}
