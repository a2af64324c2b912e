/*
 * The op table as data: names, classes and site lengths by number, made from pv_ops.def. For reports, the patcher's choice
 * between call and jmp, and the monitor.
 */
#include "lib/string.h"
#include "pvops/patch.h"

#define PV_CLASS_OF_HOOK     PV_CLASS_HOOK
#define PV_CLASS_OF_ASM	     PV_CLASS_ASM
#define PV_CLASS_OF_JUMP     PV_CLASS_JUMP
#define PV_CLASS_OF_CALL0    PV_CLASS_CALL
#define PV_CLASS_OF_CALL1    PV_CLASS_CALL
#define PV_CLASS_OF_CALL2    PV_CLASS_CALL
#define PV_CLASS_OF_CALL3    PV_CLASS_CALL
#define PV_CLASS_OF_CALL5    PV_CLASS_CALL
#define PV_CLASS_OF_VCALL0   PV_CLASS_CALL
#define PV_CLASS_OF_VCALL1   PV_CLASS_CALL
#define PV_CLASS_OF_VCALL2   PV_CLASS_CALL
#define PV_CLASS_OF_VCALL3   PV_CLASS_CALL
#define PV_CLASS_OF_VCALL4   PV_CLASS_CALL
#define PV_CLASS_OF_CALLEE0  PV_CLASS_CALLEE
#define PV_CLASS_OF_CALLEE1  PV_CLASS_CALLEE
#define PV_CLASS_OF_VCALLEE0 PV_CLASS_CALLEE
#define PV_CLASS_OF_VCALLEE1 PV_CLASS_CALLEE

const struct pv_op_desc pv_op_desc[PV_TYPES] = {
#define PV_GROUP(group)
#define PV_OP(group, pos, name, class, len, native, ...)                                           \
	[PV_TYPE(group, name)] = {#group, #name, CONCAT(PV_CLASS_OF_, class), len},
#define PV_RESERVE(group, pos)                                                                     \
	[PV_TYPE(group, CONCAT(reserved, pos))] = {#group, "reserved", PV_CLASS_RESERVED, 0},
#define PV_NEST(group, type, member)
#define PV_NEST_END
#define PV_GROUP_END(group, words)
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
