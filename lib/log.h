/*
 * Kernel log: every line goes to all registered sinks (serial, screen) and into a RAM log that the
 * monitor's `log` command and a debugger can read. Needs nothing: its lock and its sinks are hooks
 * set from above.
 */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#include "lib/types.h"

struct log_sink {
	const char *name;
	void (*write)(struct log_sink *sink, const char *text, size_t len); /* must not log */
	void (*alarm)(struct log_sink *sink); /* a panic comes: what is written next must be seen; NULL: as ever */
	struct log_sink *next;                /* log.c's */
	bool writing;                         /* log.c's: inside write(); a panic there must not go there again */
};

/*
 * Serialises writers; unset: no lock (one CPU, early boot). lock() returns what unlock() is given
 * back.
 */
struct log_lock {
	ulong (*lock)(void);
	void (*unlock)(ulong flags);
	/*
	 * As lock(), but does not wait for long. False: whoever has it does not let go, and this CPU's lock() passes
	 * without it until unlock(). NULL: lock() it is.
	 */
	bool (*lock_soon)(ulong *flags);
};

#define LOG_RAM_SIZE (64 * KIB) /* a power of two */

/* Column at which the text of a log_line() begins. */
#define LOG_TOPIC_WIDTH 12

/*
 * Adds @sink; text logged before it came is replayed to it from the RAM log, from the first whole
 * line still kept. A sink that is already there is left alone. Boot only.
 */
void log_add_sink(struct log_sink *sink);
void log_set_lock(const struct log_lock *lock);

/*
 * Formats and writes to all sinks and the RAM log, as is: no prefix, no newline added. Any context
 * but NMI.
 */
void printk(const char *fmt, ...) __printf(1, 2);
void vprintk(const char *fmt, va_list ap) __printf(1, 0);

/* One aligned boot-log line: "topic       text\n". The text says what was found or chosen. */
void log_line(const char *topic, const char *fmt, ...) __printf(2, 3);

/* Writes raw bytes as printk does (echo of the monitor's input). */
void log_write(const char *text, size_t len);

/* Writes to the sinks only: what comes out of the RAM log must not go into it again. */
void log_show(const char *text, size_t len);

/* Ends a line that was begun: KTAP and a panic start at column 1. */
void log_fresh_line(void);

/* What log_urgent_begin() keeps for log_urgent_end(). */
struct log_urgent {
	ulong flags;
	bool through;
};

/*
 * What this CPU logs in between comes out in one piece, and soon: if another CPU has the lock and does not let go, past
 * it, by the RAM log and all sinks but the one that is being written to, which may be where that CPU is stuck. For who
 * reports just that, in an interrupt. Interrupts are off in between; not nested.
 */
void log_urgent_begin(struct log_urgent *urgent);
void log_urgent_end(const struct log_urgent *urgent);

/*
 * A panic is printed from here on. The first call gives up the lock for good (its holder may be
 * what panicked); from the second on, sinks that were being written to are left out (the panic came
 * from there).
 */
void log_enter_panic(void);

/*
 * Copies RAM log text that begins at absolute position *@pos (bytes since boot) into @buf, at most
 * @size bytes; returns the count and moves *@pos. A position already overwritten moves up to the
 * oldest byte kept.
 */
size_t log_ram_read(u64 *pos, char *buf, size_t size);

/*
 * From here on all output goes into @buf alone, @size bytes with the NUL that always ends it, until
 * log_capture_end(); what does not fit is dropped. For tests of what prints. A panic ends it, so that nothing
 * hides one. Not nested.
 */
void log_capture(char *buf, size_t size);
/* The length all of the text had: at least @size if some was dropped. */
size_t log_capture_end(void);

/* Bytes logged since boot; log_ram_read() from here reads what comes next. */
u64 log_ram_pos(void);

#endif
