// SPDX-License-Identifier: MIT
/* guard.c - is using all paths a gain over using the best one alone? */
#include "path/guard.h"

#define SHORT_PERCENT 97u		/* of what the anchor would carry alone */
#define LATE_PPM 5000u			/* of striped packets */
#define STRIPED_LEAST 200u		/* in a second: fewer tell no ratio */
#define SECONDS 2u
#define PART_US (250 * MSEC)
#define SLOW_PERCENT 90u
#define SLOW_SECONDS 6u
#define COMES_UP_PERCENT 120u		/* within these: a sender that is still growing, not one that is held down */
#define AGAIN_US (5 * SEC)		/* late packets so soon after others hold senders down */
#define PAUSE_FIRST_US (10 * SEC)
#define PAUSE_MOST_US (80 * SEC)
#define PAUSE_RESET_US (60 * SEC)	/* so long without: the next is a first one */
#define TRIAL_US (3 * SEC)		/* alone for so long: senders have had time to find their rate */
#define REGRET_PERCENT 90u		/* alone it carries less than this of what the bundle did */
#define DOUBT_US (30 * SEC)

static void begin_part(struct guard *g, const struct guard_view *v, u64 now_us)
{
	g->part_us = now_us;
	g->part_bytes = v->delivered_bytes;
}

static void begin_second(struct guard *g, const struct guard_view *v, u64 now_us)
{
	g->begun = true;
	g->second_us = now_us;
	g->always_backlogged = g->always_striping = true;
	g->once_backlogged = false;
	g->delivered_bytes = v->delivered_bytes;
	g->striped_packets = v->striped_packets;
	g->late_packets = v->late_packets;
	g->anchor_sum = g->anchor_count = 0;
	g->carried_more = false;
	begin_part(g, v, now_us);
}

static void note_part(struct guard *g, const struct guard_view *v, u64 now_us)
{
	u64 took_us = now_us - g->part_us, bytes = v->delivered_bytes - MIN(g->part_bytes, v->delivered_bytes);

	if (took_us < PART_US)
		return;
	g->carried_more |= bytes * SEC / took_us > v->anchor_rate;
	begin_part(g, v, now_us);
}

static void note(struct guard *g, const struct guard_view *v, u64 now_us)
{
	g->always_backlogged &= v->backlogged;
	g->once_backlogged |= v->backlogged;
	g->always_striping &= v->striping;
	g->anchor_sum += v->anchor_rate;
	g->anchor_count++;
	note_part(g, v, now_us);
}

static bool is_below(const struct guard *g, u64 rate, u32 percent)
{
	return rate * 100 < g->anchor_sum / MAX(g->anchor_count, 1u) * percent;
}

/* Seconds in a row: short ones with something waiting all the time, and slow ones with something waiting at times. Who sends in
 * bursts that the anchor alone would not carry offers little on average, and is not held down. */
static void judge_rate(struct guard *g, u64 rate)
{
	if (g->always_backlogged && g->always_striping && is_below(g, rate, SHORT_PERCENT))
		g->short_seconds++;
	else
		g->short_seconds = 0;
	if (!g->once_backlogged || !g->always_striping || g->carried_more || !is_below(g, rate, SLOW_PERCENT))
		g->slow_seconds = 0;
	else if (!g->slow_seconds++ || rate * 100 > g->slow_from * COMES_UP_PERCENT)
		g->slow_from = rate, g->slow_seconds = 1;
}

/* True: senders are held down, and the anchor alone would carry more than they send. */
static bool judge_held_down(struct guard *g, bool late, u64 rate, u64 now_us)
{
	bool again = g->held_down_us && now_us - g->held_down_us <= AGAIN_US;

	if (!is_below(g, rate, SHORT_PERCENT)) {
		g->held_down_us = 0;
		return false;
	}
	if (late)
		g->held_down_us = now_us;
	return late && again;
}

static bool judge_order(struct guard *g, const struct guard_view *v, u64 rate, u64 now_us)
{
	u64 striped = v->striped_packets - g->striped_packets, late = v->late_packets - g->late_packets;

	bool tells = g->always_striping && striped >= STRIPED_LEAST;

	if (tells && late * 1000000 > striped * LATE_PPM)
		g->late_seconds++;
	else
		g->late_seconds = 0;
	return (tells && judge_held_down(g, late, rate, now_us)) || g->late_seconds >= SECONDS;
}

static void shrink(struct guard *g, u64 now_us)
{
	bool again = g->pause_us && now_us - g->alone_until_us < PAUSE_RESET_US;

	g->pause_us = again ? MIN(2 * g->pause_us, PAUSE_MOST_US) : PAUSE_FIRST_US;
	g->alone_since_us = now_us;
	g->alone_until_us = now_us + g->pause_us;
	g->bundle_rate = g->rate;
	g->short_seconds = g->late_seconds = g->slow_seconds = 0;
	g->held_down_us = 0;
	g->shrinks++;
}

/* Alone it is worse still: what held the bundle down was not the bundle, or the estimate was wrong. */
static void check_regret(struct guard *g, u64 rate, u64 now_us)
{
	if (now_us - g->alone_since_us < TRIAL_US || g->second_us < g->alone_since_us)
		return;
	if (rate * 100 >= g->bundle_rate * REGRET_PERCENT)
		return;
	g->alone_until_us = now_us;
	g->doubt_until_us = now_us + DOUBT_US;
	g->pause_us = 0;
	g->regrets++;
}

u64 guard_look(struct guard *g, const struct guard_view *v, u64 now_us)
{
	bool disorder;
	u64 rate;

	if (!g->begun || now_us - g->second_us >= 3 * SEC)
		begin_second(g, v, now_us);	/* nothing was looked at for long: it was idle */
	note(g, v, now_us);
	if (now_us - g->second_us < SEC)
		return g->alone_until_us;
	rate = (v->delivered_bytes - MIN(g->delivered_bytes, v->delivered_bytes)) * SEC / (now_us - g->second_us);
	if (now_us < g->alone_until_us) {
		check_regret(g, rate, now_us);
	} else {
		judge_rate(g, rate);
		disorder = judge_order(g, v, rate, now_us);
		g->rate = rate;
		if (now_us >= g->doubt_until_us && (g->short_seconds >= SECONDS || g->slow_seconds >= SLOW_SECONDS || disorder))
			shrink(g, now_us);
	}
	begin_second(g, v, now_us);
	return g->alone_until_us;
}
