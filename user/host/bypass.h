/* SPDX-License-Identifier: MIT */
/* bypass.h - connections that keep to the host's own routes although there is a tunnel
 *
 * A packet at the tunnel device has its route already, so the choice is made before, by netfilter, in a table of its own:
 *
 *   wanted        which connections: looked at with the first packet of each; one that suits gets a conntrack mark, M + slot
 *   output        packets of this host: the mark of their connection becomes M, and they are routed again. With M they obey the
 *                 rules of the tunnel's own packets (routes.h): by main, and never into the tunnel
 *   prerouting    the same for packets that are forwarded, and for connections that come in from outside: their answers leave
 *                 outside, too
 *   postrouting   who asked for a route before got the tunnel's address: masquerade gives the packet that of its new way
 *
 * So a connection stays where it began: nothing changes for those there are when something is added. The kill switch knows M and lets
 * them pass: whoever asks for a bypass means it to work while the tunnel is down, too.
 */
#ifndef TG_HOST_BYPASS_H
#define TG_HOST_BYPASS_H

#include <triglav/flow.h>
#include <triglav/maps.h>

#include "base/addr.h"
#include "host/host.h"

#define HOST_BYPASS_SLOTS 31u	/* of one instance: conntrack marks M + 1 to M + 31 */

struct host_bypass {
	u32 kind;		/* enum tg_policy_kind */
	u64 value;		/* as in struct tg_policy_key, but for cgroups; a port with protocol 0 is for TCP and UDP */
	const char *cgroup;	/* its folder, absolute; for TG_POLICY_CGROUP */
	u32 slot;		/* 1 to HOST_BYPASS_SLOTS: leaves outside; 0: stays inside, whatever comes after */
};

struct host_bypass_set {
	const char *tun;		/* the tunnel device */
	struct addr inner4, inner6;	/* its addresses; family 0: none yet */
	const struct host_bypass *at;
	u32 count;
};

/* From now on, in one transaction: new connections are judged by these, first by mark, then cgroup (the deepest first), port (of the far end
 * first), DSCP. 0, or errno with why[HOST_WHY_BYTES]; then all is as before. Needs a loose rp_filter: host_routes_loosen(). */
int host_bypass_put(struct host *h, const struct host_bypass_set *set, char *why);

/* The connections of this slot are not known any more: their next packets are judged anew. Errors do not matter. */
void host_bypass_forget(struct host *h, u32 slot);

/* The slot that conntrack knows this flow's connection by; 0: one that goes into the tunnel. -ENOENT: conntrack does not know it; others as the
 * kernel says. */
int host_bypass_slot(struct host *h, const struct tg_flow *flow);

/* No bypass any more, and no connection that knows of it. Fine when there is none. */
int host_bypass_remove(struct host *h);

/* Is there a folder of cgroup2? 0 with its id, -ENOENT (or what stat() says), -EINVAL: it is something else. */
int host_cgroup_find(const char *folder, u64 *id);

#endif
