/*
 * boot/multiboot2.c over arbitrary bytes. The fuzzer's own buffer ends where the input ends, so any
 * read outside is seen. With the top bit of the first byte's place free, the total size is
 * corrected to the input's, so that most inputs get as far as the tags.
 */
#include "boot/multiboot2.h"
#include "tests/fuzz/fuzz.h"
#include "tests/host/boot_check.h"

static struct boot_info bi;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t total = (uint32_t)size;
	uint8_t *copy;

	if (multiboot2_parse(data, size, &bi) != 0 && bi.problem_count != 1)
		must_hold("refused without exactly one reason");
	must_hold(boot_info_fault(&bi));
	if (size < 16)
		return 0;
	copy = malloc(size);
	memcpy(copy, data, size);
	memcpy(copy, &total, 4);
	if (multiboot2_parse(copy, size, &bi) != 0)
		must_hold("a good total size refused");
	must_hold(boot_info_fault(&bi));
	free(copy);
	return 0;
}
