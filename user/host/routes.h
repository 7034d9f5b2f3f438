// SPDX-License-Identifier: MIT
/* routes.h - policy routing: what enters the tunnel, and by which uplink the tunnel leaves
 *
 * No route of the host is replaced. With mark M and tables T (tunnel) and U1, U2... (uplinks):
 *
 *   priority
 *   5000          fwmark M          lookup main, nothing shorter than /1    networks next door
 *   5001          fwmark M oif IF   lookup Un                               the tunnel's own packets
 *   5002          fwmark M          lookup main
 *   5003          fwmark M          unreachable                             never further down
 *   5100 + 3k     to X              lookup main                             --exclude X
 *   5101 + 3k     to P              lookup T                                --route P; full tunnel: 0/0
 *   5102 + 3k     to C              lookup main, nothing shorter than C     a connected network stays
 *   5500                            lookup main, nothing shorter than /1
 *   5501          from ADDR         lookup Un                               answers go back the way they came
 *   32766         main, untouched
 *
 * k is 128 - length of the prefix, so among LAN, --route and --exclude the longest prefix wins, as
 * in any routing table. The connected networks C are those of the host's addresses; other routes of main do not
 * hold against a prefix that leads into the tunnel: DHCP and router advertisements may put any there ("TunnelVision").
 * T holds one default route into the tunnel device for each family; for IPv6 in a
 * full tunnel without IPv6 an unreachable one. All of it carries HOST_ROUTE_PROTOCOL, and
 * a table of the instance or M: what host_sweep() looks for. (Rules that look up main without asking for the mark carry M with
 * an empty mask, which matches everything. "not fwmark M to P" would be no way: the kernel negates both together.)
 */
#ifndef TG_HOST_ROUTES_H
#define TG_HOST_ROUTES_H

#include "base/addr.h"
#include "host/host.h"
#include "host/links.h"

/* Everything unmarked goes into the device; `v4`/`v6`: the tunnel carries that family. IPv6 without v6 is
 * refused by the kernel at once ("unreachable") and so does not leak; the same for IPv4. Connected networks
 * stay. A strict rp_filter of an uplink becomes loose (restored at the end): answers
 * to marked packets would fail it. May be repeated. */
int host_routes_full_tunnel(struct host *h, u32 tun_ifindex, bool v4, bool v6);

/* From now on an uplink's strict rp_filter becomes loose, as for a full tunnel: answers come in where the tunnel's routes would not
 * lead back to (bypass.h). */
int host_routes_loosen(struct host *h);

/* --route: this prefix goes into the device. -EINVAL for one without family. Repeating is fine. */
int host_routes_add(struct host *h, u32 tun_ifindex, const struct prefix *p);

/* Takes back what host_routes_add(), host_routes_exclude(), host_routes_full_tunnel() put down for unmarked packets. What was not there
 * is fine. (A loosened rp_filter stays so until the end.) */
int host_routes_remove(struct host *h, const struct prefix *p);
int host_routes_include(struct host *h, const struct prefix *p);
int host_routes_end_full_tunnel(struct host *h);

/* Addresses of this host came or went (of any interface): the rules of its connected networks follow. Nothing to do
 * when nothing leads into the tunnel. */
int host_routes_networks_changed(struct host *h);

/* Is a connected network small enough to be believed: /8 or longer, for IPv6 /32 or longer? A lease may claim to be next
 * door to half the internet. */
bool host_network_is_near(const struct prefix *p);

/* --exclude: this prefix keeps to the host's own routes. Repeating is fine. */
int host_routes_exclude(struct host *h, const struct prefix *p);

/* Sockets bound to the uplink and marked leave by it from now on, whatever main says. Call again when address, gateway or name
 * changed; what differs is replaced. -ENOSPC when HOST_TABLES - 1 uplinks are there. */
int host_routes_set_uplink(struct host *h, const struct host_uplink *u);
int host_routes_remove_uplink(struct host *h, u32 ifindex);	/* fine when it is not there or its interface is gone */

/* Removes routes and rules of this instance. host_close() and host_sweep() do it too. */
int host_routes_clear(struct host *h);

/* Would `addr` be sent into the tunnel by one of `routes`, given `excludes`? Longest prefix wins, an exclude wins a draw. Pure. *which,
 * when not NULL, is the route in question. Ask with each server address before configuring: refuse when true. (A full
 * tunnel needs no such check: the sockets are marked.) */
bool host_routes_would_loop(const struct addr *addr, const struct prefix *routes, u32 route_count,
			    const struct prefix *excludes, u32 exclude_count, struct prefix *which);

/* Does the prefix share an address with an interface or a non-default route of this host (device `except`, may be NULL, aside)?
 * true: what[HOST_WHY_BYTES] names it: "eth0 has 10.0.0.7/8" or "a route to 10.0.0.0/8 by eth0". */
bool host_overlap(const struct prefix *p, const char *except, char *what);

#endif
