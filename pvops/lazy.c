/* Lazy mode's counting: see pvops/lazy.h.  */
#include "pvops/lazy.h"

#include "arch/cpu_local.h"
#include "lib/panic.h"
#include "pvops/pvops.h"

void lazy_mmu_enter(void)
{
	BUG_ON(cpu_local()->irq_depth);
	if (cpu_local()->lazy_depth++ == 0)
		pv_lazy_enter();
}

void lazy_mmu_leave(void)
{
	BUG_ON(cpu_local()->irq_depth || !cpu_local()->lazy_depth);
	if (--cpu_local()->lazy_depth == 0)
		pv_lazy_leave();
	else
		pv_lazy_flush();
}

void lazy_mmu_flush(void)
{
	if (cpu_local()->lazy_depth && !cpu_local()->irq_depth)
		pv_lazy_flush();
}

unsigned lazy_mmu_depth(void)
{
	return cpu_local()->irq_depth ? 0 : cpu_local()->lazy_depth;
}

void lazy_irq_enter(void)
{
	cpu_local()->irq_depth++;
}

void lazy_irq_leave(void)
{
	cpu_local()->irq_depth--;
}

unsigned lazy_irq_depth(void)
{
	return cpu_local()->irq_depth;
}
