/* SPDX-License-Identifier: MIT */
/* guard.h - is using all paths a gain over using the best one alone?
 *
 *            less than the anchor would carry alone, or much comes late: two seconds running
 *   ALL PATHS ------------------------------------------------------------------------------> ANCHOR ALONE
 *       ^                                                                                      | |
 *       +-- 10 s, twice as long each time it was needed again, 80 s at most -------------------+ |
 *       +-- alone it carries clearly less than the bundle did: it was not the bundle ------------+
 *
 * Two witnesses. While bulk waits, what all paths deliver against the estimate of the anchor. And, as inner senders that are held
 * down by disorder leave nothing waiting, the peer's count of striped packets that came late or not at all: if there are many,
 * or if there are any again and again while the bundle delivers less than the anchor could: then nothing is lost by
 * using that alone. The same goes when senders stay far below for long while something waits again and again, unless they come up
 * meanwhile, or send in bursts that the anchor would not carry. For one CUBIC at 50 Mbit/s and 50 ms one late packet in 20000 is too
 * many (RFC 9438, section 5.1). Pure.
 */
#ifndef TG_PATH_GUARD_H
#define TG_PATH_GUARD_H

#include "base/types.h"

/* What the session counts, ever growing, and how it stands now. */
struct guard_view {
	u64 delivered_bytes;	/* acked on all paths, repeated copies taken off */
	u64 striped_packets;	/* sent with a place in the order */
	u64 late_packets;	/* of these that came too late or never, as the peer last said */
	u64 anchor_rate;	/* bytes/s that the anchor's estimate says */
	bool backlogged;	/* bulk waits */
	bool striping;		/* more than one path carries it */
};

struct guard {
	bool begun;
	u64 second_us;			/* when the present second began */
	bool always_backlogged, once_backlogged;	/* since then */
	bool always_striping;
	u64 delivered_bytes, striped_packets, late_packets;	/* when it began */
	u64 anchor_sum, anchor_count;	/* of the estimates since then */
	u64 part_us, part_bytes;	/* when the present quarter of it began, and what had been delivered then */
	bool carried_more;		/* in a quarter the bundle carried more than the anchor can */
	u32 short_seconds, late_seconds, slow_seconds;	/* in a row */
	u64 slow_from;			/* what the first of the slow ones delivered */
	u64 held_down_us;		/* last second that was short and had late packets, since a good one; 0: none */
	u64 rate;			/* of the last second with striping: what the bundle delivered */
	u64 alone_until_us;		/* anchor alone */
	u64 alone_since_us;
	u64 bundle_rate;		/* when that began */
	u64 pause_us;			/* how long next time */
	u64 doubt_until_us;		/* the last shrinking was wrong: none before this */
	u64 shrinks, regrets;		/* counters */
};

/* All zero is the start. Call it whenever paths are looked at; returns until when only the anchor is to carry bulk: now or earlier: all may. */
u64 guard_look(struct guard *g, const struct guard_view *v, u64 now_us);

#endif
