// SPDX-License-Identifier: MIT
/* client_filter.c - the XDP filter in front of the uplinks' sockets
 *
 * The filter follows the socket: one address and port on one interface. It stays while the link is down, and goes with the interface.
 */
#include <string.h>

#include "run/client_parts.h"
#include "run/filter.h"

/* The interface has another socket now. What came to the old one is nobody's. */
void uplink_filter(struct client *c, struct uplink *u)
{
	bool moved = u->filter_ifindex != u->seen.ifindex;

	if (!c->datapath || c->set.xdp == DATAPATH_OFF)	/* without a filter AF_XDP attaches and detaches it */
		return;
	if (moved)
		uplink_unfilter(c, u);
	else
		datapath_remove_end(c->datapath, u->filter_ifindex, &u->filter_end);
	if (!filter_attach(c->datapath, u->seen.ifindex, u->name, c->set.xdp, moved || !u->filter_refused)) {
		u->filter_refused = true;
		u->filter_ifindex = u->seen.ifindex;
		return;
	}
	u->filter_refused = false;
	u->filter_ifindex = u->seen.ifindex;
	u->filter_end = u->bound;
	datapath_put_end(c->datapath, u->filter_ifindex, &u->filter_end);
}

void uplink_unfilter(struct client *c, struct uplink *u)
{
	if (c->datapath && u->filter_ifindex)
		datapath_detach(c->datapath, u->filter_ifindex);
	u->filter_ifindex = 0;
	u->filter_refused = false;
}
