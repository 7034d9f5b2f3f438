// SPDX-License-Identifier: MIT
/* view.c - what the scheduler sees of a session's paths
 *
 * Delays are those above the fastest path's, with the queue that stands on each now: as measured, which is a round trip old, or
 * as what is on the way beyond what the way holds tells.
 */
#include "tunnel/view.h"

#define ACKS_LATE_US (6 * MSEC)		/* acks wait for more, and for somebody to wake up */
#define HELD_EARLY_US (1 * MSEC)	/* what is to leave this close together leaves in one run */
#define NEAR_US (5 * MSEC)		/* a lone path with a shorter round trip needs no repair from us: TCP's is as fast */

enum sched_tier path_tier(const struct path *p)
{
	if (!p->current || p->state == TUNNEL_PATH_CONNECTING || p->state == TUNNEL_PATH_DOWN || !path_key_can_send(p->current, p))
		return SCHED_TIER_OUT;
	if (p->state == TUNNEL_PATH_SUSPECT)
		return SCHED_TIER_SUSPECT;
	if (limits_spent(p))
		return SCHED_TIER_SPENT;
	if (p->link_flags & TG_LINK_BACKUP)
		return SCHED_TIER_BACKUP;
	return p->link_flags & TG_LINK_METERED ? SCHED_TIER_METERED : SCHED_TIER_GOOD;
}

/* What may leave does not wait behind what is held. */
static void book_held(struct sched_path *e, const struct buf *b, u64 now_us)
{
	e->held_free_us = MAX(MAX(e->held_free_us, e->free_us), now_us + e->held_us) + b->len * SEC / e->rate;
	e->in_flight += b->len;
}

void view_book(struct sched_path *e, const struct buf *b, u64 now_us)
{
	if (e->held_us) {
		book_held(e, b, now_us);
		return;
	}
	e->free_us = MAX(e->free_us, now_us) + b->len * SEC / e->rate;
	e->wait_us = (u32)(e->free_us - now_us);
	e->in_flight += b->len;
}

u64 view_came_us(const struct buf *b)
{
	return b->time_us - b->waited_ms * MSEC;
}

void view_hold(struct view *v, const struct buf *b, u64 now_us)
{
	for (u32 i = 0; v->stretch_us && i < v->count; i++) {
		struct sched_path *e = &v->entries[i];
		u64 least_us = v->nearest_us + v->stretch_us, leaves_us;

		if (e->tier != SCHED_TIER_GOOD)
			continue;
		leaves_us = b && b->stretched && least_us > e->least_delay_us ? view_came_us(b) + least_us - e->least_delay_us : 0;

		e->held_us = leaves_us > now_us + HELD_EARLY_US ? (u32)(leaves_us - now_us) : 0;
	}
}

/* What waits in front of the bottleneck: as measured, which is a round trip old, or what is on the way beyond what the way holds. */
static u32 queue_us(const struct path *p, u64 rate)
{
	u64 holds_us = p->rtt.min_us + ACKS_LATE_US, out_us = p->sent.in_flight_bytes * SEC / rate;

	return MAX(delay_queue_us(&p->delay), p->rtt.any && out_us > holds_us ? (u32)(out_us - holds_us) : 0);
}

/* Its least delay against that of the path `than`; by halves of round trips while one of them has no better. */
static s32 delay_against(const struct path *p, const struct path *than)
{
	if (p->delay.any && than->delay.any)
		return delay_min_beyond(&p->delay, &than->delay);
	return ((s32)p->rtt.min_us - (s32)than->rtt.min_us) / 2;
}

static struct path *fastest(const struct view *v)
{
	struct path *best = NULL;

	for (u32 i = 0; i < v->count; i++)
		if (v->entries[i].tier < SCHED_TIER_OUT && v->paths[i]->rtt.any && (!best || delay_against(v->paths[i], best) < 0))
			best = v->paths[i];
	return best;
}

/* Delays above that of the fastest; who has not been measured yet counts as the slowest. */
static void fill_delays(struct view *v)
{
	const struct path *best = fastest(v);
	u32 most = 0;

	for (u32 i = 0; i < v->count; i++)
		if (v->entries[i].tier < SCHED_TIER_OUT && v->paths[i]->rtt.any)
			most = MAX(most, v->entries[i].least_delay_us = (u32)delay_against(v->paths[i], best));
	for (u32 i = 0; i < v->count; i++) {
		struct sched_path *e = &v->entries[i];

		if (e->tier == SCHED_TIER_OUT)
			continue;
		if (!v->paths[i]->rtt.any)
			e->least_delay_us = most;
		e->delay_us = e->least_delay_us + queue_us(v->paths[i], e->rate);
	}
}

bool view_can_send(const struct path *p, u32 ahead_ns)
{
	return !p->pace || p->free_ns <= p->tunnel->now_us * 1000 + ahead_ns;
}

