// SPDX-License-Identifier: MIT
/* server_change.c - other settings for a server that runs */
#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "run/instance.h"
#include "run/server_parts.h"
#include "server/admission.h"

static void change_engine(struct worker *w, void *arg)
{
	struct tunnel_settings set;

	if (!server_engine_settings(arg, &set))
		tunnel_change(worker_tunnel(w), &set, worker_now(w));
	sodium_memzero(&set, sizeof(set));
}

static void take_over(struct server_settings *to, const struct server_settings *want)
{
	to->open = want->open;
	to->max_connections = want->max_connections;
	to->routed = want->routed;
	to->client_to_client = want->client_to_client;
	to->allow = want->allow;
	to->dns = want->dns;
	to->sending = want->sending;
	to->rekey_us = want->rekey_us;
	to->idle_timeout_us = want->idle_timeout_us;
	to->policies = want->policies;
	to->handshakes_per_second = want->handshakes_per_second;
}

static bool same_firewall(const struct server_settings *a, const struct server_settings *b)
{
	return a->routed == b->routed && a->client_to_client == b->client_to_client && a->dns == b->dns && a->allow.count == b->allow.count &&
	       !memcmp(a->allow.at, b->allow.at, a->allow.count * sizeof(*a->allow.at));
}

int server_change(struct server *s, const struct server_settings *want, char error[RUN_ERROR_BYTES])
{
	struct admission_settings admission = { .open = want->open, .max_sessions = want->max_connections };
	bool firewall = s->firewall_stale || !same_firewall(&s->set, want);
	const struct policy_list before = s->set.policies;
	char why[RUN_ERROR_BYTES];
	int policies = policies_change(&s->policies, &before, &want->policies, why), err = 0;

	take_over(&s->set, want);
	server_set_rates(s);
	admission_change(s->admission, &admission);
	for (u32 i = 0; i < s->worker_count; i++)
		worker_call(s->workers[i], change_engine, s);
	if (policies)
		s->set.policies = before;	/* the others are still to come */
	if (firewall)
		err = server_configure_firewall(s, error);
	s->firewall_stale = err != 0;
	return !err && policies ? run_say(error, policies, "%s", why) : err;
}
