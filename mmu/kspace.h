/*
 * Kernel space: the final page tables of the kernel, built once at boot from the table of regions
 * (mmu/region.h) and the memory map. Every frame of RAM is in the direct map, in the largest pages
 * the CPU has; the image is mapped section by section, each with its rights; what need not be
 * mapped is not, page zero and the guards of the stacks among it.
 *
 * Must not know: processes. Read next: mmu/kspace.c, mmu/audit.h.
 */
#ifndef MMU_KSPACE_H
#define MMU_KSPACE_H

#include "lib/addr.h"
#include "lib/types.h"
#include "mmu/pt.h"

/* The kernel's root; live from kspace_init() on. Changed by boot, by kspace_map_mmio()
 * and by tests, on the boot CPU: no lock. */
extern struct pt_root kspace_root;

/*
 * Builds the tables from frame_memmap() and loads CR3, by @enter where that takes more (another number of levels), else
 * NULL. Boot only, after frame_init(), on a stack in the image, EFER.NXE set.
 * Lets the frame allocator reach all RAM. 0, or -ENOMEM with nothing loaded.
 */
int kspace_init(const struct pt_caps *caps, void (*enter)(pa_t top));

/*
 * Gives @root, a process's of as many levels, the kernel's half: what is mapped there later is seen by it too. Nothing
 * of its own may be in that half, now or later (-EINVAL); pt_root_destroy() leaves it alone.
 */
void kspace_share(struct pt_root *root);

/* Loads CR3 with the kernel's root: back from any other one. This CPU. */
void kspace_activate(void);

/*
 * Maps [pa, pa + size) uncached, not executable, in the mmio region; NULL: no room, or no frame for
 * a table. Any alignment: the pages around are mapped. RAM is refused (it has an address). Not from
 * interrupts.
 */
void *kspace_map_mmio(pa_t pa, u64 size);

/*
 * The same for memory that is only written, and seldom read: write-combining, where the CPU has that (pat_has_wc()),
 * else uncached. Stores may reach the device late and in another order: an sfence ends that.
 */
void *kspace_map_wc(pa_t pa, u64 size);

/* Unmaps what the two gave; the addresses are not used again. */
void kspace_unmap_mmio(void *va, u64 size);

#endif
