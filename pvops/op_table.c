/*
 * The op table as data: names, classes and site lengths by number, made from pv_ops.def. For reports, the patcher's
 * choice between call and jmp, and the monitor.
 */
#include "pvops/patch.h"

const struct pv_op_desc pv_op_desc[PV_TYPES] = {
#define PV_OP(group, pos, name, class, len, native, ...)                                                               \
	[PV_TYPE(group, name)] = {#group, #name, PV_FAMILY(PV_CLASS_, class), len},
#define PV_RESERVE(group, pos) [PV_TYPE(group, CONCAT(reserved, pos))] = {#group, "reserved", PV_CLASS_RESERVED, 0},
#include "pvops/pv_ops.def"
};
