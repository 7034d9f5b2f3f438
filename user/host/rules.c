// SPDX-License-Identifier: MIT
/* rules.c - rules and routes of one instance, made and found again
 *
 * Removing works on what the kernel lists: each listed message of ours goes back with its type
 * changed from "this is" to "remove this", so nothing about it needs to be remembered.
 */
#include "host/rules.h"

#include <linux/fib_rules.h>
#include <netlink/netlink.h>
#include <stdlib.h>

#define PRIORITY_PREFIX 5100u	/* to 5486 */

u32 rule_priority(const struct prefix *p, enum rule_about about)
{
	return PRIORITY_PREFIX + 3 * (128u - p->len) + about;
}

static int put_prefix(struct nl_msg *msg, int attribute, const struct prefix *p)
{
	struct prefix masked = *p;

	prefix_mask(&masked);
	return nla_put(msg, attribute, ip_bytes(p->family), masked.ip);
}

static int put_rule(struct nl_msg *msg, const struct host *h, const struct rule *r)
{
	struct fib_rule_hdr hdr = {
		.family = (u8)af_of(r->family),
		.action = r->table ? FR_ACT_TO_TBL : FR_ACT_UNREACHABLE,
		.dst_len = r->to.family ? r->to.len : 0,
		.src_len = r->from.family ? r->from.len : 0,
	};
	int err = nlmsg_append(msg, &hdr, sizeof(hdr), NLMSG_ALIGNTO);

	err |= nla_put_u32(msg, FRA_PRIORITY, r->priority);
	err |= nla_put_u8(msg, FRA_PROTOCOL, HOST_ROUTE_PROTOCOL);
	err |= nla_put_u32(msg, FRA_FWMARK, h->base);
	err |= nla_put_u32(msg, FRA_FWMASK, r->marked ? UINT32_MAX : 0);
	if (r->table)
		err |= nla_put_u32(msg, FRA_TABLE, r->table);
	if (r->only_longer)
		err |= nla_put_u32(msg, FRA_SUPPRESS_PREFIXLEN, r->longer_than);
	if (r->to.family && r->to.len)
		err |= put_prefix(msg, FRA_DST, &r->to);
	if (r->from.family)
		err |= put_prefix(msg, FRA_SRC, &r->from);
	if (r->oif)
		err |= nla_put_string(msg, FRA_OIFNAME, r->oif);
	return err ? -ENOMEM : 0;
}

static int send_rule(struct host *h, int type, int flags, const struct rule *r)
{
	struct nl_msg *msg = netlink_message(type, flags);

	if (msg && put_rule(msg, h, r)) {
		nlmsg_free(msg);
		msg = NULL;
	}
	return netlink_call(h->netlink, msg);
}

int rule_add(struct host *h, const struct rule *r)
{
	int err = send_rule(h, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, r);

	return err == -EEXIST ? 0 : err;
}

int rule_remove(struct host *h, const struct rule *r)
{
	int err = send_rule(h, RTM_DELRULE, 0, r);

	return err == -ENOENT ? 0 : err;
}

/* An IPv4 prefix by an IPv6 router: RFC 5549. */
static int put_gateway(struct nl_msg *msg, const struct route *r)
{
	u8 other[sizeof(struct rtvia) + 16];
	u16 family = (u16)af_of(r->via.family);

	if (r->via.family == r->to.family)
		return nla_put(msg, RTA_GATEWAY, ip_bytes(r->via.family), r->via.ip);
	memcpy(other, &family, sizeof(family));
	memcpy(other + sizeof(struct rtvia), r->via.ip, 16);
	return nla_put(msg, RTA_VIA, (int)sizeof(struct rtvia) + ip_bytes(r->via.family), other);
}

static int put_route(struct nl_msg *msg, const struct route *r)
{
	struct rtmsg body = {
		.rtm_family = (u8)af_of(r->to.family),
		.rtm_dst_len = r->to.len,
		.rtm_protocol = HOST_ROUTE_PROTOCOL,
		.rtm_type = r->ifindex ? RTN_UNICAST : RTN_UNREACHABLE,
		.rtm_scope = r->to.family == 4 && r->ifindex && !r->via.family ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
		.rtm_flags = r->via.family ? RTNH_F_ONLINK : 0,
	};
	int err = nlmsg_append(msg, &body, sizeof(body), NLMSG_ALIGNTO);

	err |= nla_put_u32(msg, RTA_TABLE, r->table);
	if (r->to.len)
		err |= put_prefix(msg, RTA_DST, &r->to);
	if (r->via.family)
		err |= put_gateway(msg, r);
	if (r->source.family)
		err |= nla_put(msg, RTA_PREFSRC, ip_bytes(r->source.family), r->source.ip);
	if (r->ifindex)
		err |= nla_put_u32(msg, RTA_OIF, r->ifindex);
	return err ? -ENOMEM : 0;
}

int route_put(struct host *h, const struct route *r)
{
	struct nl_msg *msg = netlink_message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);

	if (msg && put_route(msg, r)) {
		nlmsg_free(msg);
		msg = NULL;
	}
	return netlink_call(h->netlink, msg);
}

