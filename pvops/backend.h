/*
 * A backend: who serves the ops on this machine. It is a set of functions for the slots, their templates, a patch hook,
 * and a class that says when it may be changed for another. Registered by the linker; chosen by name at boot
 * (backend=NAME). Where a new one goes: a file with a PV_BACKEND() and its functions; nothing else lists backends.
 */
#ifndef PVOPS_BACKEND_H
#define PVOPS_BACKEND_H

#include "pvops/pv_types.h"

/*
 * Backends of one class may be changed for each other while the kernel runs; between classes all CPUs must be parked.
 */
enum pv_state_class {
	PV_STATE_NATIVE, /* keeps no state in flags, locks or page tables that native does not understand */
	PV_STATE_BOOT,   /* changes ptes or rings: at boot only */
};

struct pv_backend {
	const char *name;
	const char *text; /* one line for people */
	enum pv_state_class state_class;
	bool (*detect)(void); /* NULL: chosen by name only */
	void (*attach)(void); /* fills slots over native's; the table holds native when it is called */
	void (*detach)(void); /* NULL: putting native's slots back is all */
};

#define PV_BACKEND(id)                                                                                                 \
	static const struct pv_backend id;                                                                             \
	static const struct pv_backend *const id##_ptr __used __section(".pv_backends") = &id;                         \
	static const struct pv_backend id

/* The backend called @name; "auto" is the first that detects its machine, else native. NULL: there is none. */
const struct pv_backend *pv_backend_find(const char *name);

/* Puts @b's functions into the slots, over native's. Boot, before patching. */
void pv_backend_attach(const struct pv_backend *b);

/* Why @to cannot take over from the current one while the kernel runs; NULL: it can. */
const char *pv_backend_objection(const struct pv_backend *to);

/*
 * Changes to @to and repatches all sites. NULL, or why not: an objection, or the patcher refused one of its functions;
 * then the former backend stays, patched as it was. The other CPUs are parked and interrupts are off meanwhile.
 */
const char *pv_backend_switch(const struct pv_backend *to);

const struct pv_backend *pv_backend_current(void);
unsigned pv_backend_count(void);
const struct pv_backend *pv_backend(unsigned index);

/* False with patch=off: sites stay indirect. Set once at boot by pv_patch_boot(). */
extern bool pv_patching;

/* Boot: patches all sites unless @patching is false. A backend that is refused gives way to native, in words. */
void pv_patch_boot(bool patching);

/* Brings the sites of @type (PV_ALL_TYPES: all) to what boot would have made of them with the slots as they are now. */
void pv_repatch(int type);

#endif
