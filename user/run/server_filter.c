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

#include "base/clock.h"
#include "run/filter.h"
#include "run/server_parts.h"

#define RETRY_FIRST_US (4 * SEC)
#define RETRY_LAST_US (300 * SEC)

static bool is_any(const struct addr *a)
{
	static const u8 zero[16];

	return !memcmp(a->ip, zero, sizeof(zero));
}

/* Would a datagram to this address of an interface reach the socket that is bound to `listen`? A link-local address alone makes no uplink: every
 * interface of a container has one. */
static bool reaches(const struct addr *listen, const struct sockaddr *at)
{
	const struct sockaddr_in *in4 = (const struct sockaddr_in *)at;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)at;

	if (at->sa_family == AF_INET && listen->family == 4)
		return is_any(listen) || !memcmp(&in4->sin_addr, listen->ip, 4);
	if (at->sa_family == AF_INET6 && listen->family == 6)
		return is_any(listen) ? !IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr) : !memcmp(&in6->sin6_addr, listen->ip, 16);
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

/* ---- who refuses: it is said once, and asked again less and less often ---- */

static struct server_refusal *refusal_of(struct server *s, u32 ifindex)
{
	for (u32 i = 0; i < ARRAY_SIZE(s->refused); i++)
		if (s->refused[i].ifindex == ifindex)
			return &s->refused[i];
	return NULL;
}

/* Interfaces that are gone make room. */
static struct server_refusal *free_refusal(struct server *s)
{
	char name[IF_NAMESIZE];

	for (u32 i = 0; i < ARRAY_SIZE(s->refused); i++)
		if (!s->refused[i].ifindex || !if_indextoname(s->refused[i].ifindex, name))
			return &s->refused[i];
	return NULL;
}

/* What cannot be remembered is not said either. */
static bool was_refused(struct server *s, u32 ifindex)
{
	return refusal_of(s, ifindex) || !free_refusal(s);
}

static void note_refused(struct server *s, u32 ifindex)
{
	struct server_refusal *r = refusal_of(s, ifindex);

	if (!r)
		r = free_refusal(s);
	if (!r)
		return;
	if (r->ifindex != ifindex)
		*r = (struct server_refusal){ .ifindex = ifindex, .wait_us = RETRY_FIRST_US / 2 };
	r->wait_us = MIN(2 * r->wait_us, RETRY_LAST_US);
	r->retry_us = clock_now_us() + r->wait_us;
}

static bool is_due(struct server *s, u32 ifindex)
{
	const struct server_refusal *r = refusal_of(s, ifindex);

	return !r || clock_now_us() >= r->retry_us;
}

static void filter_on(struct server *s, const char *name)
{
	u32 ifindex = if_nametoindex(name);

	if (!ifindex || datapath_attached(s->datapath, ifindex) != DATAPATH_OFF)
		return;
	if (!is_due(s, ifindex))
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
