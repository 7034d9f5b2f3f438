// SPDX-License-Identifier: MIT
/* why.c - the worker that has a flow's session tells why it travels as it does */
#include <errno.h>

#include "run/client_parts.h"
#include "run/server_parts.h"

struct why_job {
	const struct tg_flow *flow;
	struct tunnel_why *out;
	int err;
};

static void ask(struct worker *w, void *arg)
{
	struct why_job *job = arg;

	job->err = tunnel_why(worker_tunnel(w), job->flow, worker_hash_key(w), job->out, worker_now(w));
}

int client_why(struct client *c, const struct tg_flow *flow, struct tunnel_why *out)
{
	struct why_job job = { .flow = flow, .out = out };

	worker_call(c->worker, ask, &job);
	return job.err;
}

int server_why(struct server *s, const struct tg_flow *flow, struct tunnel_why *out)
{
	struct why_job job = { .flow = flow, .out = out, .err = -ENOENT };

	for (u32 i = 0; job.err && i < s->worker_count; i++)
		worker_call(s->workers[i], ask, &job);
	return job.err;
}
