/*
 * The proof of the kernel's tables: walks all of the root that CR3 holds and judges each mapping, by frame and by
 * region. At boot, and by the monitor's `audit`.
 *
 * Must not know: how the tables came to be. Read next: mmu/audit.c.
 */
#ifndef MMU_AUDIT_H
#define MMU_AUDIT_H

#include "lib/types.h"

enum audit_violation {
	AUDIT_WX_ALIAS,    /* the frame is executable in another mapping (or in this one) and writable in this one */
	AUDIT_OUTSIDE,     /* mapped where no region is */
	AUDIT_PAGE_ZERO,   /* the page at address 0 is mapped */
	AUDIT_USER,        /* a user bit at some level */
	AUDIT_RIGHTS,      /* more rights than the region allows: writable, or executable where only text may be */
	AUDIT_GUARD,       /* the guard page of a stack is mapped */
	AUDIT_READONLY,    /* a frame of text or read-only data is writable */
	AUDIT_WRONG_FRAME, /* a linear region maps another frame than it should */
	AUDIT_NOT_RAM,     /* a region for RAM maps something else */
	AUDIT_SHUT,        /* the poke window holds a page while no poke is under way */
	AUDIT_BROKEN,      /* an entry leads to no table in RAM, or is a leaf where none may be */
	AUDIT_CPU,         /* CR0.WP or EFER.NXE is clear: the entries' rights are void */
	AUDIT_TYPE,        /* RAM that is not cached, or a device that is */
	AUDIT_KINDS
};

struct audit_report {
	u32 violation_count;    /* ranges, not pages */
	u32 count[AUDIT_KINDS]; /* the same by kind */
	u32 range_count;        /* ranges judged: leaves joined where address, frame and rights go on */
	u64 leaf_count;         /* entries that map memory */
	u64 executable_bytes, writable_bytes;
	bool quiet; /* in: print nothing */
};

/*
 * Fills @r (its `quiet` is the caller's), prints each violation by name unless quiet, and returns their count. Not
 * within a poke. Reads every entry of every table twice, some 50 instructions each. Interrupts may be on; nobody may
 * change the tables meanwhile.
 */
int audit_kernel_space(struct audit_report *r);

/* "writable alias of executable frame", ...: static text. */
const char *audit_violation_name(enum audit_violation v);

#endif
