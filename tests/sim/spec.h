// SPDX-License-Identifier: MIT
/* spec.h - links and flows as people write them
 *
 * A link is a line of words; `@TIME` says from when on the words after it hold, so one line is a whole trace:
 *
 *   rate=50mbit delay=20ms jitter=5ms loss=0.5%  @20s rate=5mbit delay=80ms  @25s cut @27s uncut  every=60s
 *
 * Words of one direction begin with `up.` (client to server) or `down.`. `behind=1`: what leaves the link's queue passes that of link 1,
 * too, and then the link's own delay: several links with one bottleneck. A flow is a kind and settings, separated by
 * commas: cubic,n=4,start=5s. `outside=1`: it is not in the tunnel, but shares link 1 with it.
 */
#ifndef TG_TESTS_SIM_SPEC_H
#define TG_TESTS_SIM_SPEC_H

#include "base/rand.h"
#include "base/types.h"

#define SPEC_STEPS 96u

enum link_key {
	LINK_RATE,		/* bit/s; 0: unlimited */
	LINK_DELAY,		/* ns, one way */
	LINK_JITTER,		/* ns on top, redrawn every 10 ms; keeps order */
	LINK_QUEUE,		/* ns of drop-tail queue at the rate of the moment */
	LINK_QUEUE_BYTES,	/* or bytes */
	LINK_LOSS,		/* share lost at random, behind the queue */
	LINK_BURST,		/* Gilbert: share of datagrams that begin a burst / of those in it that end it */
	LINK_COPY,		/* share that arrives twice */
	LINK_REORDER,		/* share that is held back / for how many ns */
	LINK_FADE,		/* the rate wanders between (1 - fade) * rate and rate */
	LINK_MTU,		/* largest IP packet; larger ones vanish; 0: any */
	LINK_CUT,		/* 1: silent black hole */
	LINK_STALL,		/* 1: nothing leaves the queue */
	LINK_NAT,		/* the NAT forgets: the client's port changes, nobody tells */
	LINK_MOVE,		/* the client has a new address and knows it */
	LINK_CARRIER,		/* 0: netlink says the link is gone, 1: back */
	LINK_PRESENT,		/* 0: the path is taken out, 1: added */
	LINK_KEYS
};

struct link_step {
	u64 at_ns;		/* since the flows' time zero */
	enum link_key key;
	bool lanes[2];		/* up, down */
	double value, second;
};

struct link_spec {
	struct link_step steps[SPEC_STEPS];
	u32 count;
	u64 every_ns;		/* steps after time 0 repeat with this period; 0: they do not */
	u8 flags;		/* TG_LINK_METERED, TG_LINK_BACKUP */
	u32 weight;
	u32 behind;		/* number of the link whose queues it passes after its own; 0: none */
};

enum flow_kind { FLOW_CUBIC, FLOW_RENO, FLOW_BBR, FLOW_QUIC, FLOW_UDP, FLOW_PING, FLOW_KINDS };

struct flow_spec {
	enum flow_kind kind;
	u32 count;
	bool up;		/* the data (the requests) go from client to server */
	u64 start_ns, stop_ns;	/* stop_ns TIME_NEVER: with the run */
	u64 rate_bits;		/* udp */
	u32 packet_bytes;	/* udp, ping: inner IP packet */
	u64 interval_ns;	/* ping */
	u64 on_ns, off_ns;	/* udp: sends and pauses in turn; 0: always on */
	u64 chunk_bytes;	/* TCP: this much ... */
	u64 every_ns;		/* ... every so often; chunk 0: endless */
	bool no_hystart;
	u32 outside;		/* number of a link it passes without the tunnel; 0: through the tunnel */
};

extern const char *const flow_kind_names[FLOW_KINDS];

/* Numbers with units: "100mbit", "10ms", "64kb", "0.5%". Negative: not understood. */
double spec_rate(const char *text);		/* bit/s */
double spec_time(const char *text);		/* ns */
double spec_bytes(const char *text);
double spec_share(const char *text);		/* 0..1 */

/* 0 or -EINVAL, and then `bad` (64 bytes) holds the word that was not understood. */
int spec_link(struct link_spec *l, const char *text, char *bad);
int spec_flow(struct flow_spec *f, const char *text, bool up, char *bad);

/* What a link is at time 0: the idle round trip, ns. */
u64 spec_idle_rtt_ns(const struct link_spec *l);

/* Draws another link like this one: rates, delays, losses and times differ by up to half or double. */
void spec_vary(struct link_spec *l, struct rand_source *random);

#endif
