// SPDX-License-Identifier: MIT
/* vethdev.c - a veth pair as tunnel device: made, found again, removed */
#include "host/vethdev.h"

#include <linux/if_link.h>
#include <linux/veth.h>
#include <netlink/netlink.h>

#include "host/inside.h"
#include "host/nic.h"

#define MAX_OURS 8	/* one pair, two ends; more only if somebody put others into our group */

/* Locally administered; on a wire of two nobody else can have them. Set by us, so that udev finds nothing to choose. */
static const u8 outer_mac[HOST_VETH_MAC_BYTES] = { 0x02, 't', 'g', 0, 0, 1 };
static const u8 inner_mac[HOST_VETH_MAC_BYTES] = { 0x02, 't', 'g', 0, 0, 2 };

/* ---- making ---- */

static const struct ifinfomsg no_arp = { .ifi_flags = IFF_NOARP, .ifi_change = IFF_NOARP };

static void put_end(struct nl_msg *msg, const char *name, const u8 *mac, u32 group)
{
	nla_put_string(msg, IFLA_IFNAME, name);
	nla_put(msg, IFLA_ADDRESS, HOST_VETH_MAC_BYTES, mac);
	nla_put_u32(msg, IFLA_GROUP, group);
}

static int create(struct host *h, const struct host_veth *v)
{
	struct nl_msg *msg = netlink_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	struct nlattr *info, *data, *peer;

	if (!msg)
		return -ENOMEM;
	nlmsg_append(msg, (void *)&no_arp, sizeof(no_arp), NLMSG_ALIGNTO);
	put_end(msg, v->name, v->mac, h->base);
	info = nla_nest_start(msg, IFLA_LINKINFO);
	nla_put_string(msg, IFLA_INFO_KIND, "veth");
	data = nla_nest_start(msg, IFLA_INFO_DATA);
	peer = nla_nest_start(msg, VETH_INFO_PEER);
	nlmsg_append(msg, (void *)&no_arp, sizeof(no_arp), NLMSG_ALIGNTO);
	put_end(msg, v->inner_name, v->inner_mac, h->base);
	nla_nest_end(msg, peer);
	nla_nest_end(msg, data);
	nla_nest_end(msg, info);
	return netlink_call(h->netlink, msg);
}

/* The kernel shall say nothing of its own by the inner end: it would come out of the tunnel device. */
static int set_inner_up(struct host *h, u32 ifindex, bool has_ip6)
{
	struct ifinfomsg body = { .ifi_index = (int)ifindex, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	struct nl_msg *msg = netlink_message(RTM_NEWLINK, 0);

	if (!msg)
		return -ENOMEM;
	nlmsg_append(msg, &body, sizeof(body), NLMSG_ALIGNTO);
	if (has_ip6)
		netlink_put_no_link_local(msg);
	return netlink_call(h->netlink, msg);
}

static int prepare(struct host *h, struct host_veth *v)
{
	int err;

	v->ifindex = if_nametoindex(v->name);
	v->inner_ifindex = if_nametoindex(v->inner_name);
	if (!v->ifindex || !v->inner_ifindex)
		return -ENODEV;
	err = set_inner_up(h, v->inner_ifindex, true);
	if (err == -EAFNOSUPPORT || err == -EINVAL)
		err = set_inner_up(h, v->inner_ifindex, false);
	if (!err)
		err = host_nic_send_finished(v->name);
	/* Whole super-packets must not come out of a socket that knows none; this end's own features say whether GRO joins them at the other. */
	return err ? err : host_nic_send_finished(v->inner_name);
}

int host_veth_make(struct host *h, const char *name, struct host_veth *out, char *why)
{
	int err;

	memset(out, 0, sizeof(*out));
	snprintf(out->name, sizeof(out->name), "%s", name);
	snprintf(out->inner_name, sizeof(out->inner_name), "%.*s-in", IF_NAMESIZE - 4, name);
	memcpy(out->mac, outer_mac, sizeof(out->mac));
	memcpy(out->inner_mac, inner_mac, sizeof(out->inner_mac));
	err = create(h, out);
	if (err)
		return host_fail(why, err, "veth %s and %s: %s", out->name, out->inner_name, strerror(-err));
	err = prepare(h, out);
	if (!err)
		return 0;
	(void)host_veth_remove(h);
	return host_fail(why, err, "veth %s: %s", out->name, strerror(-err));
}

/* ---- removing ---- */

struct ours {
	u32 group, count;
	u32 found[MAX_OURS];
};

static bool is_veth(struct nlattr *info)
{
	struct nlattr *a[IFLA_INFO_MAX + 1];

	return info && !nla_parse_nested(a, IFLA_INFO_MAX, info, NULL) && a[IFLA_INFO_KIND] && !nla_strcmp(a[IFLA_INFO_KIND], "veth");
}

static void on_link(struct nlmsghdr *nlh, void *ctx)
{
	struct ifinfomsg *body = nlmsg_data(nlh);
	struct nlattr *a[IFLA_MAX + 1];
	struct ours *o = ctx;

	if (nlh->nlmsg_type != RTM_NEWLINK || nlmsg_parse(nlh, sizeof(*body), a, IFLA_MAX, NULL))
		return;
	if (attribute_u32(a[IFLA_GROUP], 0) == o->group && is_veth(a[IFLA_LINKINFO]) && o->count < MAX_OURS)
		o->found[o->count++] = (u32)body->ifi_index;
}

/* One end takes the other along. */
static int remove_one(struct host *h, u32 ifindex)
{
	struct ifinfomsg body = { .ifi_index = (int)ifindex };
	struct nl_msg *msg = netlink_message(RTM_DELLINK, 0);
	int err;

	if (msg)
		nlmsg_append(msg, &body, sizeof(body), NLMSG_ALIGNTO);
	err = netlink_call(h->netlink, msg);
	return err == -ENODEV ? 0 : err;
}

int host_veth_remove(struct host *h)
{
	struct ours o = { .group = h->base };
	struct ifinfomsg body = { .ifi_family = AF_UNSPEC };
	struct nl_msg *msg = netlink_message(RTM_GETLINK, 0);
	int err, first;

	if (msg)
		nlmsg_append(msg, &body, sizeof(body), NLMSG_ALIGNTO);
	first = netlink_dump(h->netlink, msg, on_link, &o);
	for (u32 i = 0; i < o.count; i++) {
		err = remove_one(h, o.found[i]);
		first = first ? first : err;
	}
	return first;
}
