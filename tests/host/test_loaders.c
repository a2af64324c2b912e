/*
 * The parsers on what real loaders handed over: recorded in QEMU 7.2 at the kernel's first instruction, byte for byte
 * (tests/fuzz/corpus, where they are seeds too). Good input gives no complaint, and nothing of it is lost.
 *
 *	grub-2.06-bios	256 MiB, SeaBIOS, framebuffer asked for, a module, a quoted word in the command line
 *	grub-2.06-uefi	the same by OVMF
 *	qemu-7.2	-kernel with -initrd, 5 GiB: memory from 0 to the end of the start_info, whose address is
 *			the first word; what is not the loader's is zero
 */
#include "boot/cmdline.h"
#include "boot/multiboot2.h"
#include "boot/pvh.h"
#include "tests/host/boot_check.h"
#include "tests/host/host.h"

#define CORPUS "tests/fuzz/corpus/"

static struct boot_info bi;

/* The whole of a recorded file, in memory of exactly its size. */
static u8 *load(const char *path, size_t *size)
{
	static u8 buf[65536];
	FILE *f = fopen(path, "rb");

	if (!f)
		fail_msg("%s: cannot be opened; the test runs in the root of the tree", path);
	*size = fread(buf, 1, sizeof(buf), f);
	fclose(f);
	return exact_copy(buf, *size);
}

static void show(void)
{
	print_message("%s by \"%s\": \"%s\"\n", bi.protocol, bi.loader, bi.cmdline);
	for (u32 i = 0; i < bi.problem_count && i < BOOT_PROBLEM_MAX; i++)
		print_message("  problem: %s\n", bi.problem[i]);
	for (u32 i = 0; i < bi.memmap.count; i++)
		print_message("  %#lx-%#lx %s\n", bi.memmap.range[i].base, bi.memmap.range[i].end,
			      mem_type_name(bi.memmap.range[i].type));
	for (u32 i = 0; i < bi.module_count; i++)
		print_message("  module %#lx-%#lx %s\n", bi.module[i].base, bi.module[i].end, bi.module[i].name);
	if (bi.has_framebuffer)
		print_message("  framebuffer %#lx %ux%ux%u\n", bi.framebuffer.base, bi.framebuffer.width,
			      bi.framebuffer.height, bi.framebuffer.bpp);
}

static void parse_grub(const char *path)
{
	size_t size;
	u8 *info = load(path, &size);

	assert_int_equal(multiboot2_parse(info, size, &bi), 0);
	free(info);
	show();
	assert_no_fault(boot_info_fault(&bi));
	assert_int_equal(bi.problem_count, 0);
}

/* What both firmwares' recordings have in common. */
static void check_grub(void)
{
	struct boot_options opt;

	assert_memory_equal(bi.loader, "GRUB 2.06", 9);
	assert_string_equal(bi.cmdline, "test=all \"with blank\" patch=off");
	assert_int_equal(bi.module_count, 1);
	assert_string_equal(bi.module[0].name, "self \"two words\"");
	assert_int_equal(bi.module[0].end - bi.module[0].base, 13);
	assert_true(bi.has_framebuffer);
	assert_int_equal(bi.framebuffer.kind, 1);
	assert_int_equal(bi.framebuffer.width, 1024);
	assert_int_equal(bi.framebuffer.height, 768);
	assert_int_equal(bi.framebuffer.bpp, 32);
	assert_int_equal(bi.framebuffer.red_pos, 16);
	assert_memory_equal(bi.rsdp, "RSD PTR ", 8);
	assert_true(memmap_bytes(&bi.memmap, MEM_USABLE) > 200 * MIB);
	assert_true(memmap_bytes(&bi.memmap, MEM_USABLE) < 256 * MIB);

	cmdline_parse(bi.cmdline, &opt, &bi);
	assert_true(opt.test_set);
	assert_false(opt.patch);
	assert_int_equal(bi.problem_count, 1);
	assert_true(has_problem(&bi, "word 2, \"with blank\": unknown option"));
}

static void boot_loader_grub_bios(void **state)
{
	(void)state;
	parse_grub(CORPUS "fuzz_multiboot2/grub-2.06-bios");
	check_grub();
	assert_int_equal(bi.efi_system_table, 0);
	assert_int_equal(bi.rsdp_len, 20);
}

static void boot_loader_grub_uefi(void **state)
{
	(void)state;
	parse_grub(CORPUS "fuzz_multiboot2/grub-2.06-uefi");
	check_grub();
	assert_int_not_equal(bi.efi_system_table, 0);
	assert_int_equal(bi.rsdp_len, 36);
	assert_int_equal(bi.rsdp[15], 2); /* its revision */
}

static void boot_loader_qemu_pvh(void **state)
{
	struct phys_view mem;
	size_t size;
	u8 *memory = load(CORPUS "fuzz_pvh/qemu-7.2", &size);
	u64 at;

	(void)state;
	memcpy(&at, memory, 8);
	mem = (struct phys_view){memory, size};
	assert_int_equal(pvh_parse(&mem, at, &bi), 0);
	free(memory);
	show();
	assert_no_fault(boot_info_fault(&bi));
	assert_int_equal(bi.problem_count, 0);
	assert_string_equal(bi.cmdline, "test=all patch=off");
	assert_int_equal(bi.module_count, 1);
	assert_int_equal(bi.module[0].end - bi.module[0].base, 13);
	assert_int_not_equal(bi.rsdp_pa, 0);
	/* 5 GiB, 2 of them above 4 GiB, less what the firmware took. */
	assert_int_equal(memmap_type_at(&bi.memmap, 4 * GIB), MEM_USABLE);
	assert_true(memmap_bytes(&bi.memmap, MEM_USABLE) > 5 * GIB - MIB);
	assert_true(memmap_bytes(&bi.memmap, MEM_USABLE) < 5 * GIB);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(boot_loader_grub_bios),
	cmocka_unit_test(boot_loader_grub_uefi),
	cmocka_unit_test(boot_loader_qemu_pvh),
};

HOST_MAIN("boot_loaders", tests)
