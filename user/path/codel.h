// SPDX-License-Identifier: MIT
/* codel.h - when a flow has to be told to slow down: the CoDel of RFC 8289
 *
 * A queue that empties now and then is a shock absorber and left alone. One whose packets have all waited longer than
 * `target` for a whole `interval` is a standing queue: it costs delay and brings nothing. Then one packet is dropped
 * (or marked), and further ones at shrinking distances, interval / sqrt(count), until the wait is below the target
 * again.
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
	bool dropping;
};

/* Is the packet just taken out of its flow to be dropped, or marked? It waited `waited_us`; `left_bytes` of the flow
 * are still waiting: with no more than a full packet (mtu_bytes) left the answer is always no. Call it for every
 * packet of the flow, in order, also for the one that follows a dropped one. */
bool codel_signals(struct codel *c, const struct codel_limits *l, u64 waited_us, u32 left_bytes, u32 mtu_bytes,
		   u64 now_us);

#endif
