/* The 8259s: see machine/pic.h. */
#include "machine/pic.h"

#include "lib/printf.h"
#include "machine/ipi_ops.h"
#include "pvops/pvops.h"

#define MASTER_CMD  0x20
#define MASTER_DATA 0x21
#define SLAVE_CMD   0xa0
#define SLAVE_DATA  0xa1
#define EOI         0x20
#define READ_ISR    0x0b

static u16 masked = 0xffff;

static void out(u8 value, u16 port)
{
	pv_outb(value, port);
	pv_io_delay();
}

static void write_masks(void)
{
	out((u8)masked, MASTER_DATA);
	out((u8)(masked >> 8), SLAVE_DATA);
}

void pic_init(void)
{
	/* ICW1..4: edge-triggered, cascaded, vectors, wiring, 8086 mode. */
	static const struct {
		u8 value;
		u16 port;
	} words[] = {
		{0x11, MASTER_CMD},  {0x11, SLAVE_CMD},  {PIC_VECTOR, MASTER_DATA}, {PIC_VECTOR + 8, SLAVE_DATA},
		{0x04, MASTER_DATA}, {0x02, SLAVE_DATA}, {0x01, MASTER_DATA},       {0x01, SLAVE_DATA},
	};
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		out(words[i].value, words[i].port);
	masked = 0xffff;
	write_masks();
}

void pic_unmask(unsigned irq)
{
	masked &= (u16)~BIT(irq);
	if (irq >= 8)
		masked &= (u16)~BIT(2);
	write_masks();
}

void pic_mask(unsigned irq)
{
	masked |= (u16)BIT(irq);
	write_masks();
}

u16 pic_masks(void)
{
	return (u16)(pv_inb(MASTER_DATA) | pv_inb(SLAVE_DATA) << 8);
}

void pic_set_masks(u16 masks)
{
	masked = masks;
	write_masks();
}

static u8 in_service(u16 port)
{
	pv_outb(READ_ISR, port);
	return pv_inb(port);
}

u16 pic_in_service(void)
{
	return (u16)(in_service(MASTER_CMD) | in_service(SLAVE_CMD) << 8);
}

/*
 * A line that went away before it was acknowledged arrives as line 7 or 15 without being in service (8259A,
 * "spurious").
 */
static bool spurious(unsigned irq)
{
	if (irq != 7 && irq != 15)
		return false;
	return !(in_service(irq < 8 ? MASTER_CMD : SLAVE_CMD) & 0x80);
}

static void end(unsigned irq)
{
	bool ghost = spurious(irq);

	if (irq >= 8 && !ghost)
		pv_outb(EOI, SLAVE_CMD);
	if (irq >= 8 || !ghost) /* the master saw a real line 2 even if the slave's was a ghost */
		pv_outb(EOI, MASTER_CMD);
}

/* ---- the contract ---- */

static void start(void)
{
	pic_set_masks(0xffff);
	if (ipi_ops)
		ipi_ops->let_pic_through(true);
}

static void stop(void)
{
	pic_set_masks(0xffff);
	if (ipi_ops)
		ipi_ops->let_pic_through(false);
}

static bool has(unsigned irq)
{
	return irq != IRQ_CASCADE;
}

static void describe(unsigned irq, char buf[IRQ_DESCRIBE_SIZE])
{
	ksnprintf(buf, IRQ_DESCRIBE_SIZE, "PIC %u line %u, edge", irq / 8, irq % 8);
}

const struct irq_chip pic_chip = {
	.name = "PIC",
	.vector = PIC_VECTOR,
	.start = start,
	.stop = stop,
	.has = has,
	.mask = pic_mask,
	.unmask = pic_unmask,
	.ghost = spurious,
	.end = end,
	.describe = describe,
};
