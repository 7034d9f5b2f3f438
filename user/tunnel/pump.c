// SPDX-License-Identifier: MIT
/* pump.c - queue -> path, as fast as each path carries
 *
 *   queue --sparse, pure ACKs--------------------------------> path of least delay, at once, unordered
 *     |
 *     +--bulk, when a path wants it--> line --what a path --> path
 *                            numbered,        should carry now
 *                            in order
 *   again (lost packets) ---- ahead of the line -------------> path on which they arrive first
 *
 * Each path is paced by what it carries (rate.h). When some path can send, the line is walked from its head: each packet is booked
 * on the path by which it would arrive first. If that path can send now, the packet leaves; else it stays, and the next
 * one is booked behind it. So a slow path gets packets from deeper in the line, those that will be wanted when it
 * delivers; and as the plan is made anew each time, a path that fails or changes strands only what has left.
 */
#include <stdlib.h>
#include <string.h>

#include "tunnel/view.h"

#define AHEAD_NS 1000000u		/* a path is given so much at once: runs for GSO and vector crypto */
#define SPARSE_AHEAD_NS 5000000u	/* small packets may run ahead of the pace by this; what is more is bulk */
#define AGAIN_AHEAD_NS 3000000u
#define FARTHER_MOST_US (50 * MSEC)	/* a path is left out when it is 100 to 150 ms farther (sched.c): half of the former */
#define PLAN_MOST_US (300 * MSEC)	/* nothing is planned farther ahead */
#define PLAN_BOUND_US (20 * MSEC)	/* nor so far for flows that have one path each: what waits, waits in the queue */
#define WANTED_US SEC			/* some flow wants a path of its own when such a packet came within this time */
#define COPY_BYTES_PER_SECOND 32000u	/* copies of sparse packets that are always allowed: a call, twice */
#define COPY_SHARE 50u			/* and one of so many bytes carried */
#define COPY_BURST_BYTES 32000u
#define HELD_IN_A_ROW 64u	/* then what is in the line already is passed over */
#define TOO_NARROW (-2)

/* ---- putting packets on paths ---- */

static bool pool_is_low(const struct tunnel *t)
{
	return buf_pool_left(t->pool) < t->pool_bufs / 4;
}

/* Sends b and books it in the view. */
static void put_on(struct session *s, struct view *v, u32 i, struct buf *b, u8 flags, u32 copy_id, bool keep)
{
	struct path *p = v->paths[i];

	why_sample(s, b->flow_hash, i);
	view_book(&v->entries[i], b, s->tunnel->now_us);
	if (!send_packet(p, b, flags, copy_id, keep)) {
		v->entries[i].ready = false;
		send_hold(s->tunnel, b);	/* a copy of it may be waiting to be sealed */
		return;
	}
	v->entries[i].ready = view_can_send(p, AHEAD_NS) && p->sent.in_flight_bytes < p->window;
	session_touch(s);
}

/* ---- sparse packets ---- */

static bool may_copy(struct session *s, u32 bytes)
{
	u64 now = s->tunnel->now_us, cost_us = bytes * SEC / COPY_BYTES_PER_SECOND;
	u64 burst_us = COPY_BURST_BYTES * SEC / COPY_BYTES_PER_SECOND;

	if (s->carried_bytes >= COPY_SHARE * (s->copied_bytes + bytes))
		return true;
	s->copy_tokens_us = MAX(s->copy_tokens_us, now > burst_us ? now - burst_us : 0);
	if (s->copy_tokens_us + cost_us > now)
		return false;
	s->copy_tokens_us += cost_us;
	return true;
}

static void send_copied(struct session *s, struct view *v, u32 first, u32 second, struct buf *b)
{
	u32 id = s->next_copy_id++;

	s->copied++;
	s->copied_bytes += b->len;
	send_copy(v->paths[second], b, TG_FLAG_COPY, id);
	view_book(&v->entries[second], b, s->tunnel->now_us);
	put_on(s, v, first, b, TG_FLAG_COPY, id, false);
}

/* The path that b should take, as its id plus one, while it may carry anything before silent ones do; else -1. */
static int told_path(const struct view *v, u8 told)
{
	u32 i = told - 1u;

	return told && i < v->count && v->entries[i].tier < SCHED_TIER_SUSPECT ? (int)i : -1;
}

