/*
 * The lock watch: see pvops/lock_debug.h. In debug images only (Makefile).
 *
 * Each CPU has a few slots for the locks that it holds. A slot is free or not, and an interrupt leaves the slots as it
 * found them, so no step here needs interrupts off. What a lock carries is written by who is about to take it, without
 * it: the two marks that are compared are each set before the other one is read, so that of two CPUs one sees both.
 *
 * It takes no lock, and is silent from a panic on. Read next: tests/test_lock_debug.c.
 */
#include "pvops/lock_debug.h"

#include "arch/cpu_local.h"
#include "arch/regs.h"
#include "lib/ksyms.h"
#include "lib/panic.h"
#include "lib/printf.h"
#include "pvops/lazy.h"
#include "pvops/qrwlock.h"

#define HELD_MAX 16 /* by one CPU at once */

_Static_assert(offsetof(struct qspinlock, debug) == 8 && offsetof(struct qrwlock, debug) == 8, "lock_text() says so");

struct held {
	struct lock_debug *lock; /* NULL: free */
	enum lock_mode mode;
	ulong site;
};

static struct held held[NR_CPUS][HELD_MAX]; /* each CPU's own */
static ulong caller[NR_CPUS];               /* lock_debug_caller()'s; 0: none */
u8 lock_debug_in_nmi[NR_CPUS];
static void (*violation_hook)(const char *text);

/* ---- saying it ---- */

struct name {
	char text[64];
};

static struct name name_of(ulong address)
{
	struct name n;
	struct ksym sym;

	if (!ksym_lookup(address, &sym))
		ksnprintf(n.text, sizeof(n.text), "%#lx", address);
	else if (sym.offset)
		ksnprintf(n.text, sizeof(n.text), "%s+%#lx", sym.name, sym.offset);
	else
		ksnprintf(n.text, sizeof(n.text), "%s", sym.name);
	return n;
}

/* "lock NAME: WHAT at SITE[; OTHER at SITE]". */
static void violation(const struct lock_debug *d, const char *what, ulong site, const char *other, ulong other_site)
{
	char text[320];
	int len = ksnprintf(text, sizeof(text), "lock %s: %s at %s (CPU %u)", name_of((ulong)d - 8).text, what,
			    name_of(site).text, cpu_local()->id);

	if (other)
		ksnprintf(text + len, sizeof(text) - (size_t)len, "; %s at %s", other, name_of(other_site).text);
	if (!violation_hook)
		panic("%s", text);
	violation_hook(text);
}

void lock_debug_set_hook(void (*hook)(const char *text))
{
	violation_hook = hook;
}

/* ---- what this CPU holds ---- */

/* How many slots reach up to the last one in use: what is taken later lies higher. */
static unsigned used(const struct held *mine)
{
	unsigned n = HELD_MAX;

	while (n && !mine[n - 1].lock)
		n--;
	return n;
}

/* The last one: a reader in an interrupt gives back its own. NULL: not held. */
static struct held *find(const struct lock_debug *d)
{
	struct held *mine = held[cpu_local()->id];

	for (unsigned i = HELD_MAX; i--;)
		if (mine[i].lock == d)
			return &mine[i];
	return NULL;
}

static void hold(struct lock_debug *d, enum lock_mode mode, ulong site)
{
	struct held *mine = held[cpu_local()->id], *slot = &mine[used(mine)];

	if (slot == &mine[HELD_MAX]) {
		violation(d, "taken as one too many for this CPU", site, NULL, 0);
		return;
	}
	slot->mode = mode;
	slot->site = site;
	__atomic_store_n(&slot->lock, d, __ATOMIC_RELEASE);
}

/* ---- contexts ---- */

