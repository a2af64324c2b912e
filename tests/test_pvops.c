/* The patcher's tests, first half: what stands at sites after patching, and that it does what the op does. */
#include "arch/native.h"
#include "arch/regs.h"
#include "lib/ksyms.h"
#include "lib/log.h"
#include "lib/string.h"
#include "machine/irq.h"
#include "machine/park.h"
#include "machine/pit.h"
#include "machine/time.h"
#include "machine/traps.h"
#include "machine/timer.h"
#include "pvops/backend.h"
#include "pvops/lazy.h"
#include "pvops/native.h"
#include "pvops/pvops.h"
#include "pvops/qspinlock.h"
#include "pvops/trace.h"
#include "tests/backend_mirror.h"
#include "tests/ktest.h"
#include "tests/pvops_sites.h"

static struct paravirt_patch_template slots_before;

void pvops_test_begin(void)
{
	pv_unpoison();
	slots_before = pv_ops;
	pv_template_find(NULL); /* with patch=off nobody has looked for one yet, and hooks expect it */
}

void pvops_test_end(void)
{
	pv_ops = slots_before;
	pv_repatch(PV_ALL_TYPES);
	if (pv_patching)
		pv_trace_arm();
	pv_poison();
}

enum pv_kind pvops_kind_behind(const void *code, int type)
{
	return pv_site_kind(pv_site_behind(code, type)->instr);
}

/* What a site with a native template becomes under the backend the kernel was booted with. */
static enum pv_kind expected_inline(void)
{
	if (!pv_patching)
		return PV_INDIRECT;
	return strcmp(pv_info.name, "direct") == 0 ? PV_DIRECT : PV_INLINED;
}

__noinline static void disable_and_enable(void)
{
	pv_irq_disable();
	pv_irq_enable();
}

TEST(pvops_c_site_becomes_instruction)
{
	static const u8 cli[9] = {0xfa, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0};
	const struct paravirt_patch_site *site = pv_site_behind(disable_and_enable, PV_TYPE(irq, irq_disable));

	disable_and_enable(); /* the first crossing takes the tracer's int3 away */
	EXPECT_EQ(site->len, 9);
	EXPECT_EQ(pv_site_kind(site->instr), expected_inline());
	if (pv_patching && strcmp(pv_info.name, "native") == 0)
		EXPECT(memcmp(site->instr, cli, 9) == 0);
}

TEST(pvops_nasm_site_becomes_instruction)
{
	asm_disable_enable();
	EXPECT_EQ(pvops_kind_behind(asm_disable_enable, PV_TYPE(irq, irq_disable)), expected_inline());
	EXPECT_EQ(pvops_kind_behind(asm_disable_enable, PV_TYPE(irq, irq_enable)), expected_inline());
	EXPECT_EQ(asm_save_fl() & X86_EFLAGS_IF, X86_EFLAGS_IF);
}

TEST(pvops_irq_ops_do_what_they_say)
{
	ulong flags = pv_save_fl(), saved;

	EXPECT(flags & X86_EFLAGS_IF);
	pv_irq_disable();
	EXPECT(!(pv_save_fl() & X86_EFLAGS_IF));
	saved = pv_irq_save();
	EXPECT(!(saved & X86_EFLAGS_IF));
	pv_irq_restore(saved);
	EXPECT(!(native_save_fl() & X86_EFLAGS_IF));
	pv_restore_fl(flags);
	EXPECT(native_save_fl() & X86_EFLAGS_IF);
}

TEST(pvops_callee_save_sites_keep_registers)
{
	EXPECT(asm_callee_save_kept());
	pvops_test_begin();
	pv_unpatch(PV_ALL_TYPES); /* the same through the slots' thunks */
	EXPECT(asm_callee_save_kept());
	if (pv_patching) {
		pv_ops.init.patch = pv_patch_direct;
		pv_patch(PV_ALL_TYPES);
		EXPECT_EQ(pvops_kind_behind(asm_callee_save_kept, PV_TYPE(irq, save_fl)), PV_DIRECT);
		EXPECT(asm_callee_save_kept());
	}
	pvops_test_end();
}

__noinline static void do_nothing(void)
{
	pv_activate_mm(NULL, NULL);
}

TEST(pvops_empty_functions_become_nothing)
{
	do_nothing();
	EXPECT_EQ(pvops_kind_behind(do_nothing, PV_TYPE(mmu, activate_mm)), pv_patching ? PV_NOTHING : PV_INDIRECT);
}

