// SPDX-License-Identifier: MIT
/* sim.c - one simulation: two engines and what is between them
 *
 * An event ends with settle(): acknowledgements for the batch that was delivered, one tunnel_send() per side for all that
 * the flows had to say, and the engines' next deadlines. The engines are never called from within their own calls.
 */
#include "sim/sim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/aead.h"
#include "crypto/noise.h"
#include "sim/flow.h"

#define BEGIN_NS (1000 * NS_PER_SEC)	/* engines are used to clocks that do not begin at 0 */

u64 sim_now_us(const struct sim *s)
{
	return s->events.now_ns / NS_PER_US;
}

u64 sim_time_ns(const struct sim *s)
{
	return s->events.now_ns > s->zero_ns ? s->events.now_ns - s->zero_ns : 0;
}

/* ---- from the engines ---- */

static struct link *link_of(struct sim *s, u32 side, const struct endpoint *where)
{
	for (u32 i = 0; i < s->link_count; i++) {
		struct link *l = &s->links[i];

		if (side == 0 ? l->number == where->link : addr_same_ip(&l->address, &where->remote))
			return l;
	}
	return NULL;
}

static void transmit(void *ctx, struct datagrams *runs, u32 n)
{
	struct sim_end *end = ctx;
	struct sim *s = end->sim;

	for (u32 i = 0; i < n; i++) {
		const struct datagrams *r = &runs[i];
		struct link *l = link_of(s, end->side, &r->where);
		struct lane *lane = l ? &l->lanes[end->side] : NULL;

		for (u32 at = 0; at < r->len; at += r->segment_bytes) {
			u32 len = MIN(r->segment_bytes, r->len - at);

			s->outer_bytes += len;
			s->outer_packets++;
			check_datagram(&s->check, end->side, l ? l->number : 0, r->data + at, len);
			if (!l)
				continue;	/* an address the client has left */
			if (end->side && !addr_equal(&l->address, &r->where.remote))
				lane_count_nat(lane);
			else
				lane_send(lane, r->data + at, len, false);
		}
	}
}

static void deliver(void *ctx, struct buf_queue *q)
{
	struct sim_end *end = ctx;
	struct buf *b;

	while ((b = buf_queue_take(q))) {
		flow_delivered(end, b);
		buf_put(b);
	}
}

static int admit(void *ctx, const struct tunnel_request *r, struct tunnel_grant *g)
{
	struct sim *s = ((struct sim_end *)ctx)->sim;

	if (memcmp(r->time, s->last_time, 12) <= 0)
		return -EALREADY;
	memcpy(g->psk, s->client_secret, 32);
	memcpy(g->ip4, "\x0a\x00\x55\x02", 4);
	g->ip4_len = 24;
	return 0;
}

static void unused(void *ctx, const struct tunnel_grant *g)
{
	(void)ctx, (void)g;
}

static void opened(void *ctx, const struct tunnel_grant *g, u64 handle)
{
	(void)handle;
	memcpy(((struct sim_end *)ctx)->sim->last_time, g->time, 12);
}

static void closed(void *ctx, const struct tunnel_grant *g, u64 handle, enum tg_close_code code,
		   const struct tunnel_session_info *last)
{
	(void)ctx, (void)g, (void)handle, (void)code, (void)last;
}

static void connected(void *ctx, const struct tunnel_config *config)
{
	(void)config;
	((struct sim_end *)ctx)->sim->connected++;
}

static void disconnected(void *ctx, enum tg_close_code code, const char *text)
{
	(void)code, (void)text;
	((struct sim_end *)ctx)->sim->disconnected++;
}

static void path_changed(void *ctx, const struct tunnel_path_info *path, const char *why)
{
	struct sim *s = ((struct sim_end *)ctx)->sim;

	if (s->verbose)
		printf("%8.3f s link %u is %s: %s\n", (double)sim_time_ns(s) / 1e9, path->link, tunnel_path_state_name(path->state), why);
}

static const struct tunnel_events engine_events = {
	.transmit = transmit,
	.deliver = deliver,
	.admit = admit,
	.grant_unused = unused,
	.session_opened = opened,
	.session_closed = closed,
	.connected = connected,
	.disconnected = disconnected,
	.path_changed = path_changed,
};

/* ---- to the engines ---- */

static void plan_tick(struct sim_end *end)
{
	struct sim *s = end->sim;
	u64 due = tunnel_due_us(end->tunnel), now = sim_now_us(s);

	/* A deadline that is always now must not stop time, and no timer fires at the very microsecond. */
	if (due != TIME_NEVER)
		due = MAX(due + s->slack_us, now + 10) * NS_PER_US;
	if (end->resting)
		due = TIME_NEVER;
	if (due == TIME_NEVER || !end->tick.place || end->tick.at_ns != due)
		event_set(&s->events, &end->tick, due);
}

