// SPDX-License-Identifier: MIT
/* codel.c - when a flow has to be told to slow down: the CoDel of RFC 8289 */
#include "path/codel.h"

#include <math.h>

#define ANSWERED_PART 8u		/* so much less waits, and two packets: the sender has been told */
#define TOLD_FEW 4u			/* drops; who has not answered after these gets the RFC's, as may a burst that comes and goes */
#define RECENT_INTERVALS 16u	/* dropping that ended less long ago goes on where it stood */

/* Has every packet of the last interval waited too long? */
static bool is_standing(struct codel *c, const struct codel_limits *l, bool too_long, u64 now_us)
{
	if (!too_long) {
		c->above_us = 0;
		return false;
	}
	if (!c->above_us) {
		c->above_us = now_us + l->interval_us;
		return false;
	}
	return now_us >= c->above_us;
}

/* Distance to the next drop: the drop rate then grows linearly, and throughput of TCP goes with 1/sqrt(drop rate).
 * Once per drop, not per packet, so it may cost a division. */
static u64 distance_us(const struct codel *c, const struct codel_limits *l)
{
	return (u64)((double)l->interval_us / sqrt(c->count));
}

static u16 kib(u32 bytes)
{
	return (u16)MIN(bytes >> 10, (u32)UINT16_MAX);
}

/* True also while the sender still answers: it is judged by what became of the queue since the last time. */
static bool is_answered(struct codel *c, u32 left_bytes, u32 mtu_bytes)
{
	u16 before = c->left_kib;

	c->left_kib = kib(left_bytes);
	return c->count <= TOLD_FEW && c->left_kib + MAX(before / ANSWERED_PART, 2 * mtu_bytes >> 10) < before;
}

static void begin(struct codel *c, const struct codel_limits *l, u32 left_bytes, u64 now_us)
{
	u16 more = (u16)(c->count - c->count_before);
	bool recent = now_us < c->next_us + RECENT_INTERVALS * l->interval_us;

	c->dropping = true;
	c->count = more > 1 && recent ? more : 1;
	c->count_before = c->count;
	c->next_us = now_us + distance_us(c, l);
	c->left_kib = kib(left_bytes);
}

bool codel_signals(struct codel *c, const struct codel_limits *l, u64 waited_us, u32 left_bytes, u32 mtu_bytes,
		   u64 now_us)
{
	bool too_long = waited_us >= l->target_us && left_bytes > mtu_bytes;

	if (!is_standing(c, l, too_long, now_us)) {
		c->dropping = false;
		return false;
	}
	if (!c->dropping) {
		begin(c, l, left_bytes, now_us);
		return true;
	}
	if (now_us < c->next_us)
		return false;
	if (is_answered(c, left_bytes, mtu_bytes)) {
		c->next_us = now_us + distance_us(c, l);
		return false;
	}
	if (c->count < UINT16_MAX)
		c->count++;
	c->next_us += distance_us(c, l);
	return true;
}
