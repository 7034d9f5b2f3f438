// SPDX-License-Identifier: MIT
/* server_filter.c - the XDP filter on the server's interfaces
 *
 * A server listens on addresses, and usually on all of them; so the filter goes on every interface that has one of them, but for the loopback and
 * the tunnel device. Interfaces come and go: it is looked again now and then.
 */
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>

#include <netinet/in.h>

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

static void filter_on(struct server *s, const char *name)
{
	u32 ifindex = if_nametoindex(name);

	if (!ifindex || datapath_attached(s->datapath, ifindex) != DATAPATH_OFF)
		return;
	if (!filter_attach(s->datapath, ifindex, name, s->set.xdp, !was_refused(s, ifindex))) {
		note_refused(s, ifindex);
		return;
	}
	for (u32 i = 0; i < s->bound_count; i++)
		datapath_put_end(s->datapath, ifindex, &s->bound[i]);
}

void server_filter(struct server *s)
{
	struct ifaddrs *all;

	if (!s->datapath || s->set.xdp == DATAPATH_OFF || getifaddrs(&all))
		return;
	for (const struct ifaddrs *a = all; a; a = a->ifa_next)
		if (is_wanted(s, a))
			filter_on(s, a->ifa_name);
	freeifaddrs(all);
}
