// SPDX-License-Identifier: MIT
/* links.c - which interfaces can carry the tunnel
 *
 * Three lists are asked of the kernel, links, addresses and routes, and joined by interface number.
 */
#include "host/links.h"

#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <netlink/netlink.h>
#include <stdlib.h>

#include "host/inside.h"
#include "host/kind.h"

struct link {
	struct host_uplink u;
	bool tunnel;		/* tun, wireguard, ipip... or dummy */
	bool loopback;
	bool enslaved;		/* bridge port, bond member */
	u32 metric4, metric6;	/* of the default route kept so far */
	int rank6;		/* of the IPv6 address kept so far */
};

struct view {
	struct link *links;
	u32 count, room;
	int error;
};

static struct link *find_link(struct view *v, u32 ifindex)
{
	for (u32 i = 0; i < v->count; i++)
		if (v->links[i].u.ifindex == ifindex)
			return &v->links[i];
	return NULL;
}

static struct link *add_link(struct view *v, u32 ifindex)
{
	struct link *l = find_link(v, ifindex);

	if (!l && v->count == v->room) {
		u32 room = v->room ? 2 * v->room : 16;
		struct link *more = realloc(v->links, room * sizeof(*more));

		if (!more) {
			v->error = -ENOMEM;
			return NULL;
		}
		v->links = more;
		v->room = room;
	}
	if (!l)
		l = &v->links[v->count++];
	memset(l, 0, sizeof(*l));
	l->u.ifindex = ifindex;
	return l;
}

static bool is_tunnel_kind(const char *kind)
{
	static const char *const kinds[] = {
		"tun", "wireguard", "ipip", "ip6tnl", "sit", "gre", "gretap", "ip6gre", "ip6gretap", "erspan",
		"ip6erspan", "vti", "vti6", "xfrm", "vxlan", "geneve", "bareudp", "gtp", "amt", "ovpn", "ovpn-dco",
		"dummy", "ifb", "nlmon", "vcan", "can", "lowpan",
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kind, kinds[i]))
			return true;
	return false;
}

static bool is_tunnel_type(unsigned int arphrd)
{
	return arphrd == ARPHRD_TUNNEL || arphrd == ARPHRD_TUNNEL6 || arphrd == ARPHRD_SIT || arphrd == ARPHRD_IPGRE ||
	       arphrd == ARPHRD_IP6GRE;
}

/* What IFLA_LINKINFO says: the device's own kind, and as whose slave it serves. */
static void read_linkinfo(struct link *l, struct nlattr *info, bool has_master)
{
	struct nlattr *a[IFLA_INFO_MAX + 1] = { NULL };
	char kind[32] = "", master[32] = "";

	if (info && nla_parse_nested(a, IFLA_INFO_MAX, info, NULL))
		return;
	if (a[IFLA_INFO_KIND])
		nla_strlcpy(kind, a[IFLA_INFO_KIND], sizeof(kind));
	if (a[IFLA_INFO_SLAVE_KIND])
		nla_strlcpy(master, a[IFLA_INFO_SLAVE_KIND], sizeof(master));
	l->tunnel |= is_tunnel_kind(kind);
	l->enslaved = has_master && strcmp(master, "vrf");
}

static void on_link(struct nlmsghdr *nlh, void *ctx)
{
	struct ifinfomsg *body = nlmsg_data(nlh);
	struct nlattr *a[IFLA_MAX + 1];
	struct link *l;

	if (nlh->nlmsg_type != RTM_NEWLINK || nlmsg_parse(nlh, sizeof(*body), a, IFLA_MAX, NULL) || !a[IFLA_IFNAME])
		return;
	l = add_link(ctx, (u32)body->ifi_index);
	if (!l)
		return;
	nla_strlcpy(l->u.name, a[IFLA_IFNAME], sizeof(l->u.name));
	l->u.mtu = attribute_u32(a[IFLA_MTU], 0);
	l->u.up = (body->ifi_flags & IFF_UP) && (body->ifi_flags & IFF_LOWER_UP);
	l->loopback = body->ifi_flags & IFF_LOOPBACK;
	l->tunnel = is_tunnel_type(body->ifi_type);
	read_linkinfo(l, a[IFLA_LINKINFO], a[IFLA_MASTER]);
	l->u.kind = kind_from_sysfs("/sys/class/net", l->u.name, body->ifi_type == ARPHRD_ETHER);
}

/* Higher is better: stable public, temporary public, private (fc00::/7). */
static int rank_ip6(const struct prefix *p, u32 flags)
{
	if ((p->ip[0] & 0xfe) == 0xfc)
		return 1;
	return flags & IFA_F_TEMPORARY ? 2 : 3;
}

