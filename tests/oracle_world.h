/*
 * A list of accesses, done by the CPU itself in a paging mode of the test's choice: see tests/oracle_world.asm. One
 * block of physical memory below 4 GiB holds all that the world needs; in every paging mode it is mapped where it lies.
 *
 *	0x0000	code		0x1000	control, descriptor tables	0x2000	stack	0x3000	code for CPL 3
 *	0x4000	accesses	0x5000	tables that map the block	0xa000	the root, and two tables for each level
 *	0x13000	the two pages that accesses go to
 *
 * Only for tests, on the CPU that calls; others may run on. Read next: tests/oracle.h.
 */
#ifndef TESTS_ORACLE_WORLD_H
#define TESTS_ORACLE_WORLD_H

#include "mmu/vmmu.h"

#define ORACLE_BATCH      32 /* accesses in a list */
#define ORACLE_LEVELS     5
#define ORACLE_TABLES     9 /* the root; two tables for each of levels 4 to 1 */
#define ORACLE_DATA_PAGES 2
#define ORACLE_FAR        20 /* empty tables elsewhere, at most */
#define ORACLE_NO_VECTOR  0xffffffff

/* A descriptor is read from an LDT at the address, by loading FS with its first entry: implicitly by the supervisor. */
enum oracle_kind { ORACLE_READ, ORACLE_WRITE, ORACLE_FETCH, ORACLE_DESCRIPTOR };

/* One access, and what the CPU said. Offsets: tests/oracle_world.asm. */
struct oracle_access {
	u64 va;
	u32 kind;  /* enum oracle_kind */
	u32 user;  /* at CPL 3 */
	u32 flags; /* EFLAGS meanwhile: FIXED, AC */
	u32 vector, error;
	u32 value; /* read: the byte, in bits 7:0 */
	u64 cr2, rip;
	u32 snap[5]; /* physical addresses of entries, 0: none */
	u32 byte;    /* what a write writes; the selector of a descriptor */
	u64 seen[5]; /* what stood in them behind the access */
	u64 ldt[2];  /* the descriptor of the LDT, or unused */
};

struct oracle_control {
	u32 cr0, cr3, cr4, efer, pkru, pke, long_mode, left;
	u32 kernel_cr0, kernel_cr3, kernel_cr4, kernel_efer;
	u64 kernel_rsp, kernel_gs;
	u8 gdtr[16], idtr64[16], idtr32[16], kernel_gdtr[16], kernel_idtr[16];
	u64 gdt[16];
	u8 idt64[32 * 16] __aligned(16);
	u64 idt32[32];
	u8 tss64[104] __aligned(16), tss32[104] __aligned(16);
};

struct oracle_block {
	u8 code[PAGE_SIZE];
	struct oracle_control control __aligned(4096);
	u8 stack[PAGE_SIZE] __aligned(4096);
	u8 user[PAGE_SIZE];
	struct oracle_access access[ORACLE_BATCH];
	u64 own[5][PAGE_SIZE / 8]; /* tables that map the block: PTEs of 4 bytes; PTE, PMD, PUD, P4D of 8 */
	u8 table[ORACLE_TABLES][PAGE_SIZE];
	u8 data[ORACLE_DATA_PAGES][PAGE_SIZE];
};

_Static_assert(sizeof(struct oracle_access) == 128 && offsetof(struct oracle_access, seen) == 72, "A_... in the .asm");
_Static_assert(offsetof(struct oracle_access, cr2) == 32 && offsetof(struct oracle_access, byte) == 68 &&
		       offsetof(struct oracle_access, ldt) == 112,
	       "A_...");
_Static_assert(offsetof(struct oracle_control, kernel_rsp) == 0x30 && offsetof(struct oracle_control, gdt) == 0x90,
	       "CTL_... in the .asm");
_Static_assert(offsetof(struct oracle_block, control) == 0x1000 && offsetof(struct oracle_block, user) == 0x3000 &&
		       offsetof(struct oracle_block, access) == 0x4000 && offsetof(struct oracle_block, own) == 0x5000,
	       "the block in the .asm");

/* The block, by the direct map; valid between open and close. */
extern struct oracle_block *oracle_block;

/*
 * Frames full of zeros, so that tables need not all lie low: each at a multiple of another power of two, as far up as
 * there is memory. The block's tables may lead to them; there the walk finds nothing present.
 */
extern pa_t oracle_far[ORACLE_FAR];
extern unsigned oracle_far_count;

/* Allocates and maps; false: no memory. */
bool oracle_open(void);
void oracle_close(void);

/* Physical address of something in the block. */
u32 oracle_pa(const void *in_block);

/* Which entry of a root with @levels must hold what, so that the block is mapped. */
unsigned oracle_own_index(unsigned levels);
u64 oracle_own_entry(unsigned levels);

/* Does the first @count accesses of the block in @ctx, whose registers are complete; PAE's PDPTEs must be good ones. */
void oracle_run(const struct vmmu_context *ctx, unsigned count);

#endif
