/*
 * The two 8259 interrupt controllers: moved away from the exceptions' vectors, all lines masked but those asked for.
 * A driver of machine/irq.h's contract. Intel 8259A data sheet; the wiring of a PC (slave on line 2) is by IBM.
 */
#ifndef MACHINE_PIC_H
#define MACHINE_PIC_H

#include "machine/irq.h"

extern const struct irq_chip pic_chip;

#define PIC_VECTOR 0x20

/* Initialises both, all lines masked. Interrupts off. */
void pic_init(void);
/* Lets line @irq through, or stops it. Interrupts off, as for all of these. */
void pic_unmask(unsigned irq);
void pic_mask(unsigned irq);
/* Which lines are masked, a bit a line, as the chips say; and sets all of them at once. */
u16 pic_masks(void);
void pic_set_masks(u16 masks);
/* The lines that are in service: their interrupt arrived and was not ended yet. */
u16 pic_in_service(void);

#endif
