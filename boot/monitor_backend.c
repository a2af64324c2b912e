/*
 * The monitor's `backend`: who could serve the ops here, and the change from one to another while the kernel runs. What may
 * be changed for what is pvops/backend.h's to say; this file says why not.
 */
#include "boot/monitor.h"
#include "boot/report.h"
#include "lib/log.h"
#include "lib/string.h"
#include "pvops/backend.h"

static const char *class_text(enum pv_state_class class)
{
	return class == PV_STATE_NATIVE ? "native" : "boot only";
}

static void list_backends(void)
{
	printk("  %-16s %-11s %s\n", "backend", "state class", "what it is");
	for (unsigned i = 0; i < pv_backend_count(); i++) {
		const struct pv_backend *b = pv_backend(i);

		printk("%c %-16s %-11s %s\n", b == pv_backend_current() ? '*' : ' ', b->name,
		       class_text(b->state_class), b->text);
	}
}

static const struct pv_backend *find(const char *name)
{
	for (unsigned i = 0; i < pv_backend_count(); i++)
		if (strcmp(pv_backend(i)->name, name) == 0)
			return pv_backend(i);
	return NULL;
}

/* Why @to cannot take over now; NULL: it can. */
static const char *objection(const struct pv_backend *from, const struct pv_backend *to)
{
	if (to == from)
		return "it is the current one";
	if (to->state_class == PV_STATE_BOOT)
		return "it changes page tables or rings, so it can be chosen at boot only, by backend=NAME";
	if (to->state_class != from->state_class)
		return "the current one changed page tables or rings at boot, and stays";
	if (to->detect && !to->detect())
		return "this is not the machine it is made for";
	return NULL;
}

static int cmd_backend(int argc, char **argv)
{
	const struct pv_backend *to;
	const char *why;

	if (argc > 2)
		return MONITOR_USAGE;
	if (argc == 1) {
		list_backends();
		return MONITOR_DONE;
	}
	to = find(argv[1]);
	if (!to) {
		printk("backend: there is no backend '%s'; `backend` lists them\n", argv[1]);
		return MONITOR_DONE;
	}
	why = objection(pv_backend_current(), to);
	if (why) {
		printk("backend: not changed to '%s': %s\n", to->name, why);
	} else if (!pv_backend_switch(to->name)) {
		printk("backend: not changed to '%s': refused\n", to->name);
	} else {
		report_backend();
		report_sites();
	}
	return MONITOR_DONE;
}
MONITOR_CMD(backend, "backend [NAME]", "who serves the ops, and a change of it with repatching", cmd_backend);
