/*
 * The tree of VMAs against a naive model: an array that says for each page which VMA holds it. Random inserts, splits,
 * merges, removals and searches, every page compared and every invariant checked after each; and no object lost, with
 * each allocation failing once.
 */
#include "tests/host/mmu_fakes.h"

/* mmu/'s own allocator, with a switch that makes the n-th allocation fail. */
#define frame_alloc real_frame_alloc
#include "mmu/frame.c"
#undef frame_alloc

static long alloc_budget = -1; /* allocations left; -1: no limit */

pa_t frame_alloc(void);
pa_t frame_alloc(void)
{
	if (!alloc_budget)
		return PA_NONE;
	if (alloc_budget > 0)
		alloc_budget--;
	return real_frame_alloc();
}

#include "mmu/pool.c"
#include "mmu/vma.c"
#include "tests/vma_check.h"

#define PAGES 96

/* One page of the window: a VMA's number, 0 for none, and what it is. */
static struct {
	unsigned id;
	enum vma_kind kind;
	u32 flags;
	u64 pfn;
} model[PAGES];

static unsigned next_id;
static ulong base; /* of the window */
static struct vma_tree tree;
static struct memmap map;
static u64 frames_free;

static void begin(ulong window)
{
	fake_ram_reset();
	memmap_init(&map);
	memmap_add(&map, MIB, 63 * MIB, MEM_USABLE);
	assert_int_equal(frame_init(&map, NULL, 0), 0);
	frames_free = frame_stats().free_count;
	memset(model, 0, sizeof(model));
	alloc_budget = -1;
	vma_pool = (struct pool){.size = sizeof(struct vm_area_struct)};
	base = window;
	vma_tree_init(&tree, NULL, base, base + PAGES * PAGE_SIZE - 1);
}

static void end(void)
{
	vma_tree_destroy(&tree);
	assert_no_fault(vma_check(&tree));
	assert_int_equal(tree.count, 0);
	assert_int_equal(vma_pool.object_count, 0);
	assert_int_equal(vma_pool.frame_count, 0);
	assert_int_equal(frame_stats().free_count, frames_free);
	munmap(fake_ram, FAKE_RAM_END);
	fake_ram = NULL;
}

static ulong first_of(unsigned page)
{
	return base + page * PAGE_SIZE;
}

static ulong last_of(unsigned page)
{
	return first_of(page) + PAGE_SIZE - 1;
}

/* The run of pages around @page that are one VMA. */
static unsigned run_first(unsigned page)
{
	while (page && model[page - 1].id == model[page].id)
		page--;
	return page;
}

static unsigned run_last(unsigned page)
{
	while (page < PAGES - 1 && model[page + 1].id == model[page].id)
		page++;
	return page;
}

static bool is_free(unsigned page, unsigned count)
{
	for (unsigned i = page; i < page + count; i++) {
		if (model[i].id)
			return false;
	}
	return true;
}

/* Every page, by the tree's own search. */
static void compare(void)
{
	const struct vm_area_struct *v = tree.head;

	assert_no_fault(vma_check(&tree));
	assert_int_equal(vma_pool.object_count, tree.count);
	assert_true(vma_pool.frame_count <= 1 + tree.count / 16);
	for (unsigned i = 0; i < PAGES; i++) {
		const struct vm_area_struct *found = vma_find(&tree, first_of(i) + 5);

		while (v && v->last < first_of(i))
			v = v->next;
		assert_ptr_equal(found, v);
		assert_ptr_equal(vma_find_intersection(&tree, first_of(i), last_of(i)), model[i].id ? v : NULL);
		if (!model[i].id)
			continue;
		assert_int_equal(v->first, first_of(run_first(i)));
		assert_int_equal(v->last, last_of(run_last(i)));
		assert_int_equal(v->kind, model[i].kind);
		assert_int_equal(v->flags, model[i].flags);
		if (v->kind == VMA_PHYS)
			assert_int_equal(v->pfn + i - run_first(i), model[i].pfn);
		assert_ptr_equal(vma_find_exact(&tree, v->first, v->last), v);
		assert_null(vma_find_exact(&tree, v->first, v->last + PAGE_SIZE));
	}
}

static void model_fill(unsigned page, unsigned count, const struct vma_spec *s)
{
	next_id++;
	for (unsigned i = page; i < page + count; i++) {
		model[i].id = next_id;
		model[i].kind = s->kind;
		model[i].flags = s->flags;
		model[i].pfn = s->kind == VMA_PHYS ? s->pfn + i - page : 0;
	}
}

static void try_insert(unsigned page, unsigned count, u64 r)
{
	/* Few kinds, flags and frames, so that neighbours are often alike. */
	struct vma_spec s = {.first = first_of(page), .last = last_of(page + count - 1)};
	struct vm_area_struct *v;
	int err;

	s.kind = (enum vma_kind)(r % 4);
	s.flags = r & 16 ? VMA_READ : VMA_READ | VMA_WRITE;
	s.pfn = s.kind == VMA_PHYS ? 1000 + page + (r & 32 ? 0 : 7) : 0;
	err = vma_insert(&tree, &s, &v);
	if (!is_free(page, count)) {
		assert_int_equal(err, -EEXIST);
		return;
	}
	if (err) {
		assert_int_equal(err, -ENOMEM);
		assert_int_equal(alloc_budget, 0);
		return;
	}
	assert_int_equal(v->first, s.first);
	model_fill(page, count, &s);
}

