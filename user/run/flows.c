// SPDX-License-Identifier: MIT
/* flows.c - the flows of all workers of a daemon */
#include "run/flows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "run/client_parts.h"
#include "run/server_parts.h"

static const char *const sort_names[RUN_FLOWS_SORTS] = { "rate", "bytes", "packets", "age", "recent" };

const char *run_flows_sort_name(enum run_flows_sort sort)
{
	return sort < RUN_FLOWS_SORTS ? sort_names[sort] : "?";
}

int run_flows_parse_sort(const char *name)
{
	for (int i = 0; i < RUN_FLOWS_SORTS; i++)
		if (!strcmp(sort_names[i], name))
			return i;
	return -1;
}

/* ---- choosing ---- */

static bool end_fits(const struct run_flows_query *q, u8 family, const u8 *ip, u16 port)
{
	return (!q->end.family || prefix_contains(&q->end, family, ip)) && (!q->port || q->port == port);
}

bool run_flows_fits(const struct run_flows_query *q, const struct flow_info *f)
{
	if (q->protocol && q->protocol != f->protocol)
		return false;
	return end_fits(q, f->family, f->src, f->sport) || end_fits(q, f->family, f->dst, f->dport);
}

static u64 weight_of(enum run_flows_sort sort, const struct flow_info *f)
{
	switch (sort) {
	case RUN_FLOWS_BYTES:
		return f->sent_bytes + f->received_bytes;
	case RUN_FLOWS_PACKETS:
		return f->sent_packets + f->received_packets;
	case RUN_FLOWS_AGE:
		return f->age_us;
	case RUN_FLOWS_RECENT:
		return UINT64_MAX - f->idle_us;
	default:
		return f->sent_rate + f->received_rate;
	}
}

static int compare(const void *a, const void *b, void *sort)
{
	const struct run_flow *x = a, *y = b;
	u64 wx = weight_of(*(enum run_flows_sort *)sort, &x->info), wy = weight_of(*(enum run_flows_sort *)sort, &y->info);

	if (wx != wy)
		return wx > wy ? -1 : 1;
	return x->info.hash < y->info.hash ? -1 : x->info.hash > y->info.hash;	/* the same each time one looks */
}

void run_flows_order(enum run_flows_sort sort, struct run_flow *flows, u32 n)
{
	qsort_r(flows, n, sizeof(*flows), compare, &sort);
}

/* ---- asking the workers ---- */

struct flows_job {
	struct run_flows *out;
	const struct run_flows_query *query;
	struct flow_info *copied;	/* FLOWS_MAX: those of one worker */
	u32 count;
	struct run_flow *list;		/* what fits, of all workers */
	u32 listed, worker;
	struct tunnel_way ways[RUN_FLOWS_TOP];
};

static void keep_client(const struct tunnel *t, struct flows_job *job)
{
	u32 kept = 0;

	for (u32 i = 0; i < job->count; i++)
		if (tunnel_handle_is_of(t, job->copied[i].owner, job->query->client_id))
			job->copied[kept++] = job->copied[i];
	job->count = kept;
}

static void copy_job(struct worker *w, void *arg)
{
	struct flows_job *job = arg;
	struct tunnel *t = worker_tunnel(w);

	job->count = tunnel_flows(t, job->query->idle_us, job->copied, FLOWS_MAX, worker_now(w));
	job->out->live += job->count;
	job->out->replaced += tunnel_flows_replaced(t);
	if (job->query->has_client)
		keep_client(t, job);
}

/* Of the flows of one worker, in one go: those of a session share its plan. */
static void way_job(struct worker *w, void *arg)
{
	struct flows_job *job = arg;
	struct run_flows *out = job->out;
	u32 n = 0;

	for (u32 i = 0; i < out->count; i++)
		if (out->at[i].worker == job->worker)
			job->copied[n++] = out->at[i].info;
	tunnel_flow_ways(worker_tunnel(w), job->copied, n, job->ways, worker_now(w));
	n = 0;
	for (u32 i = 0; i < out->count; i++)
		if (out->at[i].worker == job->worker)
			out->at[i].way = job->ways[n++];
}

static int take_fitting(struct flows_job *job, u32 worker)
{
	struct run_flow *more;

	more = realloc(job->list, (job->listed + job->count + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	job->list = more;
	for (u32 i = 0; i < job->count; i++)
		if (run_flows_fits(job->query, &job->copied[i]))
			job->list[job->listed++] = (struct run_flow){ .info = job->copied[i], .worker = worker };
	return 0;
}

static void keep_top(struct flows_job *job)
{
	struct run_flows *out = job->out;

	run_flows_order(job->query->sort, job->list, job->listed);
	out->matched = job->listed;
	out->count = MIN(MIN(job->query->top, RUN_FLOWS_TOP), job->listed);
	memcpy(out->at, job->list, out->count * sizeof(*out->at));
}

static int collect(struct worker **workers, u32 n, const struct run_flows_query *query, struct run_flows *out)
{
	struct flows_job job = { .out = out, .query = query, .copied = malloc(FLOWS_MAX * sizeof(*job.copied)) };
	int err = job.copied ? 0 : -ENOMEM;

	memset(out, 0, sizeof(*out));
	for (u32 i = 0; !err && i < n; i++) {
		worker_call(workers[i], copy_job, &job);
		err = take_fitting(&job, i);
	}
	if (!err)
		keep_top(&job);
	for (u32 i = 0; !err && i < n; i++) {
		job.worker = i;
		worker_call(workers[i], way_job, &job);
	}
	free(job.list);
	free(job.copied);
	return err;
}

int client_flows(struct client *c, const struct run_flows_query *query, struct run_flows *out)
{
	return collect(&c->worker, 1, query, out);
}

int server_flows(struct server *s, const struct run_flows_query *query, struct run_flows *out)
{
	return collect(s->workers, s->worker_count, query, out);
}
