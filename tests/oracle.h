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
	bool strict_pse; /* bits 20:13 of a 4 MiB page that are no address are looked at */
	u32 features;    /* VMMU_HAS_... */
	u8 maxphyaddr;
	bool implicit_ac[2]; /* at CPL 0, 3: implicit accesses may have AC set, which must not open SMAP */
	u64 high;            /* RAM above 4 GiB, on a 4 MiB boundary, 4 MiB of it; 0: none, or no PSE-36 */
};

struct oracle_case {
	u64 seed; /* it came of this */
	enum oracle_mode mode;
	struct vmmu_context ctx;
	u32 access[ORACLE_BATCH]; /* in vmmu's words: VMMU_WRITE ... */
};

/* The machine's; once in a test, for it notes a deviation. */
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

/* ---- the judgement: tests/oracle_check.c ---- */

/* The shadow as vmmu's memory, and its reading alone. */
extern const struct vmmu_memory oracle_memory;
bool oracle_shadow_read(const struct vmmu_memory *mem, gpa_t at, unsigned bytes, u64 *value);

/* Once in a test. */
void oracle_note_deviations(void);

/* Behind oracle_case_begin(): @oc is where the cases will be. */
void oracle_check_begin(const struct oracle_case *oc);

/* Fills @r for access @n, which the CPU has done, as those before it were judged. False: they differ, and said so. */
bool oracle_check(unsigned n, const struct vmmu *mmu, struct vmmu_result *r, bool quiet);

/* What the CPU must say where vmmu says @r: fault or none. NULL if it does, else what differs. */
const char *oracle_compare_outcome(const struct oracle_access *a, const struct vmmu_result *r);

/* Behind a case: writes landed where vmmu says, and nowhere else in the data pages; if not, says so. */
bool oracle_writes_agree(void);

extern u64 oracle_high_count; /* accesses above 4 GiB */
extern const char *const oracle_mode_names[ORACLE_MODES];

/* xorshift64*: the next of a sequence. */
u64 oracle_random(u64 *state);

#endif
