// SPDX-License-Identifier: MIT
/* flows.c - what people ask: which flows there are, and where their packets go
 *
 * send.c and receive.c count (path/flows.h); class and path are asked of the queue and the scheduler when somebody wants to know.
 */
#include <string.h>

#include "tunnel/internal.h"

#define FULL_BYTES 1400u

void tunnel_set_hash_key(struct tunnel *t, u64 key)
{
	t->flows.key = key;
}

u32 tunnel_flows(const struct tunnel *t, u64 idle_us, struct flow_info *out, u32 max, u64 now_us)
{
	return flows_list(&t->flows, idle_us, out, max, MAX(t->now_us, now_us));
}

u64 tunnel_flows_replaced(const struct tunnel *t)
{
	return t->flows.replaced;
}

static struct session *session_of_owner(const struct tunnel *t, u64 handle)
{
	if (t->set.server)
		return map_get(&t->by_handle, handle);
	return t->session && t->session->handle == handle ? t->session : NULL;
}

bool tunnel_handle_is_of(const struct tunnel *t, u64 handle, const u8 client_id[8])
{
	const struct session *s = session_of_owner(t, handle);

	return s && !s->grant.anonymous && !memcmp(s->grant.client_id, client_id, sizeof(s->grant.client_id));
}

static void fill_path(const struct session *s, int id, struct tunnel_way *out)
{
	out->path = id;
	if (id >= 0 && s->paths[id])
		memcpy(out->name, s->paths[id]->name, sizeof(out->name));
}

static void fill_way(const struct session *s, u32 hash, const struct plan *plan, struct tunnel_way *out)
{
	struct queue_flow flow;

	queue_look(&s->queue, hash, s->tunnel->now_us, &flow);
	*out = (struct tunnel_way){
		.known = true,
		.anonymous = s->grant.anonymous,
		.straight = plan->straight,
		.seen = flow.seen,
		.bulk = flow.bulk,
		.waiting_packets = flow.packets,
		.waiting_bytes = flow.bytes,
		.striped = flow.bulk && plan->stripe && !plan->straight,
		.path = -1,
	};
	memcpy(out->client_id, s->grant.client_id, sizeof(out->client_id));
	if (!out->striped)
		fill_path(s, flow.bulk ? plan->bulk : plan->sparse, out);
}

void tunnel_flow_ways(struct tunnel *t, const struct flow_info *flows, u32 n, struct tunnel_way *out, u64 now_us)
{
	struct session *s = NULL;
	struct plan plan;

	t->now_us = MAX(t->now_us, now_us);
	for (u32 i = 0; i < n; i++) {
		struct session *its = session_of_owner(t, flows[i].owner);

		if (its && (its != s || plan.pinned))
			session_plan(its, flows[i].hash, FULL_BYTES, true, &plan);
		s = its;
		if (s)
			fill_way(s, flows[i].hash, &plan, &out[i]);
		else
			out[i] = (struct tunnel_way){ .path = -1 };
	}
}
