/*
 * The machine under mmu/ on the host: physical memory is a reserved stretch of the host's, and each op is what native
 * does, or a count. Replaces arch/layout.h; to be included first. A test then includes the sources it is about.
 *
 * Must not know: any subject. Read next: tests/host/test_frame.c, tests/host/test_pt.c.
 */
#ifndef TESTS_HOST_MMU_FAKES_H
#define TESTS_HOST_MMU_FAKES_H

#define PARAVANE_HOST
#define ARCH_LAYOUT_H /* ours instead */

#include "tests/host/host.h"
#include "tests/host/fakes.h"
#include <sys/mman.h>

#include "lib/addr.h"
#include "pvops/pvops.h"
#include "pvops/qspinlock.h"

#define FAKE_RAM_END (8 * GIB)

static u8 *fake_ram;

static inline void *pa_va(pa_t at)
{
	if (pa_num(at) >= FAKE_RAM_END)
		abort();
	return fake_ram + pa_num(at);
}

static inline pa_t direct_pa(const void *va)
{
	return pa((u64)((const u8 *)va - fake_ram));
}

/* The image lies somewhere else than RAM. */
static inline pa_t image_pa(const void *va)
{
	return pa((1UL << 40) + ((ulong)va & 0xffffff000UL));
}

#define DIRECT_BASE          0xffff880000000000UL

#define assert_pa(got, want) assert_int_equal(pa_num(got), pa_num(want))

/* Fresh, zeroed physical memory. */
static inline void fake_ram_reset(void)
{
	if (fake_ram)
		munmap(fake_ram, FAKE_RAM_END);
	fake_ram = mmap(NULL, FAKE_RAM_END, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (fake_ram == MAP_FAILED)
		abort();
}

/* The interrupt flag: what a lock must leave as it was. */
static ulong fake_flags = 0x202;

ulong pv_save_fl(void)
{
	return fake_flags;
}

void pv_irq_disable(void)
{
	fake_flags &= ~0x200UL;
}

void pv_restore_fl(ulong flags)
{
	fake_flags = flags;
}

/* pvops/qspinlock.c's, by these. */
ulong spin_lock_irq_save(struct qspinlock *lock)
{
	ulong flags = pv_save_fl();

	pv_irq_disable();
	if (lock->val)
		abort();
	lock->val = QSPINLOCK_HELD;
	return flags;
}

void spin_unlock_irq_restore(struct qspinlock *lock, ulong flags)
{
	if (lock->val != QSPINLOCK_HELD)
		abort();
	lock->val = 0;
	pv_restore_fl(flags);
}

#endif
