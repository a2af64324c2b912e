/*
 * The monitor's view of interrupts: irqs. Lines as they are routed, vectors and their counts, and what came to each CPU
 * unasked for.
 */
#include "boot/monitor.h"
#include "lib/log.h"
#include "machine/ipi_ops.h"
#include "machine/irq.h"
#include "machine/percpu.h"
#include "machine/traps.h"

/* Lines as IBM wired them; what else has one on a PC has no driver here. */
static const char *const line_names[IRQ_LINES] = {
	[IRQ_PIT] = "PIT",
	[IRQ_KEYBOARD] = "keyboard",
	[IRQ_COM1] = "COM1",
	[IRQ_RTC] = "clock",
};

static void print_lines(void)
{
	printk("line  vector  state    %-30s       count  what\n", "at");
	for (unsigned line = 0; line < IRQ_LINES; line++) {
		char at[IRQ_DESCRIBE_SIZE];
		u64 count = irq_count(line);

		if (!irq_handler(line) && !count)
			continue;
		irq_chip()->describe(line, at);
		printk("%4u    0x%02x  %-7s  %-30s  %10lu  %s\n", line, irq_vector(line),
		       irq_enabled(line) ? "enabled" : "masked", at, count, line_names[line] ?: "");
	}
}

static bool is_line(unsigned vector)
{
	for (unsigned line = 0; line < IRQ_LINES; line++)
		if (vector == irq_vector(line))
			return true;
	return false;
}

static void print_vectors(void)
{
	for (unsigned vector = 32; vector < 256; vector++) {
		u64 count = trap_irq_count(vector);

		if (count && !is_line(vector))
			printk("vector 0x%02x  %10lu  %s\n", vector, count, irq_vector_name(vector) ?: "unexpected");
	}
}

static void print_cpus(void)
{
	printk(" CPU  interrupts        NMIs  spurious  PIC ghosts  unexpected  errors (last)\n");
	for (unsigned id = 0; id < NR_CPUS; id++) {
		const struct percpu *cpu;
		u64 all = 0;

		if (!cpumask_has(&cpu_online, id))
			continue;
		cpu = percpu_of(id);
		for (unsigned vector = 32; vector < 256; vector++)
			all += cpu->irq_count[vector];
		printk("%4u  %10lu  %10lu  %8lu  %10lu  %10lu  %6lu (%#x)\n", id, all, cpu->nmi_count,
		       cpu->spurious_count, cpu->ghost_count, cpu->unexpected_count, cpu->local_error_count,
		       cpu->local_error);
	}
}

static int cmd_irqs(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return MONITOR_USAGE;
	printk("lines by %s, between CPUs by %s\n", irq_chip()->name, ipi_ops ? ipi_ops->name : "nothing");
	print_lines();
	print_vectors();
	print_cpus();
	return MONITOR_DONE;
}
MONITOR_CMD(irqs, "irqs", "interrupts: how lines are routed, and what came to each CPU", cmd_irqs);
