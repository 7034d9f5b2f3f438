// SPDX-License-Identifier: MIT
/* snapshot.c - a client as it stands */
#include "run/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "run/client_parts.h"
#include "run/filter.h"

const char *client_state_name(enum client_state state)
{
	static const char *const names[] = { "waiting", "connecting", "connected", "suspended" };

	return (unsigned)state < ARRAY_SIZE(names) ? names[state] : "?";
}

void server_snapshot_free(struct server_snapshot *s)
{
	free(s->sessions);
	s->sessions = NULL;
	s->session_count = 0;
}

static void copy_session(void *arg, const struct tunnel_session_info *info)
{
	struct client_snapshot *out = arg;

	out->session = *info;
	out->has_session = true;
}

static void look_in(struct worker *w, void *arg)
{
	struct client_snapshot *out = arg;
	struct tunnel *t = worker_tunnel(w);

	tunnel_each_session(t, copy_session, out, worker_now(w));
	out->path_count = tunnel_paths(t, out->paths, TG_MAX_PATHS, worker_now(w));
	out->counters = *tunnel_counters(t);
	worker_add_tun_counters(w, &out->tun);
}

static void copy_uplinks(const struct client *c, struct client_snapshot *out)
{
	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		const struct uplink *u = &c->uplinks[i];
		struct uplink_snapshot *s = &out->uplinks[out->uplink_count];

		if (!u->used)
			continue;
		memcpy(s->name, u->name, sizeof(s->name));
		s->ifindex = u->seen.ifindex;
		s->kind = u->seen.kind;
		s->usable = u->usable;
		s->configured = u->configured;
		s->tcp = u->tcp.connected;
		s->weight = u->weight ? u->weight : 1;
		s->flags = u->flags;
		s->rate = u->rate;
		s->quota = u->quota;
		s->quota_used = usage_of(&c->usage, u->name);
		if (u->usable)
			s->local = u->local;
		s->datapath = xdp_name(u);
		if (!u->xdp.on)
			memcpy(s->datapath_why, u->xdp.told, sizeof(s->datapath_why));
		s->link = u->link;
		if (c->datapath)
			s->xdp = datapath_attached(c->datapath, u->seen.ifindex);
		out->uplink_count++;
	}
}

static void count_xdp(struct worker *w, void *arg)
{
	struct client_snapshot *out = arg;

	for (u32 i = 0; i < out->uplink_count; i++) {
		struct xsk *x = worker_xsk(w, out->uplinks[i].link);

		if (x)
			xsk_count(x, &out->uplinks[i].xsk);
	}
}

struct count_job {
	const struct client *client;	/* its control thread waits meanwhile */
	struct daemon_counts *out;
};

static void count_in(struct worker *w, void *arg)
{
	struct count_job *job = arg;

	job->out->counters = *tunnel_counters(worker_tunnel(w));
	worker_add_tun_counters(w, &job->out->tun);
	for (u32 i = 0; job->client->umem && i < TG_MAX_PATHS; i++) {
		const struct uplink *u = &job->client->uplinks[i];
		const struct xsk *x = u->used && u->xdp.on ? worker_xsk(w, u->link) : NULL;

		if (!x)
			continue;
		xsk_counters_add(&job->out->xsk, x);
		job->out->has_xsk = true;
	}
}

void client_counts(struct client *c, struct daemon_counts *out)
{
	struct count_job job = { .client = c, .out = out };

	memset(out, 0, sizeof(*out));
	worker_call(c->worker, count_in, &job);
	filter_snapshot(c->is_filtering ? c->datapath : NULL, c->datapath_why, &out->filter);
}

static bool any_path_up(const struct client_snapshot *s)
{
	for (u32 i = 0; i < s->path_count; i++)
		if (s->paths[i].state == TUNNEL_PATH_UP)
			return true;
	return false;
}

static enum client_state state_of(const struct client *c, const struct client_snapshot *s)
{
	if (s->has_session && any_path_up(s))
		return CLIENT_CONNECTED;
	if (c->was_connected)
		return CLIENT_SUSPENDED;
	return uplinks_usable(c) ? CLIENT_CONNECTING : CLIENT_WAITING;
}

void client_snapshot(struct client *c, struct client_snapshot *out)
{
	u64 now = clock_now_us();

	memset(out, 0, sizeof(*out));
	worker_call(c->worker, look_in, out);
	uplinks_count(c);
	copy_uplinks(c, out);
	if (c->umem)
		worker_call(c->worker, count_xdp, out);
	filter_snapshot(c->is_filtering ? c->datapath : NULL, c->datapath_why, &out->filter);
	memcpy(out->name, c->name, sizeof(out->name));
	memcpy(out->tun_name, c->tun_name, sizeof(out->tun_name));
	out->uptime_us = now - c->started_us;
	out->connected_us = out->has_session ? now - out->session.opened_us : 0;
	out->sending = c->set.sending;
	out->full_tunnel = c->set.full_tunnel;
	out->kill_switch = c->kill_switch_stands;
	out->kill_switch_wanted = c->set.kill_switch;
	if (c->server_count)
		out->server = c->servers[0];
	out->has_config = c->has_config;
	out->config = c->config;
	out->config.mtu = (u16)c->tun_mtu;
	out->state = state_of(c, out);
	if (!c->state_since_us || out->state != c->state)
		c->state_since_us = now;
	c->state = out->state;
	out->state_us = now - c->state_since_us;
}

void client_note_state(struct client *c)
{
	struct client_snapshot *s = malloc(sizeof(*s));

	if (s)	/* without memory the next look sees it */
		client_snapshot(c, s);
	free(s);
}
