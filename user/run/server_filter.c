// SPDX-License-Identifier: MIT
/* server_filter.c - the server's interfaces: the XDP filter on each, and what AF_XDP (server_xdp.c) needs to know of them
 *
 * A server listens on addresses, and usually on all of them; so the filter goes on every interface that has one of them, but for the loopback and
 * the tunnel device. Interfaces come and go: it is looked again now and then.
 */
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>

#include <netinet/in.h>

#include "base/clock.h"
#include "run/filter.h"
#include "run/server_parts.h"

static bool is_any(const struct addr *a)
{
	static const u8 zero[16];

	return !memcmp(a->ip, zero, sizeof(zero));
}

/* Would a datagram to this address of an interface reach the socket that is bound to `listen`? */
static bool reaches(const struct addr *listen, const struct sockaddr *at)
{
	const struct sockaddr_in *in4 = (const struct sockaddr_in *)at;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)at;

	if (at->sa_family == AF_INET && listen->family == 4)
		return is_any(listen) || !memcmp(&in4->sin_addr, listen->ip, 4);
	if (at->sa_family == AF_INET6 && listen->family == 6)
		return is_any(listen) || !memcmp(&in6->sin6_addr, listen->ip, 16);
	return false;
}

static bool is_wanted(const struct server *s, const struct ifaddrs *a)
{
	if (!a->ifa_addr || a->ifa_flags & IFF_LOOPBACK || !(a->ifa_flags & IFF_UP) || !strcmp(a->ifa_name, s->tun_name))
		return false;
	for (u32 i = 0; i < s->bound_count; i++)
		if (reaches(&s->bound[i], a->ifa_addr))
			return true;
	return false;
}

/* Who refuses is asked again each time, but it is said once. */
static bool was_refused(struct server *s, u32 ifindex)
{
	for (u32 i = 0; i < s->refused_count; i++)
		if (s->refused[i] == ifindex)
			return true;
	return false;
}

static void note_refused(struct server *s, u32 ifindex)
{
	if (!was_refused(s, ifindex) && s->refused_count < ARRAY_SIZE(s->refused))
		s->refused[s->refused_count++] = ifindex;
}

/* ---- where datagrams of ours arrive ---- */

/* Exactly the addresses of this host: a datagram that is only forwarded to somebody's equal port is none of ours, and an AF_XDP socket would
 * swallow it. What there is no room for the kernel takes to the sockets. */
static void add_ends(struct server *s, struct server_ends *ends, const struct sockaddr *at)
{
	for (u32 i = 0; i < s->bound_count && ends->count < ARRAY_SIZE(ends->at); i++) {
		struct addr *end = &ends->at[ends->count];

		if (!reaches(&s->bound[i], at))
			continue;
		addr_from_sockaddr(end, at);
		end->port = s->bound[i].port;
		end->scope = 0;
		ends->count++;
	}
}

static bool is_in(const struct server_ends *ends, const struct addr *a)
{
	for (u32 i = 0; i < ends->count; i++)
		if (addr_equal(&ends->at[i], a))
			return true;
	return false;
}

void server_put_ends(struct server *s, u32 ifindex)
{
	for (u32 i = 0; i < s->ends.count; i++)
		(void)datapath_put_end(s->datapath, ifindex, &s->ends.at[i]);
}

static void move_ends(struct server *s, u32 ifindex, const struct server_ends *now)
{
	for (u32 i = 0; i < s->ends.count; i++)
		if (!is_in(now, &s->ends.at[i]))
			datapath_remove_end(s->datapath, ifindex, &s->ends.at[i]);
	for (u32 i = 0; i < now->count; i++)
		if (!is_in(&s->ends, &now->at[i]))
			(void)datapath_put_end(s->datapath, ifindex, &now->at[i]);
}

static void look_at_ends(struct server *s, const struct ifaddrs *all)
{
	struct server_ends now = { .count = 0 };
	u32 ifindex;

	for (const struct ifaddrs *a = all; a; a = a->ifa_next)
		if (a->ifa_addr && strcmp(a->ifa_name, s->tun_name))
			add_ends(s, &now, a->ifa_addr);
	for (const struct ifaddrs *a = all; s->datapath && a; a = a->ifa_next) {
		ifindex = if_nametoindex(a->ifa_name);
		if (ifindex && datapath_attached(s->datapath, ifindex) != DATAPATH_OFF)
			move_ends(s, ifindex, &now);
	}
	s->ends = now;
}

/* ---- interfaces ---- */

static void filter_on(struct server *s, u32 ifindex, const char *name)
{
	if (s->set.xdp == DATAPATH_OFF || !s->datapath || datapath_attached(s->datapath, ifindex) != DATAPATH_OFF)
		return;
	if (!filter_attach(s->datapath, ifindex, name, s->set.xdp, !was_refused(s, ifindex))) {
		note_refused(s, ifindex);
		return;
	}
	server_put_ends(s, ifindex);
}

void server_look_at_interfaces(struct server *s)
{
	u64 now = clock_now_us();
	struct ifaddrs *all;
	u32 ifindex;

	if ((s->set.xdp == DATAPATH_OFF && s->set.datapath == RUN_DATAPATH_UDP) || getifaddrs(&all))
		return;
	look_at_ends(s, all);
	for (const struct ifaddrs *a = all; a; a = a->ifa_next) {
		ifindex = is_wanted(s, a) ? if_nametoindex(a->ifa_name) : 0;
		if (!ifindex)
			continue;
		filter_on(s, ifindex, a->ifa_name);
		server_xdp_look(s, ifindex, a->ifa_name, now);
	}
	freeifaddrs(all);
	server_xdp_sweep(s);
	hops_tick(s, now);
}
