/*
 * Software paging: what an x86 CPU makes of page tables, as a pure function. First the oracle that tests compare with
 * the real CPU, then the hypervisor's walker of a guest's tables. The tables are never trusted: entries are read by way
 * of struct vmmu_memory, each once in a walk, checked, then used; nothing here is global, and nothing is allocated.
 *
 * After KVM's struct kvm_mmu: one init function turns control registers and CPU features into tables, and the walk only
 * looks things up in them.
 *
 *	permissions[access]	bit r set: an access to a page whose levels allow r together is refused
 *	rsvd_bits_mask[PS][level - 1]	bits that must be 0 in a present entry
 *	last_pte_bitmap		is an entry with this PS, at this level, the last of the walk?
 *
 * Facts: SDM 3A 4.3 to 4.8, APM 2 5.3 to 5.6. Must not know: where the tables lie, what the result is for.
 * Read next: mmu/vmmu_walk.c.
 */
#ifndef MMU_VMMU_H
#define MMU_VMMU_H

#include "lib/addr.h"
#include "lib/types.h"

#define VMMU_LEVELS 5

/* What the CPU has of CPUID's: only what changes a translation. */
#define VMMU_HAS_1G     BIT(0) /* PDPTEs may be leaves */
#define VMMU_HAS_PSE36  BIT(1) /* 4 MiB pages above 4 GiB, by bits 20:13 of the PDE */
#define VMMU_AMD        BIT(2) /* bit 8 must be 0 in PML5Es and PML4Es (APM 2 5.3.3); not in PDPEs, as once */
#define VMMU_PDPTE_WALK BIT(3) /* PAE: PDPTEs are walked like other entries, not loaded with CR3 (APM 2 15.25.10) */

/* The state that decides how addresses are translated: the registers as the CPU holds them. */
struct vmmu_context {
	u64 cr0, cr3, cr4, efer;
	u32 pkru;
	u8 maxphyaddr;
	u32 features; /* VMMU_HAS_... */
};

/* An access. The first three are bits of the page fault's error code (X86_PF_...), the rest are ours. */
#define VMMU_WRITE    BIT(1)
#define VMMU_USER     BIT(2) /* at CPL 3, and not implicit */
#define VMMU_FETCH    BIT(4)
#define VMMU_AC       BIT(8) /* EFLAGS.AC is set: lets the supervisor explicitly use user pages in spite of SMAP */
#define VMMU_IMPLICIT BIT(9) /* to a descriptor table, a TSS, a stack at an exception: the supervisor's at any CPL */

/* What came of a walk; where several rules are broken, the first of these that is. */
enum vmmu_verdict {
	VMMU_OK,
	VMMU_NOT_PRESENT,                /* an entry's P is 0 */
	VMMU_RESERVED,                   /* an entry has a bit that must be 0 */
	VMMU_NO_EXECUTE,                 /* fetch, and an entry has NX */
	VMMU_NO_USER,                    /* by user mode, and an entry has no U */
	VMMU_SMEP,                       /* fetch by the supervisor from a user page */
	VMMU_SMAP,                       /* read or write by the supervisor of a user page */
	VMMU_NO_WRITE,                   /* an entry has no W */
	VMMU_PKU,                        /* the page's key is closed in PKRU */
	VMMU_FAULTS,                     /* from here on: no page fault */
	VMMU_NONCANONICAL = VMMU_FAULTS, /* #GP, or #SS by way of the stack segment */
	VMMU_NO_TABLE,                   /* an entry lies where the memory has nothing: `gpa` says where */
	VMMU_BUSY,                       /* entries were changed under the walk again and again; try later */
	VMMU_VERDICTS
};

