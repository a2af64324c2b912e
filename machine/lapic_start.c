/*
 * Starting CPUs on a PC: INIT and STARTUP to each (SDM 3A 8.4.4.1), which then begins in real mode, in a page below
 * 1 MiB, where machine/trampoline.asm was copied to; what was there is put back afterwards.
 *
 * Must not know: who is started and who has come: machine/smp.c. Read next: machine/trampoline.asm.
 */
#include "arch/layout.h"
#include "arch/regs.h"
#include "lib/string.h"
#include "machine/lapic_priv.h"
#include "machine/percpu.h"
#include "mmu/frame.h"
#include "mmu/kspace.h"

#define INIT_NS    10000000UL /* between INIT and STARTUP: 8.4.4.1 */
#define STARTUP_NS 200000UL   /* between the two */

#define LOW_FIRST  0x2000UL /* pages to look for one in: above the BIOS's data, below what it may take at the top */
#define LOW_END    0x80000UL

extern u8 trampoline_start[], trampoline_end[], trampoline_gdt_at[], trampoline_jump32[], trampoline_jump64[];
extern u8 trampoline_cr3[], trampoline_cr4[], trampoline_ids[];

static pa_t page_at;
static u8 page_kept[PAGE_SIZE];

/* The lowest usable page that no module lies in; PA_NONE: there is none. */
static pa_t find_low_page(void)
{
	const struct memmap *map = frame_memmap();

	for (u64 at = LOW_FIRST; at < LOW_END; at += PAGE_SIZE) {
		const struct frame_reservation *r;
		bool usable = false, taken = false;

		for (u32 i = 0; i < map->count; i++)
			usable |= map->range[i].type == MEM_USABLE && at >= map->range[i].base &&
				  at + PAGE_SIZE <= map->range[i].end;
		for (u32 i = 1; (r = frame_reservation_at(i)); i++) /* 0: low memory itself */
			taken |= pa_below(pa(at), r->end) && pa_below(r->base, pa(at + PAGE_SIZE));
		if (usable && !taken)
			return pa(at);
	}
	return PA_NONE;
}

/* Where @symbol of the trampoline is in its copy. */
static void *in_copy(const u8 *symbol)
{
	return (u8 *)pa_va(page_at) + (symbol - trampoline_start);
}

const char *lapic_start_begin(void)
{
	u32 at;

	page_at = find_low_page();
	if (!pa_ok(page_at))
		return "no usable page below 1 MiB";
	if (pa_num(kspace_root.top) >= 4 * GIB)
		return "the page tables begin above 4 GiB";
	if (pt_map(&kspace_root, pa_num(page_at), page_at, PAGE_SIZE, PT_PROT_RX & ~PTE_G))
		return "no memory to map their first page";
	at = (u32)pa_num(page_at);
	memcpy(page_kept, pa_va(page_at), PAGE_SIZE);
	memcpy(pa_va(page_at), trampoline_start, (size_t)(trampoline_end - trampoline_start));
	*(u32 *)in_copy(trampoline_gdt_at) += at;
	*(u32 *)in_copy(trampoline_jump32) += at;
	*(u32 *)in_copy(trampoline_jump64) += at;
	*(u32 *)in_copy(trampoline_cr3) = (u32)pa_num(kspace_root.top);
	if (kspace_root.top_level == PT_PGD)
		*(u32 *)in_copy(trampoline_cr4) |= X86_CR4_LA57;
	return NULL;
}

void lapic_start_end(void)
{
	pt_unmap(&kspace_root, pa_num(page_at), PAGE_SIZE);
	memcpy(pa_va(page_at), page_kept, PAGE_SIZE);
}

/* The trampoline tells its CPU by the initial APIC ID of CPUID leaf 1, which has eight bits; 255 is all. */
const char *lapic_start_refuses(u32 id)
{
	return id > 254 ? "the ID has more than eight bits" : NULL;
}

/* INIT, a pause, STARTUP, and a second one for who has not come then. */
u64 lapic_start_step(unsigned cpu, unsigned step)
{
	u8 *ids = in_copy(trampoline_ids);

	_Static_assert(NR_CPUS < 0xff, "a CPU's number is a byte, 0xff is none");
	if (step == 0)
		ids[percpu_of(cpu)->apic_id] = (u8)cpu;
	lapic_send(cpu, step ? ICR_STARTUP | (u32)pa_pfn(page_at) : ICR_INIT);
	return step == 0 ? INIT_NS : step == 1 ? STARTUP_NS : 0;
}

/* It waits for a STARTUP, and until then for nothing else (SDM 3A 8.4.2). */
u64 lapic_put_back(unsigned cpu)
{
	lapic_send(cpu, ICR_INIT);
	return INIT_NS;
}
