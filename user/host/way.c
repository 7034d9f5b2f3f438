// SPDX-License-Identifier: MIT
/* way.c - where the kernel sends the packets of a flow */
#include "host/way.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netlink/netlink.h>

#include "host/bypass.h"
#include "host/inside.h"

/* ---- route ---- */

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

/* ---- conntrack ---- */

static void on_connection(struct nlmsghdr *nlh, void *ctx)
{
	struct nlattr *a[CTA_MAX + 1];

	if (nlh->nlmsg_type == (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW) && !nlmsg_parse(nlh, sizeof(struct nfgenmsg), a, CTA_MAX, NULL))
		*(u32 *)ctx = ntohl(attribute_u32(a[CTA_MARK], 0));
}

/* As its first packet had it: before any masquerade. */
static int put_tuple(struct nl_msg *msg, const struct tg_flow *f)
{
	bool four = f->family == 4;
	struct nlattr *tuple = nla_nest_start(msg, CTA_TUPLE_ORIG | NLA_F_NESTED), *part;
	int err;

	part = nla_nest_start(msg, CTA_TUPLE_IP | NLA_F_NESTED);
	err = nla_put(msg, four ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, four ? 4 : 16, f->src);
	err |= nla_put(msg, four ? CTA_IP_V4_DST : CTA_IP_V6_DST, four ? 4 : 16, f->dst);
	nla_nest_end(msg, part);
	part = nla_nest_start(msg, CTA_TUPLE_PROTO | NLA_F_NESTED);
	err |= nla_put_u8(msg, CTA_PROTO_NUM, f->protocol);
	err |= nla_put_u16(msg, CTA_PROTO_SRC_PORT, htons(f->sport));
	err |= nla_put_u16(msg, CTA_PROTO_DST_PORT, htons(f->dport));
	nla_nest_end(msg, part);
	nla_nest_end(msg, tuple);
	return err ? -ENOMEM : 0;
}

int host_bypass_slot(struct host *h, const struct tg_flow *flow)
{
	struct nfgenmsg head = { .nfgen_family = (u8)af_of(flow->family), .version = NFNETLINK_V0 };
	struct nl_msg *msg = netlink_message(NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, 0);
	struct nl_sock *s = nl_socket_alloc();
	int err = !s || !msg ? -ENOMEM : nl_connect(s, NETLINK_NETFILTER) ? -EPROTO : 0;
	u32 mark = 0;

	if (!err && (nlmsg_append(msg, &head, sizeof(head), NLMSG_ALIGNTO) || put_tuple(msg, flow)))
		err = -ENOMEM;
	if (err)
		nlmsg_free(msg);
	else
		err = netlink_ask(s, msg, on_connection, &mark);
	nl_socket_free(s);
	if (err)
		return err;
	return mark > h->base && mark <= h->base + HOST_BYPASS_SLOTS ? (int)(mark - h->base) : 0;
}
