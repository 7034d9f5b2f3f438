// SPDX-License-Identifier: MIT
/* server_ends.c - where datagrams of ours arrive: the addresses and ports that the XDP program judges by */
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>

#include <netinet/in.h>

#include "run/server_parts.h"

static bool is_any(const struct addr *a)
{
	static const u8 zero[16];

	return !memcmp(a->ip, zero, sizeof(zero));
}

/* A link-local address alone makes no uplink: every interface of a container has one. */
bool server_reaches(const struct addr *listen, const struct sockaddr *at)
{
	const struct sockaddr_in *in4 = (const struct sockaddr_in *)at;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)at;

	if (at->sa_family == AF_INET && listen->family == 4)
		return is_any(listen) || !memcmp(&in4->sin_addr, listen->ip, 4);
	if (at->sa_family == AF_INET6 && listen->family == 6)
		return is_any(listen) ? !IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr) : !memcmp(&in6->sin6_addr, listen->ip, 16);
	return false;
}

/* Exactly the addresses of this host: a datagram that is only forwarded to somebody's equal port is none of ours, and an AF_XDP socket would
 * swallow it. What there is no room for the kernel takes to the sockets. */
static void add_ends(struct server *s, struct server_ends *ends, const struct sockaddr *at)
{
	for (u32 i = 0; i < s->bound_count && ends->count < ARRAY_SIZE(ends->at); i++) {
		struct addr *end = &ends->at[ends->count];

		if (!server_reaches(&s->bound[i], at))
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

void server_look_at_ends(struct server *s, const struct ifaddrs *all)
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
