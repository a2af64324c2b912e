/*
 * The kernel's command line: words separated by blanks, each NAME or NAME=VALUE, one table row per
 * option.
 * "..." keeps blanks in a value, \" and \\ stand for themselves (GRUB writes them so).
 */
#ifndef BOOT_CMDLINE_H
#define BOOT_CMDLINE_H

#include "lib/boot_info.h"

/* What the words on the command line asked for. */
struct boot_options {
	bool test_set;  /* run tests and leave through the debug port */
	char test[64];  /* which: a glob, or "all" */
	bool bench_set; /* likewise the benchmarks */
	char bench[64];
	bool soak_set;    /* run all CPUs' loads at once and leave likewise */
	char soak[16];    /* for so many seconds */
	char backend[16]; /* pvops backend by name */
	bool patch;       /* patch call sites; off leaves them indirect */
	char crash[16];   /* "" or the kind of crash to provoke on purpose */
	bool report_set;  /* show pages of what there is to know */
	u64 report;       /* each for so many seconds */
	bool noioapic;    /* interrupts by the PICs, whatever there is */
	bool x2apic;      /* the local APIC by MSRs, where the CPU can */
	u64 deadcpu;      /* number of a CPU that is kept from starting; 0: none */
	bool la57;        /* page tables of five levels */
	char timer[16];   /* "" or the clock event to use */
	u64 lockup;       /* seconds until a CPU that is stuck is reported; 0: never */
	u64 oracle;       /* accesses that the oracle makes; 0: its own choice */
	u64 seed;         /* of random tests; 0: their own choice */
	char guest[32];   /* "" or the guest to run */
};

enum option_kind {
	OPTION_FLAG,   /* NAME: sets the bool */
	OPTION_TEXT,   /* NAME=TEXT */
	OPTION_ONOFF,  /* NAME=on or NAME=off: the bool */
	OPTION_NUMBER, /* NAME=N, decimal or 0x hex: a u64 */
};

#define OPTION_NO_FIELD 0xffff

/* One option. Offsets and sizes are those of fields in the struct that the table fills. */
struct cmdline_option {
	const char *name;
	u8 kind;
	bool value_optional;  /* NAME alone is allowed too, and keeps the default */
	u16 offset, size;     /* the value's field */
	u16 set_offset;       /* a bool that says "was given", or OPTION_NO_FIELD */
	const char *fallback; /* the default, written as on the command line; NULL: zero */
	const char *value;    /* for the help: "GLOB" */
	const char *help;
};

/* The kernel's options in the order of the help; for the monitor, too. */
extern const struct cmdline_option cmdline_options[];
extern const u32 cmdline_option_count;

/*
 * Fills @opt with the defaults, then from @line. An unknown option, a value missing, too long or
 * wrong, an open quote, and an option given twice (the last one counts) are boot_problem() lines in
 * @bi that name the word and its number; the other words count. A first word with '/' and no '=' is
 * the image's path, which some loaders put there.
 */
void cmdline_parse(const char *line, struct boot_options *opt, struct boot_info *bi);

/* As cmdline_parse(), for any table of at most 64 rows that fills @fields of @size bytes. */
void cmdline_parse_table(const char *line, const struct cmdline_option *table, u32 count, void *fields, size_t size,
			 struct boot_info *bi);

#endif
