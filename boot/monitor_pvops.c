/*
 * The monitor's view of the op table: `ops` (who serves each, and what became of its sites) and `sites` (old and new
 * bytes). Shows what stands in the text and in the slots now; must not know any op by name. `backend` has a file of its
 * own. Read next: pvops/patch.h, boot/monitor_backend.c.
 */
#include "boot/monitor.h"
#include "boot/report.h"
#include "lib/ksyms.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "pvops/backend.h"
#include "pvops/patch.h"

#define OP_NAME_TEXT 64
#define SYMBOL_TEXT  96

static const char *op_name(unsigned type, char buf[OP_NAME_TEXT])
{
	ksnprintf(buf, OP_NAME_TEXT, "%s.%s", pv_op_desc[type].group, pv_op_desc[type].name);
	return buf;
}

/* A word means ops by "group.name", by name or by group; each may be a pattern. */
static bool op_matches(unsigned type, const char *pattern)
{
	const struct pv_op_desc *d = &pv_op_desc[type];
	char name[OP_NAME_TEXT];

	if (d->class == PV_CLASS_RESERVED)
		return false;
	return !pattern || glob_match(pattern, d->name) || glob_match(pattern, d->group) ||
	       glob_match(pattern, op_name(type, name));
}

/* The number of the next op that matches, from @type on; PV_TYPES: none. */
static unsigned next_op(unsigned type, const char *pattern)
{
	while (type < PV_TYPES && !op_matches(type, pattern))
		type++;
	return type;
}

static bool any_op(const char *command, const char *pattern)
{
	if (next_op(0, pattern) < PV_TYPES)
		return true;
	printk("%s: no op matches '%s'; `ops` lists them\n", command, pattern);
	return false;
}

/* "name", "name+0x12", or the bare address; "-" for NULL. */
static const char *symbol_text(ulong addr, char buf[SYMBOL_TEXT])
{
	struct ksym sym;

	if (!addr)
		str_copy(buf, "-", SYMBOL_TEXT);
	else if (!ksym_lookup(addr, &sym))
		ksnprintf(buf, SYMBOL_TEXT, "%#lx", addr);
	else if (sym.offset)
		ksnprintf(buf, SYMBOL_TEXT, "%s+%#lx", sym.name, sym.offset);
	else
		str_copy(buf, sym.name, SYMBOL_TEXT);
	return buf;
}

/* ---- ops ---- */

static const char *class_name(u8 class)
{
	static const char *const names[] = {
		[PV_CLASS_CALL] = "call", [PV_CLASS_CALLEE] = "callee", [PV_CLASS_ASM] = "asm",
		[PV_CLASS_JUMP] = "jump", [PV_CLASS_HOOK] = "hook",
	};

	return class < ARRAY_SIZE(names) ? names[class] : "?";
}

/* The order of the columns, and of the words in the total line. */
static const enum pv_kind columns[] = {PV_INLINED, PV_NOTHING, PV_DIRECT, PV_JUMP, PV_INDIRECT};

static void print_op(unsigned type, const struct site_counts *counts)
{
	const struct pv_op_desc *d = &pv_op_desc[type];
	char name[OP_NAME_TEXT], server[SYMBOL_TEXT];

	printk("%3u %-30s ", type, op_name(type, name));
	if (d->len)
		printk("%3u", d->len);
	else
		printk("  -");
	printk(" %-6s %-34s", class_name(d->class), symbol_text((ulong)pv_slot(type), server));
	for (unsigned i = 0; i < ARRAY_SIZE(columns); i++) {
		if (counts->kind[columns[i]])
			printk(" %3u", counts->kind[columns[i]]);
		else
			printk("   .");
	}
	printk(counts->kind[PV_UD2] ? " +%u ud2\n" : "\n", counts->kind[PV_UD2]);
}

static int cmd_ops(int argc, char **argv)
{
	const char *pattern = argc > 1 ? argv[1] : NULL;
	struct site_counts sum = {0, {0}};
	char text[SITE_COUNTS_TEXT];
	unsigned count = 0;

	if (argc > 2)
		return MONITOR_USAGE;
	if (!any_op("ops", pattern))
		return MONITOR_DONE;
	printk("%3s %-30s %3s %-6s %-34s %3s %3s %3s %3s %3s\n", "nr", "op", "len", "class", "served by", "inl", "nop",
	       "dir", "jmp", "ind");
	for (unsigned type = next_op(0, pattern); type < PV_TYPES; type = next_op(type + 1, pattern)) {
		struct site_counts counts = count_sites((int)type);

		print_op(type, &counts);
		count++;
		sum.all += counts.all;
		for (unsigned k = 0; k < PV_KINDS; k++)
			sum.kind[k] += counts.kind[k];
	}
	printk("%u op%s, %u site%s: %s\n", count, count == 1 ? "" : "s", sum.all, sum.all == 1 ? "" : "s",
	       site_counts_text(&sum, text));
	return MONITOR_DONE;
}
MONITOR_CMD(ops, "ops [GLOB]", "the ops by name or group: who serves each, what its call sites became", cmd_ops);

/* ---- sites ---- */

extern const char __text_boot_start[], __entry_raw_start[], __text_native_start[], __text_test_start[];
extern const char __text_bench_start[], __text_rest_start[], __text_end[];

/* Sections of text in the order of linker.ld: each ends where the next begins. */
static const struct {
	const char *name, *start;
} text_sections[] = {
	{".text.boot", __text_boot_start}, {".entry.raw", __entry_raw_start},   {".text.native", __text_native_start},
	{".text.test", __text_test_start}, {".text.bench", __text_bench_start}, {".text", __text_rest_start},
};

