// SPDX-License-Identifier: MIT
/* client_change.c - other settings for a client that runs
 *
 * Only what differs from the settings before is touched, so what was changed by command meanwhile (triglav uplink) stays where the
 * settings say nothing new.
 */
#define LOG_AREA LOG_AREA_CONTROL

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "base/log.h"
#include "run/client_parts.h"
#include "run/instance.h"

/* ---- uplinks ---- */

static const struct client_uplink_settings *find(const struct client_settings *s, const char *name)
{
	for (u32 i = 0; i < s->uplink_count; i++)
		if (!strcmp(s->uplinks[i].name, name))
			return &s->uplinks[i];
	return NULL;
}

static bool same(const struct client_uplink_settings *a, const struct client_uplink_settings *b)
{
	return a && a->weight == b->weight && a->flags == b->flags && a->rate == b->rate && a->quota == b->quota &&
	       a->datapath == b->datapath;
}

static bool finds_all(const struct client_settings *s)
{
	return s->auto_discover || !s->uplink_count;
}

/* One that is still looked for among all stays, as one that was found. */
static void unname(struct client *c, const char *name)
{
	struct uplink *u = uplink_by_name(c, name);

	if (!u)
		return;
	if (!finds_all(&c->set)) {
		log_info("uplink %s: no longer named", name);
		uplink_forget(c, u);
		return;
	}
	u->configured = false;
	u->gone_us = 0;
}

/* was: NULL when it is new. */
static int put(struct client *c, const struct client_uplink_settings *was, const struct client_uplink_settings *want, char *error)
{
	enum run_datapath before = was ? was->datapath : RUN_DATAPATH_UNSAID;
	u32 weight = want->weight ? want->weight : 1;
	int err = client_uplink_add(c, want->name, weight, want->flags, error);

	if (err == -EEXIST)
		err = client_uplink_set(c, want->name, weight, want->flags, error);
	if (!err)
		err = client_uplink_limit(c, want->name, &want->rate, &want->quota, error);
	if (!err && want->datapath != before)
		err = client_uplink_datapath(c, want->name, want->datapath, error);
	return err;
}

/* c->set has what is wanted. New ones first: there is no moment without an uplink. */
static int change_uplinks(struct client *c, const struct client_settings *before, char *error)
{
	int err = 0;

	for (u32 i = 0; i < c->set.uplink_count && !err; i++) {
		const struct client_uplink_settings *was = find(before, c->set.uplinks[i].name);

		if (!same(was, &c->set.uplinks[i]))
			err = put(c, was, &c->set.uplinks[i], error);
	}
	for (u32 i = 0; i < before->uplink_count && !err; i++)
		if (!find(&c->set, before->uplinks[i].name))
			unname(c, before->uplinks[i].name);
	if (!err && finds_all(before) && !finds_all(&c->set))
		uplinks_drop_found(c);
	if (!err)
		uplinks_rescan(c);
	return err;
}

/* ---- the engine ---- */

static void change_engine(struct worker *w, void *arg)
{
	struct tunnel_settings set;

	client_engine_settings(arg, &set);
	tunnel_change(worker_tunnel(w), &set, worker_now(w));
	sodium_memzero(&set, sizeof(set));
}

/* ---- all of it ---- */

static void take_over(struct client_settings *to, const struct client_settings *want)
{
	to->uplink_count = want->uplink_count;
	memcpy(to->uplinks, want->uplinks, sizeof(to->uplinks));
	to->auto_discover = want->auto_discover;
	to->full_tunnel = want->full_tunnel;
	to->routes = want->routes;
	to->excludes = want->excludes;
	to->kill_switch = want->kill_switch;
	to->dns = want->dns;
	to->dns_count = want->dns_count;
	memcpy(to->dns_servers, want->dns_servers, sizeof(to->dns_servers));
	to->sending = want->sending;
	to->rekey_us = want->rekey_us;
	to->keepalive_us = want->keepalive_us;
	to->policies = want->policies;
}

static bool same_list(const struct prefix_list *a, const struct prefix_list *b)
{
	return a->count == b->count && !memcmp(a->at, b->at, a->count * sizeof(*a->at));
}

static bool same_routing(const struct client_settings *a, const struct client_settings *b)
{
	return a->full_tunnel == b->full_tunnel && a->kill_switch == b->kill_switch && same_list(&a->routes, &b->routes) &&
	       same_list(&a->excludes, &b->excludes) && a->dns == b->dns && a->dns_count == b->dns_count &&
	       !memcmp(a->dns_servers, b->dns_servers, a->dns_count * sizeof(*a->dns_servers));
}

/* -EINVAL would say that nothing of it all was done. */
static int change_policies(struct client *c, const struct client_settings *before, char *error)
{
	int err = policies_change(&c->policies, &before->policies, &c->set.policies, error);

	return err == -EINVAL ? -EIO : err;
}

int client_change(struct client *c, const struct client_settings *want, char error[RUN_ERROR_BYTES])
{
	struct client_settings before = c->set;
	char why[RUN_ERROR_BYTES];
	int err, routing, policies;

	take_over(&c->set, want);
	err = client_check_settings(c, error);
	if (err) {
		c->set = before;
		goto done;
	}
	worker_call(c->worker, change_engine, c);
	err = change_uplinks(c, &before, error);
	routing = same_routing(&before, &c->set) ? 0 : client_change_routing(c, &before, error);
	policies = change_policies(c, &before, why);
	if (!err)
		err = routing;
	if (!err && policies)
		err = run_say(error, policies, "%s", why);
done:
	sodium_memzero(&before.key, sizeof(before.key));
	return err;
}
