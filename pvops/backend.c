/*
 * Choosing and changing backends: see pvops/backend.h. Also the two that are always there: native, and direct, which
 * has native's functions but inlines nothing (what a kernel pays for calls is seen by comparing the two).
 */
#include "pvops/backend.h"

#include "lib/log.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "pvops/patch.h"
#include "pvops/pvops.h"

extern const struct pv_backend *const __pv_backends_start[], *const __pv_backends_end[];

static struct paravirt_patch_template native_slots;
static const struct pv_backend *current;
bool pv_patching;

PV_BACKEND(native) = {
	.name = "native",
	.text = "the instruction itself, inlined where it fits",
	.state_class = PV_STATE_NATIVE,
};

static void direct_attach(void)
{
	pv_ops.init.patch = pv_patch_direct;
}

PV_BACKEND(direct) = {
	.name = "direct",
	.text = "native functions behind direct calls, nothing inlined",
	.state_class = PV_STATE_NATIVE,
	.attach = direct_attach,
};

unsigned pv_backend_count(void)
{
	return (unsigned)(__pv_backends_end - __pv_backends_start);
}

const struct pv_backend *pv_backend(unsigned index)
{
	return __pv_backends_start[index];
}

const struct pv_backend *pv_backend_current(void)
{
	return current;
}

const struct pv_backend *pv_backend_find(const char *name)
{
	bool automatic = strcmp(name, "auto") == 0;
	unsigned i;

	for (i = 0; i < pv_backend_count(); i++) {
		const struct pv_backend *b = pv_backend(i);

		if (automatic ? b->detect && b->detect() : strcmp(name, b->name) == 0)
			return b;
	}
	return automatic ? &native : NULL;
}

void pv_backend_attach(const struct pv_backend *b)
{
	if (!current)
		native_slots = pv_ops; /* as linked: pvops/native.c */
	else if (current->detach)
		current->detach();
	pv_ops = native_slots;
	if (b->attach)
		b->attach();
	pv_info.name = b->name;
	current = b;
}

const char *pv_backend_objection(const struct pv_backend *to)
{
	if (to == current)
		return "it is the current one";
	if (to->state_class == PV_STATE_BOOT)
		return "it changes page tables or rings, so it can be chosen at boot only, by backend=NAME";
	if (to->state_class != current->state_class)
		return "the current one changed page tables or rings at boot, and stays";
	if (to->detect && !to->detect())
		return "this is not the machine it is made for";
	return NULL;
}

const char *pv_backend_switch(const struct pv_backend *to)
{
	const struct pv_backend *from = current;
	const char *why = pv_backend_objection(to);
	ulong flags;

	if (why)
		return why;
	if (pv_parking && !pv_parking->park())
		return "another CPU does not come to rest outside all sites";
	flags = pv_irq_save(); /* by the one, and restored by the other */
	pv_backend_attach(to);
	if (pv_patching && pv_patch(PV_ALL_TYPES).refused) {
		pv_backend_attach(from);
		pv_patch(PV_ALL_TYPES);
		why = "the patcher refused some of its functions (see the log)";
	}
	pv_irq_restore(flags);
	if (pv_parking)
		pv_parking->unpark();
	return why;
}

void pv_repatch(int type)
{
	if (pv_patching)
		pv_patch(type);
	else
		pv_unpatch(type);
}

void pv_patch_boot(bool patching)
{
	struct pv_patch_result result;

	pv_patching = patching;
	if (!patching) {
		log_line("patch", "off: all %u sites stay indirect calls", pv_site_count());
		return;
	}
	result = pv_patch(PV_ALL_TYPES);
	if (!result.refused)
		return;
	log_line("patch", "backend %s: %u of %u sites refused: going on with native", current->name, result.refused,
		 result.sites);
	pv_backend_attach(&native);
	BUG_ON(pv_patch(PV_ALL_TYPES).refused);
}