/* Inlined, called directly, called through the slot: the same result. */
static void read_all(ulong *value)
{
	unsigned n = 0;

	value[n++] = pv_read_cr0();
	value[n++] = pv_read_cr2();
	value[n++] = pv_read_cr3();
	value[n++] = pv_read_cr4();
	value[n++] = pv_read_cr8();
	value[n++] = pv_store_tr();
	value[n++] = pv_read_msr(MSR_EFER);
	value[n++] = pv_read_msr(MSR_GS_BASE);
	value[n++] = pv_save_fl() & X86_EFLAGS_IF;
	value[n++] = pv_pte_val((pte_t){0x8000000012345067});
	value[n++] = pv_make_pmd(0x8000000012345067).pmd;
	value[n++] = pv_vcpu_is_preempted(0);
	value[n++] = (ulong)pv_hypercall(1, 2, 3, 4, 5);
	value[n++] = pv_steal_clock(0);
}
#define READ_COUNT 14

TEST(pvops_patched_equals_unpatched)
{
	ulong patched[READ_COUNT], direct[READ_COUNT], indirect[READ_COUNT];
	unsigned i;

	read_all(patched);
	pvops_test_begin();
	pv_unpatch(PV_ALL_TYPES);
	read_all(indirect);
	pv_ops.init.patch = pv_patch_direct;
	pv_patch(PV_ALL_TYPES);
	read_all(direct);
	pv_unpatch(PV_ALL_TYPES);
	pvops_test_end();
	for (i = 0; i < READ_COUNT; i++) {
		EXPECT_EQ(patched[i], indirect[i]);
		EXPECT_EQ(direct[i], indirect[i]);
	}
}

TEST(pvops_unpatch_gives_back_every_byte)
{
	unsigned i, different = 0;

	pvops_test_begin();
	pv_unpatch(PV_ALL_TYPES);
	for (i = 0; i < pv_site_count(); i++) {
		const struct paravirt_patch_site *s = pv_site(i);
		ulong slot = (ulong)s->instr + 6 + (ulong)(long)*(s32 *)(s->instr + 2);

		different += pv_site_kind(s->instr) != PV_INDIRECT || slot != (ulong)&pv_ops + s->type * 8UL;
	}
	EXPECT_EQ(different, 0);
	pvops_test_end();
}

/* Changes to @to where that is a change, sites armed again. */
static void become(const struct pv_backend *to)
{
	const char *why = to == pv_backend_current() ? NULL : pv_backend_switch(to);

	if (why)
		ktest_fail(__FILE__, __LINE__, "not changed to %s: %s", to->name, why);
	pv_trace_arm();
}

/* No interrupt comes to this CPU between the two, though it lets them in. */
static u16 silence(void)
{
	ulong flags = pv_irq_save();
	u16 lines = irq_disable_all();

	timer_suspend();
	pv_irq_restore(flags);
	return lines;
}

static void end_silence(u16 lines)
{
	ulong flags = pv_irq_save();

	timer_resume();
	irq_enable_lines(lines);
	pv_irq_restore(flags);
}

TEST(pvops_backend_with_own_templates)
{
	const struct pv_backend *before = pv_backend_current(), *mirror = pv_backend_find("mirror");
	u64 delays;
	u16 lines;

	REQUIRE(mirror && !pv_backend_find("nonsense"));
	if (!pv_patching) {
		EXPECT_EQ(pvops_kind_behind(disable_and_enable, PV_TYPE(irq, irq_disable)), PV_INDIRECT);
		return;
	}
	pv_unpoison();
	REQUIRE(smp_park()); /* its interrupt flag in memory is one for all CPUs, */
	lines = silence();   /* and what an interrupt makes of it stays */
	become(mirror);
	EXPECT(pv_backend_switch(mirror)); /* it is the current one */
	delays = mirror_io_delays;
	EXPECT_EQ(mirror_if, 1);
	pv_irq_disable();
	EXPECT_EQ(mirror_if, 0);
	EXPECT(!(native_save_fl() & X86_EFLAGS_IF));
	pv_irq_enable();
	EXPECT_EQ(mirror_if, 1);
	pv_restore_fl(pv_save_fl());
	pv_io_delay();
	EXPECT_EQ(mirror_io_delays, delays + 1); /* native's bytes for io_delay were not used */
	disable_and_enable();
	EXPECT_EQ(pvops_kind_behind(disable_and_enable, PV_TYPE(irq, irq_disable)), PV_INLINED);
	become(before);
	end_silence(lines);
	smp_unpark();
	pv_poison();
}

/* Breaks the contract of a callee-save op: a C function without a thunk. */
static void broken_attach(void)
{
	pv_ops.irq.irq_disable.func = native_irq_disable;
}

