// SPDX-License-Identifier: MIT
/* rtt.c - round trip of one path
 *
 * Smoothing and deviation as RFC 6298 section 2. The least is kept in two windows of 10 s, so that a route
 * that became longer is believed after 10 to 20 s without storing samples.
 */
#include "path/rtt.h"

#define PATIENCE_UNKNOWN_US (300 * MSEC)
#define PATIENCE_LEAST_US (10 * MSEC)

static void smooth(struct rtt *r, u32 rtt_us)
{
	u32 away;

	if (!r->any) {
		r->any = true;
		r->srtt_us = rtt_us;
		r->rttvar_us = rtt_us / 2;
		return;
	}
	away = r->srtt_us > rtt_us ? r->srtt_us - rtt_us : rtt_us - r->srtt_us;
	r->rttvar_us = (u32)(((u64)r->rttvar_us * 3 + away) / 4);
	r->srtt_us = (u32)(((u64)r->srtt_us * 7 + rtt_us) / 8);
}

/* The filling window takes over when its time is up; unless all it holds is too old as well. */
static void turn_window(struct rtt *r, u32 rtt_us, u64 now_us)
{
	u64 age_us = now_us - r->window_began_us;

	if (age_us < RTT_MIN_WINDOW_US)
		return;
	r->min_us = age_us < 2 * RTT_MIN_WINDOW_US ? r->next_min_us : rtt_us;
	r->next_min_us = rtt_us;
	r->window_began_us = now_us;
}

void rtt_sample(struct rtt *r, u32 rtt_us, u32 ack_delay_us, u64 now_us)
{
	rtt_us = MAX(rtt_us, 1u);	/* 0 means unknown everywhere */

	if (!r->any) {
		r->min_us = rtt_us;
		r->next_min_us = rtt_us;
		r->window_began_us = now_us;
	} else {
		turn_window(r, rtt_us, now_us);
		r->min_us = MIN(r->min_us, rtt_us);
		r->next_min_us = MIN(r->next_min_us, rtt_us);
	}
	if ((u64)r->min_us + ack_delay_us <= rtt_us)
		rtt_us -= ack_delay_us;
	r->latest_us = rtt_us;
	smooth(r, rtt_us);
}

u64 rtt_patience_us(const struct rtt *r, u64 extra_us)
{
	u64 patience_us;

	if (!r->any)
		return PATIENCE_UNKNOWN_US;
	patience_us = (u64)r->srtt_us + 4 * (u64)r->rttvar_us + extra_us;
	return MAX(patience_us, PATIENCE_LEAST_US);
}
