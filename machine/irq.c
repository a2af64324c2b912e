/* Routing of devices' interrupts: see machine/irq.h. */
#include "machine/irq.h"

#include "lib/errno.h"
#include "lib/log.h"
#include "machine/acpi.h"
#include "machine/ioapic.h"
#include "machine/ipi_ops.h"
#include "machine/percpu.h"
#include "machine/pic.h"
#include "machine/pit.h"
#include "pvops/qspinlock.h"

#define TICK_HZ 10000
#define TICK_NS 20000000UL /* to wait for one */

static const struct irq_chip *const chips[] = {&pic_chip, &ioapic_chip};
static const struct irq_chip *chip = &pic_chip;
static trap_handler handlers[IRQ_LINES];
static u16 enabled; /* a bit a line; with the chips, guarded by: */
static struct qspinlock lock;
static bool arrive;

/* Whose vector it is; NULL: no line's. */
static const struct irq_chip *owner(unsigned vector)
{
	for (unsigned i = 0; i < ARRAY_SIZE(chips); i++)
		if (vector - chips[i]->vector < IRQ_LINES)
			return chips[i];
	return NULL;
}

/* Both chips' vectors lead here: one that was on its way when the chip was changed still finds its handler. */
static bool line_interrupt(struct pt_regs *regs)
{
	const struct irq_chip *from = owner((unsigned)regs->vector);
	unsigned line = (unsigned)regs->vector - from->vector;
	trap_handler handler;

	if (from->ghost && from->ghost(line)) {
		this_cpu()->ghost_count++;
		return true;
	}
	handler = __atomic_load_n(&handlers[line], __ATOMIC_ACQUIRE); /* irq_free() may take it away meanwhile */
	return handler && handler(regs);
}

void irq_end(unsigned vector)
{
	const struct irq_chip *from = owner(vector);

	if (from)
		from->end(vector - from->vector);
	else if (ipi_ops)
		ipi_ops->end(vector);
}

/* ---- lines ---- */

const struct irq_chip *irq_chip(void)
{
	return chip;
}

void irq_init(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(chips); i++)
		for (unsigned line = 0; line < IRQ_LINES; line++)
			trap_set_handler(chips[i]->vector + line, line_interrupt);
	chip = &pic_chip;
	enabled = 0;
	pic_init();
}

void irq_use(const struct irq_chip *to)
{
	ulong flags = spin_lock_irq_save(&lock);

	chip->stop();
	chip = to;
	chip->start();
	for (unsigned line = 0; line < IRQ_LINES; line++)
		if ((enabled & BIT(line)) && chip->has(line))
			chip->unmask(line);
	spin_unlock_irq_restore(&lock, flags);
}

void irq_enable(unsigned line)
{
	ulong flags = spin_lock_irq_save(&lock);

	if (!(enabled & BIT(line)) && chip->has(line)) /* again could lose an edge */
		chip->unmask(line);
	enabled |= (u16)BIT(line);
	spin_unlock_irq_restore(&lock, flags);
}

void irq_disable(unsigned line)
{
	ulong flags = spin_lock_irq_save(&lock);

	enabled &= (u16)~BIT(line);
	if (chip->has(line))
		chip->mask(line);
	spin_unlock_irq_restore(&lock, flags);
}

bool irq_enabled(unsigned line)
{
	return enabled & BIT(line);
}

u16 irq_disable_all(void)
{
	u16 were = enabled;

	for (unsigned line = 0; line < IRQ_LINES; line++)
		if (were & BIT(line))
			irq_disable(line);
	return were;
}

void irq_enable_lines(u16 lines)
{
	for (unsigned line = 0; line < IRQ_LINES; line++)
		if (lines & BIT(line))
			irq_enable(line);
}

trap_handler irq_handler(unsigned line)
{
	return handlers[line];
}

trap_handler irq_set_handler(unsigned line, trap_handler handler)
{
	return __atomic_exchange_n(&handlers[line], handler, __ATOMIC_ACQ_REL);
}

int irq_request(unsigned line, trap_handler handler)
{
	irq_set_handler(line, handler);
	irq_enable(line);
	return chip->has(line) ? 0 : -ENODEV;
}

void irq_free(unsigned line)
{
	irq_disable(line);
	irq_set_handler(line, NULL);
}

unsigned irq_vector(unsigned line)
{
	return chip->vector + line;
}

const char *irq_vector_name(unsigned vector)
{
	static const char *const local[256] = {
#define NAME_(name, number, text) [number] = (text),
		LOCAL_VECTORS(NAME_)
#undef NAME_
	};
	const struct irq_chip *from = owner(vector);

	return from ? from->name : local[vector];
}

u64 irq_count(unsigned line)
{
	u64 sum = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(chips); i++)
		sum += trap_irq_count(chips[i]->vector + line);
	return sum;
}

/* ---- choosing ---- */

static bool tick_arrives(void)
{
	bool arrived;

	pit_start(TICK_HZ);
	arrived = pit_wait(1, TICK_NS);
	pit_stop();
	return arrived;
}

bool irq_arrive(void)
{
	return arrive;
}

void irq_choose(bool allowed)
{
	const char *why = !allowed ? "by noioapic" : !ipi_ops ? "no local APIC is used" : ioapic_init(&acpi_info);
	bool usable = !why;

	if (usable) {
		irq_use(&ioapic_chip);
		arrive = tick_arrives() || (ioapic_guess_timer() && tick_arrives());
		if (arrive) {
			log_line("irq", "IOAPIC: a tick arrives");
			return;
		}
		irq_use(&pic_chip);
		why = "no tick arrives by IOAPIC";
	}
	arrive = tick_arrives();
	if (arrive || !usable) {
		log_line("irq", "PIC%s %s%s", allowed ? ":" : ",", why, arrive ? "" : "; no tick arrives");
		return;
	}
	irq_use(&ioapic_chip); /* the PIT is to blame: what the firmware names is the better guess */
	log_line("irq", "IOAPIC, though no tick arrives, by PIC neither");
}
