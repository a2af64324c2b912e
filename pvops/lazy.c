/* Lazy mode's counting: see pvops/lazy.h.  */
#include "pvops/lazy.h"

#include "lib/panic.h"
#include "pvops/pvops.h"

static unsigned depth, irq_depth;

void lazy_mmu_enter(void)
{
	BUG_ON(irq_depth);
	if (depth++ == 0)
		pv_lazy_enter();
}

void lazy_mmu_leave(void)
{
	BUG_ON(irq_depth || !depth);
	if (--depth == 0)
		pv_lazy_leave();
	else
		pv_lazy_flush();
}

void lazy_mmu_flush(void)
{
	if (depth && !irq_depth)
		pv_lazy_flush();
}

unsigned lazy_mmu_depth(void)
{
	return irq_depth ? 0 : depth;
}

void lazy_irq_enter(void)
{
	irq_depth++;
}

void lazy_irq_leave(void)
{
	irq_depth--;
}

unsigned lazy_irq_depth(void)
{
	return irq_depth;
}
