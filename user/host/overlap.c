// SPDX-License-Identifier: MIT
/* overlap.c - prefixes that would collide: with this host's networks, or with the way to the server */
#include <linux/if_addr.h>
#include <netlink/netlink.h>

#include "host/inside.h"
#include "host/routes.h"

static const struct prefix *longest(const struct addr *addr, const struct prefix *list, u32 count)
{
	const struct prefix *best = NULL;

	for (u32 i = 0; i < count; i++)
		if (prefix_contains(&list[i], addr->family, addr->ip) && (!best || list[i].len > best->len))
			best = &list[i];
	return best;
}

bool host_routes_would_loop(const struct addr *addr, const struct prefix *routes, u32 route_count,
			    const struct prefix *excludes, u32 exclude_count, struct prefix *which)
{
	const struct prefix *in = longest(addr, routes, route_count);
	const struct prefix *out = longest(addr, excludes, exclude_count);

	if (!in || (out && out->len >= in->len))
		return false;
	if (which)
		*which = *in;
	return true;
}

struct collision {
	const struct prefix *p;
	u32 except;		/* interface, or 0 */
	char *what;
	bool found;
};

static bool read_prefix(struct prefix *p, int af, struct nlattr *ip, u8 len)
{
	p->family = family_of(af);
	p->len = len;
	return attribute_ip(ip, p->family, p->ip) && len <= 8 * ip_bytes(p->family);
}

static const char *name_of(u32 ifindex, char *name)
{
	return if_indextoname(ifindex, name) ? name : "another interface";
}

static void on_address(struct nlmsghdr *nlh, void *ctx)
{
	struct ifaddrmsg *body = nlmsg_data(nlh);
	char name[IF_NAMESIZE], text[ADDR_TEXT_BYTES];
	struct nlattr *a[IFA_MAX + 1], *ip;
	struct collision *c = ctx;
	struct prefix mine;

	if (c->found || nlh->nlmsg_type != RTM_NEWADDR || nlmsg_parse(nlh, sizeof(*body), a, IFA_MAX, NULL))
		return;
	ip = a[IFA_LOCAL] ? a[IFA_LOCAL] : a[IFA_ADDRESS];
	if (body->ifa_index == c->except || !read_prefix(&mine, body->ifa_family, ip, body->ifa_prefixlen))
		return;
	if (!prefix_overlaps(&mine, c->p))
		return;
	c->found = true;
	host_fail(c->what, 0, "%s has %s", name_of(body->ifa_index, name), prefix_format(&mine, text));
}

/* Routes of people: the main table's, without defaults, broadcasts, multicast and what comes with every link. */
static void on_route(struct nlmsghdr *nlh, void *ctx)
{
	struct rtmsg *body = nlmsg_data(nlh);
	char name[IF_NAMESIZE], text[ADDR_TEXT_BYTES];
	struct nlattr *a[RTA_MAX + 1];
	struct collision *c = ctx;
	struct prefix to;
	u32 ifindex;

	if (c->found || nlh->nlmsg_type != RTM_NEWROUTE || nlmsg_parse(nlh, sizeof(*body), a, RTA_MAX, NULL))
		return;
	if (!body->rtm_dst_len || body->rtm_table != RT_TABLE_MAIN || (body->rtm_flags & RTM_F_CLONED))
		return;
	ifindex = attribute_u32(a[RTA_OIF], 0);
	if (!read_prefix(&to, body->rtm_family, a[RTA_DST], body->rtm_dst_len))
		return;
	if ((c->except && ifindex == c->except) || !prefix_overlaps(&to, c->p))
		return;
	c->found = true;
	if (ifindex)
		host_fail(c->what, 0, "a route to %s by %s", prefix_format(&to, text), name_of(ifindex, name));
	else
		host_fail(c->what, 0, "a route to %s", prefix_format(&to, text));
}

bool host_overlap(const struct prefix *p, const char *except, char *what)
{
	struct ifaddrmsg address = { .ifa_family = (u8)af_of(p->family) };
	struct rtmsg route = { .rtm_family = (u8)af_of(p->family), .rtm_table = RT_TABLE_MAIN };
	struct collision c = { .p = p, .except = except ? if_nametoindex(except) : 0, .what = what };
	struct nl_sock *s;
	struct nl_msg *msg;

	if (!p->family || netlink_open(&s))
		return false;
	msg = netlink_message(RTM_GETADDR, 0);
	if (msg)
		nlmsg_append(msg, &address, sizeof(address), NLMSG_ALIGNTO);
	netlink_dump(s, msg, on_address, &c);
	msg = netlink_message(RTM_GETROUTE, 0);
	if (msg)
		nlmsg_append(msg, &route, sizeof(route), NLMSG_ALIGNTO);
	netlink_dump(s, msg, on_route, &c);
	nl_socket_free(s);
	return c.found;
}
