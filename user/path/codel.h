// SPDX-License-Identifier: MIT
/* codel.h - when a flow has to be told to slow down: the CoDel of RFC 8289
 *
 * A queue that empties now and then is a shock absorber and left alone. One whose packets have all waited longer than
 * `target` for a whole `interval` is a standing queue: it costs delay and brings nothing. Then one packet is dropped
 * (or marked), and further ones at shrinking distances, interval / sqrt(count), until the wait is below the target
 * again.
 *
 * What differs from the RFC: a sender that has been told answers a round trip later, the queue's wait included, and the
 * packets that left earlier keep the queue standing for as long again. Where that is longer than the distance, as when half of a
 * flow's capacity has gone, a second drop and a third cut its window for a queue that was going away already. The bytes
 * that wait tell sooner than the wait of those that leave: while there are an eighth fewer than when the last verdict was due, nothing more is dropped.
 * That holds for the first few drops; after them it is the RFC.
 *
 * K. Nichols, V. Jacobson, A. McGregor, J. Iyengar: "Controlled Delay Active Queue Management", RFC 8289. There a loop
 * takes packets out until one may go; here each packet gets its verdict when it is taken out, which comes to the same.
 */
#ifndef TG_PATH_CODEL_H
#define TG_PATH_CODEL_H

#include "base/types.h"

struct codel_limits {
	u64 target_us;		/* a standing wait up to this is fine */
	u64 interval_us;	/* about the longest round trip of those who are to react */
};

/* State of one flow. Zero-initialised is a flow that never waited. */
struct codel {
	u64 above_us;		/* when the wait will have been too long for an interval; 0: it is not */
	u64 next_us;		/* when the next packet is to be dropped, or was when dropping ended */
	u16 count;		/* drops since dropping began */
	u16 count_before;	/* with how many it began */
	u16 left_kib;		/* what waited when it was judged last */
	bool dropping;
};

/* Is the packet just taken out of its flow to be dropped, or marked? It waited `waited_us`; `left_bytes` of the flow
 * are still waiting: with no more than a full packet (mtu_bytes) left the answer is always no. Call it for every
 * packet of the flow, in order, also for the one that follows a dropped one. */
bool codel_signals(struct codel *c, const struct codel_limits *l, u64 waited_us, u32 left_bytes, u32 mtu_bytes,
		   u64 now_us);

#endif
