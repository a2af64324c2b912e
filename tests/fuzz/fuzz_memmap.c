/*
 * lib/memmap.c: the input is a list of additions, compared with the oracle of memmap_check.h at
 * every place where something can change. Nine bytes are one addition: type and scale, base,
 * length; scales from bytes to the end of the address space.
 */
#include "lib/memmap.h"
#include "tests/fuzz/fuzz.h"
#include "tests/host/memmap_check.h"

#define OPS_MAX 200

static struct memmap_op op[OPS_MAX];

static size_t read_ops(const uint8_t *data, size_t size)
{
	size_t count = 0;

	for (; size >= 9 && count < OPS_MAX; data += 9, size -= 9) {
		u32 base, length, scale = data[0] >> 3;

		memcpy(&base, data + 1, 4);
		memcpy(&length, data + 5, 4);
		op[count].type = data[0] % MEM_TYPE_COUNT;
		op[count].base = (u64)base << scale;
		op[count].length = scale == 31 ? ~(u64)length : (u64)length << scale;
		count++;
	}
	return count;
}

/* After rounding: whole pages, and no page usable of which a byte was not. */
static void check_aligned(struct memmap *m, const struct memmap *before)
{
	memmap_page_align(m);
	must_hold(memmap_fault(m));
	for (u32 i = 0; i < m->count; i++) {
		const struct mem_range *r = &m->range[i];

		if (!IS_ALIGNED(r->base, PAGE_SIZE) || !IS_ALIGNED(r->end, PAGE_SIZE))
			must_hold("not whole pages");
		if (r->type != MEM_USABLE)
			continue;
		for (u32 k = 0; k < before->count; k++)
			if (before->range[k].type != MEM_USABLE && before->range[k].base < r->end &&
			    before->range[k].end > r->base)
				must_hold("rounding made a reserved byte usable");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t count = read_ops(data, size);
	struct memmap m, before;

	memmap_init(&m);
	for (size_t i = 0; i < count; i++) {
		memmap_add(&m, op[i].base, op[i].length, op[i].type);
		must_hold(memmap_fault(&m));
	}
	for (size_t i = 0; i < count; i++) {
		must_hold(memmap_fault_at(&m, op, count, op[i].base));
		must_hold(memmap_fault_at(&m, op, count, op[i].base - 1));
		must_hold(memmap_fault_at(&m, op, count, op[i].base + op[i].length));
		must_hold(memmap_fault_at(&m, op, count, op[i].base + op[i].length - 1));
	}
	before = m;
	check_aligned(&m, &before);
	return 0;
}