/* Copies of listed messages, turned into requests to remove. */
struct removals {
	u32 first, last, label;	/* tables, and the mark of labels or 0 */
	struct nl_msg **msgs;
	u32 count, room;
	bool no_memory;
};

static void keep_removal(struct removals *r, struct nlmsghdr *nlh, int type)
{
	struct nl_msg *msg = nlmsg_convert(nlh);

	if (r->count == r->room) {
		u32 room = r->room ? 2 * r->room : 64;
		struct nl_msg **more = realloc(r->msgs, room * sizeof(*more));

		if (more) {
			r->msgs = more;
			r->room = room;
		}
	}
	if (!msg || r->count == r->room) {
		r->no_memory = true;
		nlmsg_free(msg);
		return;
	}
	nlmsg_hdr(msg)->nlmsg_type = (u16)type;
	nlmsg_hdr(msg)->nlmsg_flags = NLM_F_REQUEST;
	nlmsg_hdr(msg)->nlmsg_seq = NL_AUTO_SEQ;
	nlmsg_hdr(msg)->nlmsg_pid = NL_AUTO_PORT;
	r->msgs[r->count++] = msg;
}

static void look_at_rule(struct nlmsghdr *nlh, void *ctx)
{
	struct removals *r = ctx;
	struct fib_rule_hdr *hdr = nlmsg_data(nlh);
	struct nlattr *a[FRA_MAX + 1];
	u32 table, mark;

	if (nlh->nlmsg_type != RTM_NEWRULE || nlmsg_parse(nlh, sizeof(*hdr), a, FRA_MAX, NULL))
		return;
	if (!a[FRA_PROTOCOL] || nla_len(a[FRA_PROTOCOL]) < 1 || nla_get_u8(a[FRA_PROTOCOL]) != HOST_ROUTE_PROTOCOL)
		return;
	table = attribute_u32(a[FRA_TABLE], hdr->table);
	mark = attribute_u32(a[FRA_FWMARK], 0);
	if ((table >= r->first && table <= r->last) || (r->label && mark == r->label))
		keep_removal(r, nlh, RTM_DELRULE);
}

static void look_at_route(struct nlmsghdr *nlh, void *ctx)
{
	struct removals *r = ctx;
	struct rtmsg *body = nlmsg_data(nlh);
	struct nlattr *a[RTA_MAX + 1];
	u32 table;

	if (nlh->nlmsg_type != RTM_NEWROUTE || nlmsg_parse(nlh, sizeof(*body), a, RTA_MAX, NULL))
		return;
	if (body->rtm_protocol != HOST_ROUTE_PROTOCOL || (body->rtm_flags & RTM_F_CLONED))
		return;
	body->rtm_flags &= ~(u32)(RTNH_F_DEAD | RTNH_F_LINKDOWN);
	table = attribute_u32(a[RTA_TABLE], body->rtm_table);
	if (table >= r->first && table <= r->last)
		keep_removal(r, nlh, RTM_DELROUTE);
}

static int list_rules(struct host *h, int af, struct removals *r)
{
	struct fib_rule_hdr hdr = { .family = (u8)af };
	struct nl_msg *msg = netlink_message(RTM_GETRULE, 0);

	if (msg)
		nlmsg_append(msg, &hdr, sizeof(hdr), NLMSG_ALIGNTO);
	return netlink_dump(h->netlink, msg, look_at_rule, r);
}

static int list_routes(struct host *h, int af, struct removals *r)
{
	struct rtmsg body = { .rtm_family = (u8)af, .rtm_protocol = HOST_ROUTE_PROTOCOL };
	struct nl_msg *msg = netlink_message(RTM_GETROUTE, 0);

	if (msg)
		nlmsg_append(msg, &body, sizeof(body), NLMSG_ALIGNTO);
	return netlink_dump(h->netlink, msg, look_at_route, r);
}

/* What is gone already (with its interface, or listed twice) is no error. */
static bool was_gone(int err)
{
	return err == -ENOENT || err == -ESRCH || err == -ENODEV;
}

static int remove_listed(struct host *h, struct removals *r)
{
	int first_error = r->no_memory ? -ENOMEM : 0;

	for (u32 i = 0; i < r->count; i++) {
		int err = netlink_call(h->netlink, r->msgs[i]);

		if (err && !was_gone(err) && !first_error)
			first_error = err;
	}
	free(r->msgs);
	return first_error;
}

/* Rules before routes: never a moment in which a rule leads into an emptied table. */
int rules_clear(struct host *h, u32 first, u32 last, bool labels)
{
	struct removals r = { .first = first, .last = last, .label = labels ? h->base : 0 };
	int families[] = { AF_INET, AF_INET6 };
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(families) && !err; i++)
		err = list_rules(h, families[i], &r);
	for (size_t i = 0; i < ARRAY_SIZE(families) && !err; i++)
		err = list_routes(h, families[i], &r);
	if (!err)
		return remove_listed(h, &r);
	remove_listed(h, &r);
	return err;
}
