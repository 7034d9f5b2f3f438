/* SPDX-License-Identifier: MIT */
/* way.h - where the kernel sends the packets of a flow: asked, not worked out */
#ifndef TG_HOST_WAY_H
#define TG_HOST_WAY_H

#include <triglav/flow.h>

#include "base/addr.h"
#include "host/host.h"

/* The interface of a packet to `to` by the host's rules and routes; `from` of family 0: not said; `mark`: its fwmark. 0 with *ifindex, or what the
 * kernel says (-ENETUNREACH: no route, or one that refuses). */
int host_way_of(struct host *h, const struct addr *from, const struct addr *to, u32 mark, u32 *ifindex);

/* The slot of the bypass (bypass.h) that conntrack knows this flow's connection by; 0: one that goes into the tunnel. -ENOENT: conntrack does not
 * know it; others as the kernel says. */
int host_bypass_slot(struct host *h, const struct tg_flow *flow);

#endif
