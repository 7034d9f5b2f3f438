// SPDX-License-Identifier: MIT
/* rtt.h - round trip of one path: RFC 6298 smoothing, and the least of the last 10 s */
#ifndef TG_PATH_RTT_H
#define TG_PATH_RTT_H

#include "base/types.h"

#define RTT_MIN_WINDOW_US (10 * SEC)

struct rtt {
	bool any;		/* a sample has come */
	u32 latest_us;
	u32 srtt_us;
	u32 rttvar_us;
	u32 min_us;		/* least in the last window; 0 before the first sample */
	u32 next_min_us;	/* least of the window that is being filled */
	u64 window_began_us;
};

/* All zero is the start. */

/* Takes one sample and how long the peer says it held the ack. As in RFC 9002 section 5.3 the delay is taken off only where
 * the least round trip leaves room for it, and the least is of whole samples: clocks read once per batch, and peers that
 * lie, cannot make a path look faster than it ever was. */
void rtt_sample(struct rtt *r, u32 rtt_us, u32 ack_delay_us, u64 now_us);

/* How long to wait for an answer before worrying: srtt + 4 rttvar + extra (the peer's ack delay), at least
 * 10 ms; 300 ms before the first sample. */
u64 rtt_patience_us(const struct rtt *r, u64 extra_us);

#endif
