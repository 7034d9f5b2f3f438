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

struct look_job {
	struct server_snapshot *out;
	u32 room;
	int err;
};

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

static void add_counters(struct tunnel_counters *sum, const struct tunnel_counters *one)
{
	for (int i = 0; i < TG_DROP_COUNT; i++)
		sum->drops[i] += one->drops[i];
#define ADD(name, help) sum->name += one->name;
	TUNNEL_COUNTERS(ADD)
#undef ADD
}

static void look_in(struct worker *w, void *arg)
{
	struct look_job *job = arg;

	tunnel_each_session(worker_tunnel(w), add_session, job, worker_now(w));
	add_counters(&job->out->counters, tunnel_counters(worker_tunnel(w)));
	worker_add_tun_counters(w, &job->out->tun);
}

int server_snapshot(struct server *s, struct server_snapshot *out)
{
	struct look_job job = { .out = out };

	memset(out, 0, sizeof(*out));
	for (u32 i = 0; i < s->worker_count; i++)
		worker_call(s->workers[i], look_in, &job);
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
	filter_snapshot(s->is_filtering ? s->datapath : NULL, &out->filter);
	return 0;
}
