// SPDX-License-Identifier: MIT
/* link.c - a link between client and server: a queue, a rate, a delay and misfortunes, per direction */
#include "sim/link.h"

#include <stdlib.h>
#include <string.h>

#define SLAB_DATAGRAMS 256u
#define LEAST_QUEUE_BYTES 30000u
#define DEFAULT_QUEUE_NS (100 * NS_PER_MS)
#define JITTER_STEP_NS (10 * NS_PER_MS)
#define FADE_STEP_NS (50 * NS_PER_MS)

/* ---- datagrams ---- */

static void add_slab(struct datagram_store *s)
{
	struct datagram *slab = calloc(SLAB_DATAGRAMS, sizeof(*slab));

	s->slabs = realloc(s->slabs, (s->slab_count + 1) * sizeof(void *));
	if (!slab || !s->slabs)
		abort();
	s->slabs[s->slab_count++] = slab;
	for (u32 i = 0; i < SLAB_DATAGRAMS; i++) {
		slab[i].next = s->free;
		s->free = &slab[i];
	}
}

struct datagram *datagram_take(struct datagram_store *s)
{
	struct datagram *d;

	if (!s->free)
		add_slab(s);
	d = s->free;
	s->free = d->next;
	d->next = NULL;
	s->out++;
	return d;
}

void datagram_put(struct datagram_store *s, struct datagram *d)
{
	d->next = s->free;
	s->free = d;
	s->out--;
}

void datagram_store_free(struct datagram_store *s)
{
	for (u32 i = 0; i < s->slab_count; i++)
		free(s->slabs[i]);
	free(s->slabs);
	*s = (struct datagram_store){ 0 };
}

static void queue_add(struct datagram_queue *q, struct datagram *d)
{
	d->next = NULL;
	if (q->tail)
		q->tail->next = d;
	else
		q->head = d;
	q->tail = d;
	q->count++;
}

static struct datagram *queue_take(struct datagram_queue *q)
{
	struct datagram *d = q->head;

	q->head = d->next;
	if (!q->head)
		q->tail = NULL;
	q->count--;
	return d;
}

/* ---- what a lane is now ---- */

static bool chance(struct lane *lane, double share)
{
	return share > 0 && rand_u32(&lane->link->random) < share * UINT32_MAX;
}

double lane_rate(const struct lane *lane)
{
	return lane->value[LINK_RATE] * lane->fade;
}

u64 lane_queue_ns(const struct lane *lane)
{
	double rate = lane_rate(lane);

	return rate > 0 ? (u64)((double)lane->queue_bytes * 8e9 / rate) : 0;
}

static u64 queue_limit(const struct lane *lane)
{
	double ns = lane->value[LINK_QUEUE] > 0 ? lane->value[LINK_QUEUE] : DEFAULT_QUEUE_NS;

	if (lane->value[LINK_QUEUE_BYTES] > 0)
		return (u64)lane->value[LINK_QUEUE_BYTES];
	/* A buffer does not shrink when the radio fades: it is sized by the rate without fading. */
	return (u64)MAX(lane->value[LINK_RATE] * ns / 8e9, lane->value[LINK_QUEUE] > 0 ? 3000 : LEAST_QUEUE_BYTES);
}

/* Wanders from one value to the next within 10 ms, so that neighbours have about the same. */
static u64 jitter_now(struct lane *lane)
{
	u64 now = lane->link->events->now_ns, most = (u64)lane->value[LINK_JITTER];
	double done;

	if (!most)
		return 0;
	if (now >= lane->jitter_until_ns) {
		lane->jitter_ns = lane->next_jitter_ns;
		lane->next_jitter_ns = rand_u64(&lane->link->random) % most;
		lane->jitter_until_ns = now + JITTER_STEP_NS;
	}
	done = 1 - (double)(lane->jitter_until_ns - now) / JITTER_STEP_NS;
	return (u64)((double)lane->jitter_ns * (1 - done) + (double)lane->next_jitter_ns * done);
}

/* ---- from the queue to the other end ---- */

static void arrive(struct link *l, struct lane *lane, struct datagram *d)
{
	l->on->arrived(l->ctx, lane, d);
	datagram_put(l->store, d);
}

static void fire_stray(struct event *e)
{
	struct datagram *d = container_of(e, struct datagram, stray);

	arrive(d->lane->link, d->lane, d);
}

