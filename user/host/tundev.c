// SPDX-License-Identifier: MIT
/* tundev.c - set the tunnel device up: addresses, MTU, up */
#include "host/tundev.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <netlink/netlink.h>

#include "host/inside.h"

#define MAX_STRAY 32	/* addresses taken off in one go */
#define QUEUE_PACKETS 2000u	/* what may come while the worker waits for a core; the kernel's 500 drop whole super-packets then */

struct strays {
	const struct host_tun *set;
	u32 ifindex, count;
	struct prefix found[MAX_STRAY];
};

/* MTU, queue and up; no link-local address made by the kernel, which would bring router solicitations and
 * multicast reports into the tunnel. The mode must be set before "up" to count. */
static int set_link(struct nl_sock *s, u32 ifindex, u32 mtu, bool no_link_local)
{
	struct ifinfomsg body = { .ifi_index = (int)ifindex, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	struct nl_msg *msg = netlink_message(RTM_NEWLINK, 0);

	if (!msg)
		return -ENOMEM;
	nlmsg_append(msg, &body, sizeof(body), NLMSG_ALIGNTO);
	nla_put_u32(msg, IFLA_MTU, mtu);
	nla_put_u32(msg, IFLA_TXQLEN, QUEUE_PACKETS);
	if (no_link_local)
		netlink_put_no_link_local(msg);
	return netlink_call(s, msg);
}

static int change_address(struct nl_sock *s, int type, int flags, u32 ifindex, const struct prefix *p)
{
	struct ifaddrmsg body = { .ifa_family = (u8)af_of(p->family), .ifa_prefixlen = p->len, .ifa_index = ifindex };
	struct nl_msg *msg = netlink_message(type, flags);

	if (!msg)
		return -ENOMEM;
	nlmsg_append(msg, &body, sizeof(body), NLMSG_ALIGNTO);
	nla_put(msg, IFA_LOCAL, ip_bytes(p->family), p->ip);
	nla_put(msg, IFA_ADDRESS, ip_bytes(p->family), p->ip);
	if (p->family == 6)
		nla_put_u32(msg, IFA_FLAGS, IFA_F_NODAD);
	return netlink_call(s, msg);
}

static bool is_wanted(const struct host_tun *set, const struct prefix *p)
{
	const struct prefix *wanted = p->family == 4 ? &set->addr4 : &set->addr6;

	return wanted->family == p->family && wanted->len == p->len && !memcmp(wanted->ip, p->ip, sizeof(p->ip));
}

static void on_address(struct nlmsghdr *nlh, void *ctx)
{
	struct ifaddrmsg *body = nlmsg_data(nlh);
	struct nlattr *a[IFA_MAX + 1];
	struct strays *st = ctx;
	struct prefix p = { 0 };

	if (nlh->nlmsg_type != RTM_NEWADDR || nlmsg_parse(nlh, sizeof(*body), a, IFA_MAX, NULL))
		return;
	p.family = family_of(body->ifa_family);
	p.len = body->ifa_prefixlen;
	if (body->ifa_index != st->ifindex || st->count == MAX_STRAY)
		return;
	if (!attribute_ip(a[IFA_LOCAL] ? a[IFA_LOCAL] : a[IFA_ADDRESS], p.family, p.ip))
		return;
	if (!is_wanted(st->set, &p))
		st->found[st->count++] = p;
}

static int remove_strays(struct nl_sock *s, const struct host_tun *set, u32 ifindex)
{
	struct strays st = { .set = set, .ifindex = ifindex };
	struct ifaddrmsg body = { .ifa_family = AF_UNSPEC };
	struct nl_msg *msg = netlink_message(RTM_GETADDR, 0);
	int err;

	if (msg)
		nlmsg_append(msg, &body, sizeof(body), NLMSG_ALIGNTO);
	err = netlink_dump(s, msg, on_address, &st);
	for (u32 i = 0; i < st.count && !err; i++) {
		err = change_address(s, RTM_DELADDR, 0, ifindex, &st.found[i]);
		if (err == -EADDRNOTAVAIL)
			err = 0;	/* listed twice, or gone with another one */
	}
	return err;
}

static int add_address(struct nl_sock *s, u32 ifindex, const struct prefix *p, const char *name, char *why)
{
	char text[ADDR_TEXT_BYTES];
	int err = p->family ? change_address(s, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, ifindex, p) : 0;

	if (!err)
		return 0;
	if (p->family == 6 && (err == -EACCES || err == -EAFNOSUPPORT || err == -EINVAL))
		return host_fail(why, err, "%s: the kernel refuses %s: is IPv6 disabled?", name, prefix_format(p, text));
	return host_fail(why, err, "%s: cannot set address %s: %s", name, prefix_format(p, text), strerror(-err));
}

static int configure(struct nl_sock *s, const struct host_tun *set, u32 ifindex, char *why)
{
	int err = set_link(s, ifindex, set->mtu_bytes, true);

	if (err == -EAFNOSUPPORT || err == -EINVAL)
		err = set_link(s, ifindex, set->mtu_bytes, false);	/* a kernel without IPv6 */
	if (err)
		return host_fail(why, err, "%s: cannot set MTU %u and up: %s", set->name, set->mtu_bytes, strerror(-err));
	err = remove_strays(s, set, ifindex);
	if (err)
		return host_fail(why, err, "%s: cannot remove old addresses: %s", set->name, strerror(-err));
	err = add_address(s, ifindex, &set->addr4, set->name, why);
	return err ? err : add_address(s, ifindex, &set->addr6, set->name, why);
}

int host_tun_configure(const struct host_tun *set, u32 *ifindex, char *why)
{
	u32 found = if_nametoindex(set->name);
	struct nl_sock *s;
	int err;

	if (!found)
		return host_fail(why, -ENODEV, "there is no interface %s", set->name);
	err = netlink_open(&s);
	if (err)
		return host_fail(why, err, "netlink: %s", strerror(-err));
	err = configure(s, set, found, why);
	nl_socket_free(s);
	if (!err && ifindex)
		*ifindex = found;
	return err;
}