/* Halves need an order to be joined by, and as they wait for each other they are worth a repair. */
static void send_sparse_halves(struct session *s, struct view *v, u32 i, struct buf *b)
{
	struct buf *rest = halves_cut(s, b, v->fits);

	put_on(s, v, i, b, 0, 0, rest != NULL);
	if (rest)
		put_on(s, v, i, rest, 0, 0, true);
}

/* False: no path takes it now. Who wants one path wants no copy on another. */
static bool send_sparse_packet(struct session *s, struct view *v, struct buf *b, bool copy)
{
	int wanted = told_path(v, b->wanted_path), i = wanted >= 0 ? wanted : sched_pick_latency(&s->sched, v->entries, v->count);
	int second = copy && wanted < 0 ? sched_pick_second(v->entries, v->count, i) : -1;

	if (b->len > view_inner_most(s, v->paths[i]))
		send_sparse_halves(s, v, (u32)i, b);
	else if (second >= 0 && b->len + (u32)TG_COPY_ID_BYTES <= v->fits && may_copy(s, b->len))
		send_copied(s, v, (u32)i, (u32)second, b);
	else
		put_on(s, v, (u32)i, b, 0, 0, false);
	return view_can_send(v->paths[i], SPARSE_AHEAD_NS);
}

static void send_sparse(struct session *s, struct view *v)
{
	int i = sched_pick_latency(&s->sched, v->entries, v->count);
	bool more = i >= 0 && view_can_send(v->paths[i], SPARSE_AHEAD_NS);

	while (more) {
		bool is_ack = s->queue.priority.count;
		struct buf *b = queue_take_sparse(&s->queue, s->tunnel->now_us);

		if (!b)
			return;
		b->order = TG_ORDER_NONE;
		more = send_sparse_packet(s, v, b, v->usable > 1 && !is_ack && !s->tunnel->set.no_copies);
	}
}

/* ---- strategy "redundant": everything on every path ---- */

static void send_everywhere(struct session *s, struct view *v, struct buf *b)
{
	bool half = b->half;		/* copies of halves are told by their order */
	u8 flags = v->usable > 1 ? TG_FLAG_COPY : 0;
	u32 id = s->next_copy_id++, first = SCHED_MAX_PATHS;

	if (half)
		flags = 0;
	for (u32 i = 0; i < v->count; i++) {
		if (v->entries[i].tier == SCHED_TIER_OUT)
			continue;
		if (first < SCHED_MAX_PATHS)
			send_copy(v->paths[i], b, flags, id);
		else
			first = i;
	}
	put_on(s, v, first, b, flags, id, false);
}

static void send_whole_everywhere(struct session *s, struct view *v, struct buf *b)
{
	struct buf *rest = NULL;

	b->order = TG_ORDER_NONE;
	if (b->len > v->fits)
		rest = halves_cut(s, b, v->fits);
	send_everywhere(s, v, b);
	if (rest)
		send_everywhere(s, v, rest);
}

static void send_redundant(struct session *s, struct view *v)
{
	struct buf *b;

	while ((b = queue_take_sparse(&s->queue, s->tunnel->now_us)) || (b = queue_take_bulk(&s->queue, s->tunnel->now_us)))
		send_whole_everywhere(s, v, b);
}

/* ---- lost packets ---- */

/* When nothing else is to be sent, no later packet would tell that this one was lost as well; and there is room. */
static void send_twin(struct session *s, struct view *v, struct buf *b, int first)
{
	int i = sched_pick_again(v->entries, v->count, b->len, first, s->tunnel->now_us);

	if (s->queue.bulk_packets || s->line.count || i < 0 || b->len > view_inner_most(s, v->paths[i]) ||
	    !view_can_send(v->paths[i], AGAIN_AHEAD_NS))
		return;
	s->repaired_bytes += b->len;
	send_copy(v->paths[i], b, 0, 0);
	view_book(&v->entries[i], b, s->tunnel->now_us);
}

/* A path that has become too narrow since the packet was numbered is no choice; it cannot be cut any more. */
static int pick_again(const struct session *s, const struct view *v, const struct buf *b)
{
	int i = sched_pick_again(v->entries, v->count, b->len, b->rounds > 1 ? b->path : -1, s->tunnel->now_us);

	if (i < 0 || b->len <= view_inner_most(s, v->paths[i]))
		return i;
	for (i = 0; i < (int)v->count; i++)
		if (v->entries[i].tier < SCHED_TIER_OUT && b->len <= view_inner_most(s, v->paths[i]))
			return i;
	return TOO_NARROW;
}

