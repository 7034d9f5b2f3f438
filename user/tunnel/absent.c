// SPDX-License-Identifier: MIT
/* absent.c - a path that fell silent may soon be back: until then bulk may wait for it
 *
 *   cut                                back
 *    |-----------------------------------|---------------------->
 *    window of 250 kB for 50 Mbit/s      needed again
 *    on the 5 Mbit/s that are left: 25 kB, and seconds of growth after
 *
 * What CoDel calls a standing queue on the paths that are left is the window of the one that is away. If senders are told to give it up, a
 * TCP needs longer to grow it again than many an outage lasts (a tunnel, a lift, a station), and has then less of both paths than of
 * the better one alone. So CoDel lets as much wait as was on its way there, for as long as the path may be expected; whoever is no bulk does not wait behind it.
 */
#include "tunnel/internal.h"

#define EXPECTED_US (15 * SEC)		/* for as long, when nothing is known of earlier outages */
#define EXPECTED_MOST_US (60 * SEC)
#define OUTAGE_US (500 * MSEC)		/* what is shorter tells nothing of the next one: an ack was late */
#define PATIENCE_MOST_US SEC		/* bulk waits no longer than that, however little is left */
#define PACKET_BYTES 1500u

/* What it delivered last may be long ago: no more than twice what was on its way when it was given up. */
void absent_begin(struct path *p)
{
	p->absence.since_us = p->tunnel->now_us;
	p->absence.window_bytes = MIN(p->rate.delivered_ema * p->rtt.min_us / SEC, 2ull * p->given_up * PACKET_BYTES);
}

void absent_gone(struct path *p)
{
	p->absence.since_us = 0;
}

void absent_end(struct path *p)
{
	struct absence *a = &p->absence;
	u64 lasted_us = p->tunnel->now_us - a->since_us;

	if (a->since_us && lasted_us >= OUTAGE_US)
		a->last_us = lasted_us;
	a->since_us = 0;
}

/* Outages of a path are alike: half as long again as the last one. */
static bool is_expected(const struct path *p)
{
	const struct absence *a = &p->absence;
	u64 expected_us = a->last_us ? MIN(a->last_us * 3 / 2, EXPECTED_MOST_US) : EXPECTED_US;

	return a->since_us && p->tunnel->now_us - a->since_us < expected_us;
}

/* A queue that overflows would lose what it is to keep, and the bufs are everybody's. */
static u64 most_bytes(const struct session *s)
{
	return (u64)MIN(s->queue.limit, buf_pool_left(s->tunnel->pool)) / 2 * PACKET_BYTES;
}

/* Of all paths that are expected back. */
static u64 lost_window(const struct session *s)
{
	u64 bytes = 0;

	for (u32 i = 0; i < TG_MAX_PATHS; i++)
		if (s->paths[i] && is_expected(s->paths[i]))
			bytes += s->paths[i]->absence.window_bytes;
	return bytes;
}

/* Of those that share the traffic meanwhile. */
static u64 rate_left(const struct session *s)
{
	enum sched_tier in_use = session_tier_in_use(s);
	u64 rate = 0;

	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		const struct path *p = s->paths[i];

		if (p && !is_expected(p) && path_tier(p) <= in_use)
			rate += limits_rate(p, MAX(p->rate.delivered_ema, p->rate.measured ? rate_estimate(&p->rate) : 0));
	}
	return rate;
}

/* Asked each time that something waits, and nearly always no path is away. */
u64 absent_patience_us(const struct session *s)
{
	u64 window = MIN(lost_window(s), most_bytes(s));

	return window ? MIN(window * SEC / MAX(rate_left(s), 1u), PATIENCE_MOST_US) : 0;
}