static void fire_arrive(struct event *e)
{
	struct lane *lane = container_of(e, struct lane, arrive);
	struct datagram *d = queue_take(&lane->wire);

	if (lane->wire.head)
		event_set(lane->link->events, e, lane->wire.head->arrive_ns);
	arrive(lane->link, lane, d);
}

static bool is_lost(struct lane *lane)
{
	if (lane->value[LINK_CUT] > 0) {
		lane->dropped_cut++;
		return true;
	}
	if (lane->in_burst)
		lane->in_burst = !chance(lane, lane->second[LINK_BURST]);
	else
		lane->in_burst = chance(lane, lane->value[LINK_BURST]);
	if (!lane->in_burst && !chance(lane, lane->value[LINK_LOSS]))
		return false;
	lane->dropped_loss++;
	return true;
}

static void send_stray(struct lane *lane, struct datagram *d, u64 at_ns)
{
	d->stray.fire = fire_stray;
	event_set(lane->link->events, &d->stray, at_ns);
}

static void send_copy(struct lane *lane, const struct datagram *of, u64 at_ns)
{
	struct datagram *d = datagram_take(lane->link->store);

	d->from = of->from;
	d->lane = lane;
	d->outside = of->outside;
	d->len = of->len;
	memcpy(d->data, of->data, of->len);
	send_stray(lane, d, at_ns);
}

static void propagate(struct lane *lane, struct datagram *d)
{
	struct link *l = lane->link;
	u64 at = l->events->now_ns + (u64)lane->value[LINK_DELAY] + jitter_now(lane);

	if (is_lost(lane)) {
		datagram_put(l->store, d);
		return;
	}
	if (chance(lane, lane->value[LINK_COPY]))
		send_copy(lane, d, at + NS_PER_MS);
	if (chance(lane, lane->value[LINK_REORDER])) {
		send_stray(lane, d, at + (u64)lane->second[LINK_REORDER]);
		return;
	}
	d->arrive_ns = lane->last_arrival_ns = MAX(at, lane->last_arrival_ns);
	queue_add(&lane->wire, d);
	if (!lane->arrive.place)
		event_set(l->events, &lane->arrive, d->arrive_ns);
}

/* ---- the queue ---- */

static void plan_departure(struct lane *lane)
{
	double rate = lane_rate(lane), ns;

	if (!lane->queue.head || lane->depart.place || lane->value[LINK_STALL] > 0)
		return;
	ns = rate > 0 ? (lane->queue.head->len + LINK_HEADERS) * 8e9 / rate + lane->carry_ns : 0;
	lane->carry_ns = ns - (double)(u64)ns;
	event_set(lane->link->events, &lane->depart, lane->link->events->now_ns + (u64)ns);
}

static bool fits(struct lane *lane, u32 len)
{
	if (lane->value[LINK_MTU] > 0 && len + LINK_HEADERS > lane->value[LINK_MTU]) {
		lane->dropped_mtu++;
		return false;
	}
	if (lane->value[LINK_RATE] > 0 && lane->queue_bytes + len + LINK_HEADERS > queue_limit(lane)) {
		lane->dropped_full++;
		return false;
	}
	return true;
}

static void enqueue(struct lane *lane, struct datagram *d)
{
	if (!fits(lane, d->len)) {
		datagram_put(lane->link->store, d);
		return;
	}
	queue_add(&lane->queue, d);
	lane->queue_bytes += d->len + LINK_HEADERS;
	lane->max_queue_bytes = MAX(lane->max_queue_bytes, lane->queue_bytes);
	lane->max_queue_ns = MAX(lane->max_queue_ns, lane_queue_ns(lane));
	plan_departure(lane);
}

static void fire_depart(struct event *e)
{
	struct lane *lane = container_of(e, struct lane, depart);
	struct datagram *d = queue_take(&lane->queue);

	lane->queue_bytes -= d->len + LINK_HEADERS;
	lane->passed_bytes += d->len + LINK_HEADERS;
	if (lane->behind && lane == d->lane)
		enqueue(lane->behind, d);
	else
		propagate(d->lane, d);
	plan_departure(lane);
}

void lane_send(struct lane *lane, const u8 *data, u32 len, bool outside)
{
	struct datagram *d = datagram_take(lane->link->store);

	lane->bytes += len + LINK_HEADERS;
	lane->packets++;
	d->from = lane->link->address;
	d->lane = lane;
	d->outside = outside;
	d->len = len;
	memcpy(d->data, data, len);
	enqueue(lane, d);
}