static void send_again(struct session *s, struct view *v)
{
	struct buf *b;

	while ((b = s->again.head)) {
		int i;

		if (repair_has_come(s, b)) {
			buf_put(buf_queue_take(&s->again));
			continue;
		}
		i = pick_again(s, v, b);
		if (i == TOO_NARROW) {
			repair_give_up(s, buf_queue_take(&s->again));
			continue;
		}
		if (i < 0 || !view_can_send(v->paths[i], AGAIN_AHEAD_NS))
			return;
		buf_queue_take(&s->again);
		s->repaired++;
		s->repaired_bytes += b->len;
		send_twin(s, v, b, i);
		put_on(s, v, (u32)i, b, 0, 0, true);
	}
}

/* ---- the line ---- */

void pump_number(struct session *s, struct buf *b)
{
	u32 slot = b->flow_hash % TG_ORDER_SLOTS;

	s->striped++;
	if (!s->sequences)
		s->sequences = calloc(TG_ORDER_SLOTS, sizeof(*s->sequences));
	b->order = s->sequences ? slot << TG_ORDER_SEQ_BITS | (s->sequences[slot]++ & TG_ORDER_SEQ_MASK) : TG_ORDER_NONE;
}

/* A walk along the line. */
struct walk {
	struct session *s;
	struct view *v;
	struct sched plan;
	u32 bulk_paths;		/* bits: where what has no path of its own may go */
	u32 held_in_a_row;
};

/* Each flow has a path of its own. */
static bool is_pinned(const struct session *s, const struct view *v)
{
	return !v->stripe && (s->sched.aggregation == SCHED_NONE || s->sched.strategy == SCHED_ECMP_AWARE);
}

/* The one path that b may take; -1: it has no such path. */
static int bound_path(struct sched *plan, const struct session *s, const struct view *v, const struct buf *b)
{
	int wanted = told_path(v, b->wanted_path), pinned;

	if (wanted >= 0 || !is_pinned(s, v))
		return wanted;
	pinned = told_path(v, b->pinned_path);
	return pinned >= 0 ? pinned : sched_pick_pinned(plan, v->entries, v->count, b->flow_hash);
}

static bool any_ready(const struct view *v, u32 paths)
{
	for (u32 i = 0; i < v->count; i++)
		if (v->entries[i].ready && paths >> i & 1)
			return true;
	return false;
}

/* What no ready path takes stays in the queue, where flows share and CoDel looks at them; of what has one path a little is planned ahead. */
static bool may_join(const struct buf *b, void *walk)
{
	struct walk *w = walk;
	int i = bound_path(&w->plan, w->s, w->v, b);

	if (i < 0)
		return any_ready(w->v, w->bulk_paths);
	return w->v->entries[i].ready || w->v->entries[i].wait_us <= PLAN_BOUND_US;
}

static bool is_stretched(struct walk *w, const struct buf *b)
{
	struct tg_flow f;

	if (!w->v->stretch_us || bound_path(&w->plan, w->s, w->v, b) >= 0)
		return false;
	return !tg_flow_parse(&f, b->data, b->data + b->len, b->len) && stretch_suits(&f);
}

/* The next packet of the queue joins the line; from here on nobody drops it. */
static struct buf *extend_line(struct walk *w)
{
	struct session *s = w->s;
	const struct view *v = w->v;
	struct buf *b = queue_take_bulk_if(&s->queue, may_join, w, s->tunnel->now_us), *rest;

	if (!b)
		return NULL;
	b->order = TG_ORDER_NONE;
	b->rounds = 0;
	b->waited_ms = (u8)MIN((s->tunnel->now_us - b->time_us) / MSEC, (u64)UINT8_MAX);
	b->time_us = s->tunnel->now_us;
	b->stretched = is_stretched(w, b);
	if (v->ordered)
		pump_number(s, b);
	buf_queue_add(&s->line, b);
	s->line_plain += !b->stretched;
	if (b->len > v->fits && (rest = halves_cut(s, b, v->fits))) {
		buf_queue_add(&s->line, rest);
		s->line_plain += !b->stretched;
	}
	return b;
}

