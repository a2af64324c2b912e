/*
 * Paging once more, as naively as the manuals tell it: one function per mode, bit numbers in place of names and tables,
 * every rule an if. It shares nothing with mmu/vmmu.c but the structs of its interface, so that both can be compared.
 * The memory is an array; an entry outside it ends the walk as "no table".
 *
 * Must not know: any table of struct vmmu. Facts: SDM 3A 4.3 (32-bit), 4.4 (PAE), 4.5 (long mode), 4.6 (rights), 4.7
 * (error code), 4.8 (A and D); APM 2 5.3.3. Read next: tests/host/test_vmmu.c.
 */
#ifndef TESTS_HOST_VMMU_NAIVE_H
#define TESTS_HOST_VMMU_NAIVE_H

#include "mmu/vmmu.h"
#include "tests/host/host.h"

#define NAIVE_BASE  0x100000UL
#define NAIVE_PAGES 16

struct naive {
	struct vmmu_context c;
	u8 memory[NAIVE_PAGES * 4096]; /* physical NAIVE_BASE up; changed by A and D */
	u64 pdpte[4];                  /* PAE: as loaded with CR3 */
	u64 gva;
	u32 access;
	/* the walk */
	u64 path[5], last;     /* addresses of entries with A, top first; the last entry */
	unsigned steps, level; /* level: of the last entry read, as in vmmu_result */
	bool all_w, all_u, any_nx, paging;
	/* what came of it */
	enum vmmu_verdict verdict;
	u32 error;
	u64 gpa, size;
};

static inline bool bit(u64 x, unsigned n)
{
	return x >> n & 1;
}

static inline void *naive_at(struct naive *n, u64 pa, unsigned bytes)
{
	return pa >= NAIVE_BASE && pa + bytes <= NAIVE_BASE + sizeof(n->memory) ? n->memory + (pa - NAIVE_BASE) : NULL;
}

static inline bool nxe(const struct naive *n)
{
	return bit(n->c.efer, 11);
}

static inline bool end(struct naive *n, enum vmmu_verdict verdict)
{
	bool fetch = n->access & VMMU_FETCH, smep = bit(n->c.cr4, 20), pae = bit(n->c.cr4, 5);

	n->verdict = verdict;
	n->error = 0;
	if (verdict != VMMU_NOT_PRESENT)
		n->error |= 1;
	if (n->access & VMMU_WRITE)
		n->error |= 2;
	if (n->access & VMMU_USER)
		n->error |= 4;
	if (verdict == VMMU_RESERVED)
		n->error |= 8;
	if (fetch && (smep || (pae && nxe(n))))
		n->error |= 16;
	if (verdict == VMMU_NO_TABLE || verdict == VMMU_NONCANONICAL || verdict == VMMU_OK)
		n->error = 0;
	return false;
}

/* Reads the entry at @pa; @must_be_zero(entry) says whether a reserved bit is set. False: the walk is over. */
static inline bool step(struct naive *n, u64 pa, unsigned bytes, unsigned level,
			bool (*bad)(const struct naive *n, unsigned level, u64 entry))
{
	void *p = naive_at(n, pa, bytes);

	n->level = level;
	if (!p) {
		n->gpa = pa;
		return end(n, VMMU_NO_TABLE);
	}
	n->last = bytes == 4 ? *(u32 *)p : *(u64 *)p;
	if (!bit(n->last, 0))
		return end(n, VMMU_NOT_PRESENT);
	if (bad(n, level, n->last))
		return end(n, VMMU_RESERVED);
	return true;
}

static inline void combine(struct naive *n, u64 pa, u64 entry)
{
	n->path[n->steps++] = pa;
	n->all_w &= bit(entry, 1);
	n->all_u &= bit(entry, 2);
}

/* ---- 32-bit ---- */