void lane_count_nat(struct lane *lane)
{
	lane->dropped_nat++;
}

/* ---- the schedule ---- */

static void set_lane(struct lane *lane, const struct link_step *s)
{
	lane->value[s->key] = s->value;
	lane->second[s->key] = s->second;
	if (s->key == LINK_QUEUE)
		lane->value[LINK_QUEUE_BYTES] = 0;
	if (s->key == LINK_STALL)
		plan_departure(lane);
}

static void do_step(struct link *l, const struct link_step *s)
{
	for (u32 i = 0; i < 2; i++)
		if (s->lanes[i])
			set_lane(&l->lanes[i], s);
	if (s->key == LINK_NAT)
		l->address.port++;
	if (s->key == LINK_MOVE)
		l->address.ip[2]++;
	if (s->key == LINK_MOVE || s->key == LINK_CARRIER || s->key == LINK_PRESENT)
		l->on->happened(l->ctx, l, s->key, s->value);
}

static void fire_step(struct event *e)
{
	struct link *l = container_of(e, struct link, step);
	const struct link_spec *spec = l->spec;

	for (;;) {
		u64 at;

		if (l->next_step == spec->count) {
			if (!spec->every_ns)
				return;
			l->round_ns += spec->every_ns;
			l->next_step = 0;
		}
		if (l->round_ns && !spec->steps[l->next_step].at_ns) {
			l->next_step++;		/* the last has a time: spec_link() saw to it */
			continue;
		}
		at = l->zero_ns + l->round_ns + spec->steps[l->next_step].at_ns;
		if (at > l->events->now_ns) {
			event_set(l->events, e, at);
			return;
		}
		do_step(l, &spec->steps[l->next_step++]);
	}
}

static void fire_fade(struct event *e)
{
	struct link *l = container_of(e, struct link, fade);

	for (u32 i = 0; i < 2; i++) {
		struct lane *lane = &l->lanes[i];
		double draw = (double)rand_u32(&l->random) / UINT32_MAX;

		/* Moves a fifth of the way to a new value: correlated over about a quarter of a second. */
		lane->fade += (1 - lane->value[LINK_FADE] * draw - lane->fade) / 5;
	}
	event_set(l->events, e, l->events->now_ns + FADE_STEP_NS);
}

static bool fades(const struct link_spec *spec)
{
	for (u32 i = 0; i < spec->count; i++)
		if (spec->steps[i].key == LINK_FADE)
			return true;
	return false;
}

bool link_is_up(const struct link *l)
{
	for (u32 i = 0; i < 2; i++) {
		const struct lane *lane = &l->lanes[i];

		if (lane->value[LINK_CUT] > 0 || lane->value[LINK_STALL] > 0)
			return false;
		if (lane->value[LINK_MTU] > 0 && lane->value[LINK_MTU] < 1500)
			return false;
	}
	return l->lanes[0].value[LINK_CARRIER] > 0 && l->lanes[0].value[LINK_PRESENT] > 0;
}

void link_count_anew(struct link *l)
{
	for (u32 i = 0; i < 2; i++) {
		struct lane *lane = &l->lanes[i];

		lane->bytes = lane->packets = lane->passed_bytes = 0;
		lane->dropped_full = lane->dropped_loss = lane->dropped_cut = lane->dropped_mtu = lane->dropped_nat = 0;
		lane->max_queue_bytes = lane->max_queue_ns = 0;
	}
}

/* Time 0 of the schedule holds from the beginning, before the flows start. */
void link_begin(struct link *l, u64 zero_ns)
{
	l->zero_ns = zero_ns;
	l->step.fire = fire_step;
	l->fade.fire = fire_fade;
	for (u32 i = 0; i < 2; i++) {
		struct lane *lane = &l->lanes[i];

		lane->link = l;
		lane->up = !i;
		lane->fade = 1;
		lane->value[LINK_CARRIER] = lane->value[LINK_PRESENT] = 1;
		lane->depart.fire = fire_depart;
		lane->arrive.fire = fire_arrive;
	}
	while (l->next_step < l->spec->count && !l->spec->steps[l->next_step].at_ns)
		do_step(l, &l->spec->steps[l->next_step++]);
	fire_step(&l->step);
	if (fades(l->spec))
		event_set(l->events, &l->fade, l->events->now_ns);
}
