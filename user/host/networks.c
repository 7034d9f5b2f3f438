// SPDX-License-Identifier: MIT
/* networks.c - the networks this host is connected to, which stay outside the tunnel
 *
 * They are read from the addresses, not from the routes of main: whoever answers DHCP (option 121)
 * or sends router advertisements fills main with routes as he likes, and two of them (0.0.0.0/1 and
 * 128.0.0.0/1) would beat a default route into the tunnel.
 */
#include <linux/if_addr.h>
#include <netlink/netlink.h>

#include "host/inside.h"
#include "host/routes.h"
#include "host/rules.h"

bool host_network_is_near(const struct prefix *p)
{
	return p->family && p->len >= (p->family == 4 ? 8 : 32);
}

static bool is_among(const struct prefix *list, u32 count, const struct prefix *p)
{
	for (u32 i = 0; i < count; i++)
		if (list[i].family == p->family && list[i].len == p->len && !memcmp(list[i].ip, p->ip, sizeof(p->ip)))
			return true;
	return false;
}

struct networks {
	struct prefix list[HOST_NETWORKS];
	u32 count;
};

/* With a peer the address of the network is the peer's; alone and of full length it is no network. */
static void on_address(struct nlmsghdr *nlh, void *ctx)
{
	struct ifaddrmsg *body = nlmsg_data(nlh);
	struct nlattr *a[IFA_MAX + 1];
	struct networks *n = ctx;
	struct prefix net = { 0 };
	u8 own[16] = { 0 };

	if (nlh->nlmsg_type != RTM_NEWADDR || nlmsg_parse(nlh, sizeof(*body), a, IFA_MAX, NULL))
		return;
	net.family = family_of(body->ifa_family);
	net.len = body->ifa_prefixlen;
	if (!attribute_ip(a[IFA_ADDRESS] ? a[IFA_ADDRESS] : a[IFA_LOCAL], net.family, net.ip))
		return;
	if (net.len > 8 * ip_bytes(net.family) || !host_network_is_near(&net))
		return;
	if (net.len == 8 * ip_bytes(net.family) &&
	    (!a[IFA_LOCAL] || !attribute_ip(a[IFA_LOCAL], net.family, own) || !memcmp(own, net.ip, sizeof(own))))
		return;
	prefix_mask(&net);
	if (n->count < HOST_NETWORKS && !is_among(n->list, n->count, &net))
		n->list[n->count++] = net;
}

static int list_networks(struct host *h, struct networks *n)
{
	struct ifaddrmsg body = { .ifa_family = AF_UNSPEC };
	struct nl_msg *msg = netlink_message(RTM_GETADDR, 0);

	n->count = 0;
	if (msg)
		nlmsg_append(msg, &body, sizeof(body), NLMSG_ALIGNTO);
	return netlink_dump(h->netlink, msg, on_address, n);
}

/* Only what main says of the network itself or of a part of it. */
static struct rule stays_rule(const struct prefix *p)
{
	return (struct rule){ .family = p->family, .priority = rule_priority(p, RULE_NETWORK), .table = RT_TABLE_MAIN,
			      .only_longer = true, .longer_than = p->len - 1, .to = *p };
}

/* New ones first: a network that stays is at no moment inside the tunnel. */
int host_routes_networks_changed(struct host *h)
{
	struct networks now;
	int err = h->leads ? list_networks(h, &now) : 0;

	if (err || !h->leads)
		return err;
	for (u32 i = 0; i < now.count && !err; i++) {
		struct rule r = stays_rule(&now.list[i]);

		err = rule_add(h, &r);
	}
	for (u32 i = 0; i < h->network_count && !err; i++) {
		struct rule r = stays_rule(&h->networks[i]);

		if (!is_among(now.list, now.count, &h->networks[i]))
			err = rule_remove(h, &r);
	}
	if (err)
		return err;
	memcpy(h->networks, now.list, sizeof(h->networks));
	h->network_count = now.count;
	return 0;
}
