/*
 * What the boot protocols share: noting problems, copying the loader's strings and modules.
 * Here and not in boot/, because the in-kernel and host tests of every room may use it.
 *
 * Must not know: any protocol's layout. Read next: boot/multiboot2.c, boot/pvh.c.
 */
#include "lib/boot_info.h"

#include "lib/printf.h"
#include "lib/string.h"

void boot_info_init(struct boot_info *bi, const char *protocol)
{
	memset(bi, 0, sizeof(*bi));
	bi->protocol = protocol;
	memmap_init(&bi->memmap);
}

/* Nothing that a loader hands over may forge a line of the log or of a test report. */
static void make_printable(char *text, char instead)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = instead;
}

void boot_problem(struct boot_info *bi, const char *fmt, ...)
{
	va_list ap;
	char *text;

	if (bi->problem_count++ >= BOOT_PROBLEM_MAX)
		return;
	text = bi->problem[bi->problem_count - 1];
	va_start(ap, fmt);
	kvsnprintf(text, BOOT_PROBLEM_TEXT, fmt, ap);
	va_end(ap);
	make_printable(text, '?');
}

bool boot_copy_text(struct boot_info *bi, const char *what, char *dst, size_t size, const void *src, size_t avail)
{
	size_t len = strnlen(src, min(avail, size));
	bool cut = true;

	if (len == size)
		boot_problem(bi, "%s: longer than %lu bytes, cut", what, size - 1);
	else if (len == avail)
		boot_problem(bi, "%s: no NUL within its %lu bytes", what, avail);
	else
		cut = false;
	len = min(len, size - 1);
	memcpy(dst, src, len);
	dst[len] = '\0';
	make_printable(dst, ' ');
	return cut;
}

bool boot_add_module(struct boot_info *bi, u64 base, u64 end, const void *name, size_t name_avail)
{
	struct boot_module *m = &bi->module[bi->module_count];

	if (base >= end) {
		boot_problem(bi, "module %#lx-%#lx: empty, ignored", base, end);
		return false;
	}
	if (bi->module_count == BOOT_MODULE_MAX) {
		boot_problem(bi, "module %#lx-%#lx: more than %d, ignored", base, end, BOOT_MODULE_MAX);
		return false;
	}
	bi->module_count++;
	m->base = base;
	m->end = end;
	m->name[0] = '\0';
	if (name)
		boot_copy_text(bi, "module name", m->name, sizeof(m->name), name, name_avail);
	return true;
}

void boot_check_memmap(struct boot_info *bi)
{
	const struct memmap *m = &bi->memmap;

	if (m->count == 0)
		boot_problem(bi, "no memory map");
	else if (memmap_bytes(m, MEM_USABLE) == 0)
		boot_problem(bi, "memory map: %u ranges, none of them usable", m->count);
	if (m->malformed)
		boot_problem(bi, "memory map: %u entries empty or past 2^64", m->malformed);
	if (m->overlaps)
		boot_problem(bi, "memory map: %u entries overlap another type", m->overlaps);
	if (m->dropped)
		boot_problem(bi, "memory map: over %d ranges, %u dropped", MEMMAP_MAX, m->dropped);
}

void boot_drop_modules(struct boot_info *bi, u64 base, u64 end)
{
	u32 kept = 0;

	for (u32 i = 0; i < bi->module_count; i++) {
		const struct boot_module *m = &bi->module[i];

		if (m->base < end && m->end > base)
			boot_problem(bi, "module %#lx-%#lx: overlaps the kernel, ignored", m->base, m->end);
		else
			memmove(&bi->module[kept++], m, sizeof(*m));
	}
	bi->module_count = kept;
}
