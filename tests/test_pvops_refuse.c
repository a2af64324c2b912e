/* The patcher's tests, second half: what must be refused by name, or handled, instead of being patched wrongly. */
#include "arch/native.h"
#include "arch/regs.h"
#include "lib/log.h"
#include "lib/string.h"
#include "machine/fault.h"
#include "pvops/backend.h"
#include "pvops/native.h"
#include "pvops/pvops.h"
#include "pvops/trace.h"
#include "tests/ktest.h"
#include "tests/pvops_sites.h"

/* The op whose slot is played with: nothing but these tests crosses its sites. */
#define TYPE ((u8)PV_TYPE(cpu, set_iopl_mask))

__noinline static void victim(void)
{
	pv_set_iopl_mask(0);
}

static u64 calls;

__noinline static void counting(void)
{
	calls++;
}

__noinline static void long_function(void)
{
	calls++;
}
PV_TEMPLATE("long_function", 0, ".skip 7, 0x90");

/* Tries the default hook on a buffer: what would stand at @addr. */
static int attempt(void *func, u16 clobbers, u8 *buf, ulong addr)
{
	((void **)&pv_ops)[TYPE] = func;
	memset(buf, 0xaa, PV_SITE_BUF);
	return pv_patch_default(TYPE, clobbers, buf, addr, 6);
}

TEST(pvops_refuses_function_out_of_range)
{
	u8 buf[PV_SITE_BUF];
	ulong here = (ulong)victim;
	s32 distance;

	pvops_test_begin();
	EXPECT_EQ(attempt((void *)0x12345678UL, CLBR_ANY, buf, here), -PV_REFUSED_RANGE);
	EXPECT_EQ(attempt((void *)(here + 5 + 0x7fffffffUL), CLBR_ANY, buf, here), 5); /* the last byte in reach */
	memcpy(&distance, buf + 1, 4);
	EXPECT_EQ(distance, 0x7fffffff);
	EXPECT_EQ(attempt((void *)(here + 5 + 0x80000000UL), CLBR_ANY, buf, here), -PV_REFUSED_RANGE);
	EXPECT_EQ(attempt((void *)(here + 5 - 0x80000000UL), CLBR_ANY, buf, here), 5);
	EXPECT_EQ(attempt((void *)(here + 4 - 0x80000000UL), CLBR_ANY, buf, here), -PV_REFUSED_RANGE);
	pvops_test_end();
}

TEST(pvops_refuses_template_longer_than_site)
{
	const struct paravirt_patch_site *site = pv_site_behind(victim, TYPE);
	struct pv_patch_result result;
	u8 buf[PV_SITE_BUF];
	static char said[512];

	pvops_test_begin();
	EXPECT_EQ(attempt((void *)long_function, CLBR_ANY, buf, (ulong)victim), -PV_REFUSED_LONG);
	pv_ops.init.patch = pv_patch_default; /* whatever the backend is */
	((void **)&pv_ops)[TYPE] = PV_NOP;
	pv_patch(TYPE);
	EXPECT_EQ(pv_site_kind(site->instr), PV_NOTHING);
	pv_trace_arm(); /* an int3 of the tracer's must not survive a refusal either */
	((void **)&pv_ops)[TYPE] = long_function;
	log_capture(said, sizeof(said));
	result = pv_patch(TYPE);
	log_capture_end();
	EXPECT(ktest_has(said, "refused cpu.set_iopl_mask at 0x"));
	EXPECT(ktest_has(said, "(victim+0x"));
	EXPECT(ktest_has(said, "template longer than the site"));
	EXPECT_EQ(result.refused, result.sites);
	EXPECT_EQ(pv_site_kind(site->instr), PV_INDIRECT); /* not what stood there for another function */
	EXPECT_EQ(pv_site_state((unsigned)(site - pv_site(0)))->refusal, PV_REFUSED_LONG);
	calls = 0;
	victim();
	EXPECT_EQ(calls, 1);
	pvops_test_end();
	victim(); /* takes the tracer's int3 away */
	EXPECT_EQ(pv_site_kind(site->instr), pv_patching ? PV_NOTHING : PV_INDIRECT);
}