static void on_address(struct nlmsghdr *nlh, void *ctx)
{
	struct ifaddrmsg *body = nlmsg_data(nlh);
	struct nlattr *a[IFA_MAX + 1];
	struct prefix p = { 0 };
	struct link *l;
	u32 flags;

	if (nlh->nlmsg_type != RTM_NEWADDR || nlmsg_parse(nlh, sizeof(*body), a, IFA_MAX, NULL))
		return;
	l = find_link(ctx, body->ifa_index);
	p.family = family_of(body->ifa_family);
	p.len = body->ifa_prefixlen;
	flags = attribute_u32(a[IFA_FLAGS], body->ifa_flags);
	if (!attribute_ip(a[IFA_LOCAL] ? a[IFA_LOCAL] : a[IFA_ADDRESS], p.family, p.ip))
		return;
	if (!l || p.len > 8 * ip_bytes(p.family) || body->ifa_scope != RT_SCOPE_UNIVERSE)
		return;
	if (flags & (IFA_F_TENTATIVE | IFA_F_DEPRECATED | IFA_F_DADFAILED) && !(flags & IFA_F_OPTIMISTIC))
		return;

	if (p.family == 4 && !l->u.addr4.family)
		l->u.addr4 = p;
	if (p.family == 6 && rank_ip6(&p, flags) > l->rank6) {
		l->rank6 = rank_ip6(&p, flags);
		l->u.addr6 = p;
	}
}

static void read_gateway(struct addr *out, u8 family, struct nlattr *gateway, struct nlattr *via, u32 ifindex)
{
	memset(out, 0, sizeof(*out));
	if (via && nla_len(via) > (int)sizeof(struct rtvia)) {
		struct rtvia *v = nla_data(via);

		family = family_of(v->rtvia_family);
		if (!family || nla_len(via) < (int)sizeof(*v) + ip_bytes(family))
			return;
		memcpy(out->ip, v->rtvia_addr, (size_t)ip_bytes(family));
	} else if (!attribute_ip(gateway, family, out->ip)) {
		return;
	}
	out->family = family;
	if (family == 6 && out->ip[0] == 0xfe && (out->ip[1] & 0xc0) == 0x80)
		out->scope = ifindex;
}

/* The default route with the smallest metric speaks for its interface. */
static void note_default(struct view *v, u8 family, u32 ifindex, u32 metric, struct nlattr *gateway, struct nlattr *via)
{
	struct link *l = find_link(v, ifindex);
	bool *has;
	u32 *best;

	if (!l)
		return;
	has = family == 4 ? &l->u.has_default4 : &l->u.has_default6;
	best = family == 4 ? &l->metric4 : &l->metric6;
	if (*has && *best <= metric)
		return;
	*has = true;
	*best = metric;
	read_gateway(family == 4 ? &l->u.gateway4 : &l->u.gateway6, family, gateway, via, ifindex);
}

static void note_multipath(struct view *v, u8 family, u32 metric, struct nlattr *hops)
{
	struct rtnexthop *hop = nla_data(hops);
	int left = nla_len(hops);

	while (left >= (int)sizeof(*hop) && hop->rtnh_len >= sizeof(*hop) && hop->rtnh_len <= left) {
		struct nlattr *a[RTA_MAX + 1];

		if (!nla_parse(a, RTA_MAX, (struct nlattr *)RTNH_DATA(hop), hop->rtnh_len - (int)sizeof(*hop), NULL))
			note_default(v, family, (u32)hop->rtnh_ifindex, metric, a[RTA_GATEWAY], a[RTA_VIA]);
		left -= (int)RTNH_ALIGN(hop->rtnh_len);
		hop = RTNH_NEXT(hop);
	}
}

static void on_route(struct nlmsghdr *nlh, void *ctx)
{
	struct rtmsg *body = nlmsg_data(nlh);
	struct nlattr *a[RTA_MAX + 1];
	u32 metric;
	u8 family;

	if (nlh->nlmsg_type != RTM_NEWROUTE || nlmsg_parse(nlh, sizeof(*body), a, RTA_MAX, NULL))
		return;
	if (body->rtm_dst_len || body->rtm_type != RTN_UNICAST)
		return;
	if (body->rtm_protocol == HOST_ROUTE_PROTOCOL || (body->rtm_flags & RTM_F_CLONED))
		return;
	family = family_of(body->rtm_family);
	metric = attribute_u32(a[RTA_PRIORITY], 0);
	if (a[RTA_OIF])
		note_default(ctx, family, attribute_u32(a[RTA_OIF], 0), metric, a[RTA_GATEWAY], a[RTA_VIA]);
	if (a[RTA_MULTIPATH])
		note_multipath(ctx, family, metric, a[RTA_MULTIPATH]);
}

static struct nl_msg *link_request(void)
{
	struct ifinfomsg body = { .ifi_family = AF_UNSPEC };
	struct nl_msg *msg = netlink_message(RTM_GETLINK, 0);

