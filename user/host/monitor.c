// SPDX-License-Identifier: MIT
/* monitor.c - what happens to links, addresses, default routes and neighbours, as it happens
 *
 * The kernel reports a link's new state without saying what changed, so the last state of each is kept.
 */
#include <net/if.h>

#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <netlink/netlink.h>
#include <stdlib.h>

#include "host/inside.h"
#include "host/links.h"

#define READ_BYTES 65536

struct known {
	u32 ifindex;
	char name[IFNAMSIZ];
	bool up;
	u32 mtu, master;
	u8 address[8];		/* of the link layer, its first bytes */
};

struct host_monitor {
	struct nl_sock *netlink;
	host_event_fn *event;
	void *ctx;
	struct known *known;
	u32 count, room;
	bool quiet;		/* learning the links that are there already */
	bool no_memory;
	char buffer[READ_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));
};

static void tell(struct host_monitor *m, enum host_event_kind kind, u32 ifindex, const char *name)
{
	struct host_event e = { .kind = kind, .ifindex = ifindex, .name = name };

	if (!m->quiet)
		m->event(m->ctx, &e);
}

static struct known *find_known(struct host_monitor *m, u32 ifindex)
{
	for (u32 i = 0; i < m->count; i++)
		if (m->known[i].ifindex == ifindex)
			return &m->known[i];
	return NULL;
}

static struct known *add_known(struct host_monitor *m)
{
	if (m->count == m->room) {
		u32 room = m->room ? 2 * m->room : 16;
		struct known *more = realloc(m->known, room * sizeof(*more));

		if (!more) {
			m->no_memory = true;
			return NULL;
		}
		m->known = more;
		m->room = room;
	}
	return &m->known[m->count++];
}

static void forget(struct host_monitor *m, u32 ifindex)
{
	struct known *k = find_known(m, ifindex), old;

	if (!k)
		return;
	old = *k;
	*k = m->known[--m->count];
	tell(m, HOST_LINK_REMOVED, ifindex, old.name);
}

/* The callback may look at everything, but not read the monitor, so `known` stays put meanwhile. */
static void compare(struct host_monitor *m, struct known *k, const struct known *now)
{
	struct known old = *k;

	*k = *now;
	if (strcmp(old.name, now->name))
		tell(m, HOST_LINK_RENAMED, now->ifindex, now->name);
	if (old.up != now->up)
		tell(m, now->up ? HOST_LINK_UP : HOST_LINK_DOWN, now->ifindex, now->name);
	if (old.mtu != now->mtu || old.master != now->master || memcmp(old.address, now->address, sizeof(old.address)))
		tell(m, HOST_LINK_CHANGED, now->ifindex, now->name);
}

static void on_link(struct host_monitor *m, struct nlmsghdr *nlh)
{
	struct ifinfomsg *body = nlmsg_data(nlh);
	struct nlattr *a[IFLA_MAX + 1];
	struct known now = { 0 }, *k;

	/* bridges report their ports in messages of their own family; leaving a bridge is no removal */
	if (nlmsg_parse(nlh, sizeof(*body), a, IFLA_MAX, NULL) || body->ifi_family == AF_BRIDGE)
		return;
	now.ifindex = (u32)body->ifi_index;
	if (nlh->nlmsg_type == RTM_DELLINK) {
		forget(m, now.ifindex);
		return;
	}
	if (!a[IFLA_IFNAME])
		return;
	nla_strlcpy(now.name, a[IFLA_IFNAME], sizeof(now.name));
	now.up = (body->ifi_flags & IFF_UP) && (body->ifi_flags & IFF_LOWER_UP);
	now.mtu = attribute_u32(a[IFLA_MTU], 0);
	now.master = attribute_u32(a[IFLA_MASTER], 0);
	if (a[IFLA_ADDRESS])
		nla_memcpy(now.address, a[IFLA_ADDRESS], sizeof(now.address));
	k = find_known(m, now.ifindex);
	if (k) {
		compare(m, k, &now);
		return;
	}
	k = add_known(m);
	if (!k)
		return;
	*k = now;
	tell(m, HOST_LINK_ADDED, now.ifindex, now.name);
}

static const char *name_of(struct host_monitor *m, u32 ifindex)
{
	struct known *k = find_known(m, ifindex);

	return k ? k->name : "";
}

static void on_address(struct host_monitor *m, struct nlmsghdr *nlh)
{
	struct ifaddrmsg *body = nlmsg_data(nlh);

	if (nlmsg_datalen(nlh) < (int)sizeof(*body) || body->ifa_scope != RT_SCOPE_UNIVERSE)
		return;
	tell(m, HOST_ADDRESS, body->ifa_index, name_of(m, body->ifa_index));
}

