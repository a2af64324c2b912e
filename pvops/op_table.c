/*
 * The op table as data: names, classes and site lengths by number, made from pv_ops.def. For reports, the patcher's
 * choice between call and jmp, and the monitor.
 */
#include "lib/string.h"
#include "pvops/patch.h"

const struct pv_op_desc pv_op_desc[PV_TYPES] = {
#define PV_OP(group, pos, name, class, len, native, ...)                                                               \
	[PV_TYPE(group, name)] = {#group, #name, PV_FAMILY(PV_CLASS_, class), len},
#define PV_RESERVE(group, pos) [PV_TYPE(group, CONCAT(reserved, pos))] = {#group, "reserved", PV_CLASS_RESERVED, 0},
#include "pvops/pv_ops.def"
};

int pv_op_find(const char *name)
{
	const char *dot = strchr(name, '.');
	unsigned type;

	for (type = 0; type < PV_TYPES; type++) {
		const struct pv_op_desc *d = &pv_op_desc[type];

		if (d->class == PV_CLASS_RESERVED)
			continue;
		if (!dot && strcmp(name, d->name) == 0)
			return (int)type;
		if (dot && strlen(d->group) == (size_t)(dot - name) &&
		    strncmp(name, d->group, (size_t)(dot - name)) == 0 && strcmp(dot + 1, d->name) == 0)
			return (int)type;
	}
	return -1;
}
