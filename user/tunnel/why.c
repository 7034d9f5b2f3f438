// SPDX-License-Identifier: MIT
/* why.c - what people ask: why a path carries nothing, why a flow travels as it does
 *
 * Nothing is kept for it but a note for one packet in 13; all else is asked of those who decide: the queue for the class, the
 * scheduler for the path a packet would take now.
 */
#include "tunnel/internal.h"

#include <errno.h>
#include <string.h>

#include <triglav/flow.h>

#include "base/bytes.h"

#define FULL_BYTES 1400u	/* what arrivals are told for */

/* ---- paths ---- */

static bool is_left(const struct path *p, const struct path *other)
{
	return other && other != p && path_tier(other) < path_tier(p);
}

static bool better_is_up(const struct path *p)
{
	for (u32 i = 0; p->session && i < TG_MAX_PATHS; i++)
		if (is_left(p, p->session->paths[i]))
			return true;
	return false;
}

static const char *tier_reason(const struct path *p)
{
	if (!better_is_up(p))
		return "";
	switch (path_tier(p)) {
	case SCHED_TIER_SPENT:
		return "its quota is used up";
	case SCHED_TIER_BACKUP:
		return "a backup, and others are up";
	case SCHED_TIER_METERED:	/* with the adaptive strategy it costs, but is not left out */
		return p->session->sched.strategy == SCHED_ADAPTIVE ? "" : "metered, and others are up";
	default:
		return "";
	}
}

const char *path_left_out(const struct path *p)
{
	const char *reason;

	switch (p->state) {
	case TUNNEL_PATH_CONNECTING:
		return "it has no keys yet";
	case TUNNEL_PATH_DOWN:
		return "the link is gone";
	case TUNNEL_PATH_SUSPECT:
		return "it is silent";
	default:
		break;
	}
	reason = p->session ? tier_reason(p) : "";
	return reason[0] || !p->session ? reason : sched_exclusion_name(p->session->sched.exclusion[p->id]);
}

s32 path_delay_beyond(const struct path *p)
{
	s32 most = 0;

	if (!p->session || !p->delay.any)
		return TUNNEL_DELAY_UNKNOWN;
	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		const struct path *other = p->session->paths[i];

		if (other && other->state == TUNNEL_PATH_UP && other->delay.any)
			most = MAX(most, delay_beyond(&p->delay, &other->delay));
	}
	return most;
}

/* ---- notes of the packets that left ---- */

void why_note(struct session *s, u32 flow_hash, u32 path)
{
	struct sample *to = &s->samples[s->sampled / SAMPLE_EVERY % SAMPLES];

	to->flow_hash = flow_hash;
	to->when_and_path = (u32)(s->tunnel->now_us >> 10) << 4 | path;
}

static void fill_samples(const struct session *s, u32 flow_hash, struct tunnel_why *out)
{
	u32 now = (u32)(s->tunnel->now_us >> 10) & (UINT32_MAX >> 4), oldest = 0;

	for (u32 i = 0; i < SAMPLES; i++) {
		const struct sample *from = &s->samples[i];
		u32 age = (now - (from->when_and_path >> 4)) & (UINT32_MAX >> 4);

		if (!from->flow_hash || age > SEC >> 10)
			continue;
		oldest = MAX(oldest, age + 1);
		for (u32 k = 0; from->flow_hash == flow_hash && k < out->path_count; k++)
			out->paths[k].samples += out->paths[k].id == (from->when_and_path & 15);
	}
	out->sampled_us = (u64)oldest << 10;
}

/* ---- the answer ---- */