static const struct pv_backend broken = {
	.name = "broken",
	.text = "not registered: the patcher must refuse it",
	.state_class = PV_STATE_NATIVE,
	.attach = broken_attach,
};
static const struct pv_backend boot_only = {.name = "boot-only", .text = "", .state_class = PV_STATE_BOOT};

TEST(pvops_backend_refused_leaves_former)
{
	const struct pv_backend *before = pv_backend_current();
	static char said[1024];
	enum pv_kind kind;

	pv_unpoison();
	EXPECT(pv_backend_switch(&boot_only));
	EXPECT(pv_backend_current() == before);
	disable_and_enable();
	kind = pvops_kind_behind(disable_and_enable, PV_TYPE(irq, irq_disable));
	if (pv_patching) {
		log_capture(said, sizeof(said));
		EXPECT(pv_backend_switch(&broken));
		log_capture_end();
		EXPECT(ktest_has(said, "function clobbers registers its callers keep"));
		EXPECT(pv_backend_current() == before);
		EXPECT(pv_ops.irq.irq_disable.func != native_irq_disable);
		EXPECT_EQ(pvops_kind_behind(disable_and_enable, PV_TYPE(irq, irq_disable)), kind);
		disable_and_enable();
		pv_trace_arm();
	}
	pv_poison();
}

TEST(pvops_spinlock)
{
	struct qspinlock lock = {0};
	ulong flags;

	spin_lock(&lock);
	EXPECT(!spin_trylock(&lock));
	spin_unlock(&lock);
	EXPECT_EQ(lock.val, 0);
	flags = spin_lock_irq_save(&lock);
	EXPECT(!(pv_save_fl() & X86_EFLAGS_IF));
	spin_unlock_irq_restore(&lock, flags);
	EXPECT(pv_save_fl() & X86_EFLAGS_IF);
	pv_queued_spin_lock_slowpath(&lock, QSPINLOCK_HELD); /* it was given back in the meantime */
	EXPECT_EQ(lock.val, QSPINLOCK_HELD);
	pv_queued_spin_unlock(&lock);
	pv_wait((u8 *)&lock, 1);
	pv_kick(0);
}

static struct qspinlock contended;

/* Gives the lock back when the slowpath is seen to spin on it, and not earlier. */
static bool give_back(struct pt_regs *regs)
{
	struct ksym at;

	if (ksym_lookup(regs->rip, &at) && strcmp(at.name, "native_queued_spin_lock_slowpath") == 0) {
		pit_stop();
		pv_queued_spin_unlock(&contended);
	}
	return true;
}

/*
 * The holder is an interrupt away, and no CPU, which would not take its own lock: the slowpath spins until the tick
 * gives the lock back.
 */
TEST(pvops_spinlock_waits_for_holder)
{
	trap_handler former;
	ulong flags;

	contended.val = QSPINLOCK_HELD;
	flags = pv_irq_save();
	pit_start(1000);
	former = irq_set_handler(IRQ_PIT, give_back);
	pv_irq_restore(flags);
	spin_lock(&contended);
	irq_set_handler(IRQ_PIT, former);
	EXPECT_EQ(contended.val, QSPINLOCK_HELD);
	spin_unlock(&contended);
}

TEST(pvops_lazy_mode_nests)
{
	EXPECT_EQ(lazy_mmu_depth(), 0);
	lazy_mmu_flush();
	lazy_mmu_enter();
	lazy_mmu_enter();
	EXPECT_EQ(lazy_mmu_depth(), 2);
	lazy_irq_enter();
	EXPECT_EQ(lazy_mmu_depth(), 0); /* an interrupt writes through */
	lazy_irq_leave();
	lazy_mmu_leave();
	lazy_mmu_flush();
	EXPECT_EQ(lazy_mmu_depth(), 1);
	lazy_mmu_leave();
	EXPECT_EQ(lazy_mmu_depth(), 0);
}

/* Behind the call of six bytes a long site is filled up with one-byte NOPs, in C and in NASM. */
TEST(pvops_unpatch_gives_back_the_padding)
{
	unsigned padding = 0, wrong = 0;

	pvops_test_begin();
	pv_unpatch(PV_ALL_TYPES);
	for (unsigned i = 0; i < pv_site_count(); i++) {
		const struct paravirt_patch_site *s = pv_site(i);

		for (unsigned at = 6; at < s->len; at++, padding++)
			wrong += s->instr[at] != 0x90;
	}
	pvops_test_end();
	EXPECT(padding > 0);
	EXPECT_EQ(wrong, 0);
}
