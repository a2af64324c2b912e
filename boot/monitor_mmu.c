/*
 * The monitor's view of memory: mem, maps, walk, audit. What is printed is mmu/'s; here are the words on the line.
 * Every address is allowed: tables are read only where they lie in RAM (mmu/pt.h).
 */
#include "boot/monitor.h"
#include "boot/report.h"
#include "lib/ksyms.h"
#include "lib/log.h"
#include "mmu/pt.h"
#include "mmu/region.h"
#include "mmu/report.h"

static int cmd_mem(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return MONITOR_USAGE;
	mmu_print_mem(printk);
	return MONITOR_DONE;
}
MONITOR_CMD(mem, "mem", "physical memory: the map, what is reserved, frames free and used", cmd_mem);

static int cmd_maps(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return MONITOR_USAGE;
	mmu_print_maps(printk);
	return MONITOR_DONE;
}
MONITOR_CMD(maps, "maps", "virtual memory: what is mapped to what, with its rights", cmd_maps);

/* What an address is called, below its walk. */
static void print_place(ulong va)
{
	struct region region;
	struct ksym sym;

	if (region_find(va, &region))
		printk("  in region %s%s\n", region.name, region_is_guard(va) ? ", the guard page of a stack" : "");
	if (ksym_lookup(va, &sym))
		printk("  at symbol %s+%#lx\n", sym.name, sym.offset);
}

static int cmd_walk(int argc, char **argv)
{
	struct pt_root live = pt_live_root();
	u64 va;

	if (argc != 2)
		return MONITOR_USAGE;
	if (!monitor_number("walk", argv[1], &va))
		return MONITOR_DONE;
	pt_describe(&live, va, printk);
	print_place(va);
	return MONITOR_DONE;
}
MONITOR_CMD(walk, "walk ADDRESS", "the page walk of an address: 0x hex, decimal, symbol, symbol+offset", cmd_walk);

static int cmd_audit(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return MONITOR_USAGE;
	report_audit();
	return MONITOR_DONE;
}
MONITOR_CMD(audit, "audit", "proves the page tables again: W^X by frame, nothing outside the layout", cmd_audit);
