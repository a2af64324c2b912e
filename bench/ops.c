/*
 * What an op costs here, in four forms: the bare instructions; a site as the patcher made it; the same site calling
 * directly (backend `direct`'s hook); the same site as linked, calling through its slot. All by one kind of loop, less
 * the same loop around nothing. Between forms all sites of the op are repatched, the kernel's own too; afterwards they
 * are as before.
 *
 * Read next: bench/op_loops.h (what is run), pvops/patch.h (what is put there).
 */
#include "bench/bench.h"

#include "bench/op_loops.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "pvops/backend.h"
#include "pvops/pvops.h"

enum form { RAW, INLINED, DIRECT, INDIRECT, FORMS };
static const char *const form_name[FORMS] = {"raw", "inlined", "direct", "indirect"};

struct result {
	bool measured; /* asked for, and an op */
	struct bench_figure form[FORMS];
};
static struct result results[PV_TYPES];

/* Whether what stands in @type's loop now is the given form: NULL, or why it is not. */
static const char *check_form(unsigned type, enum form form)
{
	enum pv_kind kind = pv_site_kind(pv_site_behind(bench_op[type].site, (int)type)->instr);

	if (form != INDIRECT && kind == PV_INDIRECT)
		return "refused by the patcher: the boot log says why";
	if (form == INLINED && kind != PV_INLINED && kind != PV_NOTHING)
		return "no template: its site becomes a direct call";
	return NULL;
}

/* Makes all sites of @type the given form. NULL, or why they do not have it. */
static const char *make_form(unsigned type, enum form form)
{
	int (*const hook)(u8, u16, void *, ulong, unsigned) = pv_ops.init.patch;

	switch (form) {
	case INLINED:
		pv_patch((int)type);
		break;
	case DIRECT:
		pv_ops.init.patch = pv_patch_direct;
		pv_patch((int)type);
		pv_ops.init.patch = hook;
		break;
	case INDIRECT:
		pv_unpatch((int)type);
		break;
	default:
		return bench_op_text(type) ? NULL : "no template: natively it is a function";
	}
	return check_form(type, form);
}

static void time_loop(void (*loop)(ulong turns), ulong turns, struct bench_ticks *ticks)
{
	const struct bench_work work = {.run = loop};

	bench_time(&work, turns, ticks);
}

static void measure_op(unsigned type, struct result *r)
{
	const struct bench_op *op = &bench_op[type];
	struct bench_ticks empty, ticks;
	enum form form;
	ulong turns;

	for (form = RAW; form < FORMS; form++) {
		const char *why = make_form(type, form);

		if (why) {
			r->form[form] = (struct bench_figure){.reason = why};
			continue;
		}
		time_loop(form == RAW ? op->raw : op->site, 2, &ticks);
		turns = bench_turns(ticks.min);
		time_loop(op->empty, turns, &empty);
		time_loop(form == RAW ? op->raw : op->site, turns, &ticks);
		r->form[form] = bench_figure(&ticks, &empty, turns);
	}
	pv_repatch((int)type);
}

static void op_name(char *buf, size_t size, unsigned type, enum form form)
{
	const struct pv_op_desc *d = &pv_op_desc[type];

	ksnprintf(buf, size, form < FORMS ? "op.%s.%s.%s" : "op.%s.%s", d->group, d->name,
		  form < FORMS ? form_name[form] : "");
}

static bool op_wanted(const char *glob, unsigned type)
{
	char name[80];
	enum form form;

	if (pv_op_desc[type].class == PV_CLASS_RESERVED)
		return false;
	for (form = RAW; form <= FORMS; form++) {
		op_name(name, sizeof(name), type, form);
		if (bench_wanted(glob, name))
			return true;
	}
	return false;
}

static void print_row(unsigned type, const struct result *r)
{
	const char *why = bench_op_refusal(&bench_op[type]);
	char value[BENCH_VALUE_TEXT], name[80];
	enum form form;

	op_name(name, sizeof(name), type, FORMS);
	printk("%-36s", name);
	for (form = RAW; form < FORMS; form++)
		printk("%10s", bench_value_text(&r->form[form], value));
	printk("  %s\n", why ?: bench_op_text(type) ?: "a function");
}

static unsigned print_lines(void)
{
	char name[80];
	enum form form;
	unsigned type, count = 0;

	for (type = 0; type < PV_TYPES; type++) {
		for (form = RAW; results[type].measured && form < FORMS; form++, count++) {
			op_name(name, sizeof(name), type, form);
			bench_line(name, &results[type].form[form]);
		}
	}
	return count;
}

/* What inlining is worth is claimed in instructions: a padded site is its native plus one NOP at most. */
static void compare(void)
{
	unsigned type, count = 0, held = 0;

	if (!bench_counts_insns())
		return;
	for (type = 0; type < PV_TYPES; type++) {
		const struct bench_figure *f = results[type].form;

		if (!results[type].measured || f[RAW].reason || f[INLINED].reason)
			continue;
		count++;
		if (f[INLINED].value <= f[RAW].value + 100)
			held++;
		else
			printk("inlined > raw + 1: %s.%s\n", pv_op_desc[type].group, pv_op_desc[type].name);
	}
	printk("inlined <= raw + 1: %u of %u ops that have both\n", held, count);
}

/* One op: all forms, or for all the same reason why not. False: op_args.def lacks it. */
static bool do_op(unsigned type)
{
	const struct bench_op *op = &bench_op[type];
	struct result *r = &results[type];
	const char *why = bench_op_refusal(op);
	enum form form;

	r->measured = true;
	for (form = RAW; why && form < FORMS; form++)
		r->form[form] = (struct bench_figure){.reason = why};
	if (!why)
		measure_op(type, r);
	print_row(type, r);
	return op->site || op->reason;
}

struct bench_outcome bench_ops(const char *glob)
{
	struct bench_outcome outcome = {0, 0};
	unsigned type, rows = 0;

	bench_op_values();
	for (type = 0; type < PV_TYPES; type++) {
		results[type].measured = false;
		if (!op_wanted(glob, type))
			continue;
		if (!rows++)
			printk("%-36s%10s%10s%10s%10s  natively\n",
			       bench_counts_insns() ? "instructions" : "cycles, the least", form_name[RAW],
			       form_name[INLINED], form_name[DIRECT], form_name[INDIRECT]);
		outcome.failed += !do_op(type);
	}
	if (!rows)
		return outcome;
	compare();
	outcome.figures = print_lines();
	return outcome;
}