/* True for the first. */
static void mark(ulong *first, ulong site)
{
	ulong none = 0;

	__atomic_compare_exchange_n(first, &none, site, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* A place where the lock was taken in a way that is at odds with @mode; 0: none. */
static ulong at_odds(const ulong at[2], enum lock_mode mode)
{
	ulong alone = __atomic_load_n(&at[LOCK_ALONE], __ATOMIC_SEQ_CST);

	if (alone || mode == LOCK_SHARED)
		return alone;
	return __atomic_load_n(&at[LOCK_SHARED], __ATOMIC_SEQ_CST);
}

/* Who only tries does not wait for whom it interrupted; but can be interrupted as anybody. */
static void check_context(struct lock_debug *d, enum lock_mode mode, ulong site, bool waits)
{
	ulong other;

	if (lazy_irq_depth()) {
		if (!waits)
			return;
		mark(&d->irq_at[mode], site);
		other = at_odds(d->open_at, mode);
		if (other)
			violation(d, "taken in an interrupt", site, "with interrupts enabled", other);
	} else if (pv_save_fl() & X86_EFLAGS_IF) {
		mark(&d->open_at[mode], site);
		other = at_odds(d->irq_at, mode);
		if (other)
			violation(d, "taken with interrupts enabled", site, "in an interrupt", other);
	}
}

/* ---- the steps of a lock ---- */

void lock_debug_caller(ulong site)
{
	caller[cpu_local()->id] = site;
}

/* Whom the take is for. */
static ulong asked_by(ulong site)
{
	return caller[cpu_local()->id] ?: site;
}

static void refuse_nmi(const struct lock_debug *d, ulong site)
{
	if (lock_debug_in_nmi[cpu_local()->id])
		violation(d, "taken in an NMI", site, NULL, 0);
}

static void note_taken(struct lock_debug *d, enum lock_mode mode, ulong site)
{
	d->taken_at = site;
	d->taken_by = cpu_local()->id;
	if (mode == LOCK_ALONE)
		d->holder = cpu_local()->id + 1;
	hold(d, mode, site);
}

/* A reader in an interrupt may be let in again: it passes who waits. */
void lock_debug_wait(struct lock_debug *d, enum lock_mode mode, ulong site)
{
	const struct held *before;

	if (panic_started())
		return;
	site = asked_by(site);
	refuse_nmi(d, site);
	before = find(d);
	if (before && !(mode == LOCK_SHARED && before->mode == LOCK_SHARED && lazy_irq_depth()))
		violation(d, "taken twice by one CPU: again", site, "first", before->site);
	check_context(d, mode, site, true);
}

void lock_debug_taken(struct lock_debug *d, enum lock_mode mode, ulong site)
{
	if (!panic_started())
		note_taken(d, mode, asked_by(site));
}

void lock_debug_tried(struct lock_debug *d, enum lock_mode mode, ulong site)
{
	if (panic_started())
		return;
	refuse_nmi(d, site);
	check_context(d, mode, site, false);
	note_taken(d, mode, site);
}

void lock_debug_release(struct lock_debug *d, enum lock_mode mode, ulong site)
{
	struct held *slot;

	if (panic_started())
		return;
	slot = find(d);
	if (slot && slot->mode == mode) {
		if (mode == LOCK_ALONE)
			d->holder = 0;
		__atomic_store_n(&slot->lock, NULL, __ATOMIC_RELEASE);
	} else if (d->holder) {
		violation(d, "released by another CPU than its holder", site, "taken", d->taken_at);
	} else {
		violation(d, "released by a CPU that does not hold it", site, d->taken_at ? "last taken" : NULL,
			  d->taken_at);
	}
}

/* ---- the steps of a CPU ---- */

void lock_debug_none_held(const char *what)
{
	const struct held *mine = held[cpu_local()->id];

	for (unsigned i = 0; i < HELD_MAX && !panic_started(); i++)
		if (mine[i].lock)
			violation(mine[i].lock, what, LOCK_CALLER, "holds it: taken", mine[i].site);
}

u32 lock_debug_irq_enter(void)
{
	const struct held *mine = held[cpu_local()->id];
	u32 mask = 0;

	_Static_assert(HELD_MAX <= 32, "a bit each");
	for (unsigned i = 0; i < HELD_MAX; i++)
		mask |= (mine[i].lock ? 1U : 0) << i;
	return mask;
}

void lock_debug_irq_leave(u32 before)
{
	const struct held *mine = held[cpu_local()->id];
	u32 more = lock_debug_irq_enter() & ~before;

	for (; more && !panic_started(); more &= more - 1) {
		const struct held *h = &mine[__builtin_ctz(more)];

		violation(h->lock, "still held at the end of an interrupt", LOCK_CALLER, "taken", h->site);
	}
}
