// SPDX-License-Identifier: MIT
/* hop.h - to whom a frame goes that an uplink sends by itself: next hop and link addresses
 *
 * The kernel knows both and keeps them current, as long as somebody asks: what it was not asked about for a while is only
 * checked again when it is used, and AF_XDP is no use that it sees. So whoever holds a hop calls host_hop_use() every
 * HOST_HOP_USE_US, and looks again (host_hop_find()) on HOST_NEIGHBOUR and whenever links, addresses or routes changed.
 */
#ifndef TG_HOST_HOP_H
#define TG_HOST_HOP_H

#include "base/addr.h"

#define HOST_HOP_USE_US (20 * SEC)
#define HOST_MAC_BYTES 6u

struct host_hop {
	u32 ifindex;
	struct addr next;	/* gateway, or the remote address itself when it is on the link */
	u8 own[HOST_MAC_BYTES];	/* of the interface */
	u8 mac[HOST_MAC_BYTES];	/* of the next hop, when it is known */
	bool known;
};

/* The way of a marked packet from `local` to `remote` by this interface, or with ifindex 0 by the one that the kernel would take. Looks up the route, the interface and the
 * neighbour. 0 (also when the neighbour is not known: host_hop_use() has the kernel ask for it); -ENETUNREACH, -EHOSTUNREACH: no
 * route by this interface (for IPv4 the kernel then takes everybody for being on the link); -ENODEV; -EAFNOSUPPORT: no Ethernet; others as the kernel says. */
int host_hop_find(u32 ifindex, u32 mark, const struct addr *local, const struct addr *remote, struct host_hop *out);

/* The same next hop as it is now: interface and neighbour are looked up again, the route is not. As host_hop_find(). */
int host_hop_again(const struct host_hop *hop, struct host_hop *out);

/* Has the kernel check that the next hop is still there, or find it; HOST_NEIGHBOUR follows when something came of it. 0 or a
 * negative errno. */
int host_hop_use(const struct host_hop *hop);

bool host_hop_equal(const struct host_hop *a, const struct host_hop *b);

#endif
