/*
 * The patcher: turns the indirect call at a site into what the slot's function really is here: its instruction, a
 * direct call, a jump, or nothing. Works from .parainstructions and the live table pv_ops; keeps the original bytes;
 * writes text only through the poke window and reads every write back. One CPU; callers see to it that nobody executes
 * a site meanwhile.
 *
 * Who decides: pv_ops.init.patch, the backend's hook. It never decides by the op's number alone: bytes belong to a
 * function.
 */
#ifndef PVOPS_PATCH_H
#define PVOPS_PATCH_H

#include "pvops/pv_types.h"

/* The longest site, and what buffers handed to the hook hold. */
#define PV_SITE_MAX 9
#define PV_SITE_BUF 16

/* A function's inlined form. Without bytes (code NULL) the record only states what the function clobbers. */
struct pv_template {
	void *func;
	const u8 *code; /* position-independent; readable for PV_SITE_BUF bytes */
	u16 len;
	u16 clobbers; /* CLBR_* registers that die */
	u32 reserved;
};

/*
 * A template, collected by the linker (section .pv_templates): @func may be a macro that names a symbol, @asm_text is
 * one instruction sequence. Its bytes lie in rodata: they are copied, never executed where they stand.
 */
#define PV_TEMPLATE(func, clobbers, asm_text)                                                                          \
	asm(".pushsection .rodata.pv_code, \"a\"\n"                                                                    \
	    "771:\t" asm_text "\n"                                                                                     \
	    "772:\t.skip 16, 0x90\n"                                                                                   \
	    ".popsection\n"                                                                                            \
	    ".pushsection .pv_templates, \"a\"\n\t"                                                                    \
	    ".balign 8\n\t"                                                                                            \
	    ".quad " func ", 771b\n\t"                                                                                 \
	    ".short 772b - 771b, " STRINGIFY(clobbers) "\n\t.long 0\n\t"                                               \
						       ".popsection")

/* States only what @func clobbers: a callee-save function that is called, never inlined. */
#define PV_CLOBBERS(func, clobbers)                                                                                    \
	asm(".pushsection .pv_templates, \"a\"\n\t"                                                                    \
	    ".balign 8\n\t"                                                                                            \
	    ".quad " func ", 0\n\t"                                                                                    \
	    ".short 0, " STRINGIFY(clobbers) "\n\t.long 0\n\t"                                                         \
					     ".popsection")

/* Why a site was not patched: negative results of the hook. */
enum pv_refusal {
	PV_REFUSED_RANGE = 1, /* the function is out of reach of a rel32 */
	PV_REFUSED_LONG,      /* its template does not fit the site */
	PV_REFUSED_CLOBBER,   /* it kills registers that the site's caller keeps */
};
const char *pv_refusal_text(int refusal); /* takes the hook's negative result */

/*
 * Hooks, called by pv_patch(): return the bytes used of @buf (the rest becomes NOPs; PV_PATCH_KEEP: leave the
 * original), or -enum pv_refusal.
 */
#define PV_PATCH_KEEP 0xff
/* The template of the slot's function, else a direct call (jmp for JUMP ops), ud2 for an empty slot. */
int pv_patch_default(u8 type, u16 clobbers, void *buf, ulong addr, unsigned len);
/* No template but the empty one: call, jmp, NOPs. */
int pv_patch_direct(u8 type, u16 clobbers, void *buf, ulong addr, unsigned len);

/* What stands at a site, told from its bytes. */
enum pv_kind { PV_INDIRECT, PV_DIRECT, PV_JUMP, PV_INLINED, PV_NOTHING, PV_UD2, PV_KINDS };
enum pv_kind pv_site_kind(const u8 *instr);
const char *pv_kind_name(enum pv_kind kind);

/* What the patcher remembers of each site; index as in .parainstructions. */
struct pv_site_state {
	u8 original[PV_SITE_MAX];
	u8 spare[4];
	u8 patched_first; /* first byte when it was armed for tracing */
	u8 flags;         /* PV_SITE_* */
	u8 refusal;       /* enum pv_refusal of the last attempt, 0: none */
};
_Static_assert(sizeof(struct pv_site_state) == 16, "linker.ld reserves as much as for the records");
#define PV_SITE_SAVED   BIT(0) /* original[] is valid */
#define PV_SITE_ARMED   BIT(1) /* first byte is int3: pvops/trace.h */
#define PV_SITE_CROSSED BIT(2)

/* Sites in .parainstructions: index 0 .. pv_site_count() - 1. */
unsigned pv_site_count(void);
const struct paravirt_patch_site *pv_site(unsigned index);
struct pv_site_state *pv_site_state(unsigned index);
/* The first site of @type at or above @code, of all sites. NULL: none. */
const struct paravirt_patch_site *pv_site_behind(const void *code, int type);

struct pv_patch_result {
	unsigned sites;   /* looked at */
	unsigned refused; /* left indirect; each was logged by name */
};

/*
 * How other CPUs are kept out while sites are rewritten: set by machine/ once there are any. park() returns when each
 * stands where no site is under its feet, neither in its rip nor in a return address; false: one does not get there.
 * They stand until unpark(). Pairs nest.
 */
struct pv_parking {
	bool (*park)(void);
	void (*unpark)(void);
};
extern const struct pv_parking *pv_parking;

/*
 * Where a CPU that was interrupted at @address, or will return there, can go on although the sites change meanwhile:
 * there, if that is in no site or at the start of one; behind the site, if all that is left of it is what fills it up;
 * 0: nowhere, it is in the middle of one.
 */
ulong pv_site_leave(ulong address);

#define PV_ALL_TYPES (-1)
/* Patches (again) all sites of @type, or all, by what the slots hold now. Panics if a write does not read back. */
struct pv_patch_result pv_patch(int type);
/* Puts the original bytes back: sites of @type, or all, call through their slots again. */
void pv_unpatch(int type);

/* An op by number. */
enum pv_class { PV_CLASS_CALL, PV_CLASS_CALLEE, PV_CLASS_ASM, PV_CLASS_JUMP, PV_CLASS_HOOK, PV_CLASS_RESERVED };
struct pv_op_desc {
	const char *group, *name;
	u8 class; /* enum pv_class */
	u8 len;   /* site length, bytes */
};
extern const struct pv_op_desc pv_op_desc[PV_TYPES];

/* The function that @type's slot holds now. */
static inline void *pv_slot(unsigned type)
{
	return ((void **)&pv_ops)[type];
}

/* The record of @func, NULL if it has none. */
const struct pv_template *pv_template_find(const void *func);

#endif
