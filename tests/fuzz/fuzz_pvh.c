/*
 * boot/pvh.c: the input is physical memory from 0 on; its first 8 bytes are the address of the start_info, the image of
 * EBX. Then once more with the magic corrected, so that every input gets behind it.
 */
#include "boot/pvh.h"
#include "abi/pvh.h"
#include "tests/fuzz/fuzz.h"
#include "tests/host/boot_check.h"

static struct boot_info bi;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t magic = PVH_START_MAGIC;
	struct phys_view mem = {data, size};
	uint8_t *copy;
	uint64_t at;

	if (size < 8)
		return 0;
	memcpy(&at, data, 8);
	if (pvh_parse(&mem, at, &bi) != 0 && bi.problem_count != 1)
		must_hold("refused without exactly one reason");
	must_hold(boot_info_fault(&bi));
	if (size < PVH_START_INFO_V0_SIZE)
		return 0;
	at %= size - PVH_START_INFO_V0_SIZE + 1;
	copy = malloc(size);
	memcpy(copy, data, size);
	memcpy(copy + at, &magic, 4);
	mem.base = copy;
	if (pvh_parse(&mem, at, &bi) != 0)
		must_hold("a good magic refused");
	must_hold(boot_info_fault(&bi));
	free(copy);
	return 0;
}
