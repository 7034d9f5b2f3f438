// SPDX-License-Identifier: MIT
/* ack.h - what has been received on a path, and when to tell the peer
 *
 * Acks go out after an interval of max(min RTT / 8, 2-5 ms), sooner when three packets beyond a gap have come; at most one per
 * millisecond and path, because at high rates one in 32 packets would cost more than it tells.
 */
#ifndef TG_PATH_ACK_H
#define TG_PATH_ACK_H

#include "base/types.h"

#define ACK_MAX_RANGES 16u

struct ack_range {
	u64 first, last;	/* both received, and all between */
};

/* The content of an ACK frame. */
struct ack {
	u8 path_id;
	u64 largest;
	u32 delay_us;		/* from the arrival of the largest to the sending of this */
	u16 stamp;		/* as the largest carried it */
	u32 arrival;		/* low 32 bits of the receiver's clock in us when the largest came */
	u64 packets, bytes;	/* received on this path since it began */
	u32 ce;			/* of them with congestion experienced */
	u32 range_count;	/* newest first; ranges[0].last == largest */
	struct ack_range ranges[ACK_MAX_RANGES];
};

struct received {
	struct ack totals;	/* ranges and totals so far; delay_us unused */
	u64 largest_time_us;
	u64 due_us;		/* TIME_NEVER: nothing to tell */
	u64 last_ack_us;
	u32 waiting;		/* eliciting packets since then */
};

void received_init(struct received *r);

/* Notes one accepted packet; a number that is in the ranges already is ignored. eliciting: false for packets that hold only acks, which are recorded but do
 * not cause an ack. interval_us: how long an ack may wait. age_us: for how long it has been here already. Ranges beyond ACK_MAX_RANGES are forgotten, oldest first. */
void received_note(struct received *r, u64 number, u32 bytes, u16 stamp, bool ce, bool eliciting, u64 interval_us, u32 age_us,
		   u64 now_us);

/* When the next ack is due; TIME_NEVER when nothing needs one. */
u64 received_due_us(const struct received *r);

/* Fills an ack for the peer and forgets that one was due. False when nothing was ever received. */
bool received_fill(struct received *r, u8 path_id, struct ack *out, u64 now_us);

/* max(min RTT / 8, 2 ms), at most 5 ms. */
u64 ack_interval_us(u32 min_rtt_us);

#endif
