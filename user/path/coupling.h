/* SPDX-License-Identifier: MIT */
/* coupling.h - which paths share a bottleneck, so that a group of them takes no more there than one path would
 *
 * Paths that wait in the same queue see the same queue: what it takes their packets rises and falls together, and by
 * as much. Delays of all paths of a session are stamped by one clock (delay.h), so they can be laid over each other.
 *
 *   apart --alike five times running--> together --unlike six times, or nothing to go by for long--> apart
 *
 * Pure: time comes in with the samples; memory is the caller's.
 */
#ifndef TG_PATH_COUPLING_H
#define TG_PATH_COUPLING_H

#include "base/types.h"

#define COUPLING_PATHS 16u
#define COUPLING_BIN_US (20 * MSEC)
#define COUPLING_BINS 192u		/* so far back delays are compared: 3.8 s */
#define COUPLING_PAIRS (COUPLING_PATHS * (COUPLING_PATHS - 1) / 2)
#define COUPLING_EVERY_US (400 * MSEC)	/* each pair is looked at so often */

/* One path's least delay of each bin, a ring by bin number. */
struct coupling_track {
	bool any;
	u32 bin[COUPLING_BINS];		/* number of the bin that an entry is of */
	s32 delay_us[COUPLING_BINS];	/* relative to base_us below */
	u32 last;			/* newest bin */
	s32 least_us;			/* least delay of all times: what differs between paths without queues */
	u64 heard_us;
};

struct coupling_pair {
	bool together;
	u8 for_it, against_it;		/* verdicts in a row */
	u64 seen_us;			/* last verdict that was one */
};

struct coupling {
	bool any;
	u32 base_us;			/* the first delay */
	struct coupling_track tracks[COUPLING_PATHS];
	struct coupling_pair pairs[COUPLING_PAIRS];
	u64 due_us;			/* next look */
	u32 next_pair;
};

/* All zero is the start. */

/* A packet of path i left at sent_us by our clock and took delay_us (delay.h: modulo 2^32, with the clocks' offset).
 * `steady`: not while the path looks for what it carries from scratch, as paths that begin together rise together. */
void coupling_sample(struct coupling *c, u32 i, u64 sent_us, u32 delay_us, bool steady, u64 now_us);

/* Looks at one pair when that is due. True: some path's group may have changed. */
bool coupling_look(struct coupling *c, u64 now_us);

/* How many paths share path i's bottleneck, itself included: 1 when it is alone. Only those heard in the last seconds count. */
u32 coupling_shares(const struct coupling *c, u32 i, u64 now_us);

/* Path i is gone, or no more what it was. */
void coupling_forget(struct coupling *c, u32 i);

#endif
