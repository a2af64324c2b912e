/* Looks deviations up by the CPU: see tests/deviations.def. */
#include "tests/deviations.h"

#include "arch/cpufeature.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "machine/power.h"

/* Signature and brand: KVM on top of TCG shows TCG's instructions to its guests, and TCG's brand. */
#define WHERE_TCG     "TCGTCGTCGTCG", NULL
#define WHERE_TCG_CPU "TCGTCGTCGTCG", "QEMU TCG CPU"
#define WHERE_BOCHS   NULL, NULL

static const struct deviation deviations[] = {
#define DEVIATION(id, where, what, rule, holds) {#id, what, WHERE_##where},
#include "tests/deviations.def"
};

static bool applies(const struct deviation *d)
{
	if (!d->signature)
		return machine_in_bochs();
	return strcmp(cpu_info.hypervisor, d->signature) == 0 ||
	       (d->brand && strncmp(cpu_info.brand, d->brand, strlen(d->brand)) == 0);
}

const struct deviation *deviation_here(const char *id)
{
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(deviations); i++)
		if (strcmp(deviations[i].id, id) == 0)
			return applies(&deviations[i]) ? &deviations[i] : NULL;
	panic("no deviation is called '%s': tests/deviations.def", id);
}
