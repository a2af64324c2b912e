/*
 * What a boot protocol told us, copied out of the loader's memory: the one argument of
 * kernel_start(). Filled by boot/multiboot2.c or boot/pvh.c (pure, host-tested, fuzzed); no pointer
 * into loader memory survives.
 */
#ifndef LIB_BOOT_INFO_H
#define LIB_BOOT_INFO_H

#include "lib/memmap.h"

/* The protocol by which a loader entered boot/entry.asm. */
#define BOOT_MULTIBOOT2   0
#define BOOT_PVH          1

#define BOOT_CMDLINE_MAX  4096 /* bytes with the NUL; a longer line is cut, and that is said */
#define BOOT_LOADER_MAX   64
#define BOOT_MODULE_MAX   16
#define BOOT_MODNAME_MAX  128
#define BOOT_PROBLEM_MAX  16
#define BOOT_PROBLEM_TEXT 96

struct boot_module {
	u64 base, end; /* physical; base < end */
	char name[BOOT_MODNAME_MAX];
};

struct boot_framebuffer {
	u64 base;
	u32 pitch, width, height; /* bytes, pixels, pixels */
	u8 bpp, kind;             /* bits; multiboot2 3.6.12: 0 indexed, 1 RGB, 2 EGA text */
	u8 red_pos, red_size, green_pos, green_size, blue_pos, blue_size;
};

struct boot_info {
	const char *protocol; /* "multiboot2" or "PVH": static text */
	char loader[BOOT_LOADER_MAX];
	char cmdline[BOOT_CMDLINE_MAX];
	bool cmdline_cut;
	struct memmap memmap; /* as reported; the kernel's own image is not yet reserved in it */
	u32 module_count;
	struct boot_module module[BOOT_MODULE_MAX];
	u8 rsdp[36]; /* copy of the ACPI RSDP; rsdp_len 0: none handed over as a copy */
	u32 rsdp_len;
	u64 rsdp_pa; /* its physical address, where the protocol gives that instead (PVH) */
	bool has_framebuffer;
	struct boot_framebuffer framebuffer;
	u64 efi_system_table; /* physical, 0: not booted by EFI */
	/* What was wrong with the input, one line each: the parser goes on, kernel_start prints
	 * them. */
	u32 problem_count; /* may exceed BOOT_PROBLEM_MAX: then the rest is only counted */
	char problem[BOOT_PROBLEM_MAX][BOOT_PROBLEM_TEXT];
};

/* Empties @bi for a parser; @protocol is static text. */
void boot_info_init(struct boot_info *bi, const char *protocol);

/*
 * Notes one problem with the input; printf format, cut to BOOT_PROBLEM_TEXT. What a loader handed
 * over may be quoted: bytes that are not printable ASCII become '?'.
 */
void boot_problem(struct boot_info *bi, const char *fmt, ...) __printf(2, 3);

/*
 * Copies the string at @src, of which @avail bytes are ours to read, into @dst of @size bytes, always with a NUL. One
 * that has no NUL within @avail, or does not fit, is cut, which is a problem that names @what; returns true if so.
 * Bytes that are not printable ASCII become blanks: what is logged of it stays one line.
 */
bool boot_copy_text(struct boot_info *bi, const char *what, char *dst, size_t size, const void *src, size_t avail);

/* Appends a module [base, end); an empty or wrapping one, and one too many, is a problem and left
 * out: false. */
bool boot_add_module(struct boot_info *bi, u64 base, u64 end, const void *name, size_t name_avail);

/* Notes what is wrong with the memory map as a whole. The parsers call it last. */
void boot_check_memmap(struct boot_info *bi);

/*
 * Takes out the modules that overlap [base, end), where the kernel's own image lies, each with a
 * problem: what is left of them is not what the loader put there. To be called by kernel_start,
 * which knows the range.
 */
void boot_drop_modules(struct boot_info *bi, u64 base, u64 end);

#endif
