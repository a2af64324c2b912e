/*
 * What boot made of what the loader said: the options are those of the command line, the memory map is in order, the
 * image and the modules are nobody's to allocate. Bad input of all kinds is the host tests' and the fuzzers'.
 */
#include "arch/layout.h"
#include "boot/cmdline.h"
#include "boot/main.h"
#include "lib/log.h"
#include "lib/string.h"
#include "machine/lockup.h"
#include "mmu/frame.h"
#include "tests/ktest.h"

static struct boot_info other;
static struct boot_options options;

static void parse(const char *line)
{
	boot_info_init(&other, "test");
	cmdline_parse(line, &options, &other);
}

TEST(boot_cmdline_defaults)
{
	parse("");
	EXPECT_EQ(other.problem_count, 0);
	EXPECT(options.patch);
	EXPECT(!options.test_set && !options.bench_set);
	EXPECT(strcmp(options.backend, "native") == 0);
	EXPECT(strcmp(options.crash, "") == 0);
	EXPECT(strcmp(options.guest, "") == 0);
}

TEST(boot_cmdline_words)
{
	parse("/boot/paravane.elf test=mmu_* patch=off backend=\"direct\" bench");
	EXPECT_EQ(other.problem_count, 0);
	EXPECT(options.test_set && strcmp(options.test, "mmu_*") == 0);
	EXPECT(options.bench_set && strcmp(options.bench, "all") == 0);
	EXPECT(!options.patch);
	EXPECT(strcmp(options.backend, "direct") == 0);
	parse("patch=maybe nonsense=1 test=");
	EXPECT_EQ(other.problem_count, 3);
	EXPECT(options.patch && !options.test_set);
}

/* The options that the kernel lives with are what its command line says. */
TEST(boot_options_are_the_command_lines)
{
	parse(boot_info.cmdline);
	EXPECT(memcmp(&options, &boot_options, sizeof(options)) == 0);
	/* Cut only where it fills its room: the environment cmdline-5000. */
	EXPECT(!boot_info.cmdline_cut || strlen(boot_info.cmdline) == BOOT_CMDLINE_MAX - 1);
	EXPECT(strnlen(boot_info.cmdline, BOOT_CMDLINE_MAX) < BOOT_CMDLINE_MAX);
	EXPECT(strcmp(boot_info.protocol, "PVH") == 0 || strcmp(boot_info.protocol, "multiboot2") == 0);
}

TEST(boot_memmap_is_in_order)
{
	const struct memmap *m = &boot_info.memmap;
	u64 image = pa_num(image_pa(__image_start)), image_end = pa_num(image_pa(__image_end)), usable = 0;
	bool image_in_ram = false;
	u32 i;

	EXPECT(m->count > 0 && m->count <= MEMMAP_MAX);
	EXPECT_EQ(m->dropped, 0);
	for (i = 0; i < m->count; i++) {
		const struct mem_range *r = &m->range[i];

		EXPECT(r->base < r->end);
		EXPECT(IS_ALIGNED(r->base, PAGE_SIZE) && IS_ALIGNED(r->end, PAGE_SIZE));
		EXPECT(r->type < MEM_TYPE_COUNT);
		EXPECT(i == 0 || m->range[i - 1].end <= r->base);
		EXPECT(i == 0 || m->range[i - 1].end < r->base || m->range[i - 1].type != r->type);
		if (r->type == MEM_USABLE)
			usable += r->end - r->base;
		if (r->type == MEM_USABLE && image >= r->base && image_end <= r->end)
			image_in_ram = true;
	}
	EXPECT(image_in_ram);
	EXPECT_EQ(usable, memmap_bytes(m, MEM_USABLE));
	EXPECT_EQ(usable / PAGE_SIZE, frame_stats().usable_count);
}

static bool is_usable(u64 pa)
{
	const struct memmap *m = &boot_info.memmap;
	u32 i;

	for (i = 0; i < m->count; i++)
		if (pa >= m->range[i].base && pa + PAGE_SIZE <= m->range[i].end)
			return m->range[i].type == MEM_USABLE;
	return false;
}

/* Whether the frame at @pa may be given to anybody. */
static bool is_free_to_use(u64 pa)
{
	u32 i;

	if (pa < FRAME_LOW_END || !is_usable(pa))
		return false;
	if (pa + PAGE_SIZE > pa_num(image_pa(__image_start)) && pa < pa_num(image_pa(__image_end)))
		return false;
	for (i = 0; i < boot_info.module_count; i++)
		if (pa + PAGE_SIZE > boot_info.module[i].base && pa < boot_info.module[i].end)
			return false;
	return true;
}

/* All frames there are, held in a chain through themselves. */
TEST(boot_frames_are_nobody_elses)
{
	u64 free = frame_stats().free_count, count = 0, bad = 0;
	pa_t chain = PA_NONE, pa;

	while (pa_ok(pa = frame_alloc())) {
		bad += !is_free_to_use(pa_num(pa));
		*(pa_t *)pa_va(pa) = chain;
		chain = pa;
		count++;
		lockup_touch(); /* six GiB take their time */
	}
	while (pa_ok(chain)) {
		pa = chain;
		chain = *(pa_t *)pa_va(pa);
		frame_free(pa);
		lockup_touch();
	}
	EXPECT_EQ(bad, 0);
	EXPECT_EQ(count, free);
	EXPECT_EQ(frame_stats().free_count, free);
}

/* No crash asked for is none; a kind that does not exist is said. */
TEST(boot_crash_on_request)
{
	static char said[160];

	log_capture(said, sizeof(said));
	crash_on_request("");
	EXPECT_EQ(log_capture_end(), 0);
	log_capture(said, sizeof(said));
	crash_on_request("gently");
	log_capture_end();
	EXPECT(strncmp(said, "boot        problem: crash=gently: known are ", 45) == 0);
}
