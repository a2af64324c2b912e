/*
 * The lock watch of debug images (pvops/lock_debug.h), shown each thing that it must not let pass, by the real locks in
 * real interrupts, on real CPUs; and what it must let pass. What it says is recorded in place of the panic: that is
 * seen by tests/harness/test_crash.py.
 */
#include "pvops/lock_debug.h"

#include "lib/printf.h"
#include "lib/string.h"
#include "machine/percpu.h"
#include "machine/traps.h"
#include "pvops/qrwlock.h"
#include "tests/ktest.h"
#include "tests/smp.h"
#include "tests/user.h"

#define VECTOR_TEST 0x91

static char said[320];
static u32 said_count;

static void record(const char *text)
{
	ksnprintf(said, sizeof(said), "%s", text);
	__atomic_add_fetch(&said_count, 1, __ATOMIC_RELEASE);
}

/* False: there is nothing to test. */
static bool begin(void)
{
	if (!LOCK_DEBUG) {
		ktest_not_here("no debug image");
		return false;
	}
	said_count = 0;
	said[0] = '\0';
	lock_debug_set_hook(record);
	return true;
}

static void end(void)
{
	lock_debug_set_hook(NULL);
}

/* It was said once, in these words; forgets it. */
#define EXPECT_SAID(...)                                                                                               \
	do {                                                                                                           \
		static const char *const words_[] = {__VA_ARGS__};                                                     \
		EXPECT_EQ(said_count, 1);                                                                              \
		for (unsigned i_ = 0; i_ < ARRAY_SIZE(words_); i_++)                                                   \
			if (!ktest_has(said, words_[i_]))                                                              \
				ktest_fail(__FILE__, __LINE__, "'%s' is not in '%s'", words_[i_], said);               \
		said_count = 0;                                                                                        \
	} while (0)

static void (*in_interrupt)(void);

static bool test_interrupt(struct pt_regs *regs)
{
	(void)regs;
	in_interrupt();
	return true;
}

static void interrupt_with(void (*fn)(void))
{
	trap_handler former = trap_set_handler(VECTOR_TEST, test_interrupt);

	in_interrupt = fn;
	asm volatile("int %0" ::"i"(VECTOR_TEST) : "memory");
	trap_set_handler(VECTOR_TEST, former);
}

/* ---- contexts ---- */

static struct qspinlock irq_lock, open_lock;

static __noinline void take_in_handler(void)
{
	spin_lock(&irq_lock);
	spin_unlock(&irq_lock);
}

static __noinline void take_open(struct qspinlock *lock)
{
	spin_lock(lock);
	spin_unlock(lock);
}

static __noinline void take_closed(struct qspinlock *lock)
{
	ulong flags = spin_lock_irq_save(lock);

	spin_unlock_irq_restore(lock, flags);
}

TEST(pvops_lock_debug_handlers_lock_taken_open)
{
	if (!begin())
		return;
	memset(&irq_lock, 0, sizeof(irq_lock));
	take_closed(&irq_lock);
	interrupt_with(take_in_handler);
	take_closed(&irq_lock);
	EXPECT_EQ(said_count, 0);
	take_open(&irq_lock);
	EXPECT_SAID("lock irq_lock: taken with interrupts enabled at take_open+",
		    "; in an interrupt at take_in_handler+");
	end();
}

static __noinline void take_the_open_one(void)
{
	take_closed(&open_lock);
}

/* The other way round; and a try counts where it can be interrupted, but waits for nobody. */
TEST(pvops_lock_debug_open_lock_taken_by_handler)
{
	if (!begin())
		return;
	memset(&open_lock, 0, sizeof(open_lock));
	EXPECT(spin_trylock(&open_lock));
	spin_unlock(&open_lock);
	EXPECT_EQ(said_count, 0);
	interrupt_with(take_the_open_one);
	EXPECT_SAID("lock open_lock: taken in an interrupt at take_closed+",
		    "; with interrupts enabled at pvops_lock_debug_open_lock_taken_by_handler+");
	end();
}

static struct qspinlock tried_lock;

static void try_in_handler(void)
{
	EXPECT(spin_trylock(&tried_lock));
	spin_unlock(&tried_lock);
}

TEST(pvops_lock_debug_try_in_handler_waits_for_nobody)
{
	if (!begin())
		return;
	interrupt_with(try_in_handler);
	take_open(&tried_lock);
	EXPECT_EQ(said_count, 0);
	end();
}

static struct qrwlock rw;

/* Twice: what it interrupted reads too. */
static void read_in_handler(void)
{
	read_lock(&rw);
	read_lock(&rw);
	read_unlock(&rw);
	read_unlock(&rw);
}

TEST(pvops_lock_debug_readers_are_not_at_odds)
{
	ulong flags;

	if (!begin())
		return;
	memset(&rw, 0, sizeof(rw));
	read_lock(&rw);
	interrupt_with(read_in_handler);
	read_unlock(&rw);
	flags = write_lock_irq_save(&rw);
	write_unlock_irq_restore(&rw, flags);
	EXPECT_EQ(said_count, 0);
	write_lock(&rw);
	write_unlock(&rw);
	EXPECT_SAID("lock rw: taken with interrupts enabled at ", "; in an interrupt at read_in_handler+");
	end();
}

