// SPDX-License-Identifier: MIT
/* server_host.c - a server's hold on its host: pools, device, firewall, forwarding
 *
 * All of it is undone by host_close().
 */
#include <errno.h>
#include <string.h>

#include "host/nft.h"
#include "host/routes.h"
#include "host/sysctl.h"
#include "host/tundev.h"
#include "run/instance.h"
#include "run/server_parts.h"
#include "server/admission.h"

static int default_prefix(struct prefix *p, bool none, const char *text)
{
	if (none) {
		*p = (struct prefix){ 0 };
		return 0;
	}
	if (!p->family && prefix_parse(p, text))
		return -EINVAL;
	prefix_mask(p);
	return 0;
}

int server_check_pools(struct server *s, char *error)
{
	struct prefix *pools[] = { &s->set.pool4, &s->set.pool6 };
	char what[HOST_WHY_BYTES], text[ADDR_TEXT_BYTES];

	if (default_prefix(&s->set.pool4, s->set.no_pool4, SERVER_POOL4) ||
	    default_prefix(&s->set.pool6, s->set.no_pool6, SERVER_POOL6))
		return run_say(error, -EINVAL, "the address pools are no prefixes");
	for (size_t i = 0; i < ARRAY_SIZE(pools); i++) {
		if (!pools[i]->family || !host_overlap(pools[i], s->tun_name, what))
			continue;
		return run_say(error, -EINVAL, "the pool %s overlaps this host's networks (%s): choose another (--pool%s)",
			   prefix_format(pools[i], text), what, i ? "6" : "");
	}
	return 0;
}

int server_configure_device(struct server *s, char *error)
{
	struct host_tun set = { .name = s->tun_name, .mtu_bytes = s->set.mtu ? s->set.mtu : TG_INNER_MTU };
	char why[HOST_WHY_BYTES] = "";
	int err;

	admission_server_address(s->admission, &set.addr4, &set.addr6);
	err = host_tun_configure(&set, NULL, why);
	return err ? run_say(error, err, "addresses of %s: %.200s", s->tun_name, why[0] ? why : strerror(-err)) : 0;
}

static struct addr address_of(const struct prefix *p)
{
	struct addr a = { .family = p->family };

	memcpy(a.ip, p->ip, sizeof(a.ip));
	return a;
}

static int set_firewall(struct server *s, char *why)
{
	struct prefix own4, own6;
	struct host_nft_server set = {
		.tun = s->tun_name,
		.pool4 = s->set.pool4,
		.pool6 = s->set.pool6,
		.masquerade4 = !s->set.routed,
		.masquerade6 = !s->set.routed,
		.client_to_client = s->set.client_to_client,
		.dns = s->set.dns,
		.allow = s->set.allow.at,
		.allow_count = s->set.allow.count,
	};

	admission_server_address(s->admission, &own4, &own6);
	set.inner4 = address_of(&own4);
	set.inner6 = address_of(&own6);
	return host_nft_server(s->host, &set, why);
}

int server_configure_firewall(struct server *s, char *error)
{
	char why[HOST_WHY_BYTES] = "";
	int err = set_firewall(s, why);

	s->firewall_us = 0;
	return err ? run_say(error, err, "firewall: %.200s", why[0] ? why : strerror(-err)) : 0;
}

/* The firewall first: no packet of a client may be forwarded without it. */
int server_configure_forwarding(struct server *s, char *error)
{
	char why[HOST_WHY_BYTES] = "";
	int err = server_configure_firewall(s, error);

	if (err)
		return err;
	err = host_sysctl_forwarding(s->host, s->set.pool4.family, s->set.pool6.family, why);
	return err ? run_say(error, err, "forwarding: %.200s", why[0] ? why : strerror(-err)) : 0;
}