static struct tunnel_why_path why_path(const struct path *p, const struct plan *plan, u64 now_us)
{
	const struct sched_path *e = &plan->entries[p->id];
	struct tunnel_why_path out = {
		.id = p->id,
		.state = p->state,
		.tier = path_tier(p),
		.usable = p->id < plan->count && e->tier < SCHED_TIER_OUT,
		.rate_bytes = limits_rate(p, rate_estimate(&p->rate)),
		.rate_measured = p->rate.measured,
		.pace_bytes = p->pace,
		.in_flight_bytes = p->sent.in_flight_bytes,
		.window_bytes = p->window,
		.queue_us = delay_queue_us(&p->delay),
		.jitter_us = p->delay.jitter_us,
		.loss_ppm = p->sent.loss_ppm,
		.left_out = path_left_out(p),
	};

	memcpy(out.name, p->name, sizeof(out.name));
	if (!out.usable)
		return out;
	out.ready = e->ready;
	out.wait_us = e->wait_us;
	out.delay_us = e->delay_us;
	out.arrival_us = sched_arrival_us(e, FULL_BYTES, now_us);
	return out;
}

static int index_of(const struct tunnel_why *out, int id)
{
	for (u32 i = 0; id >= 0 && i < out->path_count; i++)
		if (out->paths[i].id == id)
			return (int)i;
	return -1;
}

static void fill_paths(struct session *s, const struct plan *plan, struct tunnel_why *out)
{
	for (u32 i = 0; i < TG_MAX_PATHS; i++)
		if (s->paths[i])
			out->paths[out->path_count++] = why_path(s->paths[i], plan, s->tunnel->now_us);
	out->sparse_path = index_of(out, plan->sparse);
	out->copy_path = index_of(out, plan->copy);
	out->bulk_path = index_of(out, plan->bulk);
}

static void explain(struct session *s, u32 flow_hash, bool stretched, struct tunnel_why *out)
{
	struct queue_flow flow;
	struct plan plan;

	session_plan(s, flow_hash, FULL_BYTES, stretched, &plan);
	queue_look(&s->queue, flow_hash, s->tunnel->now_us, &flow);
	*out = (struct tunnel_why){
		.handle = s->handle,
		.slot = flow_hash % TG_ORDER_SLOTS,
		.strategy = s->sched.strategy,
		.aggregation = s->sched.aggregation,
		.seen = flow.seen,
		.bulk = flow.bulk,
		.waiting_packets = flow.packets,
		.waiting_bytes = flow.bytes,
		.idle_us = flow.idle_us,
		.straight = plan.straight,
		.stripe = plan.stripe,
		.ordered = plan.ordered,
		.pinned = plan.pinned,
		.numbered = s->sequences ? s->sequences[flow_hash % TG_ORDER_SLOTS] & TG_ORDER_SEQ_MASK : 0,
	};
	fill_paths(s, &plan, out);
	fill_samples(s, flow_hash, out);
	session_fill(s, &out->session);
}

/* The session whose packets have this address at our end of the inner network. */
static struct session *session_with(struct tunnel *t, u8 family, const u8 *ip)
{
	struct session *s = t->session;
	const u8 *own;

	if (t->set.server)
		return session_of_address(t, family, ip);
	own = s ? family == 4 ? s->grant.ip4 : s->grant.ip6 : NULL;
	return own && !memcmp(own, ip, family == 4 ? 4 : 16) ? s : NULL;
}

int tunnel_why(struct tunnel *t, const struct tg_flow *flow, u64 hash_key, struct tunnel_why *out, u64 now_us)
{
	struct tg_flow f = *flow;
	struct session *s;

	t->now_us = MAX(t->now_us, now_us);
	s = session_with(t, f.family, t->set.server ? f.dst : f.src);
	if (!s) {
		f = tg_flow_turned(flow);
		s = session_with(t, f.family, t->set.server ? f.dst : f.src);
	}
	if (!s && !t->set.server) {	/* a source that routes to us: some network behind the client */
		f = *flow;
		s = t->session;
	}
	if (!s)
		return -ENOENT;
	explain(s, tg_flow_hash(&f, hash_key), stretch_suits(&f), out);
	return 0;
}
