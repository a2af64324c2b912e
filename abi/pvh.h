/*
 * What a PVH loader (QEMU -kernel, Xen, Firecracker, Cloud Hypervisor) hands over: EBX at the
 * 32-bit entry is the physical address of struct pvh_start_info. Facts: Xen's public interface,
 * docs/misc/pvh.pandoc and arch-x86/hvm/start_info.h. Every *_pa is physical, and 0 means "not
 * there".
 *
 * Must not know: what is done with it. Read next: boot/pvh.c.
 */
#ifndef ABI_PVH_H
#define ABI_PVH_H

#include <stddef.h>
#include <stdint.h>

#define PVH_START_MAGIC 0x336ec578 /* "xEn3", the E with bit 7 set */

/* ELF note type of the entry address, XEN_ELFNOTE_PHYS32_ENTRY. */
#define PVH_NOTE_PHYS32_ENTRY 18

struct pvh_start_info {
	uint32_t magic;
	uint32_t version; /* 0: ends before memmap_pa; later versions only append */
	uint32_t flags;
	uint32_t module_count;
	uint64_t modlist_pa; /* array of struct pvh_module */
	uint64_t cmdline_pa; /* string with NUL */
	uint64_t rsdp_pa;
	uint64_t memmap_pa; /* version 1 up: array of struct pvh_memmap_entry */
	uint32_t memmap_count;
	uint32_t reserved;
};

#define PVH_START_INFO_V0_SIZE 40

struct pvh_module {
	uint64_t pa;
	uint64_t size;
	uint64_t cmdline_pa; /* string with NUL */
	uint64_t reserved;
};

struct pvh_memmap_entry {
	uint64_t base;
	uint64_t size;
	uint32_t type; /* as ACPI 6.5 table 15.2 numbers them */
	uint32_t reserved;
};

_Static_assert(offsetof(struct pvh_start_info, module_count) == 12, "start_info.h");
_Static_assert(offsetof(struct pvh_start_info, modlist_pa) == 16, "start_info.h");
_Static_assert(offsetof(struct pvh_start_info, cmdline_pa) == 24, "start_info.h");
_Static_assert(offsetof(struct pvh_start_info, rsdp_pa) == 32, "start_info.h");
_Static_assert(offsetof(struct pvh_start_info, memmap_pa) == PVH_START_INFO_V0_SIZE, "version 0");
_Static_assert(offsetof(struct pvh_start_info, memmap_count) == 48, "start_info.h");
_Static_assert(sizeof(struct pvh_start_info) == 56, "start_info.h");
_Static_assert(sizeof(struct pvh_module) == 32, "start_info.h");
_Static_assert(sizeof(struct pvh_memmap_entry) == 24, "start_info.h");
_Static_assert(offsetof(struct pvh_memmap_entry, type) == 16, "start_info.h");

#endif