static inline bool bad_32(const struct naive *n, unsigned level, u64 entry)
{
	if (level == 1 || !bit(entry, 7) || !bit(n->c.cr4, 4))
		return false;
	if (!(n->c.features & VMMU_HAS_PSE36))
		return (entry & 0x3fe000) != 0; /* 21:13 */
	switch (n->c.maxphyaddr) {
	case 32:
		return (entry & 0x3fe000) != 0;
	case 36:
		return (entry & 0x3e0000) != 0; /* 21:17 */
	case 39:
		return (entry & 0x300000) != 0; /* 21:20 */
	default:
		return bit(entry, 21);
	}
}

static inline bool walk_32(struct naive *n)
{
	u32 va = (u32)n->gva;
	u64 pde_at = (n->c.cr3 & 0xfffff000) + (va >> 22) * 4, pde, pte_at;

	if (!step(n, pde_at, 4, 2, bad_32))
		return false;
	pde = n->last;
	combine(n, pde_at, pde);
	if (bit(n->c.cr4, 4) && bit(pde, 7)) {
		n->size = 4 << 20;
		n->gpa = (pde >> 22 << 22) | (pde >> 13 & 0xff) << 32 | (va & 0x3fffff);
		return true;
	}
	pte_at = (pde & 0xfffff000) + (va >> 12 & 0x3ff) * 4;
	if (!step(n, pte_at, 4, 1, bad_32))
		return false;
	combine(n, pte_at, n->last);
	n->size = 4096;
	n->gpa = (n->last & 0xfffff000) | (va & 0xfff);
	return true;
}

/* ---- PAE ---- */

static inline bool above_maxphyaddr(const struct naive *n, u64 entry, unsigned top)
{
	for (unsigned i = n->c.maxphyaddr; i <= top; i++)
		if (bit(entry, i))
			return true;
	return false;
}

static inline bool bad_pae(const struct naive *n, unsigned level, u64 entry)
{
	if (above_maxphyaddr(n, entry, 62))
		return true;
	if (level == 3)
		return bit(entry, 1) || bit(entry, 2) || (entry & 0x1e0) || bit(entry, 63);
	if (bit(entry, 63) && !nxe(n))
		return true;
	return level == 2 && bit(entry, 7) && (entry & 0x1fe000); /* 20:13 */
}

static inline bool walk_pae(struct naive *n)
{
	u32 va = (u32)n->gva;
	u64 at = (n->c.cr3 & 0xffffffe0) + (va >> 30) * 8;

	if (n->c.features & VMMU_PDPTE_WALK) {
		if (!step(n, at, 8, 3, bad_pae))
			return false;
	} else {
		n->level = 3;
		n->last = n->pdpte[va >> 30];
		if (!bit(n->last, 0))
			return end(n, VMMU_NOT_PRESENT);
	}
	at = (n->last & 0xffffffffff000) + (va >> 21 & 0x1ff) * 8;
	if (!step(n, at, 8, 2, bad_pae))
		return false;
	combine(n, at, n->last);
	n->any_nx |= bit(n->last, 63);
	if (bit(n->last, 7)) {
		n->size = 2 << 20;
		n->gpa = (n->last & 0xfffffffe00000) | (va & 0x1fffff);
		return true;
	}
	at = (n->last & 0xffffffffff000) + (va >> 12 & 0x1ff) * 8;
	if (!step(n, at, 8, 1, bad_pae))
		return false;
	combine(n, at, n->last);
	n->any_nx |= bit(n->last, 63);
	n->size = 4096;
	n->gpa = (n->last & 0xffffffffff000) | (va & 0xfff);
	return true;
}

/* ---- long mode ---- */

static inline bool bad_long(const struct naive *n, unsigned level, u64 entry)
{
	bool amd = n->c.features & VMMU_AMD, has_1g = n->c.features & VMMU_HAS_1G;

	if (above_maxphyaddr(n, entry, 51))
		return true;
	if (bit(entry, 63) && !nxe(n))
		return true;
	switch (level) {
	case 5:
	case 4:
		return bit(entry, 7) || (amd && bit(entry, 8));
	case 3:
		return bit(entry, 7) && (!has_1g || (entry & 0x3fffe000)); /* 29:13 */
	case 2:
		return bit(entry, 7) && (entry & 0x1fe000);
	}
	return false;
}