static unsigned section_of(const u8 *instr)
{
	unsigned i = ARRAY_SIZE(text_sections) - 1;

	while (i && (ulong)instr < (ulong)text_sections[i].start)
		i--;
	return i;
}

static void print_summary_row(const char *name, const struct site_counts *counts)
{
	printk("%-14s", name);
	for (unsigned i = 0; i < ARRAY_SIZE(columns); i++)
		printk(" %8u", counts->kind[columns[i]]);
	printk(" %8u\n", counts->all);
}

static void print_summary(void)
{
	struct site_counts sums[ARRAY_SIZE(text_sections)] = {{0, {0}}}, all = count_sites(PV_ALL_TYPES);
	unsigned refused = 0;

	for (unsigned i = 0; i < pv_site_count(); i++) {
		const u8 *instr = pv_site(i)->instr;
		struct site_counts *sum = &sums[section_of(instr)];

		sum->all++;
		sum->kind[pv_site_kind(instr)]++;
		refused += pv_site_state(i)->refusal != 0;
	}
	printk("%-14s", "section");
	for (unsigned i = 0; i < ARRAY_SIZE(columns); i++)
		printk(" %8s", pv_kind_name(columns[i]));
	printk(" %8s\n", "sites");
	for (unsigned i = 0; i < ARRAY_SIZE(text_sections); i++)
		if (sums[i].all)
			print_summary_row(text_sections[i].name, &sums[i]);
	print_summary_row("all", &all);
	if (all.kind[PV_UD2])
		printk("%u ud2: their slots are empty\n", all.kind[PV_UD2]);
	if (refused)
		printk("%u refused: their functions could not be put there\n", refused);
	if (!pv_patching)
		printk("patch=off: no site is patched\n");
}

static const char *bytes_text(const u8 *bytes, unsigned len, char buf[PV_SITE_MAX * 3 + 1])
{
	for (unsigned i = 0; i < len; i++)
		ksnprintf(buf + i * 3, 4, "%02x ", bytes[i]);
	buf[len * 3 - 1] = '\0';
	return buf;
}

/* Names of the CLBR_* bits in @clobbers; any: of those that C calls may. */
static void print_registers(u16 clobbers)
{
	static const char *const names[] = {"rax", "rcx", "rdx", "rdi", "rsi", "r8", "r9", "r10", "r11"};

	if (!clobbers || (clobbers & CLBR_ANY) == CLBR_ANY) {
		printk(clobbers ? " any" : " none");
		return;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (clobbers & BIT(i))
			printk(" %s", names[i]);
}

/* What a direct call or jump at @instr leads to. */
static ulong branch_target(const u8 *instr)
{
	s32 distance;

	memcpy(&distance, instr + 1, sizeof(distance));
	return (ulong)instr + 5 + (ulong)(long)distance;
}

static void print_site_details(const struct paravirt_patch_site *site, const struct pv_site_state *state)
{
	enum pv_kind kind = pv_site_kind(site->instr);
	char symbol[SYMBOL_TEXT];

	printk("%16s in %s, %u bytes, clobbers", "", text_sections[section_of(site->instr)].name, site->len);
	print_registers(site->clobbers);
	if (kind == PV_DIRECT || kind == PV_JUMP)
		printk("; leads to %s", symbol_text(branch_target(site->instr), symbol));
	if (state->refusal)
		printk("; refused: %s", pv_refusal_text(-state->refusal));
	if (state->flags & PV_SITE_CROSSED)
		printk("; crossed by the last test run");
	printk("\n");
}

static void print_site(unsigned index, unsigned bytes_width, bool verbose)
{
	const struct paravirt_patch_site *site = pv_site(index);
	const struct pv_site_state *state = pv_site_state(index);
	const u8 *original = state->flags & PV_SITE_SAVED ? state->original : site->instr;
	char old[PV_SITE_MAX * 3 + 1], new[PV_SITE_MAX * 3 + 1], symbol[SYMBOL_TEXT];

	printk("%016lx %-8s  %-*s  %-*s  %s\n", (ulong)site->instr, pv_kind_name(pv_site_kind(site->instr)),
	       (int)bytes_width, bytes_text(original, site->len, old), (int)bytes_width,
	       bytes_text(site->instr, site->len, new), symbol_text((ulong)site->instr, symbol));
	if (verbose)
		print_site_details(site, state);
}

static void print_op_sites(unsigned type, bool verbose)
{
	unsigned count = count_sites((int)type).all, width = pv_op_desc[type].len * 3U - 1;
	char name[OP_NAME_TEXT], symbol[SYMBOL_TEXT];

	printk("%s: %u site%s, served by %s\n", op_name(type, name), count, count == 1 ? "" : "s",
	       symbol_text((ulong)pv_slot(type), symbol));
	if (!count)
		return;
	printk("%-16s %-8s  %-*s  %-*s  %s\n", "address", "is", (int)width, "old", (int)width, "new", "where");
	for (unsigned i = 0; i < pv_site_count(); i++)
		if (pv_site(i)->type == type)
			print_site(i, width, verbose);
}

static int cmd_sites(int argc, char **argv)
{
	const char *pattern = NULL;
	bool verbose = false;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-v") == 0)
			verbose = true;
		else if (argv[i][0] == '-' || pattern)
			return MONITOR_USAGE;
		else
			pattern = argv[i];
	}
	if (!pattern) {
		if (verbose)
			return MONITOR_USAGE;
		print_summary();
	} else if (any_op("sites", pattern)) {
		for (unsigned type = next_op(0, pattern); type < PV_TYPES; type = next_op(type + 1, pattern))
			print_op_sites(type, verbose);
	}
	return MONITOR_DONE;
}
MONITOR_CMD(sites, "sites [GLOB [-v]]", "call sites: counts by section, or the old and new bytes of an op's",
	    cmd_sites);
