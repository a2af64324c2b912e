/*
 * Page tables: map, unmap, protect, translate, in ranges, with the largest leaves the root allows. Stores go through
 * the set_* and make_* ops, loads through the *_val ops; each table page is announced (alloc_*) and withdrawn
 * (release_*). One loop per operation, instantiated for each format (mmu/pt_priv.h): long mode with four or five
 * levels, through the ops; nested tables of AMD (NPT) and Intel (EPT), whose entries are plain stores, as no CPU of
 * ours runs on them. With four levels the top table's entries are p4d entries, and pgd is folded, as in Linux.
 *
 *	va 63..57 sign | 56..48 pgd, or sign | 47..39 p4d | 38..30 pud | 29..21 pmd | 20..12 pte | 11..0
 *									SDM 3A 4.5.4
 *
 * A table page is in a root's tree only while it has an entry: the last unmap in it gives it back (but PT_KEPT). All
 * functions here: one caller at a time per root; interrupts may be on; not from NMI.
 *
 * Must not know: what is mapped and why. Read next: mmu/pt.c, mmu/kspace.h.
 */
#ifndef MMU_PT_H
#define MMU_PT_H

#include "arch/pte.h"
#include "lib/addr.h"
#include "lib/types.h"
#include "mmu/tlb.h"

struct mm_struct;

/* A level by the name of its entries. A leaf at level PT_PTE is 4 KiB, at PT_PMD 2 MiB, at PT_PUD 1 GiB. */
enum pt_level { PT_PTE, PT_PMD, PT_PUD, PT_P4D, PT_PGD, PT_LEVELS };

/* Who translates by the tables: a CPU in long mode; AMD's or Intel's second stage, of guest-physical addresses. */
enum pt_kind { PT_LONG, PT_NPT, PT_EPT };

/* What is to be built, and what the CPU, or the backend in its place, allows. */
struct pt_caps {
	enum pt_kind kind;
	bool five_levels; /* LA57, or EPT's page-walk length 5: PT_PGD is the top */
	bool pages_2m;    /* false: 4 KiB only */
	bool pages_1g;    /* CPUID 80000001h edx 26 */
	bool nx;          /* EFER.NXE is set: without it bit 63 is reserved */
	bool global;      /* CR4.PGE will be set */
};

/* Rights of a mapping, in the bits of an entry. Dirty and accessed are set at once: nobody looks at them here. */
#define PT_PROT_RO (PTE_P | PTE_A | PTE_G | PTE_NX)
#define PT_PROT_RW (PTE_P | PTE_W | PTE_A | PTE_D | PTE_G | PTE_NX)
#define PT_PROT_RX (PTE_P | PTE_A | PTE_G)
#define PT_PROT_IO (PT_PROT_RW | PTE_UC)
#define PT_PROT_WC (PT_PROT_RW | PTE_WC) /* only where pat_has_wc(): mmu/pat.h */

/* The bits a caller may give as rights, whatever the format: nested tables have no U and G and ignore them. */
#define PT_PROT_MASK (PTE_P | PTE_W | PTE_U | PTE_PWT | PTE_PCD | PTE_A | PTE_D | PTE_G | PTE_NX)

/* Software bit 9, on an entry that leads to a table which is not ours to free (pt_hang). */
#define PT_HUNG BIT(9)

/* Software bit 10, on an entry whose table stays though empty: other roots lead to it too. */
#define PT_KEPT BIT(10)

struct pt_root {
	pa_t top; /* the top table: what CR3 holds */
	enum pt_kind kind;
	enum pt_level top_level;   /* of the top table's entries: PT_P4D or PT_PGD */
	struct mm_struct *mm;      /* for the ops; NULL: the kernel */
	enum pt_level max_leaf;    /* the largest leaf */
	ulong prot_allowed;        /* bits of PT_PROT_MASK that are kept; the others are left out */
	bool has_kernel;           /* its upper half is the kernel's: kspace_share() */
	bool live;                 /* the kernel's, once CPUs run on it: changes are followed by a TLB flush */
	struct tlb_space tlb;      /* whose generation counts those */
	u64 table_count;           /* table pages, the top included, hung ones not */
	u64 leaf_count[PT_LEVELS]; /* leaves, by level; those in hung tables not */
};