/* ---- who holds it ---- */

static struct qspinlock held_lock;

TEST(pvops_lock_debug_taken_twice)
{
	if (!begin())
		return;
	spin_lock(&held_lock);
	lock_debug_wait(&held_lock.debug, LOCK_ALONE, LOCK_CALLER); /* and no further: it would wait for ever */
	EXPECT_SAID("lock held_lock: taken twice by one CPU: again at ", "; first at pvops_lock_debug_taken_twice+");
	spin_unlock(&held_lock);
	memset(&rw, 0, sizeof(rw));
	read_lock(&rw);
	lock_debug_wait(&rw.debug, LOCK_SHARED, LOCK_CALLER); /* outside an interrupt it may wait for a writer */
	EXPECT_SAID("lock rw: taken twice");
	lock_debug_wait(&rw.debug, LOCK_ALONE, LOCK_CALLER);
	EXPECT_SAID("lock rw: taken twice");
	read_unlock(&rw);
	end();
}

static void give_back(void *lock)
{
	spin_unlock(lock);
}

TEST(pvops_lock_debug_released_by_another)
{
	if (!begin())
		return;
	spin_unlock(&open_lock);
	EXPECT_SAID("lock open_lock: released by a CPU that does not hold it at ");
	if (!alone()) {
		spin_lock(&held_lock);
		EXPECT_EQ(smp_work(1, give_back, &held_lock), 0);
		EXPECT(all_done());
		EXPECT_SAID("lock held_lock: released by another CPU than its holder at give_back+", "(CPU 1)",
			    "; taken at pvops_lock_debug_released_by_another+");
		spin_unlock(&held_lock);
	}
	end();
}

TEST(pvops_lock_debug_nmi_is_refused)
{
	if (!begin())
		return;
	lock_debug_nmi(this_cpu()->id, 1);
	EXPECT(spin_trylock(&held_lock));
	lock_debug_nmi(this_cpu()->id, -1);
	EXPECT_SAID("lock held_lock: taken in an NMI at pvops_lock_debug_nmi_is_refused+");
	spin_unlock(&held_lock);
	end();
}

/* ---- what a CPU leaves with ---- */

static struct qspinlock kept_lock;

static void keep(void)
{
	spin_lock(&kept_lock);
}

TEST(pvops_lock_debug_interrupt_ends_with_a_lock)
{
	if (!begin())
		return;
	memset(&irq_lock, 0, sizeof(irq_lock));
	interrupt_with(keep);
	EXPECT_SAID("lock kept_lock: still held at the end of an interrupt at ", "; taken at keep+");
	interrupt_with(take_in_handler);
	EXPECT_EQ(said_count, 0); /* whom it interrupts may hold one */
	spin_unlock(&kept_lock);
	end();
}

static void keep_for(void *flags)
{
	*(ulong *)flags = spin_lock_irq_save(&kept_lock);
}

static void give_kept(void *flags)
{
	spin_unlock_irq_restore(&kept_lock, *(ulong *)flags);
}

TEST(pvops_lock_debug_idle_with_a_lock)
{
	u64 patience = pv_sched_clock() + PATIENCE_NS;
	ulong flags;

	if (!begin())
		return;
	if (!alone()) {
		EXPECT_EQ(smp_work(1, keep_for, &flags), 0);
		while (!__atomic_load_n(&said_count, __ATOMIC_ACQUIRE) && pv_sched_clock() < patience)
			asm volatile("pause");
		EXPECT_EQ(smp_work(1, give_kept, &flags), 0);
		EXPECT(all_done());
		said_count = min(said_count, 1U); /* it may have woken in between */
		EXPECT_SAID("lock kept_lock: goes idle at smp_idle", "(CPU 1); holds it: taken at keep_for+");
	}
	end();
}

static void keep_in_syscall(struct pt_regs *regs)
{
	(void)regs;
	spin_lock(&kept_lock);
}

/* The first trap goes back to user mode, the next one ends the run. */
static bool keep_in_trap(struct pt_regs *regs)
{
	(void)regs;
	if (user_trap_count > 1)
		return false;
	spin_lock(&kept_lock);
	return true;
}

TEST(pvops_lock_debug_user_mode_with_a_lock)
{
	struct pt_regs regs;

	if (!begin())
		return;
	memset(&kept_lock, 0, sizeof(kept_lock));
	if (user_setup()) {
		user_on_syscall = keep_in_syscall;
		regs = user_regs(user_syscall);
		user_run(&regs);
		spin_unlock(&kept_lock);
		EXPECT_SAID("lock kept_lock: returns to user mode at syscall_entry+", "taken at keep_in_syscall+");
		user_on_syscall = NULL;
		user_on_trap = keep_in_trap;
		regs = user_regs(user_int4);
		user_run(&regs);
		spin_unlock(&kept_lock);
		EXPECT_SAID("lock kept_lock: returns to user mode at trap_entry+", "taken at keep_in_trap+");
		user_teardown();
	}
	end();
}
