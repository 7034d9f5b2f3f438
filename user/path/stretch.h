/* SPDX-License-Identifier: MIT */
/* stretch.h - longer round trips for senders that keep what they send by the least one they saw
 *
 * BBR (Cardwell et al., "BBR: Congestion-Based Congestion Control", ACM Queue 2016) has at most two bandwidth-delay
 * products on the way, of the least round trip of the last ten seconds. Where a near path leads that is the near one's.
 * Such a sender never lets so much wait that a far path is worth using: of a near thin and a far wide link it gets the
 * thin one, for ever.
 *
 *   a near path full, a farther one idle, 5 s --> stretch to 1.8 of the least round trip
 *      ^                                           | 11 s, still so: 1.8 of that, up to the difference of the paths
 *      |                                           v
 *      +-- no path half full for 3 s; or less carried than before for 4 s, or all in vain: then not again for a minute
 *
 * What is sent by a near path leaves as much later, so the round trip that the sender sees becomes longer, while it sends
 * no less: it may have twice what it thinks it needs. After ten seconds it believes the longer one, and there is room
 * for the next step. In the end all paths are equally far, and it fills them all. A sender that goes by the losses that it
 * makes leaves no path idle for so long; and where all are full, as much waits for the near paths anyway. Pure.
 */
#ifndef TG_PATH_STRETCH_H
#define TG_PATH_STRETCH_H

#include <triglav/flow.h>

#include "base/types.h"

#define STRETCH_MAX_PATHS 16u

/* A path, as it is after all was sent that could be. */
struct stretch_path {
	bool counts;		/* may carry striped bulk now; else the rest means nothing */
	bool measured;		/* its rate is one that it was full at */
	bool spare;		/* it could carry more now */
	u64 carried_bytes;	/* acked; grows until the path begins anew */
	u64 rate;		/* bytes/s that it carries, > 0 */
	u32 farther_us;		/* its least delay, one way, above that of some path that is the same for all */
	u32 min_rtt_us;
};

struct stretch {
	u32 us;				/* how long bulk is under way at least, beyond the way of the nearest: moves to goal_us */
	u32 goal_us;
	u64 step_us;			/* when the goal was last raised */
	u64 moved_us;
	u64 far_us;			/* when a path was last seen that is as far as the goal */
	u64 second_us;			/* when the present second began; 0: not yet */
	u32 looks, spare[STRETCH_MAX_PATHS];	/* since then: how often it was looked, and each path had room */
	u64 waited_sum_us;			/* likewise, over the looks */
	u64 carried_bytes[STRETCH_MAX_PATHS];	/* when it began; UINT64_MAX: the path did not count */
	u64 told;				/* likewise */
	u64 full_us[STRETCH_MAX_PATHS];	/* when a second ended in which it was full; 0: never */
	u32 idle_seconds, loose_seconds;	/* in a row: a path idle beside a full one; none full */
	u64 before;			/* bytes/s that all carried before the first step, until it was a gain: 0 */
	u32 worse_seconds, better_seconds;	/* in a row, against that */
	u64 pause_us;			/* how long it rests once it was no gain, and until when */
	u64 not_before_us;
};

/* All zero is the start. Call it whenever paths were given what there is. told: how often a sender was told to slow down by the
 * queue, ever growing; waited_us: for how long the oldest packet has waited. Moves s->us: on a path that is farther than the nearest that counts a packet leaves no sooner than what is left of that
 * after it came. */
void stretch_look(struct stretch *s, const struct stretch_path *paths, u32 n, u64 told, u64 waited_us, u64 now_us);

/* s->us, or 0 when nobody has looked for seconds. */
u32 stretch_now(const struct stretch *s, u64 now_us);

/* Is a farther path idle beside a full one again and again, or bulk stretched for that? Then it is the sender who does not fill the bundle. */
bool stretch_is_wanted(const struct stretch *s);

/* Was path i full in one of the last few seconds? */
bool stretch_is_full(const struct stretch *s, u32 i, u64 now_us);

/* Path i is gone or begins anew. */
void stretch_forget(struct stretch *s, u32 i);

/* Does the flow look for its rate? TCP does, and QUIC, by its port. A stream of media has a rate of its own, and is not to come later. */
bool stretch_suits(const struct tg_flow *f);

#endif
