/*
 * What tests/ and bench/ offer to whoever starts them: the command line (boot/main.c) and the monitor. The image may be linked
 * without either room, and boot/ must not include from them: the symbols are weak, and NULL where the room is absent.
 */
#ifndef BOOT_UNATTENDED_H
#define BOOT_UNATTENDED_H

/* Runs the tests whose name matches ("all": every one), prints KTAP. Returns how many failed, -1: none matched. */
int ktest_run(const char *glob) __attribute__((weak));

/* Prints their names, runs nothing. Returns how many match. */
unsigned ktest_list(const char *glob) __attribute__((weak));

/* Runs the benchmarks that match ("all": every one). Returns 0, else something failed or nothing matched. */
int bench_run(const char *glob) __attribute__((weak));

#endif
