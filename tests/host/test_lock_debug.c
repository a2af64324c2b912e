/*
 * The lock watch (pvops/lock_debug.h) and its panics: each violation by the real locks, with both places in what is
 * said. CPUs, interrupts and NMIs are variables here.
 */
#define PARAVANE_HOST
#define PARAVANE_DEBUG
#include "tests/host/host.h"
#include "tests/host/fakes.h"

#include "arch/cpu_local.h"

static struct cpu_local cpus[2];
static unsigned current;
struct cpu_local *cpu_locals[NR_CPUS] = {&cpus[0], &cpus[1]};

#define cpu_local() (&cpus[current])

#include "pvops/lock_debug.c"
#include "pvops/qspinlock.c"
#include "pvops/qrwlock.c"

static ulong rflags;
static bool panicking;

/* A lock that nobody gives back: what would wait for ever must have panicked before. */
void pv_queued_spin_lock_slowpath(struct qspinlock *lock, u32 val)
{
	fail_msg("waits for lock %p, %#x", (void *)lock, val);
}

void pv_queued_spin_unlock(struct qspinlock *lock)
{
	native_queued_spin_unlock(lock);
}

ulong pv_save_fl(void)
{
	return rflags;
}

void pv_irq_disable(void)
{
	rflags &= ~X86_EFLAGS_IF;
}

void pv_restore_fl(ulong flags)
{
	rflags = flags;
}

unsigned lazy_irq_depth(void)
{
	return cpu_local()->irq_depth;
}

bool panic_started(void)
{
	return panicking;
}

static struct qspinlock a, b;
static struct qrwlock rw;

/* The locks have names, all else is a place in the code. */
bool ksym_lookup(ulong addr, struct ksym *out)
{
	const struct {
		const char *name;
		const void *at;
	} locks[] = {{"lock_a", &a}, {"lock_b", &b}, {"lock_rw", &rw}};

	*out = (struct ksym){"code", 0, addr};
	for (unsigned i = 0; i < ARRAY_SIZE(locks); i++)
		if (addr == (ulong)locks[i].at)
			*out = (struct ksym){locks[i].name, addr, 0};
	return true;
}

static int reset(void **state)
{
	(void)state;
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	memset(&rw, 0, sizeof(rw));
	memset(held, 0, sizeof(held));
	memset(caller, 0, sizeof(caller));
	memset(lock_debug_in_nmi, 0, sizeof(lock_debug_in_nmi));
	memset(cpus, 0, sizeof(cpus));
	cpus[1].id = 1;
	current = 0;
	rflags = X86_EFLAGS_IF;
	panicking = false;
	return 0;
}

/* An interrupt's begin and end. */
static void interrupt(bool in)
{
	cpus[current].irq_depth += in ? 1U : -1U;
	rflags = in ? 0 : X86_EFLAGS_IF;
}

/* It panicked, with these words, and two places if @places says so. */
static void expect_text(const char *begin, const char *and, int places)
{
	int found = 0;

	if (strncmp(fake_panic_text, begin, strlen(begin)) != 0 || !strstr(fake_panic_text, and))
		fail_msg("'%s', not '%s ... %s'", fake_panic_text, begin, and);
	for (const char *at = fake_panic_text; (at = strstr(at, "code+0x")); at++)
		found++;
	assert_int_equal(found, places);
}

#define EXPECT_PANIC(expression, begin, and, places)                                                                   \
	do {                                                                                                           \
		assert_true(PANICS(expression));                                                                       \
		expect_text(begin, and, places);                                                                       \
	} while (0)

static void take_and_give(struct qspinlock *lock)
{
	spin_lock(lock);
	spin_unlock(lock);
}

static void open_after_interrupt(void **state)
{
	(void)state;
	spin_unlock_irq_restore(&a, spin_lock_irq_save(&a));
	interrupt(true);
	take_and_give(&a);
	interrupt(false);
	spin_unlock_irq_restore(&a, spin_lock_irq_save(&a));
	EXPECT_PANIC(spin_lock(&a), "lock lock_a: taken with interrupts enabled at code+", "; in an interrupt at ", 2);
	EXPECT_PANIC(spin_trylock(&a), "lock lock_a: taken with interrupts enabled at", "; in an interrupt at ", 2);
}

static void interrupt_after_open(void **state)
{
	(void)state;
	take_and_give(&a);
	take_and_give(&b);
	interrupt(true);
	EXPECT_PANIC(spin_lock_irq_save(&a), "lock lock_a: taken in an interrupt at", "; with interrupts enabled at",
		     2);
	lock_debug_caller(0);
	assert_true(spin_trylock(&b)); /* waits for nobody */
	spin_unlock(&b);
}

/* Reading in an interrupt forbids to write openly, not to read; writing in one forbids both. */
static void readers_and_writers(void **state)
{
	(void)state;
	interrupt(true);
	read_lock(&rw);
	read_lock(&rw);
	read_unlock(&rw);
	read_unlock(&rw);
	interrupt(false);
	read_lock(&rw);
	read_unlock(&rw);
	write_unlock_irq_restore(&rw, write_lock_irq_save(&rw));
	EXPECT_PANIC(write_lock(&rw), "lock lock_rw: taken with interrupts enabled", "; in an interrupt", 2);
	reset(NULL);
	interrupt(true);
	write_lock(&rw);
	write_unlock(&rw);
	interrupt(false);
	EXPECT_PANIC(read_lock(&rw), "lock lock_rw: taken with interrupts enabled", "; in an interrupt", 2);
	reset(NULL);
	assert_true(read_trylock(&rw));
	read_unlock(&rw);
	interrupt(true);
	read_lock(&rw);
	read_unlock(&rw);
	EXPECT_PANIC(write_lock(&rw), "lock lock_rw: taken in an interrupt", "; with interrupts enabled", 2);
}

