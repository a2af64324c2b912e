/*
 * What must hold of a struct boot_info whatever a parser was given; shared by the host tests and
 * the fuzzers. Each function returns NULL, or what is broken.
 *
 * Must not know: how a parser works. Read next: tests/host/memmap_check.h.
 */
#ifndef TESTS_HOST_BOOT_CHECK_H
#define TESTS_HOST_BOOT_CHECK_H

#include "lib/boot_info.h"
#include "tests/host/memmap_check.h"

#include <string.h>

/* True if a problem line contains @text. */
static inline bool has_problem(const struct boot_info *bi, const char *text)
{
	for (u32 i = 0; i < min(bi->problem_count, (u32)BOOT_PROBLEM_MAX); i++)
		if (strstr(bi->problem[i], text))
			return true;
	return false;
}

/* Ends within @size, and holds printable ASCII only. */
static inline bool is_plain_text(const char *text, size_t size)
{
	if (!memchr(text, 0, size))
		return false;
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

static inline const char *problem_fault(const struct boot_info *bi)
{
	for (u32 i = 0; i < min(bi->problem_count, (u32)BOOT_PROBLEM_MAX); i++)
		if (!is_plain_text(bi->problem[i], BOOT_PROBLEM_TEXT) || !bi->problem[i][0])
			return "a problem line is empty, does not end or is not printable";
	return NULL;
}

static inline const char *boot_info_fault(const struct boot_info *bi)
{
	const char *fault = problem_fault(bi);

	if (!fault)
		fault = memmap_fault(&bi->memmap);
	if (fault)
		return fault;
	if (!bi->protocol)
		return "no protocol";
	if (!is_plain_text(bi->cmdline, sizeof(bi->cmdline)) || !is_plain_text(bi->loader, sizeof(bi->loader)))
		return "a text does not end or is not printable";
	if (bi->module_count > BOOT_MODULE_MAX)
		return "too many modules";
	for (u32 i = 0; i < bi->module_count; i++) {
		if (bi->module[i].base >= bi->module[i].end)
			return "an empty module";
		if (!is_plain_text(bi->module[i].name, BOOT_MODNAME_MAX))
			return "a module's name does not end or is not printable";
	}
	if (bi->rsdp_len != 0 && bi->rsdp_len != 20 && bi->rsdp_len != 36)
		return "an RSDP of no known length";
	if (bi->has_framebuffer &&
	    bi->framebuffer.base + (u64)bi->framebuffer.pitch * bi->framebuffer.height <= bi->framebuffer.base)
		return "a framebuffer that wraps";
	return NULL;
}

#endif
