/*
 * The kernel's half of the address space as a table: which regions there are, and what a mapping in each may be.
 * kspace.c builds from it, audit.c judges by it, the monitor prints its names. What is in no row must not be mapped.
 *
 *	slot 272..399	direct map: every frame of RAM; read-only where the image is
 *	slot 400	mmio: devices, handed out upward by kspace_map_mmio()
 *	slot 402	cpu areas: stacks with their guards and data of each CPU but the first
 *	slot 511	the image: headers, text, rodata, data (with the stacks and their guards), symbols;
 *			poke window, fixmap
 *
 * Must not know: how tables are built. Read next: mmu/kspace.h.
 */
#ifndef MMU_REGION_H
#define MMU_REGION_H

#include "arch/cpumask.h"
#include "arch/layout.h"
#include "lib/addr.h"
#include "lib/types.h"

/* The direct map ends here at the latest: 128 slots. RAM behind is left alone, and counted. */
#define DIRECT_SIZE (64UL << 40)

/* Device memory: one top-level slot, 400. */
#define MMIO_BASE 0xffffc80000000000UL
#define MMIO_SIZE (512 * GIB)

/*
 * Slot 402: for each CPU but the boot CPU its stacks, each with a guard page below, and its data (machine/percpu.h).
 */
#define CPU_AREAS_BASE  0xffffc90000000000UL
#define CPU_AREA_SIZE   0x20000UL
#define CPU_AREA_STACKS 4
#define CPU_AREAS_SIZE  (NR_CPUS * CPU_AREA_SIZE)

/* Slot 401: nothing of the kernel's own; tests map there, and leave nothing behind. */
#define SCRATCH_BASE 0xffffc88000000000UL
#define SCRATCH_SIZE (512 * GIB)

enum region_rights {
	REGION_R = 0, /* readable is what mapped means */
	REGION_W = 1,
	REGION_X = 2,
	REGION_SHUT = 4, /* never mapped while the audit looks: the poke window */
};

struct region {
	const char *name;
	const char *start, *end; /* [start, end) */
	u8 rights;               /* the most a mapping may have: enum region_rights */
	bool linear;             /* va - pa is the same everywhere, `offset`, and it maps RAM only */
	u64 offset;
};

#define REGION_COUNT 10

/* Row @i of the table, in the order of addresses; the last valid one is REGION_COUNT - 1. */
struct region region_at(unsigned i);

/* The row that holds @va; false: there is none. */
bool region_find(ulong va, struct region *found);

/* Where the next region behind @va begins; 0 if there is none. */
ulong region_next(ulong va);

/*
 * The guard page of kernel stack number @i, KSTACK_GUARD bytes; 0 behind the last. The stack follows it. First those in
 * the image, then those of the cpu areas, whether that CPU exists or not.
 */
ulong region_guard(unsigned i);

/* True if @va lies in the guard page of a kernel stack; in the stack itself. Arithmetic only: any context. */
bool region_is_guard(ulong va);
bool region_is_stack(ulong va);

/* "rwx"-like text of rights: PTE bits W and NX are looked at. Static text. */
const char *region_rights_text(ulong pte_bits);

/* True if the frame at @pa holds kernel text, read-only data or symbols: read-only in the direct map too. */
bool region_is_readonly_frame(pa_t pa);

/* Where behind @pa that changes, at most @end. */
pa_t region_same_rights_end(pa_t pa, pa_t end);

#endif
