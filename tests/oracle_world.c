/* The oracle's world, from the kernel's side: its memory, its descriptor tables, the way there and back. */
#include "tests/oracle_world.h"

#include "arch/desc.h"
#include "arch/layout.h"
#include "arch/pte.h"
#include "arch/regs.h"
#include "lib/string.h"
#include "machine/lockup.h"
#include "machine/percpu.h"
#include "mmu/frame.h"
#include "mmu/kspace.h"
#include "pvops/pvops.h"

extern const u8 oracle_page_start[], oracle_page_end[], oracle_stubs32[], oracle_stubs64[];
extern const u8 oracle_user_start[], oracle_user_end[];
void oracle_enter(pa_t block_pa);

#define BLOCK_SIZE  sizeof(struct oracle_block)
#define BLOCK_ALIGN (128 * KIB) /* more than its size: no table of any mode ends inside */

#define STUB_SIZE   16
#define TSS_SLOT    7 /* W_TSS */
#define OWN_PROT    (PTE_P | PTE_W | PTE_A | PTE_D)

struct oracle_block *oracle_block;
pa_t oracle_far[ORACLE_FAR];
unsigned oracle_far_count;
static pa_t block_pa;

_Static_assert(BLOCK_SIZE <= BLOCK_ALIGN, "the block is larger than its alignment");

u32 oracle_pa(const void *in_block)
{
	return (u32)(pa_num(block_pa) + (u64)((const u8 *)in_block - (u8 *)oracle_block));
}

/* ---- descriptor tables ---- */

/* SDM 3A 7.2.2, 7.2.3: an available TSS of 32 or 64 bits, the same type number. */
static void set_tss(struct oracle_control *c, const void *tss)
{
	u64 base = oracle_pa(tss);

	c->gdt[TSS_SLOT] = (sizeof(c->tss64) - 1) | (base & 0xffffff) << 16 | 0x89UL << 40 | (base >> 24) << 56;
	c->gdt[TSS_SLOT + 1] = 0;
}

static void set_pointer(u8 *at, const void *table, u16 size)
{
	struct desc_ptr ptr = {(u16)(size - 1), oracle_pa(table)};

	memcpy(at, &ptr, sizeof(ptr));
}

static void fill_control(struct oracle_control *c)
{
	static const u64 gdt[] = {0, /* W_CODE64 up: tests/oracle_world.asm */
				  0x00af9b000000ffff,
				  0x00cf93000000ffff,
				  0x00cf9b000000ffff,
				  0x00cffb000000ffff,
				  0x00cff3000000ffff,
				  0x00affb000000ffff};
	u32 top = oracle_pa(oracle_block->stack) + PAGE_SIZE;

	memcpy(c->gdt, gdt, sizeof(gdt));
	for (unsigned v = 0; v < 32; v++) {
		u64 attr = v == X86_TRAP_BP ? 0xee00 : 0x8e00; /* interrupt gate, of 32 or 64 bits by where it lies */
		u64 to32 = pa_num(block_pa) + (u64)(oracle_stubs32 - oracle_page_start) + v * STUB_SIZE;
		u64 to64 = pa_num(block_pa) + (u64)(oracle_stubs64 - oracle_page_start) + v * STUB_SIZE;

		c->idt32[v] = (to32 & 0xffff) | 0x18UL << 16 | attr << 32 | (to32 >> 16) << 48;
		((u64 *)c->idt64)[v * 2] = (to64 & 0xffff) | 0x08UL << 16 | attr << 32 | (to64 >> 16) << 48;
		((u64 *)c->idt64)[v * 2 + 1] = 0;
	}
	set_pointer(c->gdtr, c->gdt, sizeof(c->gdt));
	set_pointer(c->idtr64, c->idt64, sizeof(c->idt64));
	set_pointer(c->idtr32, c->idt32, sizeof(c->idt32));
	*(u32 *)(c->tss64 + 4) = top;  /* rsp0 */
	*(u32 *)(c->tss32 + 4) = top;  /* esp0, */
	*(u32 *)(c->tss32 + 8) = 0x10; /* ss0 */
}

/* ---- what maps the block ---- */

static const unsigned shifts[] = {12, 21, 30, 39, 48};

static u64 own_pa(unsigned table)
{
	return oracle_pa(oracle_block->own[table]);
}

/*
 * The tables that map the block. All modes with entries of 8 bytes share them; each enters where its root leads to. The
 * page with the code for CPL 3 is user mode's.
 */