struct vmmu_result {
	enum vmmu_verdict verdict;
	u32 error;     /* of the page fault, as the CPU pushes it */
	gpa_t gpa;     /* OK: where the access goes; NO_TABLE: where none was; else 0 */
	u64 page_size; /* OK: of the page around it, bytes; without paging 4096 */
	u8 level;      /* where the walk ended; 0 without paging */
	u8 accessed;   /* bit level - 1: the walk used this level's entry; see "A and D" */
	struct {
		gpa_t at;
		u64 value;    /* as read */
	} entry[VMMU_LEVELS]; /* [level - 1], from the root's down to `level`; the others are not written */
};

/*
 * Where tables are read and their A and D bits written. @bytes is 4 or 8, @at a multiple of it. Both may be called any
 * number of times in a walk; what read() says is used once.
 */
struct vmmu_memory {
	/* false: there is no memory at @at */
	bool (*read)(const struct vmmu_memory *mem, gpa_t at, unsigned bytes, u64 *value);
	/* Atomically: if *@at is @old, becomes @new. 0; -EAGAIN: it was not; -EFAULT: there is no memory. */
	int (*cmpxchg)(const struct vmmu_memory *mem, gpa_t at, unsigned bytes, u64 old, u64 new);
	void *private;
};

struct vmmu {
	/* Fills @r and returns its verdict. Any context; one @mmu may be used by many at once. */
	enum vmmu_verdict (*gva_to_gpa)(const struct vmmu *mmu, const struct vmmu_memory *mem, gva_t gva, u32 access,
					struct vmmu_result *r);
	u8 root_level; /* 0: no paging; 2: 32-bit; 3: PAE; 4, 5: long mode */
	u8 permissions[16];
	u64 rsvd_bits_mask[2][VMMU_LEVELS];
	u32 last_pte_bitmap;
	u32 pkru_mask;
	u32 pkru;
	bool nx;          /* bit 63 means no-execute */
	bool fetch_coded; /* error codes tell fetches from reads */
	u8 gva_bits;
	gpa_t root;    /* of the top table; of the four PDPTEs in PAE */
	u64 pdptrs[4]; /* PAE, loaded with CR3 */
	bool pdpte_walk;
};

/* Rights that all levels give together: index of a bit of permissions[]. */
#define VMMU_ACC_EXEC  1
#define VMMU_ACC_WRITE 2
#define VMMU_ACC_USER  4

/* Fills @mmu from @ctx. PAE: vmmu_load_pdptrs() is to follow, as it does when a CPU's CR3 is written. */
void vmmu_init(struct vmmu *mmu, const struct vmmu_context *ctx);

/*
 * Loads the four PDPTEs; nothing to do, and true, in other modes. False: one is present with a reserved bit set, or is
 * not there; the CPU would refuse the new CR3 by #GP (SDM 3A 4.4.1).
 */
bool vmmu_load_pdptrs(struct vmmu *mmu, const struct vmmu_memory *mem);

/* Index into permissions[]: error-code bits W, U, F by their places, less one; RSVD's place says that SMAP is off. */
static __always_inline unsigned vmmu_permission_index(u32 access)
{
	bool smap_off = (access & (VMMU_AC | VMMU_IMPLICIT)) == VMMU_AC;

	return (access & (VMMU_WRITE | VMMU_USER | VMMU_FETCH)) >> 1 | (smap_off ? 4 : 0);
}

/* "ok", "P", "W" ...: the columns of the coverage table. */
const char *vmmu_verdict_name(enum vmmu_verdict verdict);

/*
 * A and D. A walk that ends in OK sets A in all entries it used and D in the last one if it writes, by cmpxchg; where
 * an entry has changed meanwhile the walk begins again. A walk that ends in a fault changes nothing here. A CPU may set
 * A in the entries that a faulting walk used (SDM 3A 4.8: "whenever the processor uses a paging-structure entry as part
 * of linear-address translation"): those in `accessed`, when the verdict is no OK. It never sets D there. PAE's PDPTEs
 * have no A: bit 5 is reserved in them, and they are not in `accessed`.
 */

#endif