static struct buf *take_behind(struct buf_queue *line, struct buf *before)
{
	struct buf *b = before ? before->next : line->head;

	*(before ? &before->next : &line->head) = b->next;
	if (line->tail == b)
		line->tail = before;
	line->count--;
	b->next = NULL;
	return b;
}

static int pick(struct sched *plan, const struct session *s, struct view *v, const struct buf *b)
{
	u64 backlog = s->queue.bulk_bytes + (u64)s->line.count * b->len;
	int bound = bound_path(plan, s, v, b);

	view_hold(v, bound < 0 ? b : NULL, s->tunnel->now_us);
	return bound >= 0 ? bound : sched_pick_bulk(plan, v->entries, v->count, b->len, backlog, s->tunnel->now_us);
}

/* Is there a path that something may take? For any other the line would be walked, and drawn out, in vain. */
static bool walk_goes_on(const struct walk *w)
{
	bool wanted = w->s->wanted_us && w->s->tunnel->now_us - w->s->wanted_us < WANTED_US;

	return any_ready(w->v, wanted ? ~0u : w->bulk_paths);
}

static bool other_is_ready(const struct walk *w, u32 i)
{
	return any_ready(w->v, w->bulk_paths & ~(1u << i));
}

/* b stays. It was booked, or is held for a path that could take it now. */
static void leave_in_line(struct walk *w, struct buf *b, u32 i)
{
	struct sched_path *e = &w->v->entries[i];
	u64 now = w->s->tunnel->now_us;

	if (e->held_us) {
		w->s->line_held++;
		w->held_in_a_row++;
		if (e->ready)
			w->v->release_us = MIN(w->v->release_us, now + e->held_us);
	} else {
		w->held_in_a_row = 0;
	}
	view_book(e, b, now);
}

/* Behind which packet the walk goes on. After many that are held, so is what stands behind them, where nothing in the line is of another kind. */
static struct buf *walk_on(struct walk *w, struct buf *b, u32 i)
{
	struct session *s = w->s;
	struct sched_path *e = &w->v->entries[i];

	if (w->held_in_a_row < HELD_IN_A_ROW || s->line_plain || other_is_ready(w, i))
		return b;
	e->held_free_us += (u64)(s->line.count - MIN(s->line_held, s->line.count)) * b->len * SEC / e->rate;
	s->line_held = s->line.count;
	return s->line.tail;
}

/* Nothing more is planned on the path, however much waits. */
static bool is_planned_out(const struct sched_path *e, u64 now_us)
{
	return e->held_us ? e->held_free_us > now_us + PLAN_MOST_US : e->wait_us > PLAN_MOST_US;
}

static void send_line(struct session *s, struct view *v)
{
	struct walk w = { .s = s, .v = v, .plan = s->sched };
	struct buf *before = NULL;

	w.bulk_paths = is_pinned(s, v) ? sched_bulk_paths(&s->sched, v->entries, v->count, true) : v->bulk_paths;
	s->line_held = walk_goes_on(&w) ? 0 : MIN(s->line_held, s->line.count);
	while (walk_goes_on(&w)) {
		struct buf *b = before ? before->next : s->line.head;
		int i;

		if (!b && !(b = extend_line(&w)))
			break;
		i = pick(&w.plan, s, v, b);
		if (i < 0)
			break;
		if (v->entries[i].ready && !v->entries[i].held_us) {
			take_behind(&s->line, before);
			s->line_plain -= !b->stretched;
			sched_charge(&s->sched, v->entries, v->count, (u32)i, b->len);
			s->line_sent_us = s->tunnel->now_us;
			s->tail_open = true;
			put_on(s, v, (u32)i, b, 0, 0, b->order != TG_ORDER_NONE && !pool_is_low(s->tunnel));
			continue;
		}
		leave_in_line(&w, b, (u32)i);
		before = walk_on(&w, b, (u32)i);
		if (is_planned_out(&v->entries[i], s->tunnel->now_us))
			break;
	}
	view_hold(v, NULL, s->tunnel->now_us);
}

