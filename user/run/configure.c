// SPDX-License-Identifier: MIT
/* configure.c - the client's hold on its host: addresses, routes, names, kill switch
 *
 * All of it is undone by host_close(); a step that fails ends the daemon, so nothing stays half done.
 */
#define LOG_AREA LOG_AREA_HOST

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "host/dns.h"
#include "host/nft.h"
#include "host/routes.h"
#include "host/tundev.h"
#include "run/client_parts.h"

#define LAN_MAX (2 * TG_MAX_PATHS)
#define MTU_MIN 1280u		/* IPv6 inside the tunnel needs it (RFC 8200) */
#define OVERHEAD4 60u		/* of the tunnel over IPv4: 20 IP, 8 UDP, 32 its own */
#define OVERHEAD6 80u

static struct prefix inner_prefix(u8 family, const u8 *ip, u8 len)
{
	struct prefix p = { .family = family, .len = len };
	size_t n = family == 4 ? 4 : 16;

	if (!has_bytes(ip, n))
		return (struct prefix){ 0 };
	memcpy(p.ip, ip, n);
	return p;
}

static struct addr inner_addr(u8 family, const u8 *ip)
{
	struct addr a = { .family = family };
	size_t n = family == 4 ? 4 : 16;

	if (!has_bytes(ip, n))
		return (struct addr){ 0 };
	memcpy(a.ip, ip, n);
	return a;
}

static int check_uplinks(const struct client *c, char *error)
{
	const struct client_settings *s = &c->set;
	const char *own = c->tun_name[0] ? c->tun_name : s->tun_name[0] ? s->tun_name : RUN_TUN_NAME;

	for (u32 i = 0; i < s->uplink_count; i++)
		if (!strcmp(s->uplinks[i].name, own)) {
			snprintf(error, RUN_ERROR_BYTES, "%s is the tunnel's own device, and cannot be an uplink of it", own);
			return -EINVAL;
		}
	return 0;
}

int client_check_settings(const struct client *c, char *error)
{
	const struct client_settings *s = &c->set;
	char server[ADDR_TEXT_BYTES], route[ADDR_TEXT_BYTES];
	struct prefix which;

	for (u32 i = 0; i < c->server_count; i++) {
		struct addr a = c->servers[i];

		if (!host_routes_would_loop(&a, s->routes.at, s->routes.count, s->excludes.at, s->excludes.count, &which))
			continue;
		a.port = 0;
		snprintf(error, RUN_ERROR_BYTES, "the server %s lies inside --route %s: exclude it (--exclude %s) or choose a smaller route",
			 addr_format(&a, server), prefix_format(&which, route), server);
		return -EINVAL;
	}
	if (s->kill_switch && !s->full_tunnel) {
		snprintf(error, RUN_ERROR_BYTES, "--kill-switch needs --full-tunnel: without it traffic is meant to leave outside the tunnel");
		return -EINVAL;
	}
	return check_uplinks(c, error);
}

static u32 add_near(struct prefix *out, u32 n, const struct prefix *p)
{
	if (!host_network_is_near(p))
		return n;
	out[n] = *p;
	prefix_mask(&out[n]);
	return n + 1;
}

static u32 lan_prefixes(const struct client *c, struct prefix out[LAN_MAX])
{
	u32 n = 0;

	memset(out, 0, LAN_MAX * sizeof(*out));
	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		const struct uplink *u = &c->uplinks[i];

		if (!u->used || !u->seen.ifindex)
			continue;
		n = add_near(out, n, &u->seen.addr4);
		n = add_near(out, n, &u->seen.addr6);
	}
	return n;
}

static int set_kill_switch(struct client *c, char *why)
{
	struct prefix allow[LAN_MAX + RUN_MAX_PREFIXES];
	u32 n = c->lan_count;
	struct host_nft_kill_switch set = { .tun = c->tun_name, .allow = allow, .block_dns = c->set.dns };

	memcpy(allow, c->lan, n * sizeof(*allow));
	for (u32 i = 0; i < c->set.excludes.count; i++)
		allow[n++] = c->set.excludes.at[i];
	set.allow_count = n;
	return host_nft_kill_switch(c->host, &set, why);
}

int client_before(struct client *c, char *error)
{
	char why[HOST_WHY_BYTES] = "";
	int err;

	if (!c->set.kill_switch)
		return 0;
	err = set_kill_switch(c, why);
	if (err)
		snprintf(error, RUN_ERROR_BYTES, "kill switch: %.200s", why);
	c->kill_switch_stands = !err;
	return err;
}

