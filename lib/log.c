/*
 * The kernel log: one lock, a list of sinks, and a ring in RAM that keeps the last LOG_RAM_SIZE bytes for whoever looks
 * later (the monitor's `log`, a debugger that reads `log_ram`, a sink that comes late).
 *
 *	printk -> format (128-byte pieces) -> emit -> RAM ring
 *	                                           -> sink, sink, ...
 *
 * It must not know what a serial line or a CPU is: the sinks and the lock are hooks, set from machine/. Read next:
 * machine/uart.c, the first sink.
 */
#include "lib/log.h"

#include "lib/printf.h"
#include "lib/string.h"

/* All of this file's state, under log_lock (once there is one). */
static char log_ram[LOG_RAM_SIZE] __used;
static u64 log_pos __used; /* bytes since boot; log_ram[log_pos % LOG_RAM_SIZE] is written next */
static struct log_sink *log_sinks;
static bool log_in_line; /* the last byte shown was no newline */

static const struct log_lock *log_lock;
static u32 log_panic_depth;
static u32 log_through; /* CPUs that write without the lock, which another one keeps */

static char *capture_buf; /* NULL: nobody captures */
static size_t capture_size, capture_len;

static ulong lock(void)
{
	return log_lock ? log_lock->lock() : 0;
}

/* Gives back what lock() took, if a panic has not given it up since. */
static void unlock(ulong flags)
{
	if (log_lock)
		log_lock->unlock(flags);
}

static u64 oldest(void)
{
	return log_pos > LOG_RAM_SIZE ? log_pos - LOG_RAM_SIZE : 0;
}

/* The longest piece of the ring that lies in one run from @pos. */
static size_t ring_run(u64 pos, const char **text)
{
	size_t at = pos % LOG_RAM_SIZE;

	*text = &log_ram[at];
	return min(log_pos - pos, LOG_RAM_SIZE - at);
}

static void ram_write(const char *text, size_t len)
{
	while (len) {
		size_t at = log_pos % LOG_RAM_SIZE;
		size_t n = min(len, LOG_RAM_SIZE - at);

		memcpy(&log_ram[at], text, n);
		log_pos += n;
		text += n;
		len -= n;
	}
}

static void sink_write(struct log_sink *sink, const char *text, size_t len)
{
	sink->writing = true;
	sink->write(sink, text, len);
	sink->writing = false;
}

static void capture(const char *text, size_t len)
{
	size_t used = min(capture_len, capture_size - 1);
	size_t fits = min(len, capture_size - 1 - used);

	memcpy(capture_buf + used, text, fits);
	capture_buf[used + fits] = '\0';
	capture_len += len;
}

static void show(const char *text, size_t len)
{
	bool leave_out;

	if (!len)
		return;
	if (capture_buf) {
		capture(text, len);
		return;
	}
	log_in_line = text[len - 1] != '\n';
	leave_out = log_panic_depth > 1 || __atomic_load_n(&log_through, __ATOMIC_RELAXED);
	for (struct log_sink *sink = log_sinks; sink; sink = sink->next) {
		if (!leave_out || !sink->writing)
			sink_write(sink, text, len);
	}
}

static void emit(const char *text, size_t len)
{
	if (!capture_buf)
		ram_write(text, len);
	show(text, len);
}

/* Formats under the lock, so that one call's text stays together. */
static void emit_format(const char *fmt, va_list ap)
{
	char piece[128];
	struct printf_out out = {.buf = piece, .size = sizeof(piece), .flush = emit};

	printf_format(&out, fmt, ap);
	emit(piece, out.used);
}

/* Replays what is kept; a first line that lost its beginning is left out. */
static void replay(struct log_sink *sink)
{
	u64 pos = oldest();
	const char *text;

	if (pos) {
		while (pos < log_pos && log_ram[pos % LOG_RAM_SIZE] != '\n')
			pos++;
		pos += pos < log_pos;
	}
	while (pos < log_pos) {
		size_t n = ring_run(pos, &text);

		sink_write(sink, text, n);
		pos += n;
	}
}

void log_add_sink(struct log_sink *sink)
{
	ulong flags = lock();
	struct log_sink **link = &log_sinks;

	while (*link && *link != sink)
		link = &(*link)->next;
	if (!*link) {
		sink->next = NULL;
		sink->writing = false;
		*link = sink;
		replay(sink);
	}
	unlock(flags);
}

void log_set_lock(const struct log_lock *new_lock)
{
	log_lock = new_lock;
}

void vprintk(const char *fmt, va_list ap)
{
	ulong flags = lock();

	emit_format(fmt, ap);
	unlock(flags);
}

void printk(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintk(fmt, ap);
	va_end(ap);
}

void log_line(const char *topic, const char *fmt, ...)
{
	char head[64];
	va_list ap;
	ulong flags = lock();
	int len = ksnprintf(head, sizeof(head), "%-*s", LOG_TOPIC_WIDTH, topic);

	emit(head, min((size_t)len, sizeof(head) - 1));
	va_start(ap, fmt);
	emit_format(fmt, ap);
	va_end(ap);
	emit("\n", 1);
	unlock(flags);
}

void log_write(const char *text, size_t len)
{
	ulong flags = lock();

	emit(text, len);
	unlock(flags);
}

void log_show(const char *text, size_t len)
{
	ulong flags = lock();

	show(text, len);
	unlock(flags);
}

void log_fresh_line(void)
{
	ulong flags = lock();

	if (log_in_line)
		emit("\n", 1);
	unlock(flags);
}

void log_capture(char *buf, size_t size)
{
	ulong flags = lock();

	buf[0] = '\0';
	capture_buf = buf;
	capture_size = size;
	capture_len = 0;
	unlock(flags);
}

size_t log_capture_end(void)
{
	ulong flags = lock();
	size_t len = capture_len;

	capture_buf = NULL;
	unlock(flags);
	return len;
}

void log_urgent_begin(struct log_urgent *urgent)
{
	urgent->flags = 0;
	urgent->through = log_lock && log_lock->lock_soon && !log_lock->lock_soon(&urgent->flags);
	if (urgent->through)
		__atomic_add_fetch(&log_through, 1, __ATOMIC_RELAXED);
	else if (!log_lock || !log_lock->lock_soon)
		urgent->flags = lock();
}

void log_urgent_end(const struct log_urgent *urgent)
{
	if (urgent->through)
		__atomic_sub_fetch(&log_through, 1, __ATOMIC_RELAXED);
	unlock(urgent->flags);
}

void log_enter_panic(void)
{
	log_lock = NULL;
	capture_buf = NULL;
	if (++log_panic_depth > 1)
		return;
	/* Whoever was writing when the first panic came may just have been interrupted. */
	for (struct log_sink *sink = log_sinks; sink; sink = sink->next) {
		log_in_line |= sink->writing; /* it has stopped for good, who knows where */
		sink->writing = false;
		if (sink->alarm)
			sink->alarm(sink);
	}
}

size_t log_ram_read(u64 *pos, char *buf, size_t size)
{
	size_t done = 0;
	ulong flags = lock();

	*pos = max(*pos, oldest());
	while (done < size && *pos < log_pos) {
		const char *text;
		size_t n = min(ring_run(*pos, &text), size - done);

		memcpy(buf + done, text, n);
		done += n;
		*pos += n;
	}
	unlock(flags);
	return done;
}

u64 log_ram_pos(void)
{
	ulong flags = lock();
	u64 pos = log_pos;

	unlock(flags);
	return pos;
}
