/*
 * The two 8259 interrupt controllers: moved away from the exceptions' vectors, all lines masked but those asked for.
 * Intel 8259A data sheet; the wiring of a PC (slave on line 2) is by IBM.
 */
#ifndef MACHINE_PIC_H
#define MACHINE_PIC_H

#include "lib/types.h"

#define IRQ_PIT      0
#define IRQ_KEYBOARD 1
#define IRQ_COM1     4
#define IRQ_LINES    16

/* Initialises both, all lines masked. Interrupts off. */
void pic_init(void);
/* Lets line @irq through, or stops it. */
void pic_unmask(unsigned irq);
void pic_mask(unsigned irq);
/* Which lines are masked, a bit a line, as the chips say; and sets all of them at once. Interrupts off. */
u16 pic_masks(void);
void pic_set_masks(u16 masks);
/* The lines that are in service: their interrupt arrived and was not ended yet. Interrupts off. */
u16 pic_in_service(void);
/* Ends the interrupt of @vector; vectors that are not the PICs' are left alone. */
void pic_eoi(unsigned vector);

#endif
