/* SPDX-License-Identifier: MIT */
/* way.h - where the kernel sends the packets of a flow: asked, not worked out */
#ifndef TG_HOST_WAY_H
#define TG_HOST_WAY_H

#include "base/addr.h"
#include "host/host.h"

/* A packet, as far as rules and routes look at it. */
struct host_way_ask {
	struct addr from, to;	/* from.family 0: not said */
	u32 mark;		/* its fwmark; 0: none */
	u32 iif, oif;		/* the interface it came in by: only then `from` may be another host's / it must leave by; 0: none, any */
};

struct host_way {
	u32 ifindex;		/* it leaves by */
	bool is_local;		/* it does not leave: `to` is this host's own */
};

/* What becomes of it by the host's rules and routes. 0; what host_way_is_refusal() is true of: nothing, there is no route or one that refuses;
 * others: the kernel did not say. */
int host_way_of(struct host *h, const struct host_way_ask *ask, struct host_way *out);
bool host_way_is_refusal(int err);	/* -ENETUNREACH, -EHOSTUNREACH, -EACCES */

#endif
