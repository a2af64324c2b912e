/*
 * What mmu/ shows a person, through a function that prints: the monitor's `mem` and `maps`. Any context that may print.
 *
 * Must not know: the monitor. Read next: mmu/report.c.
 */
#ifndef MMU_REPORT_H
#define MMU_REPORT_H

/* Where the following print: printk in the monitor. */
typedef void (*print_fn)(const char *fmt, ...);

/* Prints the frames and the memory map. */
void mmu_print_mem(print_fn print);

/* Prints the ranges of kernel space, joined where rights and physical order go on. */
void mmu_print_maps(print_fn print);

#endif