static void try_remove(unsigned page, unsigned count)
{
	int err = vma_remove(&tree, first_of(page), last_of(page + count - 1));
	unsigned rest;

	if (err) {
		assert_int_equal(err, -ENOMEM);
		assert_int_equal(alloc_budget, 0);
		return;
	}
	/* What is cut off behind becomes one of its own. */
	for (rest = page + count; rest < PAGES && model[rest].id && model[rest].id == model[page + count - 1].id;
	     rest++)
		model[rest].id = next_id + 1;
	next_id++;
	memset(&model[page], 0, count * sizeof(model[0]));
}

static void try_split(unsigned page)
{
	struct vm_area_struct *v = vma_find(&tree, first_of(page)), *upper = NULL;
	unsigned last;
	int err;

	if (!v)
		return;
	err = vma_split(&tree, v, first_of(page), &upper);
	if (!model[page].id || run_first(page) == page) {
		assert_int_equal(err, -EINVAL);
		return;
	}
	if (err) {
		assert_int_equal(err, -ENOMEM);
		assert_int_equal(alloc_budget, 0);
		return;
	}
	assert_int_equal(upper->first, first_of(page));
	last = run_last(page);
	next_id++;
	for (unsigned i = page; i <= last; i++)
		model[i].id = next_id;
}

static bool alike(unsigned page)
{
	if (!model[page].id || !model[page - 1].id || model[page].kind != model[page - 1].kind ||
	    model[page].flags != model[page - 1].flags)
		return false;
	return model[page].kind != VMA_PHYS || model[page].pfn == model[page - 1].pfn + 1;
}

static void try_merge(unsigned page)
{
	unsigned first, last, id;
	struct vm_area_struct *v;

	if (!model[page].id)
		return;
	first = run_first(page);
	last = run_last(page);
	if (first && alike(first))
		first = run_first(first - 1);
	if (last < PAGES - 1 && alike(last + 1))
		last = run_last(last + 1);
	v = vma_merge(&tree, vma_find(&tree, first_of(page)));
	assert_int_equal(v->first, first_of(first));
	assert_int_equal(v->last, last_of(last));
	id = ++next_id;
	for (unsigned i = first; i <= last; i++)
		model[i].id = id;
}

static void try_find_free(unsigned page, unsigned count, u64 r)
{
	u64 align = PAGE_SIZE << (r % 4);
	unsigned low = page, high = low + (r >> 4) % (PAGES - low), i;
	ulong at = 1;
	int err = vma_find_free(&tree, count * PAGE_SIZE, align, first_of(low), last_of(high), &at);

	for (i = low; i + count <= high + 1; i++) {
		if (IS_ALIGNED(first_of(i), align) && is_free(i, count))
			break;
	}
	if (i + count > high + 1) {
		assert_int_equal(err, -ENOMEM);
		assert_int_equal(at, 1);
	} else {
		assert_int_equal(err, 0);
		assert_int_equal(at, first_of(i));
	}
}

static void random_step(u64 *seed)
{
	u64 r = next_random(seed);
	unsigned page = (r >> 8) % PAGES, count = 1 + (r >> 16) % (r & 0x80 ? 4 : 24);

	count = min(count, PAGES - page);
	if ((r >> 56) % 4 == 0)
		alloc_budget = 0;
	switch (r % 8) {
	case 0:
	case 1:
	case 2:
		try_insert(page, count, r >> 32);
		break;
	case 3:
		try_remove(page, count);
		break;
	case 4:
		try_split(page);
		break;
	case 5:
		try_merge(page);
		break;
	default:
		try_find_free(page, count, r >> 32);
		break;
	}
	alloc_budget = -1;
}

/* In the middle, at the beginning and at the very end of the address space. */
static void agrees_with_model(void **state)
{
	static const ulong windows[] = {0x7f0000000000, 0, -PAGES * PAGE_SIZE};
	u64 seed = 0x9e3779b97f4a7c15;

	(void)state;
	for (unsigned round = 0; round < 12; round++) {
		begin(windows[round % ARRAY_SIZE(windows)]);
		for (unsigned i = 0; i < 1500; i++) {
			random_step(&seed);
			compare();
		}
		end();
	}
}

