/*
 * The patch loop and the default hook: see pvops/patch.h. Cost matters (it is printed at boot, in instructions a site),
 * so the hot path copies whole words and finds a function's template by hash. Must not know any op by name: what
 * differs between ops is data (pv_ops.def, native_templates.def). Read next: pvops/backend.h.
 */
#include "pvops/patch.h"

#include "arch/poke.h"
#include "lib/ksyms.h"
#include "lib/log.h"
#include "lib/panic.h"
#include "lib/string.h"

extern const struct paravirt_patch_site __parainstructions_start[], __parainstructions_end[];
extern struct pv_site_state __pv_site_states[];
extern const struct pv_template __pv_templates_start[], __pv_templates_end[];

const struct pv_parking *pv_parking;

static bool park_others(void)
{
	return !pv_parking || pv_parking->park();
}

static void unpark_others(void)
{
	if (pv_parking)
		pv_parking->unpark();
}

/* One NOP of n bytes, SDM 2B table 4-12; row 9 is split by the copy into 8 + 1. */
static const u8 nops[PV_SITE_MAX + 1][16] __aligned(16) = {
	{0},
	{0x90},
	{0x66, 0x90},
	{0x0f, 0x1f, 0x00},
	{0x0f, 0x1f, 0x40, 0x00},
	{0x0f, 0x1f, 0x44, 0x00, 0x00},
	{0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00},
	{0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00},
	{0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
	{0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
};

/* Sixteen bytes at any alignment. */
struct copy16 {
	u64 low, high;
} __packed;

static inline void copy16(void *dst, const void *src)
{
	*(struct copy16 *)dst = *(const struct copy16 *)src;
}

unsigned pv_site_count(void)
{
	ulong bytes = (ulong)__parainstructions_end - (ulong)__parainstructions_start;

	return (unsigned)((bytes + sizeof(struct paravirt_patch_site) - 1) / sizeof(struct paravirt_patch_site));
}

const struct paravirt_patch_site *pv_site(unsigned index)
{
	return &__parainstructions_start[index];
}

struct pv_site_state *pv_site_state(unsigned index)
{
	return &__pv_site_states[index];
}

const struct paravirt_patch_site *pv_site_behind(const void *code, int type)
{
	const struct paravirt_patch_site *best = NULL;
	unsigned i;

	for (i = 0; i < pv_site_count(); i++) {
		const struct paravirt_patch_site *s = pv_site(i);

		if (s->type == type && (const void *)s->instr >= code && (!best || s->instr < best->instr))
			best = s;
	}
	return best;
}

/* Templates by function: chains through template_next, index + 1, 0 ends. Functions lie 16 bytes apart or more. */
#define TEMPLATE_BUCKETS 256
#define TEMPLATE_MAX     255
static u8 template_head[TEMPLATE_BUCKETS], template_next[TEMPLATE_MAX + 1];
static bool templates_hashed;

static inline unsigned template_bucket(const void *func)
{
	return ((ulong)func >> 4 ^ (ulong)func >> 12) % TEMPLATE_BUCKETS;
}

static void templates_hash(void)
{
	const struct pv_template *t = __pv_templates_start;
	unsigned i;

	BUG_ON(__pv_templates_end - t > TEMPLATE_MAX);
	for (i = 1; t < __pv_templates_end; t++, i++) {
		u8 *head = &template_head[template_bucket(t->func)];

		template_next[i] = *head;
		*head = (u8)i;
	}
	templates_hashed = true;
}

/* After templates_hash(). */
static __always_inline const struct pv_template *template_lookup(const void *func)
{
	unsigned i;

	for (i = template_head[template_bucket(func)]; i; i = template_next[i])
		if (likely(__pv_templates_start[i - 1].func == func))
			return &__pv_templates_start[i - 1];
	return NULL;
}

const struct pv_template *pv_template_find(const void *func)
{
	if (unlikely(!templates_hashed))
		templates_hash();
	return template_lookup(func);
}

/* A call or jump of five bytes; never ends in a place it was not meant for. */
static __always_inline int patch_branch(u8 type, const void *func, u8 *buf, ulong addr)
{
	long distance = (long)((ulong)func - (addr + 5));

	if (unlikely(distance != (s32)distance))
		return -PV_REFUSED_RANGE;
	buf[0] = pv_op_desc[type].class == PV_CLASS_JUMP ? 0xe9 : 0xe8;
	__builtin_memcpy(buf + 1, &distance, 4);
	return 5;
}

/* Inlined into both hooks, without a call in it: nothing is saved, and @inlining is a constant. */
static __always_inline int patch_slot(u8 type, u16 clobbers, u8 *buf, ulong addr, unsigned len, bool inlining)
{
	const void *func = pv_slot(type);
	const struct pv_template *t;

	if (unlikely(!func)) {
		buf[0] = 0x0f; /* ud2: an empty slot must not be called */
		buf[1] = 0x0b;
		return 2;
	}
	t = template_lookup(func);
	if (unlikely((t ? t->clobbers : CLBR_ANY) & ~clobbers))
		return -PV_REFUSED_CLOBBER;
	if (!t || !t->code || (!inlining && t->len))
		return patch_branch(type, func, buf, addr);
	if (unlikely(t->len > len))
		return -PV_REFUSED_LONG;
	copy16(buf, t->code);
	return t->len;
}

int pv_patch_default(u8 type, u16 clobbers, void *buf, ulong addr, unsigned len)
{
	return patch_slot(type, clobbers, buf, addr, len, true);
}

int pv_patch_direct(u8 type, u16 clobbers, void *buf, ulong addr, unsigned len)
{
	return patch_slot(type, clobbers, buf, addr, len, false);
}

const char *pv_refusal_text(int refusal)
{
	switch (-refusal) {
	case PV_REFUSED_RANGE:
		return "function out of rel32 range";
	case PV_REFUSED_LONG:
		return "template longer than the site";
	case PV_REFUSED_CLOBBER:
		return "function clobbers registers its callers keep";
	}
	return "unknown refusal";
}

static void log_refusal(const struct paravirt_patch_site *site, int refusal)
{
	const struct pv_op_desc *d = &pv_op_desc[site->type];
	struct ksym at;

	if (!ksym_lookup((ulong)site->instr, &at))
		at = (struct ksym){"?", 0, (ulong)site->instr};
	log_line("patch", "refused %s.%s at %p (%s+%#lx): %s; the site stays indirect", d->group, d->name,
		 (void *)site->instr, at.name, at.offset, pv_refusal_text(refusal));
}

/*
 * Patches one site inside a poke batch. A refused one gets its original bytes back: whatever stood there was for
 * another function. Records are well-formed: tools/check/check_image.py has looked at each.
 */
static int patch_site(const struct paravirt_patch_site *site, struct pv_site_state *state)
{
	u8 buf[PV_SITE_BUF + PV_SITE_BUF];
	int used;

	if (!(state->flags & PV_SITE_SAVED)) {
		copy16(state->original, site->instr); /* what it copies too much is set below, or spare */
		state->flags = PV_SITE_SAVED;
	} else {
		state->flags &= (u8)~PV_SITE_ARMED; /* what is written now holds no int3 */
	}
	used = pv_ops.init.patch(site->type, site->clobbers, buf, (ulong)site->instr, site->len);
	if (likely((unsigned)used <= site->len)) {
		copy16(buf + used, nops[site->len - used]);
		state->refusal = 0;
	} else {
		BUG_ON(used > 0 && used != PV_PATCH_KEEP);
		copy16(buf, state->original);
		state->refusal = used < 0 ? (u8)-used : 0;
	}
	if (unlikely(!poke_write(site->instr, buf, site->len)))
		panic("patching %s.%s at %p: text does not read back as written", pv_op_desc[site->type].group,
		      pv_op_desc[site->type].name, (void *)site->instr);
	return used;
}

struct pv_patch_result pv_patch(int type)
{
	const struct paravirt_patch_site *site = __parainstructions_start;
	struct pv_site_state *state = __pv_site_states;
	struct pv_patch_result result = {0, 0};
	ulong flags;

	BUG_ON(!park_others()); /* who can do without has tried it before */
	flags = poke_begin();
	if (unlikely(!templates_hashed))
		templates_hash();
	for (; site < __parainstructions_end; site++, state++) {
		if (type != PV_ALL_TYPES && site->type != type)
			continue;
		result.sites++;
		if (unlikely(patch_site(site, state) < 0))
			result.refused++;
	}
	poke_end(flags);
	unpark_others();
	if (unlikely(result.refused)) {
		for (site = __parainstructions_start, state = __pv_site_states; site < __parainstructions_end;
		     site++, state++)
			if (state->refusal && (type == PV_ALL_TYPES || site->type == type))
				log_refusal(site, -state->refusal);
	}
	return result;
}

void pv_unpatch(int type)
{
	const struct paravirt_patch_site *site = __parainstructions_start;
	struct pv_site_state *state = __pv_site_states;
	ulong flags;

	BUG_ON(!park_others());
	flags = poke_begin();
	for (; site < __parainstructions_end; site++, state++) {
		if (type != PV_ALL_TYPES && site->type != type)
			continue;
		if (!(state->flags & PV_SITE_SAVED))
			continue;
		BUG_ON(!poke_write(site->instr, state->original, site->len));
		state->flags &= (u8)~PV_SITE_ARMED;
		state->refusal = 0;
	}
	poke_end(flags);
	unpark_others();
}

/* The site that @address lies in, behind its first byte; NULL: none. */
static const struct paravirt_patch_site *site_around(ulong address)
{
	const struct paravirt_patch_site *site = __parainstructions_start;

	for (; site < __parainstructions_end; site++)
		if (address - (ulong)site->instr - 1 < site->len - 1UL)
			return site;
	return NULL;
}

/* Behind the call of a site as it was linked. */
static bool padding(ulong at, ulong end)
{
	while (at < end && *(const u8 *)at == 0x90)
		at++;
	return at == end;
}

ulong pv_site_leave(ulong address)
{
	const struct paravirt_patch_site *site = site_around(address);
	ulong end, left;

	if (!site)
		return address;
	end = (ulong)site->instr + site->len;
	left = end - address;
	return memcmp((const void *)address, nops[left], left) == 0 || padding(address, end) ? end : 0;
}

enum pv_kind pv_site_kind(const u8 *instr)
{
	if (instr[0] == 0xff && (instr[1] == 0x15 || instr[1] == 0x25))
		return PV_INDIRECT;
	if (instr[0] == 0xe8)
		return PV_DIRECT;
	if (instr[0] == 0xe9)
		return PV_JUMP;
	if (instr[0] == 0x0f && instr[1] == 0x0b)
		return PV_UD2;
	if (memcmp(instr, nops[6], 6) == 0 || memcmp(instr, nops[9], 9) == 0)
		return PV_NOTHING;
	return PV_INLINED;
}

const char *pv_kind_name(enum pv_kind kind)
{
	static const char *const names[PV_KINDS] = {"indirect", "direct", "jmp", "inlined", "nothing", "ud2"};

	return names[kind];
}
