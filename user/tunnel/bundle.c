// SPDX-License-Identifier: MIT
/* bundle.c - what the paths of a session are to each other: do they share a bottleneck, and is using them all a gain?
 *
 * Hooks of the packet path into coupling.h, guard.h and stretch.h. Their memory is made when a second path is first heard.
 */
#include "tunnel/view.h"

#include <stdlib.h>

#define TELL_US (100 * MSEC)

/* ---- shared bottlenecks ---- */

static void share(struct session *s)
{
	for (u32 i = 0; i < TG_MAX_PATHS; i++)
		if (s->paths[i])
			s->paths[i]->rate.shares = coupling_shares(&s->bundle->coupling, i, s->tunnel->now_us);
}

static bool has_second(const struct session *s)
{
	u32 count = 0;

	for (u32 i = 0; i < TG_MAX_PATHS; i++)
		count += s->paths[i] && s->paths[i]->delay.any;
	return count > 1;
}

void bundle_acked(struct path *p, const struct ack *a, const struct sent_news *news)
{
	struct session *s = p->session;
	u64 now = p->tunnel->now_us;

	if (!s->bundle && has_second(s))
		s->bundle = calloc(1, sizeof(*s->bundle));
	if (!s->bundle)
		return;
	s->bundle->acked_bytes += news->acked_bytes;
	if (!news->has_rtt)
		return;
	/* a->arrival is modulo 2^32; the packet left not long ago. */
	coupling_sample(&s->bundle->coupling, p->id, now - ((u32)now - (a->arrival - news->delay_us)), news->delay_us,
			!rate_grows(&p->rate), now);
	if (coupling_look(&s->bundle->coupling, now))
		share(s);
}

void bundle_path_gone(struct path *p)
{
	p->rate.shares = 0;
	if (!p->session || !p->session->bundle)
		return;
	coupling_forget(&p->session->bundle->coupling, p->id);
	stretch_forget(&p->session->bundle->stretch, p->id);
	share(p->session);
}

/* ---- gain or loss ---- */

/* What was repaired counts once: the lost packet was never acked. Copies and repair symbols do not count. */
void bundle_looked(struct session *s, u64 anchor_rate, bool striping)
{
	u64 now = s->tunnel->now_us, twice = s->copied_bytes + s->parity_bytes;

	if (!s->bundle || s->sched.strategy != SCHED_ADAPTIVE)
		return;
	s->sched.no_gain_until_us = guard_look(&s->bundle->guard, &(struct guard_view){
		.delivered_bytes = s->bundle->acked_bytes - MIN(twice, s->bundle->acked_bytes),
		.striped_packets = s->striped,
		.late_packets = s->bundle->peer_late,
		.anchor_rate = anchor_rate,
		.backlogged = session_backlogged(s),
		.striping = striping && !stretch_is_wanted(&s->bundle->stretch),
	}, now);
}

/* ---- longer round trips ---- */

static struct stretch_path stretch_path(const struct sched_path *e, const struct path *p, bool bulk)
{
	return (struct stretch_path){
		.counts = bulk && e->tier == SCHED_TIER_GOOD && p->rtt.any,
		.measured = e->rate_measured,
		.spare = e->ready,
		.carried_bytes = p->sent.delivered_bytes,
		.rate = e->rate,
		.farther_us = e->least_delay_us,
		.min_rtt_us = e->min_rtt_us,
	};
}

static void look_at_stretch(struct session *s, const struct view *v)
{
	u64 told = s->queue.drops_codel + s->queue.drops_overflow + s->queue.marks, now = s->tunnel->now_us;
	struct stretch_path paths[TG_MAX_PATHS] = { 0 };
	struct stretch *stretch = &s->bundle->stretch;
	const struct buf *first = s->line.head;

	_Static_assert(TG_MAX_PATHS <= STRETCH_MAX_PATHS, "each has its place");
	for (u32 i = 0; i < v->count; i++)
		if (v->entries[i].tier < SCHED_TIER_OUT)
			paths[i] = stretch_path(&v->entries[i], v->paths[i], v->bulk_paths >> i & 1);
	stretch_look(stretch, paths, v->count, told, first ? now - view_came_us(first) : 0, now);
	s->sched.stretches = stretch->us;
	queue_keep_bulk(&s->queue, stretch->us);
	s->sched.full_paths = 0;
	for (u32 i = 0; i < v->count; i++)
		s->sched.full_paths |= (u32)stretch_is_full(stretch, i, now) << i;
}

/* Where bulk has no choice of path there is nothing to make equal. */
void bundle_tune_stretch(struct session *s, const struct view *v)
{
	if (s->bundle && s->sched.strategy == SCHED_ADAPTIVE && s->sched.aggregation != SCHED_NONE) {
		look_at_stretch(s, v);
		return;
	}
	s->sched.stretches = false;
	queue_keep_bulk(&s->queue, false);
	s->sched.full_paths = 0;
	if (s->bundle)
		s->bundle->stretch = (struct stretch){ 0 };
}

/* ---- what the ends tell each other ---- */

void bundle_tell(struct session *s, struct frames *f)
{
	u64 late = s->reorder.late, given_up = s->reorder.gaps_expired, now = s->tunnel->now_us;

	if (late + given_up == s->told_late || now - s->told_us < TELL_US)
		return;
	if (!frames_add_order(f, late, given_up))
		return;
	s->told_late = late + given_up;
	s->told_us = now;
}

/* A packet that came late was given up before. */
void bundle_told(struct session *s, u64 late, u64 given_up)
{
	if (s->bundle)
		s->bundle->peer_late = MAX(s->bundle->peer_late, MAX(late, given_up));
}

u32 session_stretch_us(const struct session *s)
{
	return s->bundle ? stretch_now(&s->bundle->stretch, s->tunnel->now_us) : 0;
}

u64 bundle_shrinks(const struct session *s)
{
	return s->bundle ? s->bundle->guard.shrinks : 0;
}

void bundle_free(struct session *s)
{
	free(s->bundle);
	s->bundle = NULL;
}