TEST(pvops_empty_slot_becomes_ud2)
{
	const struct paravirt_patch_site *site = pv_site_behind(victim, TYPE);
	struct fault_record record;

	pvops_test_begin();
	((void **)&pv_ops)[TYPE] = NULL;
	pv_patch(TYPE);
	EXPECT_EQ(pv_site_kind(site->instr), PV_UD2);
	EXPECT(!fault_exec((ulong)site->instr, &record));
	EXPECT_EQ(record.vector, X86_TRAP_UD);
	EXPECT_EQ(record.rip, site->instr);
	pvops_test_end();
}

TEST(pvops_overridden_op_is_called_not_inlined)
{
	const struct paravirt_patch_site *site = pv_site_behind(victim, TYPE);
	u8 buf[PV_SITE_BUF];

	pvops_test_begin();
	/* An op with a native template whose slot holds something else. */
	pv_ops.cpu.wbinvd = counting;
	EXPECT_EQ(pv_patch_default(PV_TYPE(cpu, wbinvd), CLBR_ANY, buf, (ulong)victim, 6), 5);
	EXPECT_EQ(buf[0], 0xe8);
	/* And in place: patched, crossed, counted. */
	pv_ops.cpu.set_iopl_mask = (void (*)(unsigned))counting;
	pv_patch(TYPE);
	EXPECT_EQ(pv_site_kind(site->instr), PV_DIRECT);
	calls = 0;
	victim();
	EXPECT_EQ(calls, 1);
	pvops_test_end();
	calls = 0;
	victim();
	EXPECT_EQ(calls, 0);
}

TEST(pvops_refuses_target_that_clobbers_more)
{
	u8 buf[PV_SITE_BUF];

	pvops_test_begin();
	/* A C function without a thunk behind a callee-save site. */
	EXPECT_EQ(attempt((void *)counting, CLBR_RAX, buf, (ulong)victim), -PV_REFUSED_CLOBBER);
	/* A template that needs rdx, at a site whose caller keeps it. */
	EXPECT_EQ(attempt((void *)native_inb, CLBR_RAX, buf, (ulong)victim), -PV_REFUSED_CLOBBER);
	EXPECT_EQ(attempt((void *)native_inb, CLBR_RAX | CLBR_RDX, buf, (ulong)victim), 3);
	EXPECT_EQ(attempt(PV_NOP, CLBR_NONE, buf, (ulong)victim), 0);
	EXPECT_EQ(attempt(PV_IDENT, CLBR_NONE, buf, (ulong)victim), -PV_REFUSED_CLOBBER);
	EXPECT_EQ(attempt(PV_IDENT, CLBR_RAX, buf, (ulong)victim), 3);
	pvops_test_end();
}

TEST(pvops_jump_ops_are_never_called)
{
	u8 buf[PV_SITE_BUF];

	pvops_test_begin();
	pv_ops.cpu.iret = counting;
	EXPECT_EQ(pv_patch_default(PV_TYPE(cpu, iret), CLBR_ANY, buf, (ulong)victim, 6), 5);
	EXPECT_EQ(buf[0], 0xe9);
	pvops_test_end();
}

/* A hook that leaves the site alone: it must stay indirect, byte for byte. */
static int keep(u8 type, u16 clobbers, void *buf, ulong addr, unsigned len)
{
	(void)type, (void)clobbers, (void)addr, (void)len;
	memset(buf, 0, PV_SITE_BUF);
	return PV_PATCH_KEEP;
}

TEST(pvops_hook_may_keep_the_site)
{
	const struct paravirt_patch_site *site = pv_site_behind(victim, TYPE);

	pvops_test_begin();
	pv_ops.init.patch = keep;
	pv_patch(TYPE);
	EXPECT_EQ(pv_site_kind(site->instr), PV_INDIRECT);
	victim();
	pvops_test_end();
}

TEST(pvops_records_are_sane)
{
	unsigned i, bad = 0;

	for (i = 0; i < pv_site_count(); i++) {
		const struct paravirt_patch_site *s = pv_site(i);

		bad += s->type >= PV_TYPES || s->len != pv_op_desc[s->type].len || s->instr < (u8 *)__text_start ||
		       s->instr + s->len > (u8 *)__text_end;
	}
	EXPECT_EQ(bad, 0);
}
