// SPDX-License-Identifier: MIT
/* delay.c - one-way delay of a path, and the queue that stands on it
 *
 * Two windows keep the least, as in rtt.c: a route that became longer is believed after 10 to 20 s. A queue counts only when
 * it stands for an interval: a late wake-up of either end delays a batch, a queue delays every packet.
 */
#include "path/delay.h"

static s32 above(u32 a, u32 b)
{
	return (s32)(a - b);
}

static u32 lesser(u32 a, u32 b)
{
	return above(a, b) < 0 ? a : b;
}

static void begin(struct delay *d, u32 us, u64 now_us)
{
	*d = (struct delay){
		.any = true,
		.latest_us = us,
		.min_us = us,
		.next_min_us = us,
		.window_began_us = now_us,
		.lowest_us = us,
		.standing_us = us,
		.interval_began_us = now_us,
		.smooth_us = us,
	};
}

static void turn_window(struct delay *d, u32 us, u64 now_us)
{
	u64 age_us = now_us - d->window_began_us;

	if (age_us < DELAY_MIN_WINDOW_US)
		return;
	if (age_us < 2 * DELAY_MIN_WINDOW_US)
		d->min_us = d->next_min_us;
	else
		d->min_us = d->lowest_us = d->standing_us = us;	/* after a pause nothing of before counts */
	d->next_min_us = us;
	d->window_began_us = now_us;
}

static void turn_interval(struct delay *d, u32 us, u64 interval_us, u64 now_us)
{
	if (now_us - d->interval_began_us < interval_us) {
		d->lowest_us = lesser(d->lowest_us, us);
		d->standing_us = lesser(d->standing_us, us);	/* a queue that is gone is gone at once */
		return;
	}
	d->standing_us = lesser(d->lowest_us, us);
	d->lowest_us = us;
	d->interval_began_us = now_us;
}

static void smooth(struct delay *d, u32 us)
{
	s32 off = above(us, d->smooth_us);

	d->smooth_us += (u32)(off / 8);
	d->jitter_us += (u32)(((off < 0 ? -off : off) - (s32)d->jitter_us) / 16);
}

void delay_sample(struct delay *d, u32 delay_us, u64 interval_us, u64 now_us)
{
	if (!d->any) {
		begin(d, delay_us, now_us);
		return;
	}
	turn_window(d, delay_us, now_us);
	d->latest_us = delay_us;
	d->min_us = lesser(d->min_us, delay_us);
	d->next_min_us = lesser(d->next_min_us, delay_us);
	turn_interval(d, delay_us, interval_us, now_us);
	smooth(d, delay_us);
}

u32 delay_queue_us(const struct delay *d)
{
	return (u32)MAX(above(d->standing_us, d->min_us), 0);
}

s32 delay_beyond(const struct delay *d, const struct delay *than)
{
	return above(d->standing_us, than->standing_us);
}

s32 delay_min_beyond(const struct delay *d, const struct delay *than)
{
	return above(d->min_us, than->min_us);
}