void client_lan_changed(struct client *c)
{
	char why[HOST_WHY_BYTES] = "";
	struct prefix now[LAN_MAX];
	u32 n = lan_prefixes(c, now);
	int err = host_routes_networks_changed(c->host);

	if (err)
		log_warn("the networks next door: %s", strerror(-err));
	if (!c->set.kill_switch || (c->kill_switch_stands && n == c->lan_count && !memcmp(now, c->lan, sizeof(now))))
		return;
	memcpy(c->lan, now, sizeof(now));
	c->lan_count = n;
	err = set_kill_switch(c, why);
	if (err)
		log_warn("kill switch: %s (%s)", why, c->kill_switch_stands ? "the old one stays" : "there is none");
	c->kill_switch_stands |= !err;
}

static u32 uplink_carries(const struct uplink *u)
{
	u32 overhead = u->local.family == 6 ? OVERHEAD6 : OVERHEAD4;

	return MAX(u->seen.mtu, MTU_MIN + overhead) - overhead;
}

/* The least of: own setting, the server's, what the narrowest uplink carries in one piece. who: NULL, or whose it is. While
 * there is no uplink the last one's bound stays. Who asks for more than the usual wants large packets whole, whatever the
 * uplinks carry: they go in halves. */
static u32 fitting_mtu(const struct client *c, const char **who)
{
	u32 own = c->set.mtu ? c->set.mtu : TG_INNER_MTU, mtu = own;

	*who = NULL;
	if (c->config.mtu && c->config.mtu < mtu) {
		mtu = c->config.mtu;
		*who = "the server";
	}
	if (mtu > TG_INNER_MTU)
		return mtu;
	if (c->tun_mtu && !uplinks_usable(c))
		return MIN(mtu, c->tun_mtu);
	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		const struct uplink *u = &c->uplinks[i];

		if (!u->used || !u->usable || uplink_carries(u) >= mtu)
			continue;
		mtu = uplink_carries(u);
		*who = u->name;
	}
	return mtu;
}

static int set_addresses(struct client *c, char *why)
{
	const struct tunnel_config *k = &c->config;
	const char *who;
	u32 mtu = fitting_mtu(c, &who);
	struct host_tun set = {
		.name = c->tun_name,
		.mtu_bytes = mtu,
		.addr4 = inner_prefix(4, k->ip4, k->ip4_len),
		.addr6 = inner_prefix(6, k->ip6, k->ip6_len),
	};

	if (who && mtu != c->tun_mtu)
		log_info("%s: MTU %u, because %s carries no more", c->tun_name, mtu, who);
	c->tun_mtu = mtu;
	return host_tun_configure(&set, &c->tun_ifindex, why);
}

void client_mtu_changed(struct client *c)
{
	char why[HOST_WHY_BYTES] = "";
	const char *who;

	if (c->tun_mtu && fitting_mtu(c, &who) != c->tun_mtu && set_addresses(c, why))
		log_warn("MTU of %s: %s", c->tun_name, why);
}

static int set_routes(struct client *c, char *why)
{
	const struct client_settings *s = &c->set;
	char text[ADDR_TEXT_BYTES];
	int err;

	for (u32 i = 0; i < s->excludes.count; i++) {
		err = host_routes_exclude(c->host, &s->excludes.at[i]);
		if (err) {
			snprintf(why, HOST_WHY_BYTES, "--exclude %s: %s", prefix_format(&s->excludes.at[i], text), strerror(-err));
			return err;
		}
	}
	for (u32 i = 0; i < s->routes.count; i++) {
		err = host_routes_add(c->host, c->tun_ifindex, &s->routes.at[i]);
		if (err) {
			snprintf(why, HOST_WHY_BYTES, "--route %s: %s", prefix_format(&s->routes.at[i], text), strerror(-err));
			return err;
		}
	}
	if (!s->full_tunnel)
		return 0;
	err = host_routes_full_tunnel(c->host, c->tun_ifindex, has_bytes(c->config.ip4, 4), has_bytes(c->config.ip6, 16));
	if (err)
		snprintf(why, HOST_WHY_BYTES, "full tunnel: %s", strerror(-err));
	return err;
}

static int set_forwarding(struct client *c, char *why)
{
	struct host_nft_client set = {
		.tun = c->tun_name,
		.inner4 = inner_addr(4, c->config.ip4),
		.inner6 = inner_addr(6, c->config.ip6),
	};

	return host_nft_client(c->host, &set, why);
}

/* What is let by gets the address of its way in place of these. */
static int set_bypass(struct client *c, char *why)
{
	struct addr inner4 = inner_addr(4, c->config.ip4), inner6 = inner_addr(6, c->config.ip6);

	(void)why;
	policies_addresses(&c->policies, &inner4, &inner6);
	return 0;
}

