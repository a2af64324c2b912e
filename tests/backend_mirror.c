/*
 * The test backend `mirror`: native, but with the interrupt flag mirrored in memory, as vSMP, lguest and Xen keep
 * theirs. It has what a backend can have: functions with templates of its own (nine bytes, which fill their sites), a
 * function behind a thunk without a template, and an op that is overridden without one, whose native bytes must not be
 * used.
 */
#include "tests/backend_mirror.h"

#include "arch/native.h"
#include "arch/regs.h"
#include "pvops/backend.h"
#include "pvops/native.h"
#include "pvops/patch.h"

u8 mirror_if;
u64 mirror_io_delays;

/* C functions of the test image may hold bare instructions (.text.test); their bodies say what the templates do. */
void mirror_irq_disable(void);
void mirror_irq_enable(void);
void mirror_restore_fl(ulong flags);
void mirror_io_delay(void);

__used void mirror_irq_disable(void)
{
	native_irq_disable();
	mirror_if = 0;
}

__used void mirror_irq_enable(void)
{
	mirror_if = 1;
	native_irq_enable();
}

__used void mirror_restore_fl(ulong flags)
{
	mirror_if = !!(flags & X86_EFLAGS_IF);
	native_restore_fl(flags);
}

void mirror_io_delay(void)
{
	mirror_io_delays++;
}

PV_THUNK(mirror_irq_disable);
PV_THUNK(mirror_irq_enable);
PV_THUNK(mirror_restore_fl);
PV_TEMPLATE("pv_thunk_mirror_irq_disable", 0, "cli; movb $0, mirror_if");
PV_TEMPLATE("pv_thunk_mirror_irq_enable", 0, "movb $1, mirror_if; sti");
PV_CLOBBERS("pv_thunk_mirror_restore_fl", 0);

static void mirror_attach(void)
{
	mirror_if = !!(native_save_fl() & X86_EFLAGS_IF);
	pv_ops.irq.irq_disable.func = PV_CALLEE_SAVE(mirror_irq_disable);
	pv_ops.irq.irq_enable.func = PV_CALLEE_SAVE(mirror_irq_enable);
	pv_ops.irq.restore_fl.func = PV_CALLEE_SAVE(mirror_restore_fl);
	pv_ops.cpu.io_delay = mirror_io_delay;
}

PV_BACKEND(mirror) = {
	.name = "mirror",
	.text = "test backend: native with the interrupt flag mirrored in memory",
	.state_class = PV_STATE_NATIVE,
	.attach = mirror_attach,
};
