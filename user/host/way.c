// SPDX-License-Identifier: MIT
/* way.c - where the kernel sends the packets of a flow */
#include "host/way.h"

#include "host/inside.h"

static int put_u32(struct nl_msg *msg, int type, u32 value)
{
	return value ? nla_put_u32(msg, type, value) : 0;
}

struct nl_msg *way_message(const struct host_way_ask *ask)
{
	int bytes = ip_bytes(ask->to.family);
	u8 bits = (u8)(8 * bytes);
	struct rtmsg body = { .rtm_family = (u8)af_of(ask->to.family), .rtm_dst_len = bits, .rtm_src_len = ask->from.family ? bits : 0 };
	struct nl_msg *msg = netlink_message_about(RTM_GETROUTE, 0, &body, sizeof(body));
	int err;

	if (!msg)
		return NULL;
	err = nla_put(msg, RTA_DST, bytes, ask->to.ip);
	if (ask->from.family)
		err |= nla_put(msg, RTA_SRC, bytes, ask->from.ip);
	err |= put_u32(msg, RTA_IIF, ask->iif);
	err |= put_u32(msg, RTA_OIF, ask->oif);
	err |= put_u32(msg, RTA_MARK, ask->mark);
	return netlink_whole(msg, err);
}

static void on_route(struct nlmsghdr *nlh, void *ctx)
{
	struct rtmsg *body = nlmsg_data(nlh);
	struct nlattr *a[RTA_MAX + 1];

	if (nlh->nlmsg_type == RTM_NEWROUTE && !nlmsg_parse(nlh, sizeof(*body), a, RTA_MAX, NULL))
		*(struct host_way *)ctx = (struct host_way){ .ifindex = attribute_u32(a[RTA_OIF], 0), .is_local = body->rtm_type == RTN_LOCAL };
}

int host_way_of(struct host *h, const struct host_way_ask *ask, struct host_way *out)
{
	int err;

	*out = (struct host_way){ 0 };
	err = netlink_ask(h->netlink, way_message(ask), on_route, out);
	return err ? err : out->ifindex ? 0 : -EPROTO;
}

bool host_way_is_refusal(int err)
{
	return err == -ENETUNREACH || err == -EHOSTUNREACH || err == -EACCES;
}
