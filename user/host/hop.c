// SPDX-License-Identifier: MIT
/* hop.c - to whom a frame goes that an uplink sends by itself */
#include "host/hop.h"

#include <net/if.h>

#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>

#include "host/inside.h"
#include "host/way.h"

#define USABLE (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE)

/* An answer on its way into *hop. */
struct asking {
	struct host_hop *hop;
	const struct addr *remote;
	int err;		/* what is wrong with the answer */
};

/* ---- route ---- */

static bool read_via(struct nlattr *a, struct addr *out)
{
	const struct rtvia *via = nla_data(a);
	u8 family;

	if (nla_len(a) < (int)sizeof(*via))
		return false;
	family = family_of(via->rtvia_family);
	if (!family || nla_len(a) < (int)sizeof(*via) + ip_bytes(family))
		return false;
	*out = (struct addr){ .family = family };
	memcpy(out->ip, via->rtvia_addr, (size_t)ip_bytes(family));
	return true;
}

static void on_route(struct nlmsghdr *nlh, void *ctx)
{
	struct asking *ask = ctx;
	struct rtmsg *body = nlmsg_data(nlh);
	struct nlattr *a[RTA_MAX + 1];
	u32 ifindex;
	u8 family;

	if (nlh->nlmsg_type != RTM_NEWROUTE || nlmsg_parse(nlh, sizeof(*body), a, RTA_MAX, NULL))
		return;
	family = family_of(body->rtm_family);
	ifindex = attribute_u32(a[RTA_OIF], 0);
	if (body->rtm_type != RTN_UNICAST || !ifindex || (ask->hop->ifindex && ifindex != ask->hop->ifindex))
		return;
	ask->err = 0;
	ask->hop->ifindex = ifindex;
	ask->hop->next = (struct addr){ .family = family };
	if (a[RTA_VIA] && read_via(a[RTA_VIA], &ask->hop->next))
		return;
	if (!attribute_ip(a[RTA_GATEWAY], family, ask->hop->next.ip))
		memcpy(ask->hop->next.ip, ask->remote->ip, sizeof(ask->hop->next.ip));
}

static int ask_route(struct nl_sock *s, u32 mark, const struct addr *local, struct asking *ask)
{
	struct host_way_ask way = { .from = *local, .to = *ask->remote, .mark = mark, .oif = ask->hop->ifindex };
	int err;

	ask->err = -EHOSTUNREACH;
	err = netlink_ask(s, way_message(&way), on_route, ask);
	return err ? err : ask->err;
}

/* ---- interface ---- */

static void on_link(struct nlmsghdr *nlh, void *ctx)
{
	struct asking *ask = ctx;
	struct ifinfomsg *body = nlmsg_data(nlh);
	struct nlattr *a[IFLA_MAX + 1];

	if (nlh->nlmsg_type != RTM_NEWLINK || nlmsg_parse(nlh, sizeof(*body), a, IFLA_MAX, NULL))
		return;
	if (body->ifi_type != ARPHRD_ETHER || !a[IFLA_ADDRESS] || nla_len(a[IFLA_ADDRESS]) != HOST_MAC_BYTES)
		return;
	memcpy(ask->hop->own, nla_data(a[IFLA_ADDRESS]), HOST_MAC_BYTES);
	ask->err = 0;
}

static int ask_link(struct nl_sock *s, struct asking *ask)
{
	struct ifinfomsg body = { .ifi_family = AF_UNSPEC, .ifi_index = (int)ask->hop->ifindex };
	int err;

	ask->err = -EAFNOSUPPORT;
	err = netlink_ask(s, netlink_message_about(RTM_GETLINK, 0, &body, sizeof(body)), on_link, ask);
	return err ? err : ask->err;
}

/* ---- neighbour ---- */

static void on_neighbour(struct nlmsghdr *nlh, void *ctx)
{
	struct asking *ask = ctx;
	struct ndmsg *body = nlmsg_data(nlh);
	struct nlattr *a[NDA_MAX + 1];

	if (nlh->nlmsg_type != RTM_NEWNEIGH || nlmsg_parse(nlh, sizeof(*body), a, NDA_MAX, NULL))
		return;
	if (!(body->ndm_state & USABLE) || !a[NDA_LLADDR] || nla_len(a[NDA_LLADDR]) != HOST_MAC_BYTES)
		return;
	memcpy(ask->hop->mac, nla_data(a[NDA_LLADDR]), HOST_MAC_BYTES);
	ask->hop->known = true;
}

static struct nl_msg *neighbour_message(const struct host_hop *hop, int type, int flags, u8 neighbour_flags)
{
	struct ndmsg body = { .ndm_family = (u8)af_of(hop->next.family), .ndm_ifindex = (int)hop->ifindex, .ndm_flags = neighbour_flags };
	struct nl_msg *msg = netlink_message_about(type, flags, &body, sizeof(body));

	return msg ? netlink_whole(msg, nla_put(msg, NDA_DST, ip_bytes(hop->next.family), hop->next.ip)) : NULL;
}

static int ask_neighbour(struct nl_sock *s, struct asking *ask)
{
	int err = netlink_ask(s, neighbour_message(ask->hop, RTM_GETNEIGH, 0, 0), on_neighbour, ask);

	return err == -ENOENT ? 0 : err;
}

/* ---- all of it ---- */

int host_hop_find(u32 ifindex, u32 mark, const struct addr *local, const struct addr *remote, struct host_hop *out)
{
	struct asking ask = { .hop = out, .remote = remote };
	struct nl_sock *s;
	int err = netlink_open(&s);

	if (err)
		return err;
	*out = (struct host_hop){ .ifindex = ifindex };
	err = ifindex ? ask_link(s, &ask) : ask_route(s, mark, local, &ask);
	if (!err)
		err = ifindex ? ask_route(s, mark, local, &ask) : ask_link(s, &ask);
	if (!err)
		err = ask_neighbour(s, &ask);
	nl_socket_free(s);
	return err;
}

int host_hop_again(const struct host_hop *hop, struct host_hop *out)
{
	struct asking ask = { .hop = out };
	struct nl_sock *s;
	int err = netlink_open(&s);

	if (err)
		return err;
	*out = (struct host_hop){ .ifindex = hop->ifindex, .next = hop->next };
	err = ask_link(s, &ask);
	if (!err)
		err = ask_neighbour(s, &ask);
	nl_socket_free(s);
	return err;
}

int host_hop_use(const struct host_hop *hop)
{
	struct nl_sock *s;
	int err = netlink_open(&s);

	if (err)
		return err;
	err = netlink_call(s, neighbour_message(hop, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, NTF_USE));
	nl_socket_free(s);
	return err;
}

bool host_hop_equal(const struct host_hop *a, const struct host_hop *b)
{
	return a->ifindex == b->ifindex && a->known == b->known && addr_same_ip(&a->next, &b->next) &&
	       !memcmp(a->own, b->own, HOST_MAC_BYTES) && !memcmp(a->mac, b->mac, HOST_MAC_BYTES);
}
