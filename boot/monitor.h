/*
 * The monitor: a prompt, a line, a command. A command is a function with a name, collected by the linker:
 *
 *	static int cmd_mem(int argc, char **argv) { ...; return 0; }
 *	MONITOR_CMD(mem, "mem [frames]", "physical memory", cmd_mem);
 *
 * Linker script: KEEP(*(.monitor_cmds)) between __monitor_cmds_start and __monitor_cmds_end, 8-aligned; any order.
 */
#ifndef BOOT_MONITOR_H
#define BOOT_MONITOR_H

#include "lib/types.h"

/* What run() returns. */
#define MONITOR_DONE  0    /* also when it failed and has said so */
#define MONITOR_USAGE (-1) /* the words were wrong: the monitor prints the usage */

struct monitor_cmd {
	const char *name;
	const char *usage; /* one line: the name and its words, optional ones in brackets */
	const char *help;  /* one line, what it is good for */
	/* argv[0] is the name; argv[argc] is NULL; the words are the command's to change. Prints by
	 * printk(). */
	int (*run)(int argc, char **argv);
};

#define MONITOR_CMD(id, usage_text, help_text, function)                                                               \
	static const struct monitor_cmd monitor_cmd_##id __used __section(".monitor_cmds")                             \
		__aligned(8) = {#id, usage_text, help_text, function}

#define MONITOR_WORDS 16 /* of one line, at most */

/*
 * Sets where bytes come from: getc() returns the next one or -1 and never waits; idle() returns
 * when there may be one (it must look once more with interrupts off before it halts). Before
 * monitor_run().
 */
void monitor_set_input(int (*getc)(void), void (*idle)(void));

/* Prompts and runs commands for ever. The caller's stack, interrupts as the caller has them. */
void monitor_run(void) __noreturn;

/*
 * Runs one line as if it had been typed; false: there is no such command. Empty lines do nothing.
 */
bool monitor_execute(const char *line);

/*
 * The commands in the order of their names: the one behind @after (NULL: the first), NULL at the
 * end.
 */
const struct monitor_cmd *monitor_next(const struct monitor_cmd *after);

/* The command of that name, NULL: none. */
const struct monitor_cmd *monitor_find(const char *name);

/*
 * The number that a word means: 0x hex, decimal, sixteen hex digits as addresses are printed, a
 * symbol's name, and each of them +number or -number behind. False: none of these.
 */
bool monitor_addr(const char *word, u64 *value);

/* As monitor_addr(), and says so when it is none: "WHAT: not a number or symbol: 'WORD'". */
bool monitor_number(const char *what, const char *word, u64 *value);

#endif
