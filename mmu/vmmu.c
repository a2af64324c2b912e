/*
 * The tables by which software paging goes, computed from a context: see mmu/vmmu.h. Each table is filled by asking one
 * rule for each of its cells, so that the rule stands once, in the manual's words.
 *
 * Read next: mmu/vmmu_walk.c, tests/host/test_vmmu.c.
 */
#include "mmu/vmmu.h"

#include "arch/pte.h"
#include "arch/regs.h"
#include "mmu/vmmu_priv.h"

#define PSE36_MAX 40 /* physical bits that a 4 MiB page can reach */

/* Bits @low to @high, both included; none if @low is above. */
static u64 bits(unsigned low, unsigned high)
{
	return low > high ? 0 : (~0UL >> (63 - high)) & (~0UL << low);
}

/* ---- who may do what ---- */

/* SDM 3A 4.6: true if an access of kind @index (vmmu_permission_index) to a page with rights @acc is refused. */
static bool refused(const struct vmmu_context *ctx, unsigned index, unsigned acc)
{
	bool write = index & VMMU_WRITE >> 1, user = index & VMMU_USER >> 1, fetch = index & VMMU_FETCH >> 1;
	bool smap_off = index & 4, page_user = acc & VMMU_ACC_USER;

	if (user && !page_user)
		return true;
	if (fetch)
		return !(acc & VMMU_ACC_EXEC) || (!user && page_user && (ctx->cr4 & X86_CR4_SMEP));
	if (!user && page_user && (ctx->cr4 & X86_CR4_SMAP) && !smap_off)
		return true;
	return write && !(acc & VMMU_ACC_WRITE) && (user || (ctx->cr0 & X86_CR0_WP));
}

static void fill_permissions(struct vmmu *mmu, const struct vmmu_context *ctx)
{
	for (unsigned index = 0; index < 16; index++) {
		mmu->permissions[index] = 0;
		for (unsigned acc = 0; acc < 8; acc++)
			mmu->permissions[index] |= (u8)(refused(ctx, index, acc) << acc);
	}
}

/*
 * Protection keys (SDM 3A 4.6.2) are about data in user pages, whoever touches it: two bits of pkru_mask for each kind
 * of access, that select those of AD and WD which refuse it.
 */
static void fill_pkru_mask(struct vmmu *mmu, const struct vmmu_context *ctx)
{
	mmu->pkru_mask = 0;
	if (!(ctx->cr4 & X86_CR4_PKE) || !(ctx->efer & EFER_LMA))
		return;
	for (unsigned index = 0; index < 16; index++) {
		bool write = index & VMMU_WRITE >> 1, user = index & VMMU_USER >> 1;

		if (index & VMMU_FETCH >> 1)
			continue;
		mmu->pkru_mask |= VMMU_PKRU_AD << index * 2;
		if (write && (user || (ctx->cr0 & X86_CR0_WP)))
			mmu->pkru_mask |= VMMU_PKRU_WD << index * 2;
	}
}

/* ---- what must be 0 ---- */

/* SDM 3A tables 4-4 to 4-6. Without CR4.PSE bit 7 of a PDE is ignored. */
static u64 rsvd_32(const struct vmmu_context *ctx, bool ps, unsigned level)
{
	unsigned reach = 32;

	if (level != 2 || !ps || !(ctx->cr4 & X86_CR4_PSE))
		return 0;
	if (ctx->features & VMMU_HAS_PSE36)
		reach = min((unsigned)ctx->maxphyaddr, (unsigned)PSE36_MAX);
	return bits(13 + reach - 32, 21);
}

/* SDM 3A tables 4-8 to 4-11. Bits 62:52 are reserved in all, and in a PDPTE nearly everything is. */
static u64 rsvd_pae(const struct vmmu_context *ctx, bool ps, unsigned level)
{
	u64 rsvd = bits(ctx->maxphyaddr, 62);

	if (level == 3)
		return rsvd | PTE_NX | bits(5, 8) | bits(1, 2);
	if (level == 2 && ps)
		rsvd |= bits(13, 20);
	return rsvd | (ctx->efer & EFER_NXE ? 0 : PTE_NX);
}

/* SDM 3A tables 4-14 to 4-20; APM 2 5.3.3: in PDPEs AMD ignores bit 8. Bits 62:52 are ignored or the key. */
static u64 rsvd_long(const struct vmmu_context *ctx, bool ps, unsigned level)
{
	u64 rsvd = bits(ctx->maxphyaddr, 51) | (ctx->efer & EFER_NXE ? 0 : PTE_NX);

	if (level >= 4 || (level == 3 && !(ctx->features & VMMU_HAS_1G)))
		rsvd |= PTE_PS;
	else if (level == 3 && ps)
		rsvd |= bits(13, 29);
	else if (level == 2 && ps)
		rsvd |= bits(13, 20);
	if ((ctx->features & VMMU_AMD) && level >= 4)
		rsvd |= PTE_G;
	return rsvd;
}

