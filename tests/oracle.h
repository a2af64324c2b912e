/*
 * What the oracle is asked: a case is a random context, random page tables in the world's block (tests/oracle_world.h)
 * and ORACLE_BATCH random accesses, all from one number. The tables stand twice, for the CPU and, as a shadow, for
 * mmu/vmmu: both begin alike, and must be alike behind every access.
 *
 * Must not know: any table of struct vmmu. Read next: tests/oracle_gen.c, tests/test_mmu_oracle.c.
 */
#ifndef TESTS_ORACLE_H
#define TESTS_ORACLE_H

#include "tests/oracle_world.h"

enum oracle_mode { ORACLE_NONE, ORACLE_32, ORACLE_PAE, ORACLE_LONG4, ORACLE_LONG5, ORACLE_MODES };

/* What the generator may use: of the CPU's, what there is here. */
struct oracle_cpu {
	u64 cr0, cr4, efer; /* the kernel's own, to begin with */
	u64 cr4_choice;     /* bits a context may have: SMEP, SMAP, PKE */
	bool modes[ORACLE_MODES];
	bool pse, has_1g;
	u32 features; /* VMMU_HAS_... */
	u8 maxphyaddr;
	u64 high; /* RAM above 4 GiB, on a 4 MiB boundary, 4 MiB of it; 0: none, or no PSE-36 */
};

struct oracle_case {
	u64 seed; /* it came of this */
	enum oracle_mode mode;
	struct vmmu_context ctx;
	u32 access[ORACLE_BATCH];                /* in vmmu's words: VMMU_WRITE ... */
	u64 before[ORACLE_BATCH][ORACLE_LEVELS]; /* what the checker saw in the shadow */
};

/* The machine's; once. */
struct oracle_cpu oracle_cpu_here(void);

/*
 * Makes the case of @seed: fills @oc, the block's tables and accesses, and the shadow. Same seed and same CPU: the same
 * case. oracle_case_begin() once before the first.
 */
void oracle_case_begin(void);
void oracle_case_make(struct oracle_case *oc, const struct oracle_cpu *cpu, u64 seed);

/* The shadow of the entry at @pa; NULL: none lies there. */
void *oracle_shadow(u64 pa);
/* Entries of this mode have so many bytes; so many levels. */
unsigned oracle_entry_size(enum oracle_mode mode);
unsigned oracle_levels(enum oracle_mode mode);

/* Byte @offset of data page @page: null descriptors end the first half; the second is int3 throughout, for fetches. */
u8 oracle_pattern(unsigned page, unsigned offset);

/* xorshift64*: the next of a sequence. */
u64 oracle_random(u64 *state);

#endif
