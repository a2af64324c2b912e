/* What the files of the ACPI parser share. Private to machine/acpi*.c. */
#ifndef MACHINE_ACPI_PRIV_H
#define MACHINE_ACPI_PRIV_H

#include "machine/acpi.h"

/* Notes one problem with the tables; printf format, cut to ACPI_PROBLEM_TEXT. */
void acpi_problem(struct acpi_info *info, const char *fmt, ...) __printf(2, 3);

/*
 * The parsers of one table: @len bytes at @table, header included, whose checksum and length are right. Only the first
 * table of its kind is read.
 */
void acpi_read_madt(struct acpi_info *info, const u8 *table, u32 len);
void acpi_read_fadt(struct acpi_info *info, const u8 *table, u32 len);
void acpi_read_hpet(struct acpi_info *info, const u8 *table, u32 len);
void acpi_read_mcfg(struct acpi_info *info, const u8 *table, u32 len);

/* DSDT or SSDT: looks for \_S5_ unless it was found before. */
void acpi_read_aml(struct acpi_info *info, const u8 *table, u32 len);

#endif