	if (msg) {
		nlmsg_append(msg, &body, sizeof(body), NLMSG_ALIGNTO);
		nla_put_u32(msg, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	}
	return msg;
}

static int dump_family(struct nl_sock *s, u8 family, struct view *v)
{
	struct ifaddrmsg address = { .ifa_family = (u8)af_of(family) };
	struct rtmsg route = { .rtm_family = (u8)af_of(family) };
	struct nl_msg *msg = netlink_message(RTM_GETADDR, 0);
	int err;

	if (msg)
		nlmsg_append(msg, &address, sizeof(address), NLMSG_ALIGNTO);
	err = netlink_dump(s, msg, on_address, v);
	if (err)
		return err;
	msg = netlink_message(RTM_GETROUTE, 0);
	if (msg)
		nlmsg_append(msg, &route, sizeof(route), NLMSG_ALIGNTO);
	return netlink_dump(s, msg, on_route, v);
}

void links_read(const void *bytes, size_t len)
{
	struct view v = { 0 };
	int left = (int)len;

	for (struct nlmsghdr *nlh = (struct nlmsghdr *)(uintptr_t)bytes; nlmsg_ok(nlh, left); nlh = nlmsg_next(nlh, &left)) {
		on_link(nlh, &v);
		on_address(nlh, &v);
		on_route(nlh, &v);
	}
	free(v.links);
}

static int look(struct view *v)
{
	struct nl_sock *s;
	int err = netlink_open(&s);

	memset(v, 0, sizeof(*v));
	if (err)
		return err;
	err = netlink_dump(s, link_request(), on_link, v);
	if (!err)
		err = dump_family(s, 4, v);
	if (!err)
		err = dump_family(s, 6, v);
	nl_socket_free(s);
	err = err ? err : v->error;
	if (err) {
		free(v->links);
		v->links = NULL;
	}
	return err;
}

static bool has_way_out(const struct host_uplink *u)
{
	return (u->addr4.family && u->has_default4) || (u->addr6.family && u->has_default6);
}

int host_uplinks_list(struct host_uplink *out, u32 max)
{
	struct view v;
	u32 found = 0;
	int err = look(&v);

	if (err)
		return err;
	for (u32 i = 0; i < v.count && found < max; i++) {
		struct link *l = &v.links[i];

		l->u.usable = l->u.up && !l->loopback && !l->tunnel && !l->enslaved && has_way_out(&l->u);
		if (l->u.usable)
			out[found++] = l->u;
	}
	free(v.links);
	return (int)found;
}

static void judge_named(struct link *l, char *why)
{
	struct host_uplink *u = &l->u;

	u->usable = false;
	if (l->enslaved)
		host_fail(why, 0, "%s belongs to a bridge or bond: use that one", u->name);
	else if (!u->up)
		host_fail(why, 0, "%s is down or has no carrier", u->name);
	else if (!u->addr4.family && !u->addr6.family)
		host_fail(why, 0, "%s has no address", u->name);
	else
		u->usable = true;
	if (u->usable && !has_way_out(u))
		host_fail(why, 0, "%s has no default route: only its own network is reachable over it", u->name);
}

static int find_named(const char *name, u32 ifindex, struct host_uplink *out, char *why)
{
	struct view v;
	int err = look(&v);

	if (err)
		return host_fail(why, err, "cannot list interfaces: %s", strerror(-err));
	host_fail(why, 0, "%s", "");
	err = -ENODEV;
	for (u32 i = 0; i < v.count; i++) {
		struct link *l = &v.links[i];

		if (name ? strcmp(l->u.name, name) : l->u.ifindex != ifindex)
			continue;
		judge_named(l, why);
		*out = l->u;
		err = 0;
	}
	free(v.links);
	return err;
}

int host_uplink_by_name(const char *name, struct host_uplink *out, char *why)
{
	int err = find_named(name, 0, out, why);

	return err == -ENODEV ? host_fail(why, err, "there is no interface %s", name) : err;
}

int host_uplink_by_index(u32 ifindex, struct host_uplink *out, char *why)
{
	int err = find_named(NULL, ifindex, out, why);

	return err == -ENODEV ? host_fail(why, err, "there is no interface with number %u", ifindex) : err;
}

bool host_uplink_equal(const struct host_uplink *a, const struct host_uplink *b)
{
	return !strcmp(a->name, b->name) && a->ifindex == b->ifindex && a->mtu == b->mtu && a->up == b->up &&
	       a->usable == b->usable && a->has_default4 == b->has_default4 && a->has_default6 == b->has_default6 &&
	       !memcmp(&a->addr4, &b->addr4, sizeof(a->addr4)) && !memcmp(&a->addr6, &b->addr6, sizeof(a->addr6)) &&
	       addr_equal(&a->gateway4, &b->gateway4) && addr_equal(&a->gateway6, &b->gateway6);
}
