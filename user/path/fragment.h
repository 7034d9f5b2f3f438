// SPDX-License-Identifier: MIT
/* fragment.h - inner packets too large for their path, sent as two halves and joined again
 *
 * The halves take consecutive sequences of one flow slot, so they come out of the reorder buffer one after the other:
 * first, last. Each is marked in buf->half, which holds the flag of the wire (protocol.md). A half is not looked
 * into: whether what was joined is an IP packet with an allowed source is for the caller to check, afterwards.
 */
#ifndef TG_PATH_FRAGMENT_H
#define TG_PATH_FRAGMENT_H

#include "base/buf.h"

#define FRAGMENT_PLACES 16u	/* first halves that may wait per session */
#define FRAGMENT_WAIT_US (1 * SEC)

/* First halves whose last ones may still come. Zero-initialised is empty. */
struct fragments {
	struct buf *firsts[FRAGMENT_PLACES];
	u32 held;
	u64 joined;		/* packets */
	u64 drops;		/* halves thrown away: alone, too late, or not fit for each other */
};

/* Cuts the packet in two: `whole` keeps the first half (never the smaller one, so that both fit one run of
 * datagrams), `second`, an empty buf, gets the rest, and of whole's fields all but the order. Giving both their
 * sequences is the caller's task. -EMSGSIZE: a half would be larger than `most` bytes; -EINVAL: a half would be
 * empty. Nothing has changed then. */
int fragment_split(struct buf *whole, u32 most, struct buf *second);

/* The order word of a last half whose first half has this one. */
u32 fragment_next_order(u32 order);

/* Takes b, a half (b->half is not 0), in the order of the reorder buffer. Returns the packet it completes, with half
 * 0 and the order of its first half; NULL when b waits for its other half or, counted, went back to its pool. */
struct buf *fragment_join(struct fragments *f, struct buf *b, u64 now_us);

/* When the oldest half has waited long enough; TIME_NEVER: none waits. */
u64 fragment_due_us(const struct fragments *f);

/* Gives up halves that waited too long, counted. */
void fragment_expire(struct fragments *f, u64 now_us);

/* Gives all that waits back to its pool, uncounted. */
void fragment_free(struct fragments *f);

#endif
