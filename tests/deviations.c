/* Looks deviations up by the hypervisor signature: see tests/deviations.def. */
#include "tests/deviations.h"

#include "arch/cpufeature.h"
#include "lib/panic.h"
#include "lib/string.h"

#define WHERE_TCG "TCGTCGTCGTCG"

static const struct deviation deviations[] = {
#define DEVIATION(id, where, text) {#id, WHERE_##where, text},
#include "tests/deviations.def"
};

const struct deviation *deviation_here(const char *id)
{
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(deviations); i++)
		if (strcmp(deviations[i].id, id) == 0)
			return strcmp(cpu_info.hypervisor, deviations[i].signature) == 0 ? &deviations[i] : NULL;
	panic("no deviation is called '%s': tests/deviations.def", id);
}