static inline bool walk_long(struct naive *n)
{
	unsigned top = bit(n->c.cr4, 12) ? 5 : 4, shift;
	u64 table = n->c.cr3 & 0xffffffffff000, va = n->gva, sign = va >> (top == 5 ? 56 : 47), at;

	if (sign != 0 && sign != (top == 5 ? 0xff : 0x1ffff))
		return end(n, VMMU_NONCANONICAL);
	for (unsigned level = top;; level--) {
		shift = 12 + 9 * (level - 1);
		at = table + (va >> shift & 0x1ff) * 8;
		if (!step(n, at, 8, level, bad_long))
			return false;
		combine(n, at, n->last);
		n->any_nx |= bit(n->last, 63);
		if (level == 1 || (level < 4 && bit(n->last, 7)))
			break;
		table = n->last & 0xffffffffff000;
	}
	n->size = 1UL << shift;
	n->gpa = (n->last & 0xffffffffff000 & ~(n->size - 1)) | (va & (n->size - 1));
	return true;
}

/* ---- rights: SDM 3A 4.6, a sentence each; the first that refuses is the verdict ---- */

static inline bool key_refuses(const struct naive *n)
{
	bool user = n->access & VMMU_USER, write = n->access & VMMU_WRITE, wp = bit(n->c.cr0, 16);
	unsigned key = n->last >> 59 & 15;

	if (!bit(n->c.cr4, 22) || !bit(n->c.efer, 10) || (n->access & VMMU_FETCH) || !n->all_u)
		return false;
	return bit(n->c.pkru, 2 * key) || (bit(n->c.pkru, 2 * key + 1) && write && (user || wp));
}

static inline bool rights(struct naive *n)
{
	bool user = n->access & VMMU_USER, write = n->access & VMMU_WRITE, fetch = n->access & VMMU_FETCH;
	bool wp = bit(n->c.cr0, 16), smep = bit(n->c.cr4, 20), smap = bit(n->c.cr4, 21);
	bool explicit_ac = (n->access & VMMU_AC) && !(n->access & VMMU_IMPLICIT);
	bool ok = true;

	if (fetch && n->any_nx && nxe(n) && bit(n->c.cr4, 5))
		ok = end(n, VMMU_NO_EXECUTE);
	else if (user && !n->all_u)
		ok = end(n, VMMU_NO_USER);
	else if (fetch && !user && n->all_u && smep)
		ok = end(n, VMMU_SMEP);
	else if (!fetch && !user && n->all_u && smap && !explicit_ac)
		ok = end(n, VMMU_SMAP);
	else if (write && !n->all_w && (user || wp))
		ok = end(n, VMMU_NO_WRITE);
	else if (key_refuses(n))
		ok = end(n, VMMU_PKU);
	if (!ok && key_refuses(n))
		n->error |= 32;
	return ok;
}

static inline void naive_translate(struct naive *n)
{
	unsigned bytes = bit(n->c.cr4, 5) ? 8 : 4;
	bool there;

	n->steps = n->level = 0;
	n->gpa = n->size = 0;
	n->all_w = n->all_u = true;
	n->any_nx = false;
	end(n, VMMU_OK);
	if (!bit(n->c.cr0, 31)) {
		n->gpa = (u32)n->gva;
		n->size = 4096;
		return;
	}
	if (bytes == 4)
		there = walk_32(n);
	else
		there = bit(n->c.efer, 10) ? walk_long(n) : walk_pae(n);
	if (!there || !rights(n)) {
		if (n->verdict != VMMU_NO_TABLE)
			n->gpa = 0;
		n->size = 0;
		return;
	}
	for (unsigned i = 0; i < n->steps; i++) {
		u8 *low = naive_at(n, n->path[i], bytes);

		*low |= 0x20;
		if (i == n->steps - 1 && (n->access & VMMU_WRITE))
			*low |= 0x40;
	}
}

#endif
