// SPDX-License-Identifier: MIT
/* ack.c - what has been received on a path, and when to tell the peer */
#include "path/ack.h"

#include <string.h>

#define ACK_LEAST_SPACING_US (1 * MSEC)
#define ACK_SOON_BEYOND 3u	/* packets beyond a gap that prove it: worth an early ack */
#define ACK_SOON_PACKETS 32u
#define ACK_SOON_INTERVAL_US (5 * MSEC)	/* a longer one spares a thin path back */

void received_init(struct received *r)
{
	memset(r, 0, sizeof(*r));
	r->due_us = TIME_NEVER;
}

static void range_remove(struct ack *t, u32 i)
{
	t->range_count--;
	memmove(&t->ranges[i], &t->ranges[i + 1], (t->range_count - i) * sizeof(t->ranges[0]));
}

/* Makes room for a range before the i-th; when full, the oldest is forgotten, or the new one if it is older still. */
static void range_insert(struct ack *t, u32 i, u64 number)
{
	if (i == ACK_MAX_RANGES)
		return;
	if (t->range_count < ACK_MAX_RANGES)
		t->range_count++;
	memmove(&t->ranges[i + 1], &t->ranges[i], (t->range_count - 1 - i) * sizeof(t->ranges[0]));
	t->ranges[i] = (struct ack_range){ number, number };
}

/* False when the number is in a range already. */
static bool ranges_add(struct ack *t, u64 number)
{
	struct ack_range *range = t->ranges;
	u32 i = 0;

	while (i < t->range_count && range[i].first > number + 1)
		i++;
	if (i == t->range_count) {
		range_insert(t, i, number);
		return true;
	}
	if (range[i].first <= number && number <= range[i].last)
		return false;

	if (range[i].first == number + 1) {
		range[i].first = number;
		if (i + 1 < t->range_count && range[i + 1].last + 1 == number) {
			range[i].first = range[i + 1].first;
			range_remove(t, i + 1);
		}
	} else if (range[i].last + 1 == number) {
		range[i].last = number;
	} else {
		range_insert(t, i, number);
	}
	return true;
}

/* Has a gap just been proved a loss, as the sender counts? */
static bool gap_is_proved(const struct ack *t)
{
	return t->range_count > 1 && t->ranges[0].last - t->ranges[0].first + 1 == ACK_SOON_BEYOND;
}

/* Plans the ack that an eliciting packet asks for. */
static void plan_ack(struct received *r, u64 interval_us, u64 now_us)
{
	u64 soon_us;

	if (r->due_us == TIME_NEVER)
		r->due_us = now_us + interval_us;
	r->waiting++;
	if ((r->waiting < ACK_SOON_PACKETS || interval_us > ACK_SOON_INTERVAL_US) && !gap_is_proved(&r->totals))
		return;
	soon_us = MAX(now_us, r->last_ack_us + ACK_LEAST_SPACING_US);
	r->due_us = MIN(r->due_us, soon_us);
}

void received_note(struct received *r, u64 number, u32 bytes, u16 stamp, bool ce, bool eliciting, u64 interval_us, u32 age_us,
		   u64 now_us)
{
	struct ack *t = &r->totals;
	bool first = t->packets == 0;

	if (!first && number == t->largest + 1)
		t->ranges[0].last = number;	/* nearly always */
	else if (!ranges_add(t, number))
		return;

	if (first || number > t->largest) {
		t->largest = number;
		t->stamp = stamp;
		t->arrival = (u32)(now_us - age_us);
		r->largest_time_us = now_us - age_us;
	}
	t->packets++;
	t->bytes += bytes;
	t->ce += ce;

	if (eliciting)
		plan_ack(r, interval_us, now_us);
}

u64 received_due_us(const struct received *r)
{
	return r->due_us;
}

bool received_fill(struct received *r, u8 path_id, struct ack *out, u64 now_us)
{
	if (!r->totals.packets)
		return false;
	*out = r->totals;
	out->path_id = path_id;
	out->delay_us = (u32)MIN(now_us - r->largest_time_us, (u64)UINT32_MAX);

	r->due_us = TIME_NEVER;
	r->last_ack_us = now_us;
	r->waiting = 0;
	return true;
}

u64 ack_interval_us(u32 min_rtt_us)
{
	return MIN(MAX(min_rtt_us / 8, 2 * MSEC), 5 * MSEC);
}