static void fill_rsvd(struct vmmu *mmu, const struct vmmu_context *ctx)
{
	for (unsigned ps = 0; ps < 2; ps++)
		for (unsigned level = 1; level <= VMMU_LEVELS; level++) {
			u64 *mask = &mmu->rsvd_bits_mask[ps][level - 1];

			*mask = 0;
			if (level > mmu->root_level)
				continue;
			if (mmu->root_level == 2)
				*mask = rsvd_32(ctx, ps, level);
			else if (mmu->root_level == 3)
				*mask = rsvd_pae(ctx, ps, level);
			else
				*mask = rsvd_long(ctx, ps, level);
		}
}

/* ---- where a walk ends ---- */

static bool is_last(const struct vmmu *mmu, const struct vmmu_context *ctx, bool ps, unsigned level)
{
	if (level == 1)
		return true;
	if (!ps)
		return false;
	if (level == 2)
		return mmu->root_level > 2 || (ctx->cr4 & X86_CR4_PSE);
	return level == 3 && mmu->root_level > 3 && (ctx->features & VMMU_HAS_1G);
}

static void fill_last(struct vmmu *mmu, const struct vmmu_context *ctx)
{
	mmu->last_pte_bitmap = 0;
	for (unsigned ps = 0; ps < 2; ps++)
		for (unsigned level = 1; level <= VMMU_LEVELS; level++)
			if (is_last(mmu, ctx, ps, level))
				mmu->last_pte_bitmap |= 1U << vmmu_last_index(ps, level);
}

/* ---- all of it ---- */

static u8 root_level(const struct vmmu_context *ctx)
{
	if (!(ctx->cr0 & X86_CR0_PG))
		return 0;
	if (!(ctx->cr4 & X86_CR4_PAE))
		return 2;
	if (!(ctx->efer & EFER_LMA))
		return 3;
	return ctx->cr4 & X86_CR4_LA57 ? 5 : 4;
}

void vmmu_init(struct vmmu *mmu, const struct vmmu_context *ctx)
{
	bool nxe = ctx->efer & EFER_NXE, pae = ctx->cr4 & X86_CR4_PAE;

	*mmu = (struct vmmu){.root_level = root_level(ctx), .pkru = ctx->pkru};
	mmu->nx = nxe && mmu->root_level >= 3;
	mmu->fetch_coded = (ctx->cr4 & X86_CR4_SMEP) || (pae && nxe); /* SDM 3A 4.7 */
	mmu->pdpte_walk = ctx->features & VMMU_PDPTE_WALK;
	mmu->gva_bits = 32;
	fill_permissions(mmu, ctx);
	fill_rsvd(mmu, ctx);
	fill_last(mmu, ctx);
	switch (mmu->root_level) {
	case 0:
		mmu->gva_to_gpa = vmmu_nonpaging;
		return;
	case 2:
		mmu->gva_to_gpa = vmmu_walk32;
		mmu->root = gpa(ctx->cr3 & bits(12, 31));
		return;
	case 3:
		mmu->gva_to_gpa = vmmu_walk64;
		mmu->root = gpa(ctx->cr3 & bits(5, 31));
		return;
	}
	mmu->gva_to_gpa = vmmu_walk64;
	mmu->root = gpa(ctx->cr3 & PTE_ADDR);
	mmu->gva_bits = mmu->root_level == 5 ? 57 : 48;
	fill_pkru_mask(mmu, ctx);
}

bool vmmu_load_pdptrs(struct vmmu *mmu, const struct vmmu_memory *mem)
{
	u64 value[4];

	if (mmu->root_level != 3 || mmu->pdpte_walk)
		return true;
	for (unsigned i = 0; i < 4; i++) {
		if (!mem->read(mem, gpa_add(mmu->root, i * 8), 8, &value[i]))
			return false;
		if ((value[i] & PTE_P) && (value[i] & mmu->rsvd_bits_mask[0][2]))
			return false;
	}
	for (unsigned i = 0; i < 4; i++)
		mmu->pdptrs[i] = value[i];
	return true;
}

const char *vmmu_verdict_name(enum vmmu_verdict verdict)
{
	static const char *const names[VMMU_VERDICTS] = {
		[VMMU_OK] = "ok",
		[VMMU_NOT_PRESENT] = "P",
		[VMMU_RESERVED] = "RSVD",
		[VMMU_NO_EXECUTE] = "fetch",
		[VMMU_NO_USER] = "U",
		[VMMU_SMEP] = "SMEP",
		[VMMU_SMAP] = "SMAP",
		[VMMU_NO_WRITE] = "W",
		[VMMU_PKU] = "PKU",
		[VMMU_NONCANONICAL] = "canonical",
		[VMMU_NO_TABLE] = "no table",
		[VMMU_BUSY] = "busy",
	};

	return names[verdict];
}
