/*
 * The monitor's `backend`: who could serve the ops here, and the change from one to another while the kernel runs. What
 * may be changed for what is pvops/backend.h's to say.
 */
#include "boot/monitor.h"
#include "boot/report.h"
#include "lib/log.h"
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
	to = pv_backend_find(argv[1]);
	if (!to) {
		printk("backend: there is no backend '%s'; `backend` lists them\n", argv[1]);
		return MONITOR_DONE;
	}
	why = pv_backend_switch(to);
	if (why) {
		printk("backend: not changed to '%s': %s\n", to->name, why);
	} else {
		report_backend();
		report_sites();
	}
	return MONITOR_DONE;
}
MONITOR_CMD(backend, "backend [NAME]", "who serves the ops, and a change of it with repatching", cmd_backend);