/* An empty tree. -ENOMEM, or what the pgd_alloc op says. */
int pt_root_init(struct pt_root *root, struct mm_struct *mm, const struct pt_caps *caps);

/* Unmaps all there is and frees every table; the root must not be live, nothing may hang in it: panic. */
void pt_root_destroy(struct pt_root *root);

/*
 * Maps [va, va + size) to [pa, pa + size) with @prot (PT_PROT_MASK bits, PTE_P among them), by the
 * largest leaves that alignment and root allow. All three are multiples of PAGE_SIZE, the range
 * does not touch the canonical hole. Nothing is changed on error: -EINVAL, -EEXIST (something is
 * mapped in the range), -EBUSY (a hung table lies in it: what is below is not the root's), -ENOMEM.
 */
int pt_map(struct pt_root *root, ulong va, pa_t pa, u64 size, ulong prot);

/*
 * Unmaps what is mapped in [va, va + size), holes are passed over; a large leaf that sticks out is
 * split first. Tables left empty are freed, after the TLB flush. Nothing is changed on error:
 * -EINVAL, -EBUSY (a hung table lies in the range), -ENOMEM (a split needs a table page; it may then
 * have happened at one end, which changes no translation).
 */
int pt_unmap(struct pt_root *root, ulong va, u64 size);

/*
 * Gives what is mapped in [va, va + size) the rights @prot; accessed and dirty stay where they were set. Ptes of a
 * process lose none that another CPU sets meanwhile (ptep_modify_prot_start, _commit); of large leaves, of the kernel's
 * own and of nested tables one set in that very moment may be lost. Splits as pt_unmap() does, and has its errors;
 * -ENOENT: there were holes, all the rest is changed.
 */
int pt_protect(struct pt_root *root, ulong va, u64 size, ulong prot);

/*
 * Puts large leaves where full tables say the same: the 512 entries are leaves that follow each other from an aligned
 * frame on, with the same rights; the large one is accessed or dirty where any was. Whole spans within
 * [va, va + size) only, as large as the root's leaves may be. Returns how many tables that saved; needs no memory.
 */
u64 pt_merge(struct pt_root *root, ulong va, u64 size);

/*
 * Hangs @table, a page-table page that is not ours, in the entry of @level that spans @va (where that
 * entry's span begins). It stays until pt_unhang(), and whoever owns it writes its entries: no other
 * operation here goes below it, and its leaves are not in leaf_count. -EINVAL, -EEXIST, -EBUSY (inside
 * another hung one), -ENOMEM.
 */
int pt_hang(struct pt_root *root, ulong va, enum pt_level level, pa_t table);

/* Takes a hung table out again, and the tables above it that are then empty. -EINVAL: none hangs there. */
int pt_unhang(struct pt_root *root, ulong va, enum pt_level level);

/* What stands at an address. */
struct pt_leaf {
	ulong va;     /* where the leaf begins */
	pa_t pa;      /* what it maps to */
	u64 size;     /* bytes */
	ulong entry;  /* the leaf's entry, as it is */
	ulong rights; /* P, W, U, NX as they work together: W and U where all levels have them, NX where one has */
	enum pt_level level;
	bool broken; /* no leaf: an entry whose table lies outside RAM, or a leaf where none may be */
};

/* The physical address of @va, and its leaf if @leaf is not NULL. False: not mapped, or the tables are corrupt. */
bool pt_translate(const struct pt_root *root, ulong va, pa_t *pa, struct pt_leaf *leaf);

/*
 * Calls @fn for each leaf that touches [first, last], in the order of addresses, until it returns
 * other than 0, which is returned. Broken entries are reported like leaves. @fn must not change the
 * tree.
 */
int pt_for_each_leaf(const struct pt_root *root, ulong first, ulong last,
		     int (*fn)(const struct pt_leaf *leaf, void *private), void *private);

/* "pte" to "pgd". */
const char *pt_level_name(enum pt_level level);

/* The tables that this CPU runs on, with nothing but what it takes to read them. */
struct pt_root pt_live_root(void);

/*
 * Prints the page walk of @va in the tables of @root, by @print (printk): a line per
 * level with the entry and its bits in words, then the physical address or why there is none. Reads
 * only RAM, whatever the tables hold. Any context.
 */
void pt_describe(const struct pt_root *root, ulong va, void (*print)(const char *fmt, ...));

#endif