/* Flows that do not use the tunnel share a link with it. */
static void send_outside(struct sim_end *end)
{
	struct buf *b;

	while ((b = buf_queue_take(&end->outside))) {
		lane_send(&end->sim->links[b->path - 1].lanes[end->side], b->data, b->len, true);
		buf_put(b);
	}
}

static void arrived_outside(struct sim_end *end, const struct datagram *d)
{
	struct buf *b = buf_take(end->pool);

	if (!b) {
		end->device_drops++;
		return;
	}
	memcpy(b->data, d->data, d->len);
	b->len = d->len;
	b->order = TG_ORDER_NONE;
	flow_delivered(end, b);
	buf_put(b);
}

static void settle(struct sim *s)
{
	for (u32 side = 0; side < 2; side++) {
		struct sim_end *end = &s->ends[side];

		flow_batch_over(end);
		send_outside(end);
		end->least_bufs = MIN(end->least_bufs, buf_pool_left(end->pool));
		if (end->outbox.count && !end->resting)
			tunnel_send(end->tunnel, &end->outbox, sim_now_us(s));
		end->least_bufs = MIN(end->least_bufs, buf_pool_left(end->pool));
		plan_tick(end);
	}
}

static void fire_tick(struct event *e)
{
	struct sim_end *end = container_of(e, struct sim_end, tick);

	tunnel_tick(end->tunnel, sim_now_us(end->sim));
}

/* A datagram that came while the host rested. */
struct arrival {
	struct datagrams run;
	u8 data[2048];
};

static void put_aside(struct sim_end *end, const struct datagrams *run)
{
	if (end->inbox_count == end->inbox_size) {
		end->inbox_size = end->inbox_size ? 2 * end->inbox_size : 64;
		end->inbox = realloc(end->inbox, end->inbox_size * sizeof(*end->inbox));
		if (!end->inbox)
			abort();
	}
	end->inbox[end->inbox_count].run = *run;
	memcpy(end->inbox[end->inbox_count++].data, run->data, run->len);
}

static void arrived(void *ctx, struct lane *lane, struct datagram *d)
{
	struct sim *s = ctx;
	struct sim_end *end = &s->ends[lane->up ? 1 : 0];
	struct datagrams run = { .data = d->data, .len = d->len, .segment_bytes = d->len };

	if (d->outside) {
		arrived_outside(end, d);
		return;
	}
	run.where.remote = lane->up ? d->from : s->server_address;
	if (lane->up)
		run.where.local = s->server_address;
	else
		run.where.link = lane->link->number;
	if (end->resting)
		put_aside(end, &run);
	else
		tunnel_receive(end->tunnel, &run, 1, sim_now_us(s));
}

/* Rests are as long as they like up to the most, pauses between them likewise up to twice the mean. */
static void plan_rest(struct sim_end *end)
{
	struct sim *s = end->sim;
	u64 most_us = end->resting ? s->rest_us : 2 * s->rest_every_us;

	if (s->rest_us)
		event_set(&s->events, &end->rest, s->events.now_ns + (1 + rand_u64(&s->random) % most_us) * NS_PER_US);
}

static void fire_rest(struct event *e)
{
	struct sim_end *end = container_of(e, struct sim_end, rest);

	end->resting = !end->resting;
	for (u32 i = 0; !end->resting && i < end->inbox_count; i++) {
		end->inbox[i].run.data = end->inbox[i].data;
		tunnel_receive(end->tunnel, &end->inbox[i].run, 1, sim_now_us(end->sim));
	}
	if (!end->resting)
		end->inbox_count = 0;
	plan_rest(end);
}

/* ---- what happens to links ---- */

static void add_path(struct sim *s, struct link *l)
{
	struct tunnel_uplink u = {
		.link = l->number,
		.remote = s->server_address,
		.flags = l->spec->flags,
		.weight = l->spec->weight,
	};

	snprintf(u.name, sizeof(u.name), "link%u", l->number);
	tunnel_path_add(s->ends[0].tunnel, &u, sim_now_us(s));
}

static void happened(void *ctx, struct link *l, enum link_key key, double value)
{
	struct sim *s = ctx;
	struct tunnel *t = s->ends[0].tunnel;
	u64 now = sim_now_us(s);

	if (!t)
		return;		/* before the engines are made */
	if (key == LINK_CARRIER) {
		/* Without a carrier nothing passes either. */
		l->lanes[0].value[LINK_CUT] = l->lanes[1].value[LINK_CUT] = value > 0 ? 0 : 1;
		tunnel_path_carrier(t, l->number, value > 0, now);
	} else if (key == LINK_MOVE) {
		tunnel_path_moved(t, l->number, &l->address, &s->server_address, now);
	} else if (value > 0) {
		add_path(s, l);
	} else {
		tunnel_path_remove(t, l->number, now);
	}
}

static const struct link_events link_events = { .arrived = arrived, .happened = happened };

/* ---- begin and end ---- */

