/*
 * The multiboot2 parser: one walk over the tags, one table row per tag that is understood.
 * A row's least size is checked before its function runs, and a function copies the tag's bytes by read_at() or
 * boot_copy_text(), which cannot leave the tag: so no single function has to be trusted with a pointer and a length.
 *
 * Must not know: where the information lies, what is done with it. Read next: abi/multiboot2.h, boot/pvh.c.
 */
#include "boot/multiboot2.h"

#include "abi/multiboot2.h"
#include "lib/string.h"

/* A tag as found: size counts the header, and size bytes at data can be read. */
struct tag {
	const u8 *data;
	u32 offset, type, size;
};

struct parse {
	struct boot_info *bi;
	u32 seen; /* one bit per row of tag_kinds */
	struct multiboot2_basic_memory basic;
};

#define tag_problem(bi, t, fmt, ...)                                                                                   \
	boot_problem(bi, "multiboot2 tag at %#x, type %u, size %u: " fmt, (t)->offset, (t)->type, (t)->size,           \
		     ##__VA_ARGS__)

/* Copies @size bytes at @offset in the tag, zero where the tag has no more: loaders need not align
 * anything. */
static void read_at(const struct tag *t, u32 offset, void *dst, size_t size)
{
	size_t have = offset < t->size ? min((size_t)(t->size - offset), size) : 0;

	memset(dst, 0, size);
	memcpy(dst, t->data + min(offset, t->size), have);
}

static void read_cmdline(struct parse *p, const struct tag *t)
{
	struct boot_info *bi = p->bi;
	size_t head = sizeof(struct multiboot2_tag);

	bi->cmdline_cut =
		boot_copy_text(bi, "command line", bi->cmdline, sizeof(bi->cmdline), t->data + head, t->size - head);
}

static void read_loader(struct parse *p, const struct tag *t)
{
	size_t head = sizeof(struct multiboot2_tag);

	boot_copy_text(p->bi, "boot loader name", p->bi->loader, sizeof(p->bi->loader), t->data + head, t->size - head);
}

static void read_module(struct parse *p, const struct tag *t)
{
	struct multiboot2_module m;

	read_at(t, 0, &m, sizeof(m));
	boot_add_module(p->bi, m.start, m.end, t->data + sizeof(m), t->size - sizeof(m));
}

static void read_basic_memory(struct parse *p, const struct tag *t)
{
	read_at(t, 0, &p->basic, sizeof(p->basic));
}

/* The memory map of last resort: up to the first hole. */
static void use_basic_memory(struct parse *p)
{
	struct memmap *m = &p->bi->memmap;

	if (m->count || !(p->basic.lower || p->basic.upper))
		return;
	boot_problem(p->bi, "no memory map: basic memory information is used");
	if (p->basic.lower)
		memmap_add(m, 0, p->basic.lower * KIB, MEM_USABLE);
	if (p->basic.upper)
		memmap_add(m, MIB, p->basic.upper * KIB, MEM_USABLE);
}

static void read_memory_map(struct parse *p, const struct tag *t)
{
	struct boot_info *bi = p->bi;
	struct multiboot2_memory_map map;
	struct multiboot2_memory_entry e;
	u32 at = sizeof(map);

	read_at(t, 0, &map, sizeof(map));
	if (map.entry_size < sizeof(e)) {
		tag_problem(bi, t, "entry size %u", map.entry_size);
		return;
	}
	for (; t->size - at >= map.entry_size; at += map.entry_size) {
		read_at(t, at, &e, sizeof(e));
		memmap_add(&bi->memmap, e.base, e.length, mem_type_from_acpi(e.type));
	}
	if (at != t->size)
		tag_problem(bi, t, "%u bytes behind the last entry", t->size - at);
}

/* What makes a framebuffer unusable, NULL: nothing. */
static const char *framebuffer_fault(const struct multiboot2_framebuffer *f, const struct multiboot2_rgb *rgb)
{
	u32 cell = (f->bpp + 7U) / 8;

	if (f->kind > MULTIBOOT2_FRAMEBUFFER_EGA)
		return "framebuffer of unknown kind";
	if (!f->base || !f->width || !f->height || !f->bpp)
		return "framebuffer without a place or a size";
	if (f->bpp > 64 || (u64)f->width * cell > f->pitch)
		return "framebuffer lines longer than the pitch";
	if ((u64)f->pitch * f->height > UINT64_MAX - f->base)
		return "framebuffer runs past 2^64";
	if (f->kind == MULTIBOOT2_FRAMEBUFFER_RGB &&
	    (rgb->red_pos + rgb->red_size > f->bpp || rgb->green_pos + rgb->green_size > f->bpp ||
	     rgb->blue_pos + rgb->blue_size > f->bpp))
		return "framebuffer colours outside the pixel";
	return NULL;
}

static void read_framebuffer(struct parse *p, const struct tag *t)
{
	struct boot_info *bi = p->bi;
	struct multiboot2_framebuffer f;
	struct multiboot2_rgb rgb = {0};
	const char *fault;

	read_at(t, 0, &f, sizeof(f));
	if (f.kind == MULTIBOOT2_FRAMEBUFFER_RGB) {
		if (t->size < sizeof(f) + sizeof(rgb)) {
			tag_problem(bi, t, "framebuffer without colour fields");
			return;
		}
		read_at(t, sizeof(f), &rgb, sizeof(rgb));
	}
	fault = framebuffer_fault(&f, &rgb);
	if (fault) {
		tag_problem(bi, t, "%s", fault);
		return;
	}
	bi->has_framebuffer = true;
	bi->framebuffer = (struct boot_framebuffer){
		.base = f.base,
		.pitch = f.pitch,
		.width = f.width,
		.height = f.height,
		.bpp = f.bpp,
		.kind = f.kind,
		.red_pos = rgb.red_pos,
		.red_size = rgb.red_size,
		.green_pos = rgb.green_pos,
		.green_size = rgb.green_size,
		.blue_pos = rgb.blue_pos,
		.blue_size = rgb.blue_size,
	};
}

static void read_efi64(struct parse *p, const struct tag *t)
{
	struct multiboot2_efi64 e;

	read_at(t, 0, &e, sizeof(e));
	p->bi->efi_system_table = e.system_table;
}

/* Both revisions; the longer copy stays when a loader gives both. Its checksum is for who uses it. */
static void read_rsdp(struct parse *p, const struct tag *t)
{
	struct boot_info *bi = p->bi;
	u32 head = sizeof(struct multiboot2_tag);
	u32 most = t->type == MULTIBOOT2_TAG_ACPI_NEW ? sizeof(bi->rsdp) : MULTIBOOT2_RSDP_OLD;
	u32 len = min(t->size - head, most);

	if (len <= bi->rsdp_len)
		return;
	read_at(t, head, bi->rsdp, len);
	bi->rsdp_len = len;
}

struct tag_kind {
	u32 type;
	u32 least; /* bytes, header included */
	bool many; /* may occur more than once */
	void (*read)(struct parse *p, const struct tag *t);
};

static const struct tag_kind tag_kinds[] = {
	{MULTIBOOT2_TAG_CMDLINE, sizeof(struct multiboot2_tag) + 1, false, read_cmdline},
	{MULTIBOOT2_TAG_LOADER, sizeof(struct multiboot2_tag) + 1, false, read_loader},
	{MULTIBOOT2_TAG_MODULE, sizeof(struct multiboot2_module) + 1, true, read_module},
	{MULTIBOOT2_TAG_BASIC_MEMORY, sizeof(struct multiboot2_basic_memory), false, read_basic_memory},
	{MULTIBOOT2_TAG_MEMORY_MAP, sizeof(struct multiboot2_memory_map), false, read_memory_map},
	{MULTIBOOT2_TAG_FRAMEBUFFER, sizeof(struct multiboot2_framebuffer), false, read_framebuffer},
	{MULTIBOOT2_TAG_EFI64, sizeof(struct multiboot2_efi64), false, read_efi64},
	{MULTIBOOT2_TAG_ACPI_OLD, sizeof(struct multiboot2_tag) + MULTIBOOT2_RSDP_OLD, false, read_rsdp},
	{MULTIBOOT2_TAG_ACPI_NEW, sizeof(struct multiboot2_tag) + MULTIBOOT2_RSDP_NEW, false, read_rsdp},
};

/* Of several tags of one type the first counts. A type that no row has is skipped. */
static void read_tag(struct parse *p, const struct tag *t)
{
	for (u32 i = 0; i < ARRAY_SIZE(tag_kinds); i++) {
		const struct tag_kind *k = &tag_kinds[i];

		if (k->type != t->type)
			continue;
		if (t->size < k->least) {
			tag_problem(p->bi, t, "needs %u bytes, ignored", k->least);
		} else if (!k->many && (p->seen & BIT(i))) {
			tag_problem(p->bi, t, "occurs again, ignored");
		} else {
			p->seen |= BIT(i);
			k->read(p, t);
		}
		return;
	}
}

/* Walks [data, data + total). Each step is at least 8 bytes, so it ends. */
static void walk_tags(struct parse *p, const u8 *data, u32 total)
{
	struct boot_info *bi = p->bi;
	struct multiboot2_tag head;
	u64 at = sizeof(struct multiboot2_info);

	while (at + sizeof(head) <= total) {
		struct tag t;

		memcpy(&head, data + at, sizeof(head));
		t = (struct tag){data + at, at, head.type, head.size};
		if (t.size < sizeof(head)) {
			tag_problem(bi, &t, "too small to be one, stopped here");
			return;
		}
		if (t.type == MULTIBOOT2_TAG_END) {
			if (t.size != sizeof(head))
				tag_problem(bi, &t, "end tag of a wrong size");
			return;
		}
		if (t.size > total - at) {
			tag_problem(bi, &t, "runs past the end at %#x, stopped here", total);
			return;
		}
		read_tag(p, &t);
		at = ALIGN_UP(at + t.size, MULTIBOOT2_TAG_ALIGN);
	}
	boot_problem(bi, "multiboot2 information: no end tag within its %u bytes", total);
}

int multiboot2_parse(const void *info, size_t limit, struct boot_info *bi)
{
	struct multiboot2_info fixed = {0};
	struct parse p = {.bi = bi};

	boot_info_init(bi, "multiboot2");
	if (info && limit >= sizeof(fixed))
		memcpy(&fixed, info, sizeof(fixed));
	if (fixed.total_size < sizeof(fixed) + sizeof(struct multiboot2_tag) || fixed.total_size > limit) {
		boot_problem(bi, "multiboot2 information: size %u, %lu can be read", fixed.total_size, limit);
		return -1;
	}
	if (!IS_ALIGNED(fixed.total_size, MULTIBOOT2_TAG_ALIGN))
		boot_problem(bi, "multiboot2 information: size %u is not a multiple of %d", fixed.total_size,
			     MULTIBOOT2_TAG_ALIGN);
	walk_tags(&p, info, fixed.total_size);
	use_basic_memory(&p);
	boot_check_memmap(bi);
	return 0;
}
