/*
 * Poisoned slots and int3 tracing: see pvops/trace.h. The hit path runs inside the raw #BP entry and stays in
 * .entry.raw and .text.native (poke), so that tracing the entry code's own sites is safe.
 */
#include "pvops/trace.h"

#include "arch/poke.h"
#include "arch/section.h"
#include "lib/panic.h"
#include "pvops/patch.h"

/* NASM, pvops/poison.asm: one 16-byte stub for each number, which calls pv_poison_hit(number). */
extern u8 pv_poison_stubs[];
#define POISON_STUB_SIZE 16

static struct paravirt_patch_template saved;
static unsigned unpoison_depth = 1; /* 0: poisoned */

__noreturn void pv_poison_hit(unsigned type);

void pv_poison_hit(unsigned type)
{
	pv_unpoison(); /* the panic itself may need an unpatched site */
	panic("%s.%s was called through its slot after patching", pv_op_desc[type].group, pv_op_desc[type].name);
}

void pv_poison(void)
{
	void **slot = (void **)&pv_ops;
	unsigned type;

	BUG_ON(unpoison_depth == 0);
	if (--unpoison_depth)
		return;
	saved = pv_ops;
	for (type = 0; type < PV_TYPES; type++)
		slot[type] = pv_poison_stubs + type * POISON_STUB_SIZE;
}

void pv_unpoison(void)
{
	if (unpoison_depth++ == 0)
		pv_ops = saved;
}

bool pv_poisoned(void)
{
	return unpoison_depth == 0;
}

void pv_trace_arm(void)
{
	const u8 int3 = 0xcc;
	ulong flags = poke_begin();
	unsigned i;

	for (i = 0; i < pv_site_count(); i++) {
		struct pv_site_state *state = pv_site_state(i);
		u8 *instr = pv_site(i)->instr;

		if (state->flags & (PV_SITE_ARMED | PV_SITE_CROSSED))
			continue;
		state->patched_first = *instr;
		state->flags |= PV_SITE_ARMED;
		BUG_ON(!poke_write(instr, &int3, 1));
	}
	poke_end(flags);
}

void pv_trace_disarm(void)
{
	ulong flags = poke_begin();
	unsigned i;

	for (i = 0; i < pv_site_count(); i++) {
		struct pv_site_state *state = pv_site_state(i);

		if (!(state->flags & PV_SITE_ARMED))
			continue;
		state->flags &= (u8)~PV_SITE_ARMED;
		BUG_ON(!poke_write(pv_site(i)->instr, &state->patched_first, 1));
	}
	poke_end(flags);
}

void pv_trace_reset(void)
{
	unsigned i;

	for (i = 0; i < pv_site_count(); i++)
		pv_site_state(i)->flags &= (u8)~PV_SITE_CROSSED;
}

extern const struct paravirt_patch_site __parainstructions_start[], __parainstructions_end[];
extern struct pv_site_state __pv_site_states[];

/*
 * Within a poke. False: there was no int3 of ours, and there is one. If there is none any more, another CPU was here
 * between our trap and now; what stands there is written once more, because QEMU (7.2, TCG with several threads) may
 * have translated the int3 while that CPU was just overwriting it, and then executes it for ever.
 */
static __entry_raw bool disarm_hit(u8 *instr, struct pv_site_state *state)
{
	u8 now = *(volatile u8 *)instr;

	if (!(state->flags & PV_SITE_ARMED))
		return now != 0xcc && poke_write(instr, &now, 1);
	state->flags = (u8)((state->flags & ~PV_SITE_ARMED) | PV_SITE_CROSSED);
	return poke_write(instr, &state->patched_first, 1);
}

__entry_raw bool pv_trace_hit(struct pt_regs *regs)
{
	const struct paravirt_patch_site *site = __parainstructions_start;
	struct pv_site_state *state = __pv_site_states;
	u8 *instr = (u8 *)regs->rip - 1;
	ulong flags;
	bool ours;

	for (; site < __parainstructions_end; site++, state++) {
		if (site->instr != instr)
			continue;
		flags = poke_begin();
		ours = disarm_hit(instr, state);
		poke_end(flags);
		if (ours)
			regs->rip = (ulong)instr;
		return ours; /* else it falls into the ordinary #BP report */
	}
	return false;
}