static void make_keys(struct sim *s)
{
	struct tunnel_settings *client = &s->set[0], *server = &s->set[1];

	aead_init();
	rand_fill(&s->random, s->server_secret, 32);
	rand_fill(&s->random, s->client_secret, 32);
	noise_public_from_secret(s->server_secret, s->server_public);
	addr_parse(&s->server_address, "198.51.100.1:7443", 0);
	server->server = true;
	memcpy(server->server_secret, s->server_secret, 32);
	memcpy(server->server_public, s->server_public, 32);
	memcpy(client->server_public, s->server_public, 32);
	memcpy(client->client_secret, s->client_secret, 32);
	memcpy(client->client_id, "client 1", 8);
	client->has_credential = true;
	client->wall_at_zero_ns = 1700000000ULL * NS_PER_SEC;
	client->csum = server->csum = true;
}

static void make_link(struct sim *s, u32 i, u64 seed)
{
	struct link *l = &s->links[i];
	char text[32];

	l->number = i + 1;
	l->spec = &s->specs[i];
	l->on = &link_events;
	l->ctx = s;
	l->events = &s->events;
	l->store = &s->store;
	rand_seeded(&l->random, seed * 1000003 + i);
	snprintf(text, sizeof(text), "192.0.2.%u:1000", i + 1);
	addr_parse(&l->address, text, 0);
	l->address.ip[1] = (u8)i;	/* `move` counts in the byte behind */
	link_begin(l, s->zero_ns);
}

static void stand_behind(struct sim *s)
{
	for (u32 i = 0; i < s->link_count; i++) {
		u32 front = s->specs[i].behind;

		for (u32 lane = 0; front && front <= s->link_count && front != i + 1 && lane < 2; lane++)
			s->links[i].lanes[lane].behind = &s->links[front - 1].lanes[lane];
	}
}

static void make_end(struct sim *s, u32 side, u64 seed)
{
	struct sim_end *end = &s->ends[side];

	end->sim = s;
	end->side = side;
	end->tick.fire = fire_tick;
	end->rest.fire = fire_rest;
	plan_rest(end);
	end->least_bufs = SIM_POOL;
	end->pool = buf_pool_new(SIM_POOL);
	rand_seeded(&end->random, seed + 1 + side);
	end->tunnel = tunnel_new(&s->set[side], &engine_events, end, end->pool, &end->random, sim_now_us(s));
	if (!end->pool || !end->tunnel)
		abort();
}

void sim_begin(struct sim *s, u64 seed)
{
	s->events.now_ns = BEGIN_NS;
	s->zero_ns = BEGIN_NS + SIM_WARM_UP_NS;
	rand_seeded(&s->random, seed);
	make_keys(s);
	for (u32 i = 0; i < s->link_count; i++)
		make_link(s, i, seed);
	stand_behind(s);
	make_end(s, 1, seed);
	make_end(s, 0, seed);
	for (u32 i = 0; i < s->link_count; i++) {
		struct link *l = &s->links[i];

		if (l->lanes[0].value[LINK_PRESENT] > 0 && (!s->only || s->only == l->number))
			add_path(s, l);
		if (!l->lanes[0].value[LINK_CARRIER])
			happened(s, l, LINK_CARRIER, 0);
	}
	check_begin(&s->check, s);
	settle(s);
}

void sim_run_until(struct sim *s, u64 ns)
{
	while (event_step(&s->events, s->zero_ns + ns))
		settle(s);
}

void sim_count_anew(struct sim *s)
{
	s->outer_bytes = s->outer_packets = s->inner_bytes = s->inner_packets = 0;
	for (u32 i = 0; i < 2; i++)
		s->ends[i].device_drops = 0;
	for (u32 i = 0; i < s->link_count; i++)
		link_count_anew(&s->links[i]);
}

static void keep_session(void *arg, const struct tunnel_session_info *info)
{
	*(struct tunnel_session_info *)arg = *info;
}

bool sim_session(struct sim *s, u32 side, struct tunnel_session_info *out)
{
	out->path_count = 0;
	out->handle = 0;
	tunnel_each_session(s->ends[side].tunnel, keep_session, out, sim_now_us(s));
	return out->handle != 0;
}

bool sim_any_link_up(const struct sim *s)
{
	for (u32 i = 0; i < s->link_count; i++)
		if (link_is_up(&s->links[i]) && (!s->only || s->only == i + 1))
			return true;
	return false;
}

void sim_end(struct sim *s)
{
	for (u32 i = 0; i < 2; i++) {
		struct sim_end *end = &s->ends[i];

		tunnel_free(end->tunnel);
		check_bufs_back(&s->check, i, buf_pool_left(end->pool), SIM_POOL);
		if (buf_pool_left(end->pool) == SIM_POOL)	/* else it would abort, and nobody read why */
			buf_pool_free(end->pool);
		free(end->inbox);
	}
	flow_free_all(s);
	check_end(&s->check);
	events_free(&s->events);
	datagram_store_free(&s->store);
}
