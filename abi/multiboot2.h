/*
 * The boot information a multiboot2 loader (GRUB) hands over: the layouts that Paravane reads, no others. Numbers in
 * comments are sections of the Multiboot2 Specification version 2.0 (1.6 has the same layouts). All integers are
 * little-endian. A tag starts 8-byte aligned; its size counts the header, not the padding.
 *
 *	0	u32 total_size, u32 reserved
 *	8	tag, padding to 8, tag, padding to 8, ...
 *		tag of type 0 and size 8: the end
 *
 * Must not know: what is done with it. Read next: boot/multiboot2.c.
 */
#ifndef ABI_MULTIBOOT2_H
#define ABI_MULTIBOOT2_H

#include <stddef.h>
#include <stdint.h>

#define MULTIBOOT2_HEADER_MAGIC 0xe85250d6L /* begins the image's header, 3.1.2 */
#define MULTIBOOT2_BOOT_MAGIC   0x36d76289  /* in EAX at entry, 3.3 */
#define MULTIBOOT2_TAG_ALIGN    8

enum multiboot2_tag_type {
	MULTIBOOT2_TAG_END = 0,
	MULTIBOOT2_TAG_CMDLINE = 1,      /* 3.6.5 */
	MULTIBOOT2_TAG_LOADER = 2,       /* 3.6.9 */
	MULTIBOOT2_TAG_MODULE = 3,       /* 3.6.6 */
	MULTIBOOT2_TAG_BASIC_MEMORY = 4, /* 3.6.3 */
	MULTIBOOT2_TAG_MEMORY_MAP = 6,   /* 3.6.8 */
	MULTIBOOT2_TAG_FRAMEBUFFER = 8,  /* 3.6.12 */
	MULTIBOOT2_TAG_EFI64 = 12,       /* 3.6.14 */
	MULTIBOOT2_TAG_ACPI_OLD = 14,    /* 3.6.16 */
	MULTIBOOT2_TAG_ACPI_NEW = 15,    /* 3.6.17 */
};

/* 3.6.1: fixed part. */
struct multiboot2_info {
	uint32_t total_size; /* bytes, this part and the end tag included */
	uint32_t reserved;
};

/* 3.6.2: what every tag begins with. The command line and the loader's name follow it as a string
 * with NUL. */
struct multiboot2_tag {
	uint32_t type;
	uint32_t size;
};

/* 3.6.3: KiB from 0 and from 1 MiB up to the first hole. */
struct multiboot2_basic_memory {
	struct multiboot2_tag tag;
	uint32_t lower;
	uint32_t upper;
};

/* 3.6.6: followed by the module's string. */
struct multiboot2_module {
	struct multiboot2_tag tag;
	uint32_t start;
	uint32_t end;
};

/* 3.6.8: followed by entries of entry_size bytes each, which may grow in later versions. */
struct multiboot2_memory_map {
	struct multiboot2_tag tag;
	uint32_t entry_size;
	uint32_t entry_version;
};

struct multiboot2_memory_entry {
	uint64_t base;
	uint64_t length;
	uint32_t type; /* as ACPI 6.5 table 15.2 numbers them */
	uint32_t reserved;
};

/* 3.6.12: kind of framebuffer, and what follows the common part. */
enum multiboot2_framebuffer_kind {
	MULTIBOOT2_FRAMEBUFFER_INDEXED = 0, /* palette */
	MULTIBOOT2_FRAMEBUFFER_RGB = 1,     /* struct multiboot2_rgb */
	MULTIBOOT2_FRAMEBUFFER_EGA = 2,     /* text, sizes in characters, pitch in bytes */
};

struct multiboot2_framebuffer {
	struct multiboot2_tag tag;
	uint64_t base;
	uint32_t pitch;
	uint32_t width;
	uint32_t height;
	uint8_t bpp;
	uint8_t kind;
	uint16_t reserved; /* the text says one byte; the layout GRUB and everyone uses has two */
};

struct multiboot2_rgb {
	uint8_t red_pos, red_size;
	uint8_t green_pos, green_size;
	uint8_t blue_pos, blue_size;
};

/* 3.6.14 */
struct multiboot2_efi64 {
	struct multiboot2_tag tag;
	uint64_t system_table;
};

#define MULTIBOOT2_RSDP_OLD 20 /* bytes of an ACPI 1.0 RSDP, ACPI 6.5 5.2.5.3 */
#define MULTIBOOT2_RSDP_NEW 36 /* of one of revision 2 */

_Static_assert(sizeof(struct multiboot2_info) == 8, "3.6.1");
_Static_assert(sizeof(struct multiboot2_tag) == 8, "3.6.2");
_Static_assert(sizeof(struct multiboot2_basic_memory) == 16, "3.6.3");
_Static_assert(sizeof(struct multiboot2_module) == 16, "3.6.6");
_Static_assert(sizeof(struct multiboot2_memory_map) == 16, "3.6.8");
_Static_assert(sizeof(struct multiboot2_memory_entry) == 24, "3.6.8");
_Static_assert(offsetof(struct multiboot2_memory_entry, type) == 16, "3.6.8");
_Static_assert(offsetof(struct multiboot2_framebuffer, base) == 8, "3.6.12");
_Static_assert(offsetof(struct multiboot2_framebuffer, bpp) == 28, "3.6.12");
_Static_assert(offsetof(struct multiboot2_framebuffer, kind) == 29, "3.6.12");
_Static_assert(sizeof(struct multiboot2_framebuffer) == 32, "3.6.12");
_Static_assert(sizeof(struct multiboot2_rgb) == 6, "3.6.12");
_Static_assert(offsetof(struct multiboot2_efi64, system_table) == 8, "3.6.14");

#endif
