// SPDX-License-Identifier: MIT
/* udp.c - senders that do not listen: constant rate, on and off in turn, and a sparse request with its answer (ping) */
#include "sim/flow.h"

struct udp {
	struct flow f;
	struct event next;
	u64 begun_ns;
	double carry_ns;
};

/* ---- constant and on-off ---- */

static u64 gap_ns(struct udp *u)
{
	double ns = u->f.spec.packet_bytes * 8e9 / (double)u->f.spec.rate_bits + u->carry_ns;

	u->carry_ns = ns - (double)(u64)ns;
	return (u64)ns;
}

static void fire_next(struct event *e)
{
	struct udp *u = container_of(e, struct udp, next);
	const struct flow_spec *spec = &u->f.spec;
	u64 now = flow_now(&u->f), into;

	if (flow_is_over(&u->f)) {
		u->f.waits_since_ns = 0;
		return;
	}
	if (!u->f.waits_since_ns)
		u->f.waits_since_ns = now;
	flow_send_udp(&u->f, 0, 0, spec->packet_bytes, NULL);
	u->f.requests++;
	now += gap_ns(u);
	into = spec->on_ns ? (now - u->begun_ns) % (spec->on_ns + spec->off_ns) : 0;
	if (into > spec->on_ns) {
		now += spec->on_ns + spec->off_ns - into;
		u->f.waits_since_ns = u->f.last_delivery_ns = 0;	/* a pause is no gap */
	}
	event_set(&u->f.sim->events, e, now);
}

static void udp_begin(struct flow *f)
{
	struct udp *u = (struct udp *)f;

	u->next.fire = fire_next;
	u->begun_ns = flow_now(f);
	fire_next(&u->next);
}

static void udp_arrived(struct flow *f, u32 direction, const struct packet *p)
{
	(void)direction;
	f->answers += flow_counts(f, p);
	f->bytes += p->len - UDP_HEADERS;
	hist_add(&f->rtt, (flow_now(f) - p->sent_ns) / NS_PER_US);
}

static void udp_end(struct flow *f)
{
	event_set(&f->sim->events, &((struct udp *)f)->next, TIME_NEVER);
}

const struct flow_ops udp_flow_ops = {
	.bytes = sizeof(struct udp),
	.begin = udp_begin,
	.arrived = udp_arrived,
	.end = udp_end,
};

/* ---- ping ---- */

static void fire_request(struct event *e)
{
	struct udp *u = container_of(e, struct udp, next);

	if (flow_is_over(&u->f)) {
		u->f.waits_since_ns = 0;
		return;
	}
	if (!u->f.waits_since_ns)
		u->f.waits_since_ns = flow_now(&u->f);
	flow_send_udp(&u->f, 0, 0, u->f.spec.packet_bytes, NULL);
	u->f.requests++;
	event_set(&u->f.sim->events, e, flow_now(&u->f) + u->f.spec.interval_ns);
}

static void ping_begin(struct flow *f)
{
	struct udp *u = (struct udp *)f;

	u->next.fire = fire_request;
	fire_request(&u->next);
}

/* The answer carries the serial of its request as its number. */
static void ping_arrived(struct flow *f, u32 direction, const struct packet *p)
{
	const struct packet *request;

	if (!direction) {
		flow_send_udp(f, 1, p->serial, f->spec.packet_bytes, NULL);
		return;
	}
	request = &f->way[0]->log[p->number % FLOW_LOG];
	f->answers += flow_counts(f, request);
	f->bytes += p->len - UDP_HEADERS;
	hist_add(&f->rtt, (flow_now(f) - request->sent_ns) / NS_PER_US);
}

const struct flow_ops ping_flow_ops = {
	.bytes = sizeof(struct udp),
	.begin = ping_begin,
	.arrived = ping_arrived,
	.end = udp_end,
};
