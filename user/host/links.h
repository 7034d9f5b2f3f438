// SPDX-License-Identifier: MIT
/* links.h - which interfaces can carry the tunnel, and what happens to them
 *
 * An uplink is found without being named when it is up with carrier, has an address and a default route
 * of the same family (in any table but ours), and is no loopback, bridge port, bond member, dummy or
 * tunnel (tun, tap, wireguard, ipip, gre, sit, vti, xfrm, vxlan...). Its kind comes from sysfs, not from its name.
 */
#ifndef TG_HOST_LINKS_H
#define TG_HOST_LINKS_H

#include <net/if.h>

#include "base/addr.h"
#include "host/host.h"
#include "triglav/wire.h"

struct host_uplink {
	char name[IFNAMSIZ];
	u32 ifindex;
	u32 mtu;		/* bytes */
	enum tg_link_kind kind;
	bool up;		/* administratively up and carrier */
	bool usable;
	bool has_default4, has_default6;
	struct prefix addr4;	/* first address of global scope; family 0: none */
	struct prefix addr6;	/* global, neither tentative nor deprecated; stable before temporary */
	struct addr gateway4;	/* family 0: default without a gateway (point to point), or no default. May be
				 * an IPv6 address: RFC 5549 next hop */
	struct addr gateway6;	/* usually link-local */
};

/* All usable uplinks, by ifindex, at most max. Returns how many, or a negative errno. */
int host_uplinks_list(struct host_uplink *out, u32 max);

/* One interface somebody named. 0 and *out filled, or -ENODEV, or another errno. Being named, it may be a tunnel or lack
 * a default route (only its own network is reachable then): usable means up, carrier and an
 * address. why[HOST_WHY_BYTES], when not NULL: what is missing or to be noted, "" when nothing. */
int host_uplink_by_name(const char *name, struct host_uplink *out, char *why);
int host_uplink_by_index(u32 ifindex, struct host_uplink *out, char *why);

/* Would packets of the uplink look different: any field but kind. */
bool host_uplink_equal(const struct host_uplink *a, const struct host_uplink *b);

/* "ethernet", "wireless", "cellular", "usb", "unknown" */
const char *host_kind_name(enum tg_link_kind kind);

enum host_event_kind {
	HOST_LINK_ADDED,	/* a new interface; it may be up already */
	HOST_LINK_REMOVED,
	HOST_LINK_RENAMED,	/* name is the new one */
	HOST_LINK_UP,		/* up and carrier */
	HOST_LINK_DOWN,
	HOST_LINK_CHANGED,	/* MTU, link address, or joined/left a bridge or bond */
	HOST_ADDRESS,		/* an address came, went or became usable */
	HOST_DEFAULT_ROUTE,	/* a default route came, went or changed */
	HOST_NEIGHBOUR,		/* somebody on the link was found, changed or lost: see host/hop.h. Can be many */
	HOST_RESYNC,		/* events were lost: look at everything again; ifindex 0 */
};

struct host_event {
	enum host_event_kind kind;
	u32 ifindex;		/* 0 for HOST_RESYNC and for routes without one interface */
	const char *name;	/* "" when not known; valid during the call */
};

typedef void host_event_fn(void *ctx, const struct host_event *event);

struct host_monitor;

/* Watches the network namespace of the caller. Our own routes (HOST_ROUTE_PROTOCOL) are not reported. 0 or negative errno. */
int host_monitor_new(struct host_monitor **out, host_event_fn *event, void *ctx);
int host_monitor_fd(const struct host_monitor *m);	/* readable: host_monitor_read() */
/* Calls back for everything waiting; never blocks. 0 or negative errno (then free it and make another). */
int host_monitor_read(struct host_monitor *m);
void host_monitor_free(struct host_monitor *m);		/* NULL is fine */

#endif
