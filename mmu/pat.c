/* The page attribute table: see mmu/pat.h. */
#include "mmu/pat.h"

#include "arch/cpufeature.h"
#include "arch/regs.h"
#include "pvops/pvops.h"

/* What a CPU has at reset, and one without the register for ever, in its first four. */
static const u8 at_reset[8] = {CACHE_WB, CACHE_WT, CACHE_UC_MINUS, CACHE_UC,
			       CACHE_WB, CACHE_WT, CACHE_UC_MINUS, CACHE_UC};
static const u8 ours[8] = PAT_TABLE;

static bool taken;

/* Out of line: the one that boot calls is then the one that tests call. */
__noinline void pat_init_cpu(void)
{
	u64 value = 0;

	if (!cpu_has(X86_FEATURE_PAT))
		return;
	for (int i = 7; i >= 0; i--)
		value = value << 8 | ours[i];
	pv_write_msr64(MSR_PAT, value);
	taken = pv_read_msr(MSR_PAT) == value;
}

bool pat_has_wc(void)
{
	return taken;
}

enum mem_cache pat_type(ulong entry, enum pt_level level)
{
	unsigned index = (entry & PTE_PWT ? 1 : 0) | (entry & PTE_PCD ? 2 : 0) |
			 (entry & (level == PT_PTE ? PTE_PAT : PTE_PAT_LARGE) ? 4 : 0);

	return taken ? ours[index] : at_reset[index];
}

const char *pat_name(enum mem_cache type)
{
	static const char *const names[] = {
		[CACHE_UC] = "UC", [CACHE_WC] = "WC", [CACHE_WT] = "WT",
		[CACHE_WP] = "WP", [CACHE_WB] = "WB", [CACHE_UC_MINUS] = "UC-",
	};

	return names[type];
}
