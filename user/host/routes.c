// SPDX-License-Identifier: MIT
/* routes.c - policy routing: what enters the tunnel, and by which uplink the tunnel leaves
 *
 * routes.h has the picture. Every call puts down all it needs, whether or not it is there: the
 * kernel drops routes when an interface goes down, and putting them again is how they return.
 */
#include "host/routes.h"

#include <net/if.h>

#include "host/rules.h"
#include "host/sysctl.h"

enum {
	PRIORITY_NEXT_DOOR = 5000,
	PRIORITY_UPLINK = 5001,
	PRIORITY_MARKED_MAIN = 5002,
	PRIORITY_MARKED_END = 5003,
	PRIORITY_NETWORKS = 5500,	/* after all of rule_priority() */
	PRIORITY_FROM = 5501,
};

/* What marked packets obey, and what keeps rules for answers off the host's own networks. */
static int put_common_rules(struct host *h, u8 family)
{
	const struct rule rules[] = {
		{ .family = family, .priority = PRIORITY_NEXT_DOOR, .table = RT_TABLE_MAIN, .marked = true, .only_longer = true },
		{ .family = family, .priority = PRIORITY_MARKED_MAIN, .table = RT_TABLE_MAIN, .marked = true },
		{ .family = family, .priority = PRIORITY_MARKED_END, .marked = true },
		{ .family = family, .priority = PRIORITY_NETWORKS, .table = RT_TABLE_MAIN, .only_longer = true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		int err = rule_add(h, &rules[i]);

		if (err)
			return err;
	}
	return 0;
}

/* What stays outside first, then the route, then the rule that needs it. */
static int lead_into_tunnel(struct host *h, const struct prefix *p, u32 ifindex)
{
	struct rule goes = { .family = p->family, .priority = rule_priority(p, RULE_ROUTE), .table = h->base, .to = *p };
	struct route all = { .table = h->base, .to = { .family = p->family }, .ifindex = ifindex };
	int err = put_common_rules(h, p->family);

	h->leads = true;
	if (!err)
		err = host_routes_networks_changed(h);
	if (!err)
		err = route_put(h, &all);
	return err ? err : rule_add(h, &goes);
}

/* The stricter of "all" and the interface's own value is in force, except that 2 (loose) is the largest. */
static int loosen_rp_filter(struct host *h, const char *name)
{
	char own[64 + IFNAMSIZ], text[16];
	int all = 0, here = 0;

	if (!sysctl_read("net/ipv4/conf/all/rp_filter", text, sizeof(text)))
		all = text[0] - '0';
	snprintf(own, sizeof(own), "net/ipv4/conf/%s/rp_filter", name);
	if (!sysctl_read(own, text, sizeof(text)))
		here = text[0] - '0';
	return MAX(all, here) == 1 ? host_sysctl_set(h, own, "2") : 0;
}

int host_routes_loosen(struct host *h)
{
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(h->uplinks) && !err; i++)
		if (h->uplinks[i].ifindex)
			err = loosen_rp_filter(h, h->uplinks[i].name);
	h->loose = true;
	return err;
}

int host_routes_full_tunnel(struct host *h, u32 tun_ifindex, bool v4, bool v6)
{
	const struct prefix everything4 = { .family = 4 }, everything6 = { .family = 6 };
	int err = lead_into_tunnel(h, &everything4, v4 ? tun_ifindex : 0);

	if (!err)
		err = lead_into_tunnel(h, &everything6, v6 ? tun_ifindex : 0);
	if (err == -EAFNOSUPPORT && !v6)
		err = 0;	/* a kernel without IPv6 leaks none */
	return err ? err : host_routes_loosen(h);
}

int host_routes_add(struct host *h, u32 tun_ifindex, const struct prefix *p)
{
	return p->family ? lead_into_tunnel(h, p, tun_ifindex) : -EINVAL;
}

int host_routes_exclude(struct host *h, const struct prefix *p)
{
	struct rule r = { .family = p->family, .priority = rule_priority(p, RULE_EXCLUDE), .table = RT_TABLE_MAIN, .to = *p };

	return p->family ? rule_add(h, &r) : -EINVAL;
}

int host_routes_remove(struct host *h, const struct prefix *p)
{
	struct rule r = { .family = p->family, .priority = rule_priority(p, RULE_ROUTE), .table = h->base, .to = *p };

	return p->family ? rule_remove(h, &r) : -EINVAL;
}

int host_routes_include(struct host *h, const struct prefix *p)
{
	struct rule r = { .family = p->family, .priority = rule_priority(p, RULE_EXCLUDE), .table = RT_TABLE_MAIN, .to = *p };

	return p->family ? rule_remove(h, &r) : -EINVAL;
}