static int set_names(struct client *c, char *why)
{
	const struct client_settings *s = &c->set;
	struct addr inner = inner_addr(4, c->config.server_ip4);
	struct host_dns set = { .tun = c->tun_name, .tun_ifindex = c->tun_ifindex, .servers = s->dns_servers,
				.server_count = s->dns_count };

	if (!s->dns)
		return 0;
	if (!inner.family)
		inner = inner_addr(6, c->config.server_ip6);
	if (!s->dns_count) {
		set.servers = &inner;
		set.server_count = 1;
	}
	return host_dns_set(c->host, &set, why);
}

static void check_wish(const struct addr *wish, u8 family, const u8 *got)
{
	struct addr is = inner_addr(family, got);
	char wanted[ADDR_TEXT_BYTES], given[ADDR_TEXT_BYTES];

	if (wish->family == family && !addr_same_ip(wish, &is))
		log_warn("asked for the inner address %s; the server assigned %s", addr_format(wish, wanted),
			 is.family ? addr_format(&is, given) : "none");
}

int client_configure(struct client *c, char *error)
{
	static const struct {
		const char *what;
		int (*step)(struct client *c, char *why);
	} steps[] = {
		{ "addresses", set_addresses },
		{ "bypass", set_bypass },
		{ "routes", set_routes },
		{ "forwarding", set_forwarding },
		{ "name servers", set_names },
	};
	char why[HOST_WHY_BYTES];

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		int err;

		why[0] = '\0';
		err = steps[i].step(c, why);
		if (!err)
			continue;
		snprintf(error, RUN_ERROR_BYTES, "%s of %s: %.200s", steps[i].what, c->tun_name, why[0] ? why : strerror(-err));
		return err;
	}
	check_wish(&c->set.want_ip4, 4, c->config.ip4);
	check_wish(&c->set.want_ip6, 6, c->config.ip6);
	return 0;
}

/* ---- other settings while it runs ---- */

static bool has_prefix(const struct prefix_list *list, const struct prefix *p)
{
	for (u32 i = 0; i < list->count; i++)
		if (list->at[i].family == p->family && list->at[i].len == p->len && !memcmp(list->at[i].ip, p->ip, sizeof(p->ip)))
			return true;
	return false;
}

/* Calls fn for what is in `was` and not in `is`. */
static int take_back(struct host *h, const struct prefix_list *was, const struct prefix_list *is, int (*fn)(struct host *, const struct prefix *))
{
	int err = 0;

	for (u32 i = 0; i < was->count && !err; i++)
		if (!has_prefix(is, &was->at[i]))
			err = fn(h, &was->at[i]);
	return err;
}

/* What is new was put down before: nothing is without a rule in between. */
static int drop_old_routes(struct client *c, const struct client_settings *before, char *why)
{
	int err = take_back(c->host, &before->excludes, &c->set.excludes, host_routes_include);

	if (!err)
		err = take_back(c->host, &before->routes, &c->set.routes, host_routes_remove);
	if (!err && before->full_tunnel && !c->set.full_tunnel)
		err = host_routes_end_full_tunnel(c->host);
	if (err)
		snprintf(why, HOST_WHY_BYTES, "taking back old ones: %s", strerror(-err));
	return err;
}

static int change_kill_switch(struct client *c, const struct client_settings *before, char *why)
{
	int err;

	if (!c->set.kill_switch && !before->kill_switch)
		return 0;
	if (c->set.kill_switch) {
		c->lan_count = lan_prefixes(c, c->lan);
		err = set_kill_switch(c, why);
		c->kill_switch_stands |= !err;
		return err;
	}
	err = host_nft_kill_switch_remove(c->host);
	if (!err)
		c->kill_switch_stands = false;
	return err;
}

static int change_names(struct client *c, char *why)
{
	return c->set.dns ? set_names(c, why) : host_dns_restore(c->host);
}

static int fail_step(const char *what, int err, const char *why, char *error)
{
	snprintf(error, RUN_ERROR_BYTES, "%s: %.200s", what, why[0] ? why : strerror(-err));
	return err;
}

int client_change_routing(struct client *c, const struct client_settings *before, char *error)
{
	char why[HOST_WHY_BYTES] = "";
	int err = change_kill_switch(c, before, why);

	if (err)
		return fail_step("kill switch", err, why, error);
	if (!c->has_config)
		return 0;	/* the rest comes with the first connection */
	err = set_routes(c, why);
	if (!err)
		err = drop_old_routes(c, before, why);
	if (!err)
		err = set_routes(c, why);	/* --route 0.0.0.0/0 and the full tunnel are one rule: the old name may have taken it away */
	if (err)
		return fail_step("routes", err, why, error);
	err = change_names(c, why);
	return err ? fail_step("name servers", err, why, error) : 0;
}
