/* SPDX-License-Identifier: MIT */
/* flows.h - which flows pass, and how much of each: for people who ask
 *
 * A table of fixed size. A flow is found by the keyed hash its packets come with; the direction that comes in is hashed as if it were
 * turned round, so both are counted at one place. A new flow takes the place of the one of its set that was silent longest, so
 * a flood of them costs others their place here, and nothing else.
 *
 *   hash --> set of 4 (one cache line) --> its place: 5-tuple, totals, two marks that the rate is taken from
 *
 * Two flows of one hash (32 bits, keyed) are told as one. Fragments are a flow of their own, without ports. Owned by one worker; no locks, no
 * clock. Nothing is allocated per packet: 280 KB come with the first one.
 */
#ifndef TG_PATH_FLOWS_H
#define TG_PATH_FLOWS_H

#include <triglav/flow.h>

#include "base/buf.h"

#define FLOWS_MAX 2048u

struct flows_table;

struct flows {
	struct flows_table *table;	/* NULL until a packet comes */
	u64 key;			/* of the hashes that bufs come with */
	u64 replaced;			/* flows that lost their place within a minute of their last packet; counter */
};

/* All zero is the start, with key 0. */

/* b is about to be sent. b->flow_hash is that of its 5-tuple; with 0 it is no flow. `owner`: whatever the caller knows it by. */
void flows_sent(struct flows *f, u64 owner, const struct buf *b, u64 now_us);

/* The inner packet b has come. Looks at the last flow first: most packets are of it. */
void flows_received(struct flows *f, u64 owner, const struct buf *b, u64 now_us);

void flows_free(struct flows *f);

struct flow_info {
	u8 family, protocol;
	u8 dscp;			/* of its first packet */
	u8 src[16], dst[16];		/* as its packets leave this end; IPv4 in the first 4 */
	u16 sport, dport;
	u32 hash;
	u64 owner;
	u64 sent_packets, sent_bytes, received_packets, received_bytes;
	u64 sent_rate, received_rate;	/* bytes/s, of about the last second */
	u64 age_us, idle_us;		/* since its first packet, and its last; to about a millisecond */
};

/* Copies the flows that had a packet within idle_us, in no order, at most max (FLOWS_MAX is always enough). Returns how many. */
u32 flows_list(const struct flows *f, u64 idle_us, struct flow_info *out, u32 max, u64 now_us);

#endif
