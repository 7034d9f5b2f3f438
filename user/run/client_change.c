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

/* One that is still looked for among all stays, as one that was found: with nothing of what the settings said about it. */
static void unname(struct client *c, const char *name)
{
	struct uplink *u = uplink_by_name(c, name);
	char unused[RUN_ERROR_BYTES];
	const u64 none = 0;

	if (!u)
		return;
	if (!finds_all(&c->set)) {
		log_info("uplink %s: no longer named", name);
		uplink_forget(c, u);
		return;
	}
	client_uplink_set(c, name, 1, 0, unused);
	client_uplink_limit(c, name, &none, &none, unused);
	if (u->datapath != RUN_DATAPATH_UNSAID)
		client_uplink_datapath(c, name, RUN_DATAPATH_UNSAID, unused);
	u->configured = false;
	u->gone_us = 0;
}

static void drop_old(struct client *c, const struct client_settings *before)
{
	for (u32 i = 0; i < before->uplink_count; i++)
		if (!find(&c->set, before->uplinks[i].name))
			unname(c, before->uplinks[i].name);
	if (finds_all(before) && !finds_all(&c->set))
		uplinks_drop_found(c);
}

/* was: NULL when it is new. */
static int put(struct client *c, const struct client_uplink_settings *was, const struct client_uplink_settings *want, char *error)
{
	enum run_datapath before = was ? was->datapath : RUN_DATAPATH_UNSAID;
	const struct uplink *u;
	u32 weight = want->weight ? want->weight : 1;
	int err = client_uplink_add(c, want->name, weight, want->flags, error);

	if (err == -EEXIST)
		err = client_uplink_set(c, want->name, weight, want->flags, error);
	if (!err)
		err = client_uplink_limit(c, want->name, &want->rate, &want->quota, error);
	u = uplink_by_name(c, want->name);
	if (!err && (want->datapath != before || (c->half_changed && u->datapath != want->datapath)))
		err = client_uplink_datapath(c, want->name, want->datapath, error);
	return err;
}

/* c->set has what is wanted. New ones first: there is no moment without an uplink, but where the old ones leave no room. */
static int change_uplinks(struct client *c, const struct client_settings *before, char *error)
{
	int err = 0;

	for (u32 i = 0; i < c->set.uplink_count && !err; i++) {
		const struct client_uplink_settings *was = find(before, c->set.uplinks[i].name);

		if (same(was, &c->set.uplinks[i]) && !c->half_changed)
			continue;
		err = put(c, was, &c->set.uplinks[i], error);
		if (err == -ENOSPC) {
			drop_old(c, before);
			err = put(c, was, &c->set.uplinks[i], error);
		}
	}
	if (!err)
		drop_old(c, before);
	if (!err)
		uplinks_rescan(c);
	return err;
}

/* Does it stay when c->set is followed, although that does not name it? */
static bool stays_unnamed(const struct client *c, const struct uplink *u, const struct client_settings *before)
{
	return !find(&c->set, u->name) && (finds_all(&c->set) || (u->configured && !find(before, u->name)));
}

static int check_room(const struct client *c, const struct client_settings *before, char *error)
{
	u32 count = c->set.uplink_count;

	for (u32 i = 0; i < TG_MAX_PATHS; i++)
		count += c->uplinks[i].used && stays_unnamed(c, &c->uplinks[i], before);
	if (count <= TG_MAX_PATHS)
		return 0;
	snprintf(error, RUN_ERROR_BYTES, "that would be %u uplinks, with those found or added by command; %u are possible", count, TG_MAX_PATHS);
	return -EINVAL;
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

/* Those that it could not take are still to come, as far as the next change can tell. */
static int change_policies(struct client *c, const struct client_settings *before, char *error)
{
	int err = policies_change(&c->policies, &before->policies, &c->set.policies, error);

	if (err)
		c->set.policies = before->policies;
	return err;
}

/* ---- after one that failed in the middle ---- */

static void add_prefixes(struct prefix_list *to, const struct prefix_list *more)
{
	for (u32 i = 0; i < more->count && to->count < RUN_MAX_PREFIXES; i++)
		to->at[to->count++] = more->at[i];	/* one that stands twice is taken back twice, which is fine */
}

/* Settings that somebody may have to take back: these, and those that an earlier change did not come to. */
static void add_left(struct client_settings *to, const struct client_settings *left)
{
	to->auto_discover = finds_all(to) || finds_all(left);
	for (u32 i = 0; i < left->uplink_count && to->uplink_count < TG_MAX_PATHS; i++)
		if (!find(to, left->uplinks[i].name))
			to->uplinks[to->uplink_count++] = left->uplinks[i];
	add_prefixes(&to->routes, &left->routes);
	add_prefixes(&to->excludes, &left->excludes);
	to->full_tunnel |= left->full_tunnel;
	to->kill_switch |= left->kill_switch;
}

static void note_outcome(struct client *c, int err, const struct client_settings *before)
{
	c->half_changed = err != 0;
	if (!err)
		return;
	c->left = *before;
	sodium_memzero(&c->left.key, sizeof(c->left.key));
}

int client_change(struct client *c, const struct client_settings *want, bool *refused, char error[RUN_ERROR_BYTES])
{
	struct client_settings before = c->set;
	char why[RUN_ERROR_BYTES];
	int err, routing, policies;

	take_over(&c->set, want);
	err = client_check_settings(c, error);
	if (!err)
		err = check_room(c, &before, error);
	*refused = err != 0;
	if (err) {
		c->set = before;
		goto done;
	}
	if (c->half_changed)
		add_left(&before, &c->left);
	worker_call(c->worker, change_engine, c);
	err = change_uplinks(c, &before, error);
	routing = same_routing(&before, &c->set) && !c->half_changed ? 0 : client_change_routing(c, &before, error);
	policies = change_policies(c, &before, why);
	if (!err)
		err = routing;
	if (!err && policies)
		err = run_say(error, policies, "%s", why);
	note_outcome(c, err, &before);
done:
	sodium_memzero(&before.key, sizeof(before.key));
	return err;
}
