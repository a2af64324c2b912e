/*
 * What is said about the machine in the boot log and again by the monitor: one wording for both. Each function prints
 * log_line()s. Sites are counted as they stand in the text now, not as the patcher remembers them.
 */
#ifndef BOOT_REPORT_H
#define BOOT_REPORT_H

#include "lib/boot_info.h"
#include "pvops/patch.h"

/* Protocol, loader, command line, and what was wrong with the input. */
void report_boot(const struct boot_info *bi);

/* Name, signature, hypervisor, features, address widths; after cpu_info_read(). */
void report_cpu(void);

/* The backend in use, and its one line of text. */
void report_backend(void);

/* Sites by what stands there now. */
struct site_counts {
	unsigned all;
	unsigned kind[PV_KINDS];
};

/* Counts the sites of the op numbered @type, or of all (PV_ALL_TYPES). */
struct site_counts count_sites(int type);

#define SITE_COUNTS_TEXT 96 /* bytes that hold any text of the next */

/* "124 inlined, 11 nothing, 16 direct, 0 jmp, 0 indirect"; ud2 only where there is one. Returns @buf. */
const char *site_counts_text(const struct site_counts *counts, char buf[SITE_COUNTS_TEXT]);

/* All sites in one line. */
void report_sites(void);

/* Audits the kernel's page tables and prints the verdict below the violations. Returns how many there are. */
int report_audit(void);

#endif
