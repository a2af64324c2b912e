/*
 * The walk of software paging: one loop, inlined into an instance for entries of 4 bytes and one for entries of 8. It
 * goes by the tables of struct vmmu (mmu/vmmu.c) and knows no mode but by them; see mmu/vmmu.h for what it promises.
 */
#include "mmu/vmmu.h"

#include "arch/pte.h"
#include "arch/regs.h"
#include "lib/errno.h"
#include "mmu/vmmu_priv.h"

#define RETRIES       8 /* walks begun again because an entry changed, before the caller is told */

#define PTE_KEY_SHIFT 59 /* bits 62:59 of a leaf */

/* The instances' constants. */
struct width {
	unsigned bytes;      /* of an entry */
	unsigned index_bits; /* of an address, per level */
	u64 address;         /* bits of an entry that hold a frame's */
};

static const struct width width32 = {4, 10, 0xfffff000};
static const struct width width64 = {8, 9, PTE_ADDR};

static __always_inline unsigned shift_of(const struct width *w, unsigned level)
{
	return PAGE_SHIFT + (level - 1) * w->index_bits;
}

static bool canonical(const struct vmmu *mmu, u64 address)
{
	s64 top = (s64)address >> (mmu->gva_bits - 1);

	return mmu->gva_bits == 32 || top == 0 || top == -1;
}

/* ---- the verdict on a finished walk ---- */

/* The two bits of PKRU that refuse: of the page's key, those that this kind of access heeds. */
static u32 key_bits(const struct vmmu *mmu, u64 leaf, u32 access, unsigned acc)
{
	u32 heeded;

	if (!(acc & VMMU_ACC_USER))
		return 0;
	heeded = mmu->pkru_mask >> vmmu_permission_index(access) * 2 & 3;
	return heeded & mmu->pkru >> (leaf >> PTE_KEY_SHIFT & 15) * 2;
}

/* Which rule it was, for an access that permissions[] refuses; a read is refused by no rule about writes. */
static enum vmmu_verdict name_refusal(const struct vmmu *mmu, u32 access, unsigned acc)
{
	unsigned as_read = vmmu_permission_index(access & ~(u32)VMMU_WRITE);

	if ((access & VMMU_FETCH) && !(acc & VMMU_ACC_EXEC))
		return VMMU_NO_EXECUTE;
	if ((access & VMMU_USER) && !(acc & VMMU_ACC_USER))
		return VMMU_NO_USER;
	if (access & VMMU_FETCH)
		return VMMU_SMEP;
	return mmu->permissions[as_read] >> acc & 1 ? VMMU_SMAP : VMMU_NO_WRITE;
}

static void fault(const struct vmmu *mmu, struct vmmu_result *r, enum vmmu_verdict verdict, u32 access)
{
	r->verdict = verdict;
	r->error = access & (VMMU_WRITE | VMMU_USER);
	if (verdict != VMMU_NOT_PRESENT)
		r->error |= X86_PF_PROT;
	if (verdict == VMMU_RESERVED)
		r->error |= X86_PF_RSVD;
	if ((access & VMMU_FETCH) && mmu->fetch_coded)
		r->error |= X86_PF_INSTR;
}

/* ---- the walk ---- */

/* Reads the entry of @level into @r; false: the verdict is there. */
static __always_inline bool read_entry(const struct vmmu *mmu, const struct vmmu_memory *mem, const struct width *w,
				       struct vmmu_result *r, gpa_t table, u64 address, u32 access)
{
	unsigned level = r->level, index = address >> shift_of(w, level) & ((1U << w->index_bits) - 1);
	u64 value;
	bool ps;

	r->entry[level - 1].at = gpa_add(table, (u64)index * w->bytes);
	if (level == 3 && mmu->root_level == 3 && !mmu->pdpte_walk) {
		value = mmu->pdptrs[index & 3];
	} else if (!mem->read(mem, r->entry[level - 1].at, w->bytes, &value)) {
		r->verdict = VMMU_NO_TABLE;
		r->gpa = r->entry[level - 1].at;
		return false;
	}
	r->entry[level - 1].value = value;
	ps = value & PTE_PS;
	if (!(value & PTE_P) || (value & mmu->rsvd_bits_mask[ps][level - 1])) {
		fault(mmu, r, value & PTE_P ? VMMU_RESERVED : VMMU_NOT_PRESENT, access);
		return false;
	}
	if (!(level == 3 && mmu->root_level == 3))
		r->accessed |= (u8)(1U << (level - 1));
	return true;
}

/* What the leaf maps @address to. */
static __always_inline void place(const struct width *w, struct vmmu_result *r, u64 address)
{
	u64 leaf = r->entry[r->level - 1].value, frame;

	r->page_size = 1UL << shift_of(w, r->level);
	frame = leaf & w->address & ~(r->page_size - 1);
	if (w->bytes == 4 && r->level == 2)
		frame |= (leaf >> 13 & 0xff) << 32; /* what PSE-36 does not have is reserved, thus 0 */
	r->gpa = gpa(frame | (address & (r->page_size - 1)));
}

