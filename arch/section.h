/*
 * Where code may hold sensitive instructions. tools/check/check_sensitive.py disassembles the image and finds them
 * anywhere else.
 *
 *	.text.native	native_* functions and what the patcher itself needs: the bare instructions, out of line
 *	.entry.raw	NMI, #MC, #DF, #BP entries and what they call: no patchable site, no lock
 *	.text.boot	runs before patching
 */
#ifndef ARCH_SECTION_H
#define ARCH_SECTION_H

#include "lib/types.h"

#define __native    __section(".text.native") __noinline
#define __entry_raw __section(".entry.raw") __noinline

/*
 * A fault at label @from continues at @to: s32 pairs relative to their own address, in .extable.
 * machine/fault.c searches it.
 */
#define EXTABLE(from, to)                                                                                              \
	".pushsection .extable, \"a\"\n\t"                                                                             \
	".balign 8\n\t"                                                                                                \
	".long " from " - .\n\t"                                                                                       \
	".long " to " - .\n\t"                                                                                         \
	".popsection\n"

#endif