/* A repair symbol takes another path than what it covers, if there is one. */
static void send_parity(struct session *s, struct view *v)
{
	for (u32 i = 0; i < v->count; i++) {
		int over;

		if (v->entries[i].tier == SCHED_TIER_OUT || !parity_due(v->paths[i]))
			continue;
		over = sched_pick_again(v->entries, v->count, FEC_SYMBOL_BYTES, (int)i, s->tunnel->now_us);
		if (over >= 0 && view_can_send(v->paths[over], AGAIN_AHEAD_NS))
			parity_send(v->paths[i], v->paths[over]);
	}
}

/* ---- afterwards ---- */

bool session_waits(const struct session *s)
{
	return s->queue.packets || s->line.count || s->again.count;
}

bool session_backlogged(const struct session *s)
{
	return s->queue.bulk_packets || s->line.count > s->line_held;
}

bool session_waits_for_path(const struct session *s)
{
	return session_backlogged(s) || s->queue.packets || s->again.count;
}

static bool has_queue(const struct path *p)
{
	return delay_queue_us(&p->delay) >= rate_queue_allowed_us(&p->rate);
}

/* A path that could have sent more tells nothing about what it carries; nor does one that only our own bound holds
 * back, while no queue stands on it. */
static bool tells_nothing(const struct sched_path *e, const struct path *p)
{
	return e->ready || (p->sent.in_flight_bytes >= p->window && !has_queue(p));
}

/* Nor does any when all is sent: small packets that run ahead of the pace do not fill a path. */
static void note_app_limited(const struct session *s, const struct view *v)
{
	bool all_sent = !session_waits_for_path(s);

	for (u32 i = 0; i < v->count; i++) {
		struct path *p = v->paths[i];

		if (v->entries[i].tier == SCHED_TIER_OUT)
			continue;
		if (all_sent || tells_nothing(&v->entries[i], p))
			sent_app_limited(&p->sent);
	}
}

/* A path that the pace holds back is free again at a time; one that is full, when an ack comes; what is held has its time, too. */
static void plan_next(struct session *s, const struct view *v)
{
	u64 due_us = v->release_us;

	for (u32 i = 0; session_waits(s) && i < v->count; i++) {
		const struct path *p = v->paths[i];

		if (v->entries[i].tier < SCHED_TIER_OUT && !v->entries[i].ready && p->sent.in_flight_bytes < p->window && p->pace)
			due_us = MIN(due_us, p->free_ns / 1000);
	}
	s->pump_due_us = due_us;
}

static void count_drops(struct session *s)
{
	struct tunnel_counters *c = &s->tunnel->counters;
	u64 full = s->queue.drops_overflow + s->queue.drops_memory;

	c->drops[TG_DROP_QUEUE_DELAY] += s->queue.drops_codel - s->queue_delay_drops;
	c->drops[TG_DROP_QUEUE_FULL] += full - s->queue_full_drops;
	s->queue_delay_drops = s->queue.drops_codel;
	s->queue_full_drops = full;
}

/* A flow over these paths needs a quarter of the longest round trip waiting here, in 5 to 25 ms, or CUBIC's cuts leave links idle. And
 * the far link gets only what waits longer than it is farther, one way: it idles first. That the queue stands deeper by half of this
 * was enough to fill it in all that was measured (docs/benchmarks.md). One that is left out for its delay counts: it may be tried. */
static void tune_codel(struct session *s, const struct view *v)
{
	enum sched_tier best = SCHED_TIER_OUT;
	u64 most_us = 0, farther_us = 0;

	for (u32 i = 0; i < v->count; i++)
		best = MIN(best, v->entries[i].tier);
	for (u32 i = 0; i < v->count; i++) {
		enum sched_tier tier = v->entries[i].tier;

		if (tier == SCHED_TIER_OUT || tier > MAX(best, SCHED_TIER_METERED) || !v->paths[i]->rtt.any)
			continue;
		most_us = MAX(most_us, v->entries[i].min_rtt_us);
		farther_us = MAX(farther_us, v->entries[i].least_delay_us);
	}
	farther_us = MIN(farther_us / 2, FARTHER_MOST_US);
	most_us += 20 * MSEC;
	queue_set_codel(&s->queue, MIN(MAX(most_us / 4, 5 * MSEC), 25 * MSEC) + farther_us + absent_patience_us(s), MAX(100 * MSEC, 2 * most_us));
}