static void on_route(struct host_monitor *m, struct nlmsghdr *nlh)
{
	struct rtmsg *body = nlmsg_data(nlh);
	struct nlattr *a[RTA_MAX + 1];
	u32 ifindex;

	if (nlmsg_parse(nlh, sizeof(*body), a, RTA_MAX, NULL) || body->rtm_dst_len || body->rtm_type != RTN_UNICAST)
		return;
	if (body->rtm_protocol == HOST_ROUTE_PROTOCOL || (body->rtm_flags & RTM_F_CLONED))
		return;
	ifindex = attribute_u32(a[RTA_OIF], 0);
	tell(m, HOST_DEFAULT_ROUTE, ifindex, name_of(m, ifindex));
}

/* The bridge's forwarding table comes in the same messages, of a family of its own. */
static void on_neighbour(struct host_monitor *m, struct nlmsghdr *nlh)
{
	struct ndmsg *body = nlmsg_data(nlh);

	if (nlmsg_datalen(nlh) < (int)sizeof(*body) || !family_of(body->ndm_family))
		return;
	tell(m, HOST_NEIGHBOUR, (u32)body->ndm_ifindex, name_of(m, (u32)body->ndm_ifindex));
}

static void on_message(struct nlmsghdr *nlh, void *ctx)
{
	struct host_monitor *m = ctx;

	switch (nlh->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		on_link(m, nlh);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		on_address(m, nlh);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		on_route(m, nlh);
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		on_neighbour(m, nlh);
		break;
	}
}

static int learn_links(struct host_monitor *m)
{
	struct ifinfomsg body = { .ifi_family = AF_UNSPEC };
	struct nl_msg *msg = netlink_message(RTM_GETLINK, 0);
	struct nl_sock *s;
	int err = netlink_open(&s);

	if (err) {
		nlmsg_free(msg);
		return err;
	}
	if (msg)
		nlmsg_append(msg, &body, sizeof(body), NLMSG_ALIGNTO);
	m->count = 0;
	m->quiet = true;
	err = netlink_dump(s, msg, on_message, m);
	m->quiet = false;
	nl_socket_free(s);
	return err;
}

int host_monitor_new(struct host_monitor **out, host_event_fn *event, void *ctx)
{
	struct host_monitor *m = calloc(1, sizeof(*m));
	int err;

	if (!m)
		return -ENOMEM;
	m->event = event;
	m->ctx = ctx;
	err = netlink_open(&m->netlink);
	if (err)
		goto fail;
	if (nl_socket_add_memberships(m->netlink, RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
				      RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_NEIGH, 0)) {
		err = -errno;
		goto fail;
	}
	/* after joining: what changes between the list and the first read is told twice rather than never */
	err = learn_links(m);
	if (err)
		goto fail;
	*out = m;
	return 0;
fail:
	host_monitor_free(m);
	return err;
}

int host_monitor_fd(const struct host_monitor *m)
{
	return nl_socket_get_fd(m->netlink);
}

void host_monitor_feed(struct host_monitor *m, const void *bytes, size_t len)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)(uintptr_t)bytes;
	int left = (int)len;

	for (; nlmsg_ok(nlh, left); nlh = nlmsg_next(nlh, &left))
		on_message(nlh, m);
}

static int resync(struct host_monitor *m)
{
	int err = learn_links(m);

	m->no_memory = false;
	if (!err)
		tell(m, HOST_RESYNC, 0, "");
	return err;
}

/* Reads with recv() itself: libnl does not tell a lost message (ENOBUFS) from missing memory. */
int host_monitor_read(struct host_monitor *m)
{
	bool lost = false;

	for (;;) {
		struct sockaddr_nl from = { 0 };
		socklen_t from_len = sizeof(from);
		ssize_t n = recvfrom(host_monitor_fd(m), m->buffer, sizeof(m->buffer), MSG_DONTWAIT | MSG_TRUNC,
				     (struct sockaddr *)&from, &from_len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (n < 0 && errno != ENOBUFS)
			return -errno;
		if (n < 0 || n > (ssize_t)sizeof(m->buffer)) {
			lost = true;
			continue;
		}
		if (!from.nl_pid)	/* the kernel; other processes can send here too */
			host_monitor_feed(m, m->buffer, (size_t)n);
	}
	return lost || m->no_memory ? resync(m) : 0;
}

void host_monitor_free(struct host_monitor *m)
{
	if (!m)
		return;
	nl_socket_free(m->netlink);
	free(m->known);
	free(m);
}
