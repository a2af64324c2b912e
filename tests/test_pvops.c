/* The patcher's tests: what stands at sites after patching, and what must be refused or handled. */
#include "arch/native.h"
#include "lib/string.h"
#include "pvops/backend.h"
#include "pvops/native.h"
#include "pvops/patch.h"
#include "pvops/pvops.h"
#include "pvops/trace.h"
#include "tests/ktest.h"

/* The site of @type whose code lies nearest above @code: this file's own. */
static const struct paravirt_patch_site *site_in(const void *code, int type)
{
	const struct paravirt_patch_site *best = NULL;
	unsigned i;

	for (i = 0; i < pv_site_count(); i++) {
		const struct paravirt_patch_site *s = pv_site(i);

		if (s->type == type && (const void *)s->instr >= code && (!best || s->instr < best->instr))
			best = s;
	}
	return best;
}

__noinline static void disable_and_enable(void)
{
	pv_irq_disable();
	pv_irq_enable();
}

TEST(pvops_c_site_becomes_cli)
{
	const struct paravirt_patch_site *site = site_in(disable_and_enable, PV_TYPE(irq, irq_disable));
	static const u8 cli[9] = {0xfa, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0};

	disable_and_enable(); /* disarms the tracer's int3 */
	EXPECT_EQ(site->len, 9);
	if (pv_patching && strcmp(pv_info.name, "native") == 0)
		EXPECT(memcmp(site->instr, cli, 9) == 0);
	else if (!pv_patching)
		EXPECT_EQ(pv_site_kind(site->instr), PV_INDIRECT);
	else
		EXPECT_EQ(pv_site_kind(site->instr), PV_DIRECT);
	EXPECT(!(pv_site_state((unsigned)(site - pv_site(0)))->flags & PV_SITE_ARMED));
}