static void twice(void **state)
{
	(void)state;
	rflags = 0;
	spin_lock(&a);
	spin_lock(&b);
	EXPECT_PANIC(spin_lock(&a), "lock lock_a: taken twice by one CPU: again at code+", "; first at code+", 2);
	assert_false(spin_trylock(&a));
	read_lock(&rw);
	EXPECT_PANIC(read_lock(&rw), "lock lock_rw: taken twice by one CPU", "; first at", 2);
	EXPECT_PANIC(write_lock(&rw), "lock lock_rw: taken twice by one CPU", "; first at", 2);
	read_unlock(&rw);
	write_lock(&rw);
	cpus[0].irq_depth = 1;
	EXPECT_PANIC(read_lock(&rw), "lock lock_rw: taken twice by one CPU", "; first at", 2);
}

static void released_by_another(void **state)
{
	(void)state;
	EXPECT_PANIC(spin_unlock(&a), "lock lock_a: released by a CPU that does not hold it at", "(CPU 0)", 1);
	spin_lock(&a);
	read_lock(&rw);
	current = 1;
	EXPECT_PANIC(spin_unlock(&a), "lock lock_a: released by another CPU than its holder", "(CPU 1); taken at", 2);
	EXPECT_PANIC(read_unlock(&rw), "lock lock_rw: released by a CPU that does not hold it", "; last taken at", 2);
	current = 0;
	read_unlock(&rw);
	spin_unlock(&a);
	EXPECT_PANIC(spin_unlock(&a), "lock lock_a: released by a CPU that does not hold it", "; last taken at", 2);
	EXPECT_PANIC(write_unlock(&rw), "lock lock_rw: released by a CPU that does not hold it", "; last taken at", 2);
}

static void in_an_nmi(void **state)
{
	(void)state;
	lock_debug_nmi(0, 1);
	EXPECT_PANIC(spin_lock(&a), "lock lock_a: taken in an NMI at", "(CPU 0)", 1);
	EXPECT_PANIC(read_lock(&rw), "lock lock_rw: taken in an NMI at", "(CPU 0)", 1);
	lock_debug_nmi(0, -1);
	take_and_give(&b);
}

static void left_with(void **state)
{
	static u32 before;

	(void)state;
	rflags = 0;
	lock_debug_none_held("goes idle");
	spin_lock(&a);
	EXPECT_PANIC(lock_debug_none_held("goes idle"), "lock lock_a: goes idle at", "; holds it: taken at", 2);
	before = lock_debug_irq_enter();
	lock_debug_irq_leave(before);
	read_lock(&rw);
	EXPECT_PANIC(lock_debug_irq_leave(before), "lock lock_rw: still held at the end of an interrupt", "; taken", 2);
	current = 1;
	lock_debug_none_held("goes idle");
}

/* A reader in an interrupt gives back its own, not that of whom it interrupted. */
static void reader_over_reader(void **state)
{
	static u32 before;

	(void)state;
	read_lock(&rw);
	before = lock_debug_irq_enter();
	interrupt(true);
	read_lock(&rw);
	read_unlock(&rw);
	interrupt(false);
	lock_debug_irq_leave(before);
	read_unlock(&rw);
	lock_debug_none_held("goes idle");
}

/* Slots are had again in any order, and there are enough of them. */
static void many_at_once(void **state)
{
	static struct qspinlock many[HELD_MAX + 1];

	(void)state;
	rflags = 0;
	spin_lock(&a);
	spin_lock(&b);
	spin_unlock(&a);
	spin_lock(&a);
	spin_unlock(&b);
	spin_unlock(&a);
	lock_debug_none_held("goes idle");
	for (unsigned i = 0; i < HELD_MAX; i++)
		spin_lock(&many[i]);
	assert_true(PANICS(spin_lock(&many[HELD_MAX])));
}

/* The violation's own panic must not be one of the watch: it prints, and that takes locks. */
static void silent_in_a_panic(void **state)
{
	(void)state;
	spin_lock(&a);
	panicking = true;
	lock_debug_none_held("goes idle");
	lock_debug_nmi(0, 1);
	take_and_give(&b);
	spin_unlock(&a);
	spin_unlock(&a);
}

static char heard[320];

static void hear(const char *text)
{
	strcpy(heard, text);
}

static void hook_in_place_of_the_panic(void **state)
{
	(void)state;
	lock_debug_set_hook(hear);
	spin_unlock(&a);
	lock_debug_set_hook(NULL);
	assert_memory_equal(heard, "lock lock_a: released", 21);
	assert_true(PANICS(spin_unlock(&a)));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup(open_after_interrupt, reset),
	cmocka_unit_test_setup(interrupt_after_open, reset),
	cmocka_unit_test_setup(readers_and_writers, reset),
	cmocka_unit_test_setup(twice, reset),
	cmocka_unit_test_setup(released_by_another, reset),
	cmocka_unit_test_setup(in_an_nmi, reset),
	cmocka_unit_test_setup(left_with, reset),
	cmocka_unit_test_setup(many_at_once, reset),
	cmocka_unit_test_setup(reader_over_reader, reset),
	cmocka_unit_test_setup(silent_in_a_panic, reset),
	cmocka_unit_test_setup(hook_in_place_of_the_panic, reset),
};

HOST_MAIN("pvops_lock_debug", tests)
