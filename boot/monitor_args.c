/*
 * What a person may write where a command wants a number: hex, decimal, an address as it is
 * printed, a symbol, and an offset behind any of them. Pure but for the symbol table (lib/ksyms.h).
 */
#include "boot/monitor.h"
#include "boot/line.h"
#include "lib/ksyms.h"
#include "lib/log.h"
#include "lib/string.h"

/* ffffffff80000000, as registers and addresses are printed: no 0x, but sixteen digits. */
static bool bare_address(const char *word, u64 *value)
{
	char hex[2 + 16 + 1] = "0x";

	if (strlen(word) != 16)
		return false;
	str_copy(hex + 2, word, sizeof(hex) - 2);
	return str_to_u64(hex, value);
}

static bool term(const char *word, u64 *value)
{
	if (bare_address(word, value) || str_to_u64(word, value))
		return true;
	*value = ksym_address(word);
	return *value != 0;
}

bool monitor_addr(const char *word, u64 *value)
{
	char left[LINE_SIZE];
	u64 base, offset;
	const char *sign = strchr(word, '+');

	if (!sign)
		sign = strchr(word, '-');
	if (!sign)
		return term(word, value);
	if ((size_t)(sign - word) >= sizeof(left))
		return false;
	str_copy(left, word, (size_t)(sign - word) + 1);
	if (!term(left, &base) || !str_to_u64(sign + 1, &offset))
		return false;
	*value = *sign == '+' ? base + offset : base - offset;
	return true;
}

bool monitor_number(const char *what, const char *word, u64 *value)
{
	if (monitor_addr(word, value))
		return true;
	printk("%s: not a number or symbol: '%s'\n", what, word);
	return false;
}