/* Sets A in all entries used, D in the last if it is written. 0, -EAGAIN, -EFAULT (r->gpa: where). */
static __always_inline int set_accessed_dirty(const struct vmmu *mmu, const struct vmmu_memory *mem,
					      const struct width *w, struct vmmu_result *r, u32 access)
{
	for (unsigned level = mmu->root_level; level >= r->level; level--) {
		u64 old = r->entry[level - 1].value, new = old | PTE_A;
		int err;

		if (mmu->root_level == 3 && level == 3)
			continue;
		if (level == r->level && (access & VMMU_WRITE))
			new |= PTE_D;
		if (new == old)
			continue;
		err = mem->cmpxchg(mem, r->entry[level - 1].at, w->bytes, old, new);
		if (err) {
			r->gpa = r->entry[level - 1].at;
			return err;
		}
	}
	return 0;
}

/* All but the entries. */
static __always_inline void begin(struct vmmu_result *r, enum vmmu_verdict verdict, u8 level)
{
	r->verdict = verdict;
	r->error = 0;
	r->gpa = gpa(0);
	r->page_size = 0;
	r->level = level;
	r->accessed = 0;
}

/* One attempt. False: an entry changed under it. */
static __always_inline bool walk_once(const struct vmmu *mmu, const struct vmmu_memory *mem, const struct width *w,
				      struct vmmu_result *r, u64 address, u32 access)
{
	unsigned acc = VMMU_ACC_EXEC | VMMU_ACC_WRITE | VMMU_ACC_USER;
	gpa_t table = mmu->root;
	bool refused;
	u32 key;
	int err;

	begin(r, VMMU_OK, mmu->root_level);
	for (;; r->level--) {
		u64 value;

		if (!read_entry(mmu, mem, w, r, table, address, access))
			return true;
		value = r->entry[r->level - 1].value;
		if (!(mmu->root_level == 3 && r->level == 3)) { /* a PDPTE of PAE gives every right */
			acc &= (value & PTE_W ? VMMU_ACC_WRITE : 0) | (value & PTE_U ? VMMU_ACC_USER : 0) |
			       VMMU_ACC_EXEC;
			if (mmu->nx && (value & PTE_NX))
				acc &= ~VMMU_ACC_EXEC;
		}
		if (mmu->last_pte_bitmap >> vmmu_last_index(value & PTE_PS, r->level) & 1)
			break;
		table = gpa(value & w->address);
	}
	key = key_bits(mmu, r->entry[r->level - 1].value, access, acc);
	refused = mmu->permissions[vmmu_permission_index(access)] >> acc & 1;
	if (key || refused) {
		fault(mmu, r, refused ? name_refusal(mmu, access, acc) : VMMU_PKU, access);
		r->error |= key ? X86_PF_PK : 0;
		return true;
	}
	err = set_accessed_dirty(mmu, mem, w, r, access);
	if (err == -EAGAIN)
		return false;
	if (err) {
		r->verdict = VMMU_NO_TABLE;
		return true;
	}
	place(w, r, address);
	return true;
}

static __always_inline enum vmmu_verdict walk(const struct vmmu *mmu, const struct vmmu_memory *mem,
					      const struct width *w, u64 address, u32 access, struct vmmu_result *r)
{
	if (!canonical(mmu, address)) {
		begin(r, VMMU_NONCANONICAL, 0);
		return r->verdict;
	}
	for (unsigned attempt = 0; attempt < RETRIES; attempt++)
		if (walk_once(mmu, mem, w, r, address, access))
			return r->verdict;
	begin(r, VMMU_BUSY, 0);
	return r->verdict;
}

/* 32-bit paging: addresses have 32 bits, whatever the caller hands over. */
enum vmmu_verdict vmmu_walk32(const struct vmmu *mmu, const struct vmmu_memory *mem, gva_t gva, u32 access,
			      struct vmmu_result *r)
{
	return walk(mmu, mem, &width32, (u32)gva_num(gva), access, r);
}

/* PAE and long mode. */
enum vmmu_verdict vmmu_walk64(const struct vmmu *mmu, const struct vmmu_memory *mem, gva_t gva, u32 access,
			      struct vmmu_result *r)
{
	return walk(mmu, mem, &width64, mmu->gva_bits == 32 ? (u32)gva_num(gva) : gva_num(gva), access, r);
}

enum vmmu_verdict vmmu_nonpaging(const struct vmmu *mmu, const struct vmmu_memory *mem, gva_t gva, u32 access,
				 struct vmmu_result *r)
{
	(void)mmu, (void)mem, (void)access;
	begin(r, VMMU_OK, 0);
	r->gpa = gpa((u32)gva_num(gva));
	r->page_size = PAGE_SIZE;
	return r->verdict;
}
