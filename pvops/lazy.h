/*
 * Lazy mode: between enter and leave a backend may queue updates of page tables and hand them over in one go. Native
 * never queues. Nesting counts, an inner leave flushes; entering in an interrupt is a bug. Each
 * CPU has its own.
 */
#ifndef PVOPS_LAZY_H
#define PVOPS_LAZY_H

/* Begins a batch of page-table updates: entries written in it are not to be read back before leave or flush. */
void lazy_mmu_enter(void);
/* Ends it; all updates are in the tables when it returns. */
void lazy_mmu_leave(void);
/* Makes updates queued so far visible, and goes on. No effect outside a batch. */
void lazy_mmu_flush(void);
/* Depth of nesting; 0: not lazy. */
unsigned lazy_mmu_depth(void);
/* Called around interrupts (machine/): depth of interrupts in which lazy mode may not be entered. */
void lazy_irq_enter(void);
void lazy_irq_leave(void);
/* How many interrupts are being handled, one inside the other. */
unsigned lazy_irq_depth(void);

#endif
