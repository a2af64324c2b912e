/* The clock chip's periodic interrupt: a real line 8 (MC146818: register B enables it, reading C ends it). */
#ifndef TESTS_RTC_H
#define TESTS_RTC_H

#include "machine/irq.h"

#define RTC_PATIENCE_NS 500000000UL /* for something that takes a millisecond */

/* Interrupts on or off; returns what they were, for rtc_stop(). */
u8 rtc_start(void);
void rtc_stop(u8 before);
/* Its line goes down. */
void rtc_answer(void);

/*
 * Lets line 8 interrupt, into @handler, until *@count is @enough, or patience is out: false. Interrupts off, before and
 * after.
 */
bool rtc_wait(trap_handler handler, const volatile unsigned *count, unsigned enough);

#endif
