/* Descriptors and descriptor-table pointers as the CPU reads them: SDM 3A 3.4.5, 3.5.1, 6.14.1, 7.2.3, 7.7. */
#ifndef ARCH_DESC_H
#define ARCH_DESC_H

#include "lib/types.h"

struct desc_ptr {
	u16 limit; /* bytes - 1 */
	u64 base;
} __packed;

/* One 8-byte GDT or LDT entry. */
struct desc_struct {
	u64 raw;
};

/* 64-bit interrupt or trap gate. */
typedef struct gate_desc {
	u16 offset_low;
	u16 selector;
	u8 ist;  /* 1..7, 0: none */
	u8 attr; /* P, DPL, type: 0x8e interrupt gate, 0xee the same for CPL 3 */
	u16 offset_mid;
	u32 offset_high;
	u32 reserved;
} gate_desc;

struct tss {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3;
	u16 iomap_base;
} __packed;

_Static_assert(sizeof(struct desc_ptr) == 10, "lgdt operand");
_Static_assert(sizeof(gate_desc) == 16, "IDT entry");
_Static_assert(sizeof(struct tss) == 104, "TSS");

/* What write_gdt_entry is told of the entry: a TSS or LDT descriptor takes two slots. */
enum desc_kind { DESC_SEGMENT, DESC_TSS, DESC_LDT };

/* The per-thread part of the GDT. */
struct thread_struct {
	struct desc_struct tls_array[3];
};

#endif
