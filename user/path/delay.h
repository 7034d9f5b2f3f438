/* SPDX-License-Identifier: MIT */
/* delay.h - one-way delay of a path, and the queue that stands on it
 *
 * The peer says when a packet arrived by its own clock, we know when it left by ours. The difference contains the unknown
 * offset of the clocks, which is the same on all paths of a session: differences between paths are exact, and so is what a
 * path takes beyond its own least. All values are microseconds modulo 2^32; compare them by signed differences.
 */
#ifndef TG_PATH_DELAY_H
#define TG_PATH_DELAY_H

#include "base/types.h"

#define DELAY_MIN_WINDOW_US (10 * SEC)

struct delay {
	bool any;		/* a sample has come */
	u32 latest_us;
	u32 min_us;		/* least of the last 10 to 20 s */
	u32 next_min_us;	/* least of the window being filled */
	u64 window_began_us;
	u32 lowest_us;		/* least of the interval being filled: what stands, not what one batch met */
	u32 standing_us;	/* least of the last whole interval */
	u64 interval_began_us;
	u32 smooth_us;		/* moving average, 1/8 */
	u32 jitter_us;		/* mean distance from it, 1/16 */
};

/* All zero is the start. */

/* Takes one sample: arrival by the peer's clock less departure by ours. `interval_us`: over how long a queue must
 * stand to count (about a round trip). */
void delay_sample(struct delay *d, u32 delay_us, u64 interval_us, u64 now_us);

/* How long packets wait in queues on the way: the least of the last interval above the least of all. */
u32 delay_queue_us(const struct delay *d);

/* What a packet sent now takes, beyond that of `than`; negative when it is faster. Both must have samples. */
s32 delay_beyond(const struct delay *d, const struct delay *than);

/* The same for the least delays, without queues. */
s32 delay_min_beyond(const struct delay *d, const struct delay *than);

#endif