static void fill_entry(struct sched_path *e, struct path *p, bool alone)
{
	u64 now_us = p->tunnel->now_us;

	p->pace = limits_pace(p, rate_pace(&p->rate, alone));
	p->window = rate_window(&p->rate, alone);
	*e = (struct sched_path){
		.tier = path_tier(p),
		.weight = p->weight,
		.rate = limits_rate(p, rate_planned(&p->rate)),
		.rate_measured = p->rate.measured,
		.rate_grows = rate_grows(&p->rate),
		.jitter_us = p->delay.jitter_us,
		.srtt_us = p->rtt.srtt_us,
		.rttvar_us = p->rtt.rttvar_us,
		.min_rtt_us = p->rtt.min_us,
		.loss_ppm = p->sent.loss_ppm,
		.in_a_row = p->sent.in_a_row,
		.in_flight = p->sent.in_flight_bytes,
		.window = p->window,
		.free_us = p->pace ? p->free_ns / 1000 : 0,
	};
	e->wait_us = e->free_us > now_us ? (u32)(e->free_us - now_us) : 0;
	e->ready = view_can_send(p, VIEW_EARLY_NS) && e->in_flight < p->window;
}

/* A lone path that nothing needs to be kept for. */
bool path_is_near(const struct path *p)
{
	return !p->rtt.any || p->rtt.min_us < NEAR_US || rate_estimate(&p->rate) > RATE_UNPACED_BYTES;
}

/* Good and metered paths share the traffic; the others stand in when there is none of these. */
enum sched_tier session_tier_in_use(const struct session *s)
{
	enum sched_tier best = SCHED_TIER_OUT;

	for (u32 i = 0; i < TG_MAX_PATHS; i++)
		if (s->paths[i])
			best = MIN(best, path_tier(s->paths[i]));
	return MAX(best, SCHED_TIER_METERED);
}

static bool is_near_alone(const struct session *s)
{
	enum sched_tier tier = session_tier_in_use(s);
	u32 count = 0;

	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		if (!s->paths[i] || path_tier(s->paths[i]) > tier)
			continue;
		if (!path_is_near(s->paths[i]))
			return false;
		count++;
	}
	return count < 2;
}

/* Not even redundancy is worth a used up quota. */
static void leave_spent(struct view *v)
{
	bool other = false;

	for (u32 i = 0; i < v->count; i++)
		other |= v->entries[i].tier < SCHED_TIER_SPENT;
	for (u32 i = 0; other && i < v->count; i++) {
		if (v->entries[i].tier != SCHED_TIER_SPENT)
			continue;
		v->entries[i].tier = SCHED_TIER_OUT;
		v->entries[i].ready = false;
		v->usable--;
	}
}

/* Copies have an id to carry as well. */
u32 view_inner_most(const struct session *s, const struct path *p)
{
	if (!s->peer_halves)
		return UINT32_MAX;	/* larger ones go whole, and may be lost */
	return mtu_inner_most(p) - (s->sched.strategy == SCHED_REDUNDANT ? TG_COPY_ID_BYTES : 0);
}

/* No farther than from the nearest to the farthest that may carry bulk now. */
static void stretch(const struct session *s, struct view *v)
{
	u32 most_us = 0;

	v->stretch_us = v->stripe ? session_stretch_us(s) : 0;
	v->nearest_us = UINT32_MAX;
	for (u32 i = 0; v->stretch_us && i < v->count; i++) {
		if (!(v->bulk_paths >> i & 1) || v->entries[i].tier != SCHED_TIER_GOOD)
			continue;
		v->nearest_us = MIN(v->nearest_us, v->entries[i].least_delay_us);
		most_us = MAX(most_us, v->entries[i].least_delay_us);
	}
	v->stretch_us = most_us > v->nearest_us ? MIN(v->stretch_us, most_us - v->nearest_us) : 0;
}

void view_look(struct session *s, struct view *v)
{
	bool alone = is_near_alone(s);

	v->count = v->usable = 0;
	v->fits = UINT32_MAX;
	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		struct path *p = s->paths[i];

		v->entries[i].tier = SCHED_TIER_OUT;
		v->entries[i].ready = false;
		if (!p || path_tier(p) >= SCHED_TIER_SUSPECT)
			continue;
		v->count = i + 1;
		v->usable++;
		v->paths[i] = p;
		fill_entry(&v->entries[i], p, alone);
		v->fits = MIN(v->fits, view_inner_most(s, p));
	}
	leave_spent(v);
	fill_delays(v);
	sched_judge(&s->sched, v->entries, v->count, session_backlogged(s), s->tunnel->now_us);
	v->bulk_paths = sched_bulk_paths(&s->sched, v->entries, v->count, false);
	v->stripe = v->usable > 1 && sched_may_stripe(&s->sched, v->entries, v->count);
	stretch(s, v);
	/* While the bundle is shrunk as well: what is unordered would overtake what the receiver still holds. */
	v->ordered = v->stripe || !alone || s->tunnel->now_us < s->sched.no_gain_until_us;
}
