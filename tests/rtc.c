/* See tests/rtc.h. */
#include "tests/rtc.h"

#include "pvops/pvops.h"

#define RTC_B   0x0b
#define RTC_C   0x0c
#define RTC_PIE 0x40

static u8 cmos_read(u8 reg)
{
	pv_outb(reg, 0x70);
	return pv_inb(0x71);
}

static void cmos_write(u8 reg, u8 value)
{
	pv_outb(reg, 0x70);
	pv_outb(value, 0x71);
}

void rtc_answer(void)
{
	cmos_read(RTC_C);
}

u8 rtc_start(void)
{
	u8 b = cmos_read(RTC_B);

	rtc_answer();
	cmos_write(RTC_B, b | RTC_PIE);
	return b;
}

void rtc_stop(u8 before)
{
	cmos_write(RTC_B, before);
	rtc_answer();
}

bool rtc_wait(trap_handler handler, const volatile unsigned *count, unsigned enough)
{
	trap_handler former = irq_handler(IRQ_RTC);
	u64 deadline = pv_sched_clock() + RTC_PATIENCE_NS;
	u8 before;

	rtc_answer();
	irq_request(IRQ_RTC, handler);
	before = rtc_start();
	pv_irq_enable();
	while (*count < enough && pv_sched_clock() < deadline)
		asm volatile("pause");
	rtc_stop(before); /* before its line, so that none is under way */
	pv_irq_disable();
	irq_free(IRQ_RTC);
	irq_set_handler(IRQ_RTC, former);
	return *count >= enough;
}