int host_routes_end_full_tunnel(struct host *h)
{
	const struct prefix everything4 = { .family = 4 }, everything6 = { .family = 6 };
	int err = host_routes_remove(h, &everything4), err6 = host_routes_remove(h, &everything6);

	return err ? err : err6 == -EAFNOSUPPORT ? 0 : err6;
}

static struct host_uplink *find_uplink(struct host *h, u32 ifindex)
{
	for (size_t i = 0; i < ARRAY_SIZE(h->uplinks); i++)
		if (h->uplinks[i].ifindex == ifindex)
			return &h->uplinks[i];
	return NULL;
}

static u32 uplink_table(const struct host *h, const struct host_uplink *slot)
{
	return h->base + 1 + (u32)(slot - h->uplinks);
}

static void address_only(struct addr *out, const struct prefix *p)
{
	memset(out, 0, sizeof(*out));
	out->family = p->family;
	memcpy(out->ip, p->ip, sizeof(out->ip));
}

static int put_uplink_routes(struct host *h, const struct host_uplink *u, u32 table, const struct prefix *own,
			     const struct addr *gateway, bool has_default)
{
	struct route net = { .table = table, .to = *own, .ifindex = u->ifindex };
	struct route all = { .table = table, .to = { .family = own->family }, .via = *gateway, .ifindex = u->ifindex };
	bool alone = own->len == 8 * ip_bytes(own->family);
	int err;

	address_only(&net.source, own);
	all.source = net.source;
	err = alone ? 0 : route_put(h, &net);
	return err || !has_default ? err : route_put(h, &all);
}

/* One family of an uplink: its table, who looks there, and nothing without an address. */
static int put_uplink_family(struct host *h, const struct host_uplink *u, u32 table, u8 family)
{
	const struct prefix *own = family == 4 ? &u->addr4 : &u->addr6;
	struct prefix from = *own;
	struct rule bound = { .family = family, .priority = PRIORITY_UPLINK, .table = table, .marked = true, .oif = u->name };
	struct rule answers = { .family = family, .priority = PRIORITY_FROM, .table = table };
	int err;

	if (!own->family)
		return 0;
	from.len = family == 4 ? 32 : 128;
	answers.from = from;
	err = put_uplink_routes(h, u, table, own, family == 4 ? &u->gateway4 : &u->gateway6,
				family == 4 ? u->has_default4 : u->has_default6);
	if (!err)
		err = put_common_rules(h, family);
	if (!err)
		err = rule_add(h, &bound);
	return err ? err : rule_add(h, &answers);
}

static bool same_way(const struct host_uplink *a, const struct host_uplink *b)
{
	return !strcmp(a->name, b->name) && !memcmp(&a->addr4, &b->addr4, sizeof(a->addr4)) &&
	       !memcmp(&a->addr6, &b->addr6, sizeof(a->addr6)) && addr_same_ip(&a->gateway4, &b->gateway4) &&
	       addr_same_ip(&a->gateway6, &b->gateway6) && a->has_default4 == b->has_default4 &&
	       a->has_default6 == b->has_default6;
}

static int put_uplink(struct host *h, const struct host_uplink *u, u32 table)
{
	int err = put_uplink_family(h, u, table, 4);

	if (!err)
		err = put_uplink_family(h, u, table, 6);
	if (!err && h->loose)
		err = loosen_rp_filter(h, u->name);
	return err;
}

/* What changed gets a new table before the old one goes, so the uplink is never without. */
int host_routes_set_uplink(struct host *h, const struct host_uplink *u)
{
	struct host_uplink *old = find_uplink(h, u->ifindex), *slot = old;
	u32 old_table;
	int err, cleared;

	if (!old || !same_way(old, u))
		slot = find_uplink(h, 0);
	if (!slot)
		return -ENOSPC;
	*slot = *u;
	if (!old || old == slot)
		return put_uplink(h, u, uplink_table(h, slot));

	old_table = uplink_table(h, old);
	memset(old, 0, sizeof(*old));
	err = put_uplink(h, u, uplink_table(h, slot));
	cleared = rules_clear(h, old_table, old_table, false);
	return err ? err : cleared;
}

int host_routes_remove_uplink(struct host *h, u32 ifindex)
{
	struct host_uplink *slot = ifindex ? find_uplink(h, ifindex) : NULL;
	u32 table;

	if (!slot)
		return 0;
	table = uplink_table(h, slot);
	memset(slot, 0, sizeof(*slot));
	return rules_clear(h, table, table, false);
}

int host_routes_clear(struct host *h)
{
	memset(h->uplinks, 0, sizeof(h->uplinks));
	h->loose = h->leads = false;
	h->network_count = 0;
	return rules_clear(h, h->base, h->base + HOST_TABLES - 1, true);
}