static u64 anchor_estimate(const struct session *s, const struct view *v)
{
	u32 anchor = s->sched.anchor;

	if (anchor >= v->count || v->entries[anchor].tier == SCHED_TIER_OUT)
		return 0;
	return limits_rate(v->paths[anchor], rate_estimate(&v->paths[anchor]->rate));
}

/* A path that lost much and does no more: what it carried then, and how much it lost on average, tells nothing of it now. */
static void reopen_mended(struct session *s, struct view *v)
{
	for (u32 i = 0; s->sched.mended && i < v->count; i++) {
		if (v->entries[i].tier == SCHED_TIER_OUT || !(s->sched.mended >> i & 1))
			continue;
		sent_believe_run(&v->paths[i]->sent);
		rate_reopen(&v->paths[i]->rate, s->tunnel->now_us);
	}
}

void session_pump(struct session *s)
{
	struct view v;

	s->pump_due_us = TIME_NEVER;
	if (!session_waits(s)) {
		count_drops(s);
		return;
	}
	view_look(s, &v);
	v.release_us = TIME_NEVER;
	reopen_mended(s, &v);
	if (v.usable) {		/* else all are silent: what waits is held until one answers */
		tune_codel(s, &v);
		if (s->sched.strategy == SCHED_REDUNDANT)
			send_redundant(s, &v);
		send_sparse(s, &v);
		send_again(s, &v);
		send_line(s, &v);
		send_parity(s, &v);
		note_app_limited(s, &v);
		bundle_tune_stretch(s, &v);
		bundle_looked(s, anchor_estimate(s, &v), v.stripe);
	}
	plan_next(s, &v);
	count_drops(s);
	session_touch(s);
}

/* ---- what would become of a packet ---- */

/* Those of the line and of the queue go first, to where they are planned to go. */
static void book_waiting(struct sched *plan, const struct session *s, struct view *v)
{
	struct buf queued = { .time_us = s->tunnel->now_us, .stretched = true, .len = s->queue.bulk_packets ? (u16)(s->queue.bulk_bytes / s->queue.bulk_packets) : 0 };

	for (const struct buf *b = s->line.head; b; b = b->next) {
		int i = pick(plan, s, v, b);

		if (i < 0)
			break;
		view_book(&v->entries[i], b, s->tunnel->now_us);
	}
	for (u32 n = 0; n < s->queue.bulk_packets; n++) {
		int i = pick(plan, s, v, &queued);

		if (i < 0)
			break;
		view_book(&v->entries[i], &queued, s->tunnel->now_us);
	}
}

void session_plan(struct session *s, u32 flow_hash, u32 bytes, bool stretched, struct plan *out)
{
	struct buf b = { .time_us = s->tunnel->now_us, .stretched = stretched, .flow_hash = flow_hash, .len = (u16)bytes };
	struct sched before = s->sched, plan;
	struct view v;

	view_look(s, &v);
	plan = s->sched;
	s->sched = before;	/* a question changes nothing */
	book_waiting(&plan, s, &v);
	*out = (struct plan){
		.count = v.count,
		.straight = session_goes_straight(s),
		.stripe = v.stripe,
		.ordered = v.ordered,
		.pinned = is_pinned(s, &v),
		.sparse = sched_pick_latency(&plan, v.entries, v.count),
		.copy = -1,
		.bulk = pick(&plan, s, &v, &b),
	};
	if (v.usable > 1 && !s->tunnel->set.no_copies)
		out->copy = sched_pick_second(v.entries, v.count, out->sparse);
	memcpy(out->entries, v.entries, sizeof(out->entries));
}

void session_weigh(struct session *s, struct tg_weights *out)
{
	struct sched before = s->sched, plan;
	struct view v;

	view_look(s, &v);
	plan = s->sched;
	s->sched = before;
	sched_weigh(&plan, v.entries, v.count, out);
	out->pinned = is_pinned(s, &v);
	for (u32 i = 0; i < v.count; i++)
		out->paths[i].mtu_bytes = v.entries[i].tier < SCHED_TIER_OUT ? (u16)view_inner_most(s, v.paths[i]) : 0;
}

void session_drop_waiting(struct session *s)
{
	s->line_held = s->line_plain = 0;
	queue_free(&s->queue);
	buf_queue_drop(&s->line);
	buf_queue_drop(&s->again);
}
