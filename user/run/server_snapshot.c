// SPDX-License-Identifier: MIT
/* server_snapshot.c - a server as it stands, and sessions ended by command */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "run/filter.h"
#include "run/server_parts.h"

struct close_job {
	const u8 *client_id;
	enum tg_close_code code;
	u32 closed;
};

static void close_job(struct worker *w, void *arg)
{
	struct close_job *job = arg;

	job->closed += tunnel_close_client(worker_tunnel(w), job->client_id, job->code, worker_now(w));
}

u32 server_close_client(struct server *s, const u8 client_id[8], enum tg_close_code code)
{
	struct close_job job = { .client_id = client_id, .code = code };

	for (u32 i = 0; i < s->worker_count; i++)
		worker_call(s->workers[i], close_job, &job);
	return job.closed;
}

/* ---- what is counted ---- */

struct look_job {
	struct server *server;
	u32 worker;
	struct daemon_counts *counts;
	struct server_snapshot *out;	/* NULL: counters alone */
	u32 room;			/* for sessions in it */
	int err;
};

static void add_counters(struct tunnel_counters *sum, const struct tunnel_counters *one)
{
	for (int i = 0; i < TG_DROP_COUNT; i++)
		sum->drops[i] += one->drops[i];
#define ADD(name, help) sum->name += one->name;
	TUNNEL_COUNTERS(ADD)
#undef ADD
}

/* On its own thread: sockets are its own. Each interface has counters of its own in a snapshot, in the order of name_interfaces(). */
static void count_ports(struct worker *w, struct look_job *job)
{
	u32 place = 0;

	for (u32 i = 0; i < ARRAY_SIZE(job->server->xdp); i++) {
		const struct server_xdp *on = &job->server->xdp[i];
		const struct xsk *x = on->on && worker_ports(w) ? ports_xsk(worker_ports(w), on->ifindex) : NULL;

		if (!on->ifindex)
			continue;
		if (x && job->out)
			xsk_counters_add(&job->out->xdp[place].xsk, x);
		else if (x)
			xsk_counters_add(&job->counts->xsk, x);
		job->counts->has_xsk |= x && !job->out;
		place++;
	}
}

static void add_handover(const struct handover *h, u32 worker, struct handover_counters *sum)
{
	struct handover_counters one;

	handover_count(h, worker, &one);
	sum->given += one.given;
	sum->taken += one.taken;
	sum->full += one.full;
}

static void count_in(struct worker *w, void *arg)
{
	struct look_job *job = arg;

	add_counters(&job->counts->counters, tunnel_counters(worker_tunnel(w)));
	worker_add_tun_counters(w, &job->counts->tun);
	count_ports(w, job);
	if (job->server->handover)
		add_handover(job->server->handover, job->worker, &job->counts->handover);
}

/* Of the table that this server put up. A kernel or a user that took it away leaves nothing to count. Whoever asks more often than once a second
 * is told the same again. */
static void look_at_firewall(struct server *s, struct daemon_counts *out)
{
	u64 now = clock_now_us();

	if (s->host && (!s->firewall_us || now - s->firewall_us >= SEC)) {
		s->firewall_counts = !host_nft_drops(s->host, &s->firewall);
		s->firewall_us = now;
	}
	out->has_firewall = s->firewall_counts;
	out->firewall = s->firewall;
}

/* Each worker does the job in its turn; then the control thread adds what is nobody's. */
static void look(struct server *s, void (*in)(struct worker *w, void *arg), struct look_job *job)
{
	for (job->worker = 0; job->worker < s->worker_count; job->worker++)
		worker_call(s->workers[job->worker], in, job);
	filter_snapshot(s->is_filtering ? s->datapath : NULL, s->datapath_why, &job->counts->filter);
	job->counts->has_handover = s->handover != NULL;
}

void server_counts(struct server *s, struct daemon_counts *out)
{
	struct look_job job = { .server = s, .counts = out };

	memset(out, 0, sizeof(*out));
	look(s, count_in, &job);
	look_at_firewall(s, out);
}

/* ---- all of it ---- */

static void add_session(void *arg, const struct tunnel_session_info *info)
{
	struct look_job *job = arg;
	struct server_snapshot *out = job->out;

	if (out->session_count == job->room) {
		u32 room = job->room ? 2 * job->room : 16;
		void *more = realloc(out->sessions, room * sizeof(*info));

		if (!more) {
			job->err = -ENOMEM;
			return;
		}
		out->sessions = more;
		job->room = room;
	}
	out->sessions[out->session_count++] = *info;
}

static void look_in(struct worker *w, void *arg)
{
	struct look_job *job = arg;

	tunnel_each_session(worker_tunnel(w), add_session, job, worker_now(w));
	count_in(w, job);
}

static void name_interfaces(const struct server *s, struct server_snapshot *out)
{
	for (u32 i = 0; i < ARRAY_SIZE(s->xdp); i++) {
		const struct server_xdp *x = &s->xdp[i];
		struct server_xdp_snapshot *to = &out->xdp[out->xdp_count];

		if (!x->ifindex)
			continue;
		memcpy(to->name, x->name, sizeof(to->name));
		to->datapath = server_xdp_name(x);
		to->queues = x->on ? x->queues : 0;
		out->xdp_count++;
	}
}

int server_snapshot(struct server *s, bool with_firewall, struct server_snapshot *out)
{
	struct look_job job = { .server = s, .counts = &out->counts, .out = out };

	memset(out, 0, sizeof(*out));
	look(s, look_in, &job);
	name_interfaces(s, out);
	if (job.err) {
		server_snapshot_free(out);
		return job.err;
	}
	out->now_us = clock_now_us();
	out->uptime_us = out->now_us - s->started_us;
	memcpy(out->name, s->name, sizeof(out->name));
	memcpy(out->tun_name, s->tun_name, sizeof(out->tun_name));
	memcpy(out->listen, s->bound, sizeof(out->listen));
	out->listen_count = s->bound_count;
	out->open = s->set.open;
	out->sending = s->set.sending;
	out->tcp = s->set.tcp_fallback;
	out->pool4 = s->set.pool4;
	out->pool6 = s->set.pool6;
	out->worker_count = s->worker_count;
	out->with_firewall = with_firewall;
	if (with_firewall)
		look_at_firewall(s, &out->counts);
	return 0;
}