static void map_own(void)
{
	unsigned pages = BLOCK_SIZE / PAGE_SIZE, user = offsetof(struct oracle_block, user) / PAGE_SIZE;

	for (unsigned i = 0; i < pages; i++) {
		u64 entry = (pa_num(block_pa) + i * PAGE_SIZE) | OWN_PROT | (i == user ? PTE_U : 0);

		((u32 *)oracle_block->own[0])[(pa_num(block_pa) >> 12 & 1023) + i] = (u32)entry;
		oracle_block->own[1][(pa_num(block_pa) >> 12 & 511) + i] = entry;
	}
	for (unsigned level = 2; level < ORACLE_LEVELS; level++)
		oracle_block->own[level][pa_num(block_pa) >> shifts[level - 1] & 511] =
			own_pa(level - 1) | OWN_PROT | PTE_U;
}

unsigned oracle_own_index(unsigned levels)
{
	return (unsigned)(pa_num(block_pa) >> (levels == 2 ? 22 : shifts[levels - 1]));
}

u64 oracle_own_entry(unsigned levels)
{
	if (levels == 3)
		return own_pa(2) | PTE_P;
	return own_pa(levels == 2 ? 0 : levels - 1) | OWN_PROT | PTE_U;
}

/* ---- memory ---- */

static void take_far(void)
{
	for (u64 align = 4 * MIB; oracle_far_count < ORACLE_FAR && align < pa_num(frame_reach()); align *= 2) {
		pa_t far = frame_alloc_contiguous(1, align);

		if (!pa_ok(far))
			break;
		memset(pa_va(far), 0, PAGE_SIZE);
		oracle_far[oracle_far_count++] = far;
	}
}

static void give_far_back(void)
{
	while (oracle_far_count)
		frame_free(oracle_far[--oracle_far_count]);
}

bool oracle_open(void)
{
	ulong at;

	block_pa = frame_alloc_contiguous(BLOCK_SIZE / PAGE_SIZE, BLOCK_ALIGN);
	if (!pa_ok(block_pa))
		return false;
	lockup_pause(); /* a neighbour's NMI would find no handler in there */
	oracle_block = pa_va(block_pa);
	memset(oracle_block, 0, BLOCK_SIZE);
	memcpy(oracle_block->code, oracle_page_start, (size_t)(oracle_page_end - oracle_page_start));
	memcpy(oracle_block->user, oracle_user_start, (size_t)(oracle_user_end - oracle_user_start));
	fill_control(&oracle_block->control);
	map_own();
	take_far();
	at = pa_num(block_pa);
	if (at + BLOCK_SIZE > 4 * GIB || pa_num(kspace_root.top) >= 4 * GIB ||
	    pt_map(&kspace_root, at, block_pa, PAGE_SIZE, PT_PROT_RX & ~PTE_G) ||
	    pt_map(&kspace_root, at + PAGE_SIZE, pa_add(block_pa, PAGE_SIZE), 2 * PAGE_SIZE, PT_PROT_RW & ~PTE_G)) {
		oracle_close();
		return false;
	}
	return true;
}

void oracle_close(void)
{
	pt_unmap(&kspace_root, pa_num(block_pa), 3 * PAGE_SIZE);
	give_far_back();
	frame_free_contiguous(block_pa, BLOCK_SIZE / PAGE_SIZE);
	oracle_block = NULL;
	lockup_resume();
}

/* ---- there and back ---- */

void oracle_run(const struct vmmu_context *ctx, unsigned count)
{
	struct oracle_control *c = &oracle_block->control;
	ulong flags = pv_irq_save(), cr3 = pv_read_cr3(), cr4 = pv_read_cr4();
	u64 gs = pv_read_msr(MSR_KERNEL_GS_BASE);

	pv_write_cr4(cr4 & ~X86_CR4_PCIDE); /* with it on, paging cannot be turned off */
	c->cr0 = (u32)ctx->cr0;
	c->cr3 = (u32)ctx->cr3;
	c->cr4 = (u32)ctx->cr4;
	c->efer = (u32)(ctx->efer & ~EFER_LMA);
	c->pkru = ctx->pkru;
	c->pke = !!(ctx->cr4 & X86_CR4_PKE);
	c->long_mode = (ctx->efer & EFER_LMA) && (ctx->cr0 & X86_CR0_PG);
	c->left = count;
	c->kernel_cr0 = (u32)pv_read_cr0();
	c->kernel_cr3 = (u32)(cr3 & PTE_ADDR);
	c->kernel_cr4 = (u32)(cr4 & ~X86_CR4_PCIDE);
	c->kernel_efer = (u32)(pv_read_msr(MSR_EFER) & ~EFER_LMA);
	set_tss(c, c->long_mode ? c->tss64 : c->tss32);
	oracle_enter(block_pa);
	cpu_init(this_cpu()); /* TR, whose descriptor must be made available again */
	pv_write_cr4(cr4);
	pv_write_cr3(cr3);
	pv_write_msr64(MSR_KERNEL_GS_BASE, gs);
	pv_irq_restore(flags);
}
