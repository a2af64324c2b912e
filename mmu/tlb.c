/*
 * Address spaces and flushes: see mmu/tlb.h.
 *
 * Who changes a space first raises its generation, then looks who runs on it; who switches to it first says so, then
 * looks at the generation: one of them sees the other.
 *
 * Must not know: page tables. Read next: machine/ipi.c, which tells other CPUs.
 */
#include "mmu/tlb.h"

#include "arch/cpu_local.h"
#include "arch/cpufeature.h"
#include "arch/layout.h"
#include "arch/regs.h"
#include "lib/bits.h"
#include "mmu/pt.h"
#include "pvops/pvops.h"

struct tlb_slot {
	u64 id, generation; /* what the TLB holds by this PCID is of that space, and as new as that */
};

static struct tlb_cpu {
	struct pt_root *root; /* that it runs on; NULL: the kernel's */
	struct tlb_slot slot[TLB_SLOTS];
	u32 current, next;   /* slots: of root, and to be given away next */
	bool kernel_changed; /* while it ran on another: what PCID 0 holds that is not global may be old */
} __aligned(64) tlb_cpus[NR_CPUS];

static struct tlb_cpu *this_tlb(void)
{
	return &tlb_cpus[cpu_local()->id];
}

static bool have_pcid(void)
{
	return cpu_has(X86_FEATURE_PCID);
}

void tlb_space_init(struct tlb_space *space, bool kernel)
{
	static u64 last_id;

	*space = (struct tlb_space){.id = kernel ? 0 : __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED)};
}

/* ---- switching ---- */

/* @root NULL: the kernel's, whose CPUs nobody counts. */
static void set_runs_on(struct pt_root *root, bool runs)
{
	if (root && runs)
		cpumask_set(&root->tlb.cpus, cpu_local()->id);
	else if (root)
		cpumask_clear(&root->tlb.cpus, cpu_local()->id);
}

/* The slot of @id, or one given to it. Without PCIDs all use one. */
static u32 slot_of(struct tlb_cpu *tlb, u64 id)
{
	u32 slot;

	if (!have_pcid())
		return 0;
	for (slot = 0; slot < TLB_SLOTS; slot++) {
		if (tlb->slot[slot].id == id)
			return slot;
	}
	slot = tlb->next;
	tlb->next = (slot + 1) % TLB_SLOTS;
	return slot;
}

/* CR3's lower bits, and bit 63 where the TLB may be kept (SDM 3A 4.10.4.1). */
static ulong cr3_of(struct tlb_cpu *tlb, struct pt_root *root)
{
	struct tlb_slot *slot;
	u64 generation;
	bool keep;

	if (!root->tlb.id) {
		keep = !tlb->kernel_changed;
		tlb->kernel_changed = false;
		return pa_num(root->top) | (have_pcid() && keep ? CR3_NOFLUSH : 0);
	}
	tlb->current = slot_of(tlb, root->tlb.id);
	slot = &tlb->slot[tlb->current];
	generation = __atomic_load_n(&root->tlb.generation, __ATOMIC_SEQ_CST);
	keep = have_pcid() && slot->id == root->tlb.id && slot->generation == generation;
	*slot = (struct tlb_slot){root->tlb.id, generation};
	return pa_num(root->top) | (have_pcid() ? tlb->current + 1 : 0) | (keep ? CR3_NOFLUSH : 0);
}

void tlb_switch(struct pt_root *root)
{
	ulong flags = pv_irq_save();
	struct tlb_cpu *tlb = this_tlb();
	struct pt_root *former = tlb->root;

	tlb->root = root->tlb.id ? root : NULL;
	set_runs_on(tlb->root, true);
	pv_write_cr3(cr3_of(tlb, root));
	if (former != tlb->root)
		set_runs_on(former, false); /* until here it might have walked there */
	pv_irq_restore(flags);
}

/* ---- flushing ---- */

/* Out of line: one site each. */
static __noinline void flush_all(bool kernel)
{
	if (kernel)
		pv_flush_tlb_kernel();
	else
		pv_flush_tlb_user();
}

static __noinline void flush_page(ulong va, bool kernel)
{
	if (kernel)
		pv_flush_tlb_one_kernel(va);
	else
		pv_flush_tlb_one_user(va);
}

/* True if this CPU must do something for @info; *all: everything, since it missed an earlier flush. */
static bool concerned(const struct flush_tlb_info *info, bool *all)
{
	struct tlb_cpu *tlb = this_tlb();
	struct tlb_slot *slot = &tlb->slot[tlb->current];

	*all = false;
	if (!info->space) {
		tlb->kernel_changed |= tlb->root != NULL;
		return true;
	}
	if (!tlb->root || tlb->root->tlb.id != info->space || slot->generation >= info->generation)
		return false; /* its slot is old when it comes back, or new already */
	*all = slot->generation + 1 != info->generation;
	slot->generation = info->generation;
	return true;
}

void tlb_flush_local(const struct flush_tlb_info *info)
{
	bool all;

	if (!concerned(info, &all))
		return;
	if (all || info->end == TLB_FLUSH_ALL || (info->end - info->start) / PAGE_SIZE > TLB_FLUSH_MAX) {
		flush_all(!info->space);
		return;
	}
	for (ulong va = info->start; va < info->end; va += PAGE_SIZE)
		flush_page(va, !info->space);
}

/* One range that has them all. */
static void set_range(struct flush_tlb_info *info, const ulong *va, u32 count)
{
	ulong last = 0;

	info->start = ~0UL;
	for (u32 i = 0; i < min(count, (u32)TLB_FLUSH_MAX); i++) {
		info->start = min(info->start, ALIGN_DOWN(va[i], PAGE_SIZE));
		last = max(last, va[i] | (PAGE_SIZE - 1));
	}
	info->end = count > TLB_FLUSH_MAX || last == ~0UL ? TLB_FLUSH_ALL : last + 1;
}

static bool runs_elsewhere(const struct pt_root *root)
{
	struct cpumask others = cpumask_without(&root->tlb.cpus, cpu_local()->id);

	return root->tlb.id ? !cpumask_empty(&others) : cpu_online_count > 1;
}

void tlb_flush(struct pt_root *root, const ulong *va, u32 count)
{
	struct flush_tlb_info info = {.mm = root->mm, .space = root->tlb.id};
	ulong flags;
	bool all;

	info.generation = __atomic_add_fetch(&root->tlb.generation, 1, __ATOMIC_SEQ_CST);
	flags = pv_irq_save();
	if (concerned(&info, &all)) {
		if (all || count > TLB_FLUSH_MAX)
			flush_all(!info.space);
		for (u32 i = 0; i < count && !all && count <= TLB_FLUSH_MAX; i++)
			flush_page(va[i], !info.space);
	}
	if (runs_elsewhere(root)) {
		set_range(&info, va, count);
		pv_flush_tlb_others(root->tlb.id ? &root->tlb.cpus : &cpu_online, &info);
	}
	pv_irq_restore(flags); /* not before: this CPU is the one that was flushed */
}
