// SPDX-License-Identifier: MIT
/* datagrams.h - a run of datagrams to or from one endpoint, as GSO and GRO like them
 *
 * Lies end to end at `data`: every datagram has segment_bytes, the last may be shorter.
 * The engine hands such runs out to be sent; links hand them in as received.
 */
#ifndef TG_BASE_DATAGRAMS_H
#define TG_BASE_DATAGRAMS_H

#include "base/addr.h"

#define DATAGRAMS_MAX_SEGMENTS 64u	/* UDP_MAX_SEGMENTS of older kernels */
#define DATAGRAMS_MAX_BYTES 65500u	/* one UDP_SEGMENT send: an IPv4 datagram less its headers */

struct datagrams {
	struct endpoint where;
	u8 *data;
	u32 len;		/* bytes of all of them */
	u32 segment_bytes;	/* bytes of each but the last; == len for a single one */
	bool ce;		/* received: congestion experienced */
	u64 arrived_us;		/* received: when the kernel got it, by clock_now_us(); 0: not known */
	u64 taken;		/* received: bit i: datagram i is delivered already, see tunnel_receive_ahead() */
};

static inline u32 datagrams_count(const struct datagrams *run)
{
	return run->segment_bytes ? (run->len + run->segment_bytes - 1) / run->segment_bytes : 0;
}

static inline u32 datagrams_count_all(const struct datagrams *runs, u32 n)
{
	u32 count = 0;

	for (u32 i = 0; i < n; i++)
		count += datagrams_count(&runs[i]);
	return count;
}

#endif