/* Insertion in order is what makes a plain tree a list. */
static void stays_shallow(void **state)
{
	static const unsigned count = 20000;
	u64 seed = 7;

	(void)state;
	begin(0);
	tree.last = ~0UL;
	for (unsigned i = 0; i < count; i++) {
		struct vma_spec s = {.first = 2 * i * PAGE_SIZE, .last = (2 * i + 1) * PAGE_SIZE - 1};

		assert_int_equal(vma_insert(&tree, &s, NULL), 0);
	}
	assert_no_fault(vma_check(&tree));
	assert_true(tree.root->height <= 15); /* all but full: log2(20001) is 14.3 */
	for (unsigned i = 0; i < count; i++) {
		ulong va = 2 * (next_random(&seed) % count) * PAGE_SIZE;

		assert_int_equal(vma_remove(&tree, va, va + PAGE_SIZE - 1), 0);
		if (i % 1000 == 0)
			assert_no_fault(vma_check(&tree));
	}
	assert_no_fault(vma_check(&tree));
	end();
}

static void refuses_nonsense(void **state)
{
	static const struct vma_spec specs[] = {
		{.first = 0x1000, .last = 0x1000},
		{.first = 0x1000, .last = 0x2000},
		{.first = 0x1001, .last = 0x1fff},
		{.first = 0x3000, .last = 0x2fff},
		{.first = PAGES * PAGE_SIZE, .last = (PAGES + 1) * PAGE_SIZE - 1},
		{.first = 0x1000, .last = 0x1fff, .kind = VMA_KINDS},
		{.first = 0x1000, .last = 0x1fff, .flags = 0x40},
		{.first = 0x1000, .last = 0x1fff, .pfn = 1},
		{.first = 0x1000, .last = 0x2fff, .kind = VMA_PHYS, .pfn = PFN_END - 1},
	};
	struct vma_spec good = {.first = 0x1000, .last = 0x4fff, .kind = VMA_PHYS, .pfn = PFN_END - 4};
	struct vm_area_struct *v;
	ulong at;

	(void)state;
	begin(0);
	for (unsigned i = 0; i < ARRAY_SIZE(specs); i++)
		assert_int_equal(vma_insert(&tree, &specs[i], NULL), -EINVAL);
	assert_int_equal(vma_insert(&tree, &good, &v), 0);
	assert_null(v->mm);
	assert_int_equal(vma_split(&tree, v, 0x1000, NULL), -EINVAL);
	assert_int_equal(vma_split(&tree, v, 0x5000, NULL), -EINVAL);
	assert_int_equal(vma_split(&tree, v, 0x2001, NULL), -EINVAL);
	assert_int_equal(vma_remove(&tree, 0x2000, 0x2001), -EINVAL);
	assert_int_equal(vma_remove(&tree, 0x3000, 0x2fff), -EINVAL);
	assert_int_equal(vma_find_free(&tree, 0, PAGE_SIZE, 0, ~0UL, &at), -EINVAL);
	assert_int_equal(vma_find_free(&tree, PAGE_SIZE + 1, PAGE_SIZE, 0, ~0UL, &at), -EINVAL);
	assert_int_equal(vma_find_free(&tree, PAGE_SIZE, PAGE_SIZE * 3, 0, ~0UL, &at), -EINVAL);
	assert_int_equal(tree.count, 1);
	assert_string_equal(vma_kind_name(v->kind), "phys");
	assert_string_equal(vma_kind_name(VMA_KINDS), "?");
	end();
}

/* Objects come from as few frames as they need, and each frame goes back with its last object. */
static void pool_gives_frames_back(void **state)
{
	static void *object[400];
	struct pool pool = {.size = 100};
	const unsigned per_frame = (PAGE_SIZE - sizeof(struct pool_frame)) / 104;

	(void)state;
	begin(0);
	for (unsigned i = 0; i < ARRAY_SIZE(object); i++) {
		object[i] = pool_alloc(&pool);
		assert_non_null(object[i]);
		for (unsigned k = 0; k < 100; k++)
			assert_int_equal(((u8 *)object[i])[k], 0);
		memset(object[i], 0xa5, 100);
		assert_int_equal(pool.frame_count, i / per_frame + 1);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(object); i += 2)
		pool_free(&pool, object[i]);
	alloc_budget = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(object); i += 2)
		object[i] = pool_alloc(&pool);
	alloc_budget = -1;
	assert_int_equal(pool.object_count, ARRAY_SIZE(object));
	for (unsigned i = 0; i < ARRAY_SIZE(object); i++)
		pool_free(&pool, object[(i * 7) % ARRAY_SIZE(object)]);
	assert_int_equal(pool.object_count, 0);
	assert_int_equal(pool.frame_count, 0);
	assert_int_equal(frame_stats().free_count, frames_free);
	alloc_budget = 0;
	assert_null(pool_alloc(&pool));
	alloc_budget = -1;
	object[0] = pool_alloc(&pool);
	assert_true(PANICS(pool_free(&vma_pool, object[0])));
	vma_pool.lock.val = 0;
	pool_free(&pool, object[0]);
	end();
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(agrees_with_model),
	cmocka_unit_test(stays_shallow),
	cmocka_unit_test(refuses_nonsense),
	cmocka_unit_test(pool_gives_frames_back),
};

HOST_MAIN("mmu_vma", tests)
