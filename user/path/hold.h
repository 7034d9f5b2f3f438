/* SPDX-License-Identifier: MIT */
/* hold.h - how long bulk is held back on near paths, for senders that keep what they send by the least round trip they saw
 *
 * BBR (Cardwell et al., "BBR: Congestion-Based Congestion Control", ACM Queue 2016) has at most two bandwidth-delay products on the way, of the
 * least round trip of the last ten seconds. Where a near path leads that is the near one's. Such a sender never lets so much wait
 * that a far path is worth using: of a near thin and a far wide link it gets the thin one, for ever.
 *
 *    a near path full, a farther one idle, 5 s --> hold 0.8 of the least round trip --11 s, still so--> 1.8 of that in all ... up to the difference
 *        ^                                                                                                                   |
 *        +------------------------------------- no path half full for 3 s --------------------------------------------------------+
 *
 * What is sent by a near path leaves as much later as the hold says, so the round trip that the sender sees becomes longer, while it sends
 * no less: it may have twice what it thinks it needs. After ten seconds it believes the longer one, and there is room for the next step. In the end all
 * paths are equally far, and it fills them all. A sender that goes by loss leaves no path idle for so long; and where all are full, as
 * much waits for the near paths anyway. Pure.
 */
#ifndef TG_PATH_HOLD_H
#define TG_PATH_HOLD_H

#include "base/types.h"

#define HOLD_MAX_PATHS 16u

/* A path that may carry striped bulk, as it is after all was sent that could be. */
struct hold_path {
	bool counts;		/* else the rest means nothing */
	bool spare;		/* it could carry more now */
	u64 carried_bytes;	/* acked, ever growing */
	u64 rate;		/* bytes/s that it carries, > 0 */
	u32 farther_us;		/* its least delay, one way, above that of the nearest */
	u32 min_rtt_us;
};

struct hold {
	u32 hold_us;			/* beyond the way of the nearest, now: moves slowly to goal_us */
	u32 goal_us;
	u64 step_us;			/* when the goal was last raised */
	u64 moved_us;
	u64 second_us;			/* when the present second began; 0: not yet */
	u32 looks, spare[HOLD_MAX_PATHS];	/* since then: how often it was looked, and each path had room */
	u64 carried_bytes[HOLD_MAX_PATHS], told;	/* when it began */
	u64 full_us[HOLD_MAX_PATHS];	/* when a second ended in which it was full; 0: never */
	u32 idle_seconds, loose_seconds;	/* in a row: a path idle beside a full one; no path full */
};

/* All zero is the start. Call it whenever paths were given what there is; told: how often CoDel has told a sender to slow down, ever growing. Returns how long a packet must be under way at least, in us beyond
 * the least delay of the nearest path: on a path that is farther_us farther it leaves no sooner than the rest of that after it came. */
u32 hold_look(struct hold *h, const struct hold_path *paths, u32 n, u64 told, u64 now_us);

/* Is a farther path idle beside a full one, or bulk held back for that? Then it is the sender who does not fill the bundle. */
bool hold_is_wanted(const struct hold *h);

/* Was path i full in one of the last few seconds? */
bool hold_is_full(const struct hold *h, u32 i, u64 now_us);

#endif
